package stream

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// ErrWhere says that a condition is none.
var ErrWhere = errors.New("where")

// maxConditions of a reader.
const maxConditions = 16

// style is how rows have their times.
var style = cell.Style{ISO: true}

// filter is conditions column = value, on rows as JSON. The zero value has none.
type filter struct {
	want    [][]byte // by column of batch, as appendCell writes it
	decoder connectors.Decoder
	batch   *event.Batch
	raw     connectors.RawBatch
	rejects []connectors.Reject
	holds   []bool
	scratch []byte
}

// newFilter reads conditions about columns.
func newFilter(columns []connectors.Column, where []string) (*filter, error) {
	f := &filter{}
	if len(where) == 0 {
		return f, nil
	}
	if len(where) > maxConditions {
		return nil, fmt.Errorf("%w: %d conditions, at most %d are taken", ErrWhere, len(where), maxConditions)
	}
	var read []connectors.Column
	schema := &event.Schema{}
	for _, condition := range where {
		c, want, err := parseCondition(columns, condition)
		if err != nil {
			return nil, err
		}
		read, f.want = append(read, c), append(f.want, want)
		schema.Fields = append(schema.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	for i := range read {
		for k := range i {
			if read[k].Name == read[i].Name {
				return nil, fmt.Errorf("%w: column %s stands in two conditions", ErrWhere, read[i].Name)
			}
		}
	}
	var err error
	f.batch = event.NewBatch(schema)
	f.decoder, err = json.NewDecoder(read, json.Options{ISO: true})
	return f, err
}

// parseCondition reads column=value; want is the value as appendCell writes it.
func parseCondition(columns []connectors.Column, text string) (c connectors.Column, want []byte, err error) {
	name, value, found := strings.Cut(text, "=")
	if !found {
		return c, nil, fmt.Errorf("%w=%q: want column=value", ErrWhere, text)
	}
	for _, c = range columns {
		if !strings.EqualFold(c.Name, name) {
			continue
		}
		want, err = asWritten(c, value)
		if err != nil {
			err = fmt.Errorf("%w=%q: %w", ErrWhere, text, err)
		}
		return c, want, err
	}
	return c, nil, fmt.Errorf("%w=%q: there is no column %s", ErrWhere, text, name)
}

// asWritten is a value of a column as appendCell writes it.
func asWritten(c connectors.Column, value string) ([]byte, error) {
	switch {
	case c.Type.Kind == event.String:
		return []byte(value), nil
	case !cell.Supported(c.Type) || c.Type.Kind == event.Bytes:
		return nil, fmt.Errorf("column %s is %s, which is not compared", c.Name, c.Type)
	}
	one := event.NewBatch(&event.Schema{Fields: []event.Field{{Name: c.Name, Type: c.Type}}})
	one.Reset(1)
	if !cell.Set(&one.Cols[0], 0, []byte(value), style) {
		return nil, fmt.Errorf("column %s is %s: want %s", c.Name, c.Type, cell.Expected(c.Type, style))
	}
	return cell.Append(nil, &one.Cols[0], 0, style), nil
}

func appendCell(dst []byte, v *event.Vec, i int) []byte {
	if v.Type.Kind == event.String {
		return append(dst, v.Bytes(i)...)
	}
	return cell.Append(dst, v, i, style)
}

// match says for each row whether it is wanted; nil: all are.
func (f *filter) match(list []intake.Record) ([]bool, error) {
	if f.decoder == nil {
		return nil, nil
	}
	f.holds = f.holds[:0]
	for len(list) > 0 {
		n := min(len(list), event.MaxRows)
		if err := f.some(list[:n]); err != nil {
			return nil, err
		}
		list = list[n:]
	}
	return f.holds, nil
}

// some adds rows that go into a batch.
func (f *filter) some(list []intake.Record) (err error) {
	buf := f.raw.Buf[:0]
	f.raw.Reset()
	for i := range list {
		f.raw.Append(event.Span{Off: uint32(len(buf)), Len: uint32(len(list[i].Value))}, int64(i))
		buf = append(buf, list[i].Value...)
	}
	f.raw.Buf = buf
	f.batch.Reset(len(list))
	if f.rejects, err = f.decoder.Decode(&f.raw, f.batch, f.rejects[:0]); err != nil {
		return err
	}
	if len(f.rejects) > 0 {
		return fmt.Errorf("a row that was written cannot be read: %s", f.rejects[0].Reason)
	}
	for i := range list {
		f.holds = append(f.holds, f.row(i))
	}
	return nil
}

func (f *filter) row(i int) bool {
	for c := range f.want {
		v := &f.batch.Cols[c]
		if v.Null(i) {
			return false
		}
		if f.scratch = appendCell(f.scratch[:0], v, i); !bytes.Equal(f.scratch, f.want[c]) {
			return false
		}
	}
	return true
}
