package json

import (
	"bytes"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

var _ connectors.FieldLister = (*Decoder)(nil)

// Fields implements connectors.FieldLister.
func (d *Decoder) Fields(record []byte, each func(name string, kind event.Kind)) {
	d.depth, d.fail.path = 0, d.fail.path[:0]
	i := space(record, 0)
	if i >= len(record) || record[i] != '{' {
		return
	}
	for {
		var name []byte
		if name, i, _ = d.keyText(record, space(record, i+1)); i < 0 {
			return
		}
		from := space(record, i)
		key := string(name) // the next one may take its place
		if i = d.skip(record, from); i < 0 {
			return
		}
		each(key, kindOf(record[from:i]))
		if i = space(record, i); i >= len(record) || record[i] != ',' {
			return
		}
	}
}

// kindOf is the kind of the type that a value shows.
func kindOf(value []byte) event.Kind {
	switch value[0] {
	case '"':
		return event.String
	case '{':
		return event.Row
	case '[':
		return event.Array
	case 't', 'f':
		return event.Bool
	case 'n':
		return event.Null
	}
	if bytes.ContainsAny(value, ".eE") {
		return event.Float64
	}
	return event.Int64
}
