package json

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// DebeziumSpecs lists the options of tables of format 'debezium-json'.
func DebeziumSpecs() []connectors.OptionSpec {
	specs := []connectors.OptionSpec{
		{Name: "debezium-json.schema-include", Default: "false", Values: connectors.Booleans, Doc: "Records have the change as 'payload', beside a 'schema'."},
	}
	for _, s := range Specs() {
		if s.Name != "json.fail-on-missing-field" && s.Name != "json.unknown-fields" { // which the frame would break
			s.Name = "debezium-" + s.Name
			specs = append(specs, s)
		}
	}
	return specs
}

// Debezium reads changes as Debezium describes them: rows that were inserted
// ("c"), that a snapshot found ("r"), updated ("u") and deleted ("d").
//
//	{"before": null, "after": {the columns}, "op": "c", …}
//
// They are upserts by the primary key of the table: a row that is deleted has the
// columns it had before. A table without a key is a stream of events, which nothing
// takes back: an update or delete is rejected there, so that nobody takes it for
// one more row.
type Debezium struct {
	decoder *Decoder
	changes *event.Batch
	nested  bool  // the change is the payload of the record
	cols    []int // of the table, in the order of after's fields
	notNull []int // of those
	key     []int // of those; none: there are no updates
	names   []string
}

// NewDebezium makes a decoder of the columns that are not metadata; key names those
// of the primary key.
func NewDebezium(columns []connectors.Column, key []string, opts Options, nested bool) (*Debezium, error) {
	d := &Debezium{nested: nested}
	row := event.Type{Kind: event.Row}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		if c.NotNull {
			d.notNull = append(d.notNull, len(d.cols))
		}
		if slices.Contains(key, c.Name) {
			d.key = append(d.key, len(d.cols))
		}
		d.cols, d.names = append(d.cols, i), append(d.names, c.Name)
		row.Fields = append(row.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	if len(d.key) < len(key) {
		return nil, fmt.Errorf("the primary key of a table of changes is of columns of the record")
	}
	if len(d.cols) == 0 { // a ROW has a field
		row.Fields = append(row.Fields, event.Field{Type: event.TString})
	}
	fields := []event.Field{{Name: "after", Type: row}, {Name: "op", Type: event.TString}}
	if len(key) > 0 {
		fields = append(fields, event.Field{Name: "before", Type: row})
	}
	if nested {
		fields = []event.Field{{Name: "payload", Type: event.Type{Kind: event.Row, Fields: fields}}}
	}
	var records []connectors.Column
	for _, f := range fields {
		records = append(records, connectors.Column{Name: f.Name, Type: f.Type})
	}
	d.changes = event.NewBatch(event.NewSchema(fields...))
	strict := opts.RejectUnknown
	opts.RejectUnknown = false // which the frame would break
	var err error
	if d.decoder, err = NewDecoder(records, opts); err == nil && strict {
		d.forbid(opts.Unread)
	}
	return d, err
}

// forbid has rows with a field that is no column rejected.
func (d *Debezium) forbid(unreadNames []string) {
	change := d.decoder.root
	if d.nested {
		change = change.fields[0].row
	}
	for i := range change.fields {
		if row := change.fields[i].row; row != nil {
			row.forbid(unreadNames)
		}
	}
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
	for row := range n {
		reason := ""
		if len(malformed) > 0 && int(malformed[0].Row) == row {
			reason, malformed = malformed[0].Reason, malformed[1:]
		} else {
			reason = d.take(change, row, dst)
		}
		tombstone := d.key != nil && raw.Flags[row]&connectors.NullValue != 0 // what follows a deletion, for compaction
		switch {
		case tombstone:
			reason = ""
		case reason == "":
			continue
		}
		for k := range d.cols {
			change[0].Kids[k].Set(row, n, event.NullValue)
		}
		rejects = append(rejects, connectors.Reject{Row: int32(row), Reason: reason})
	}
	for k, c := range d.cols {
		dst.Cols[c], change[0].Kids[k] = change[0].Kids[k], dst.Cols[c]
	}
	return rejects, nil
}

// take settles what a change means, and puts the row that is deleted in the place
// of the one that comes; reason is why it cannot be used, or "".
func (d *Debezium) take(change []event.Vec, row int, dst *event.Batch) (reason string) {
	after, op := &change[0], &change[1]
	if op.Null(row) {
		return "no change of Debezium: field op is missing"
	}
	code := string(op.Bytes(row))
	switch {
	case code == "c" || code == "r":
	case code == "u" && d.key != nil:
		dst.SetChange(row, event.UpdateAfter)
	case code == "d" && d.key != nil:
		dst.SetChange(row, event.Delete)
		return d.delete(after, &change[2], row)
	case code == "u" || code == "d":
		return fmt.Sprintf("op %s: a row was %s; a table without PRIMARY KEY (…) NOT ENFORCED has rows inserted (c) or of a snapshot (r) only",
			code, map[string]string{"u": "updated", "d": "deleted"}[code])
	default:
		return fmt.Sprintf("op %q: not c, r, u or d", code)
	}
	return d.missing("after", after, d.notNull, row)
}

// missing says what a row lacks; "" when nothing.
func (d *Debezium) missing(field string, v *event.Vec, columns []int, row int) string {
	if v.Null(row) {
		return "field " + field + ": missing, or null"
	}
	for _, k := range columns {
		if v.Kids[k].Null(row) {
			return fmt.Sprintf("field %s.%s: NULL in a NOT NULL column", field, d.names[k])
		}
	}
	return ""
}

// delete copies the row that is deleted, but for nested columns, which are NULL:
// only the key counts.
func (d *Debezium) delete(after, before *event.Vec, row int) (reason string) {
	if reason = d.missing("before", before, d.key, row); reason != "" {
		return reason
	}
	n := d.changes.N
	for k := range d.cols {
		to, x := &after.Kids[k], before.Kids[k].Value(row)
		if x.Null || to.Type.Physical() == event.PhysNested {
			to.Set(row, n, event.NullValue)
			continue
		}
		if to.Type.Physical() == event.PhysStr {
			if to.Nulls == nil || !to.Nulls.Get(row) {
				to.SetNull(row, n)
			}
			to.Own(n)
		}
		if to.Nulls != nil {
			to.Nulls.Clear(row)
		}
		to.Set(row, n, x)
	}
	return ""
}

// NewDebeziumEncoder makes an encoder that writes rows as Flink does: those that
// come as inserted, those that are taken back as deleted, an update as both.
func NewDebeziumEncoder(columns []connectors.Column, opts Options) (*Encoder, error) {
	e, err := NewEncoder(columns, opts)
	if err != nil {
		return nil, err
	}
	e.frame = debeziumFrame
	return e, nil
}

func debeziumFrame(c event.Change) (before, after string) {
	if c.Retracts() {
		return `{"before":`, `,"after":null,"op":"d"}`
	}
	return `{"before":null,"after":`, `,"op":"c"}`
}
