package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/jackc/pglogrepl"
)

// Kinds of messages of pgoutput, version 1 ("Logical Replication Message Formats" in
// PostgreSQL's manual). They are decoded here, not by pglogrepl: its decoder takes
// lengths on trust, and copies each value.
const (
	msgBegin    = 'B'
	msgCommit   = 'C'
	msgRelation = 'R'
	msgInsert   = 'I'
	msgUpdate   = 'U'
	msgDelete   = 'D'
	msgTruncate = 'T'
	msgMessage  = 'M'
	msgOrigin   = 'O'
	msgType     = 'Y'
)

// message is a message of pgoutput. Which fields are set follows from the kind.
type message struct {
	kind      byte
	commit    pglogrepl.LSN // B, C: of the commit
	end       pglogrepl.LSN // C: after the transaction
	time      int64         // B: of the commit, µs since 1970
	xid       uint32        // B
	relation  uint32        // R, I, U, D
	names     []string      // R: of the columns
	types     []uint32      // R: their OIDs
	old       tuple         // U, D; nil: it did not come
	new       tuple         // I, U
	truncated []uint32      // T: relations
	prefix    string        // M
	content   string        // M
}

// tuple is a row. Values are views of the message.
type tuple []value

// value is a column's text.
type value struct {
	kind byte // 'n' NULL, 'u' not sent as it has not changed, 't' text
	text []byte
}

// postgresEpoch is 2000-01-01 in µs since 1970.
const postgresEpoch = 946_684_800_000_000

var errDamaged = errors.New("the server sends what is no message of pgoutput")

// parse decodes a message.
func parse(p []byte) (m message, err error) {
	r := reader{src: p}
	switch m.kind = r.byte(); m.kind {
	case msgBegin:
		m.commit, m.time, m.xid = pglogrepl.LSN(r.uint64()), int64(r.uint64())+postgresEpoch, r.uint32()
	case msgCommit:
		r.byte() // flags
		m.commit, m.end = pglogrepl.LSN(r.uint64()), pglogrepl.LSN(r.uint64())
		r.uint64() // time
	case msgRelation:
		r.relation(&m)
	case msgInsert:
		m.relation = r.uint32()
		r.expect('N')
		m.new = r.tuple()
	case msgUpdate:
		m.relation = r.uint32()
		kind := r.byte()
		if kind == 'K' || kind == 'O' {
			m.old = r.tuple()
			kind = r.byte()
		}
		r.bad = r.bad || kind != 'N'
		m.new = r.tuple()
	case msgDelete:
		m.relation = r.uint32()
		kind := r.byte()
		r.bad = r.bad || kind != 'K' && kind != 'O'
		m.old = r.tuple()
	case msgTruncate:
		n := r.uint32()
		r.byte() // options
		for i := uint32(0); i < n && !r.bad; i++ {
			m.truncated = append(m.truncated, r.uint32())
		}
	case msgMessage:
		r.byte()   // flags
		r.uint64() // LSN
		m.prefix = r.cstring()
		m.content = string(r.take(uint64(r.uint32())))
	case msgOrigin, msgType:
		return m, nil
	default:
		return m, errDamaged
	}
	if r.bad || len(r.src) > 0 {
		return m, errDamaged
	}
	return m, nil
}

// reader reads integers in network order, and texts. After the first that is not
// there it is bad, and gives zeros.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.src)) {
		r.bad, r.src = true, nil
		return nil
	}
	p := r.src[:n:n]
	r.src = r.src[n:]
	return p
}

func (r *reader) byte() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if p := r.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return x
}

// sized is a text behind its length.
func (r *reader) sized() string { return string(r.take(r.uvarint())) }

func (r *reader) cstring() string {
	end := bytes.IndexByte(r.src, 0)
	if end < 0 {
		r.bad, r.src = true, nil
		return ""
	}
	s := string(r.src[:end])
	r.src = r.src[end+1:]
	return s
}

func (r *reader) expect(b byte) { r.bad = r.byte() != b || r.bad }

func (r *reader) relation(m *message) {
	m.relation = r.uint32()
	r.cstring() // schema
	r.cstring() // name
	r.byte()    // replica identity
	for n := r.uint16(); n > 0 && !r.bad; n-- {
		r.byte() // flags
		m.names, m.types = append(m.names, r.cstring()), append(m.types, r.uint32())
		r.uint32() // modifier
	}
}

// tuple is never nil.
func (r *reader) tuple() tuple {
	t := tuple{}
	for n := r.uint16(); n > 0 && !r.bad; n-- {
		v := value{kind: r.byte()}
		switch v.kind {
		case 'n', 'u':
		case 't':
			v.text = r.take(uint64(r.uint32()))
		default:
			r.bad = true
		}
		t = append(t, v)
	}
	return t
}
