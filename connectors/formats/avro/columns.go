package avro

import (
	"errors"
	"io"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// Columns are those that a container file can be read into. Fields that no type takes
// are left out: unions of several types, and records inside of themselves.
func Columns(in io.ReaderAt, size int64) (columns []event.Field, err error) {
	err = panics.Call(func() error {
		h, err := readHeader(in, size)
		if err != nil {
			return err
		}
		s, err := parse(h.schema)
		if err != nil {
			return err
		}
		columns = slices.DeleteFunc(writtenFields(s, nil, nil), func(f event.Field) bool { return f.Type.Kind == event.Null })
		if s.root.Type != "record" || len(columns) == 0 {
			return errors.New("it has no column that can be read")
		}
		return nil
	})
	return columns, err
}
