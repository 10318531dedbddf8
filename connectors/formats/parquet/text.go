package parquet

import (
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/internal/event"
)

// texts are the values of a page of BYTE_ARRAY: value i is bytes[offsets[k]:
// offsets[k+1]], where k is index[i] in a page with a dictionary, else i.
type texts struct {
	any     bool // they need not be UTF-8
	bytes   []byte
	offsets []uint32
	index   []int32 // nil: there is no dictionary
}

// textsOf is nil for what is no text.
func textsOf(c *parquet.Column, t event.Type) *texts {
	if c.Type().Kind() != parquet.ByteArray || t.Kind != event.String && t.Kind != event.Bytes {
		return nil
	}
	return &texts{any: t.Kind == event.Bytes}
}

// begin takes a page and says how many values it has.
func (t *texts) begin(page parquet.Page) int {
	data := page.Data()
	t.index = nil
	if dict := page.Dictionary(); dict != nil {
		t.index = data.Int32()
		data = dict.Page().Data()
	}
	t.bytes, t.offsets = data.ByteArray()
	if t.index != nil {
		return min(len(t.index), int(page.NumValues()))
	}
	return min(max(len(t.offsets)-1, 0), int(page.NumValues())) // a damaged page may have fewer
}

// put writes a value into row i of a column; false: it does not fit. It panics where
// the dictionary has no such value.
func (t *texts) put(v *event.Vec, i, value int) bool {
	if t.index != nil {
		value = int(t.index[value])
	}
	p := t.bytes[t.offsets[value]:t.offsets[value+1]]
	return (t.any || utf8.Valid(p)) && put(v, i, p)
}
