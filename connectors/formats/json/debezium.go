package json

import (
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// DebeziumSpecs lists the options of tables of format 'debezium-json'.
func DebeziumSpecs() []connectors.OptionSpec {
	specs := []connectors.OptionSpec{
		{Name: "debezium-json.schema-include", Default: "false", Check: connectors.CheckBool, Doc: "Records have the change as 'payload', beside a 'schema'."},
	}
	for _, s := range Specs() {
		if s.Name != "json.fail-on-missing-field" {
			s.Name = "debezium-" + s.Name
			specs = append(specs, s)
		}
	}
	return specs
}

// Debezium reads changes as Debezium describes them, as far as they are rows
// that have come: those inserted ("c") and those of a snapshot ("r").
//
//	{"before": null, "after": {the columns}, "op": "c", …}
//
// Streams of cepd are of events, which nothing takes back: a row that was
// updated or deleted is rejected, so that nobody takes it for one more.
type Debezium struct {
	decoder *Decoder
	changes *event.Batch
	nested  bool  // the change is the payload of the record
	cols    []int // of the table, in the order of after's fields
	notNull []int // of those
	names   []string
}

// NewDebezium makes a decoder of the columns that are not metadata.
func NewDebezium(columns []connectors.Column, opts Options, nested bool) (*Debezium, error) {
	d := &Debezium{nested: nested}
	after := event.Type{Kind: event.Row}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		if c.NotNull {
			d.notNull = append(d.notNull, len(d.cols))
		}
		d.cols, d.names = append(d.cols, i), append(d.names, c.Name)
		after.Fields = append(after.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	if len(d.cols) == 0 { // a ROW has a field
		after.Fields = append(after.Fields, event.Field{Type: event.TString})
	}
	fields := []event.Field{{Name: "after", Type: after}, {Name: "op", Type: event.TString}}
	if nested {
		fields = []event.Field{{Name: "payload", Type: event.Type{Kind: event.Row, Fields: fields}}}
	}
	var records []connectors.Column
	for _, f := range fields {
		records = append(records, connectors.Column{Name: f.Name, Type: f.Type})
	}
	d.changes = event.NewBatch(event.NewSchema(fields...))
	var err error
	d.decoder, err = NewDecoder(records, opts)
	return d, err
}

// Decode implements connectors.Decoder.
func (d *Debezium) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	n := raw.N()
	d.changes.Reset(n)
	from := len(rejects)
	rejects, err := d.decoder.Decode(raw, d.changes, rejects)
	if err != nil {
		return rejects, err
	}
	malformed := append([]connectors.Reject(nil), rejects[from:]...)
	rejects = rejects[:from]
	change := d.changes.Cols
	if d.nested {
		change = change[0].Kids
	}
	after, op := &change[0], &change[1]
	for row := range n {
		reason := ""
		if len(malformed) > 0 && int(malformed[0].Row) == row {
			reason, malformed = malformed[0].Reason, malformed[1:]
		} else {
			reason = d.reason(after, op, row)
		}
		if reason == "" {
			continue
		}
		for k := range d.cols {
			after.Kids[k].Set(row, n, event.NullValue)
		}
		rejects = append(rejects, connectors.Reject{Row: int32(row), Reason: reason})
	}
	for k, c := range d.cols {
		dst.Cols[c], after.Kids[k] = after.Kids[k], dst.Cols[c]
	}
	return rejects, nil
}

// reason is why a change is not a row that has come; "" when it is.
func (d *Debezium) reason(after, op *event.Vec, row int) string {
	if op.Null(row) {
		return "no change of Debezium: field op is missing"
	}
	switch code := string(op.Bytes(row)); code {
	case "c", "r":
	case "u":
		return "op u: a row was updated; only rows inserted (c) or of a snapshot (r) can be read, tables of changes are not supported yet"
	case "d":
		return "op d: a row was deleted; only rows inserted (c) or of a snapshot (r) can be read, tables of changes are not supported yet"
	default:
		return fmt.Sprintf("op %q: not a row that was inserted (c) or of a snapshot (r)", code)
	}
	if after.Null(row) {
		return "field after: missing, or null"
	}
	for _, k := range d.notNull {
		if after.Kids[k].Null(row) {
			return fmt.Sprintf("field after.%s: NULL in a NOT NULL column", d.names[k])
		}
	}
	return ""
}

// NewDebeziumEncoder makes an encoder that writes rows as inserted ones.
func NewDebeziumEncoder(columns []connectors.Column, opts Options) (*Encoder, error) {
	e, err := NewEncoder(columns, opts)
	if err != nil {
		return nil, err
	}
	e.before, e.after = []byte(`{"before":null,"after":`), []byte(`,"op":"c"}`)
	return e, nil
}
