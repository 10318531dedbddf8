package parquet

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
)

// The limits of what a file says of itself, in Thrift.
const (
	maxNesting     = 32
	maxDescription = 1 << 20 // elements of lists
)

// structure measures a Thrift structure, whose lists and nesting are within limits.
func structure(data []byte) (size int, err error) {
	r := new(thrift.CompactProtocol).NewReaderFromBytes(data)
	s := structures{r: r, left: maxDescription}
	err = s.fields(0)
	if err == io.EOF { //nolint:errorlint // the reader's own
		err = io.ErrUnexpectedEOF
	}
	return r.BytesRead(), err
}

type structures struct {
	r    thrift.BytesReader
	left int // elements of lists
}

func (s *structures) fields(depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("it is nested in more than %d levels", maxNesting)
	}
	for {
		f, err := s.r.ReadField()
		if err != nil || f.Type == thrift.STOP {
			return err
		}
		if f.Type == thrift.TRUE || f.Type == thrift.FALSE { // the value is the type
			continue
		}
		if err := s.value(f.Type, depth); err != nil {
			return err
		}
	}
}

func (s *structures) value(t thrift.Type, depth int) (err error) {
	switch t {
	case thrift.TRUE, thrift.FALSE, thrift.I8:
		_, err = s.r.ReadInt8()
	case thrift.I16:
		_, err = s.r.ReadInt16()
	case thrift.I32:
		_, err = s.r.ReadInt32()
	case thrift.I64:
		_, err = s.r.ReadInt64()
	case thrift.DOUBLE:
		_, err = s.r.ReadFloat64()
	case thrift.UUID: // of the size of two
		if _, err = s.r.ReadFloat64(); err == nil {
			_, err = s.r.ReadFloat64()
		}
	case thrift.BINARY:
		_, err = s.r.ReadBytes()
	case thrift.STRUCT:
		return s.fields(depth + 1)
	case thrift.LIST, thrift.SET:
		var l thrift.List
		if l, err = s.r.ReadList(); err == nil {
			return s.elements(int(l.Size), depth, l.Type)
		}
	case thrift.MAP:
		var m thrift.Map
		if m, err = s.r.ReadMap(); err == nil {
			return s.elements(int(m.Size), depth, m.Key, m.Value)
		}
	default:
		err = fmt.Errorf("there is no Thrift type %d", t)
	}
	return err
}

// elements reads n elements of a list, or pairs of a map.
func (s *structures) elements(n, depth int, types ...thrift.Type) error {
	if n > s.left || depth >= maxNesting {
		return fmt.Errorf("its lists have more than %d elements, or are nested in more than %d levels", maxDescription, maxNesting)
	}
	s.left -= n
	for range n {
		for _, t := range types {
			if err := s.value(t, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
