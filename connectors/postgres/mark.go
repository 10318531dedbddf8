package postgres

import (
	"encoding/binary"
	"errors"

	"github.com/jackc/pglogrepl"
)

// mark is how far a table has been taken into the log. It is the log's mark.
type mark struct {
	system   string        // identifier of the server
	oid      uint32        // of the table
	commit   pglogrepl.LSN // of the last transaction of which something is in the log
	n        uint64        // records of it that are there
	end      pglogrepl.LSN // as far as all is there: what may be confirmed
	snapshot bool          // the rows that are there are still being read
	key      []string      // of the last row read so; nil: none
}

// markVersion is the first byte of a mark.
const markVersion = 1

var errMark = errors.New("the mark of the table's log is not one of cepd's: DROP TABLE, and create the table again")

// append encodes a mark.
//
//	version | system | oid | commit | n | end | snapshot | count of keys | keys
func (m *mark) append(p []byte) []byte {
	p = appendText(append(p, markVersion), m.system)
	for _, x := range []uint64{uint64(m.oid), uint64(m.commit), m.n, uint64(m.end)} {
		p = binary.AppendUvarint(p, x)
	}
	flag := byte(0)
	if m.snapshot {
		flag = 1
	}
	p = binary.AppendUvarint(append(p, flag), uint64(len(m.key)))
	for _, k := range m.key {
		p = appendText(p, k)
	}
	return p
}

func appendText(p []byte, s string) []byte {
	return append(binary.AppendUvarint(p, uint64(len(s))), s...)
}

// parseMark is the reverse of append.
func parseMark(p []byte) (*mark, error) {
	if len(p) == 0 || p[0] != markVersion {
		return nil, errMark
	}
	r := reader{src: p[1:]}
	m := &mark{system: r.sized(), oid: uint32(r.uvarint()), commit: pglogrepl.LSN(r.uvarint()), n: r.uvarint(), end: pglogrepl.LSN(r.uvarint()), snapshot: r.byte() == 1}
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		return nil, errMark
	}
	for range n {
		m.key = append(m.key, r.sized())
	}
	if r.bad || len(r.src) > 0 {
		return nil, errMark
	}
	return m, nil
}
