package json

import (
	"bytes"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

var (
	_ connectors.FieldLister = (*Decoder)(nil)
	_ connectors.FieldLister = (*Debezium)(nil)
)

// Fields implements connectors.FieldLister.
func (d *Decoder) Fields(record []byte, each func(name string, t event.Type)) bool {
	return d.members(record, func(name string, value []byte) { each(name, typeOf(value)) })
}

// members calls each for the fields of an object until one cannot be read; false:
// it is no object.
func (d *Decoder) members(record []byte, each func(name string, value []byte)) bool {
	d.depth, d.fail.path = 0, d.fail.path[:0]
	i := space(record, 0)
	if i >= len(record) || record[i] != '{' {
		return false
	}
	for {
		var name []byte
		if name, i, _ = d.keyText(record, space(record, i+1)); i < 0 {
			return true
		}
		from := space(record, i)
		key := string(name) // the next one may take its place
		if i = d.skip(record, from); i < 0 {
			return true
		}
		each(key, record[from:i])
		if i = space(record, i); i >= len(record) || record[i] != ',' {
			return true
		}
	}
}

// Fields implements connectors.FieldLister: they are those of the row after the
// change, or of the one that is deleted.
func (d *Debezium) Fields(record []byte, each func(name string, t event.Type)) bool {
	parts := map[string][]byte{}
	d.decoder.members(record, func(name string, value []byte) { parts[name] = value })
	if d.nested {
		record, parts = parts["payload"], map[string][]byte{}
		d.decoder.members(record, func(name string, value []byte) { parts[name] = value })
	}
	return d.decoder.Fields(parts["after"], each) || d.decoder.Fields(parts["before"], each)
}

// typeOf is the type that a value shows.
func typeOf(value []byte) event.Type {
	switch value[0] {
	case '"':
		return event.TString
	case '{':
		return event.Type{Kind: event.Row}
	case '[':
		return event.Type{Kind: event.Array}
	case 't', 'f':
		return event.TBool
	case 'n':
		return event.TNull
	}
	if bytes.ContainsAny(value, ".eE") {
		return event.TFloat64
	}
	return event.TInt64
}
