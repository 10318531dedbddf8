package intake

import (
	"encoding/binary"
	"errors"

	"github.com/cepd/cepd/state"
)

// prefix begins the keys of all logs; those of queries begin with another byte.
const prefix = 'i'

// The sections of a table's range.
const (
	sectionMeta    = 'm'
	sectionMark    = 'p'
	sectionBlock   = 'e'
	sectionSegment = 's'
	sectionReader  = 'r'
	sectionKey     = 'k'
	sectionOrder   = 'o'
)

// rangeOf is the key prefix of a table.
func rangeOf(name string) []byte {
	return append([]byte{prefix, byte(len(name) >> 8), byte(len(name))}, name...)
}

// names lists the tables that a store has logs of.
func names(r state.Reader) (list []string, err error) {
	stop := errors.New("stop")
	from := []byte{prefix}
	for from != nil {
		var name string
		err := r.Scan(from, []byte{prefix + 1}, func(key, _ []byte) error {
			if len(key) < 3 || len(key) < 3+int(binary.BigEndian.Uint16(key[1:])) {
				return errCorrupt
			}
			name = string(key[3 : 3+int(binary.BigEndian.Uint16(key[1:]))])
			return stop
		})
		if err == nil {
			return list, nil
		}
		if !errors.Is(err, stop) {
			return nil, err
		}
		list = append(list, name)
		from = state.PrefixEnd(rangeOf(name))
	}
	return list, nil
}

// key is a section's key of a number.
func key(section byte, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{section}, uint64(n))
}

func named(section byte, name string) []byte { return append([]byte{section}, name...) }

// number is the reverse of key.
func number(k []byte) int64 { return int64(binary.BigEndian.Uint64(k[1:])) }
