package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
)

// How often a record is looked at, and how much is kept of what is seen: the first
// record of a batch, a second after the last one or so many records behind it.
const (
	lookTime    = event.Time(1_000_000) // µs
	lookRecords = 8192
	maxUnknown  = 100  // names
	maxSchemas  = 1000 // that are counted
)

// difference is what is between the records of a partition and the columns of their
// table, as far as records are looked at. Schemas that records are written with are
// looked at once each.
type difference struct {
	lister  connectors.FieldLister
	schemas connectors.SchemaLister
	part    int32
	columns map[string]int64 // in how many records or schemas that were looked at
	unknown map[string]*FieldStatus
	more    bool // there were more names than are kept
	looked  int64
	ids     map[int]bool // of schemas
	at      event.Time   // of the last look
	behind  int          // records since
}

// newDifference is nil where records do not show their fields.
func newDifference(d connectors.Decoder, t *catalog.Table, part int32) *difference {
	f := &difference{part: part, columns: map[string]int64{}, unknown: map[string]*FieldStatus{}, ids: map[int]bool{}, behind: lookRecords}
	f.lister, _ = d.(connectors.FieldLister)
	f.schemas, _ = d.(connectors.SchemaLister)
	if f.lister == nil && f.schemas == nil {
		return nil
	}
	for i := range t.Columns {
		if t.Columns[i].Kind == catalog.Physical {
			f.columns[t.Columns[i].Name] = 0
		}
	}
	return f
}

// look is called once for a batch, when it has been decoded.
func (f *difference) look(raw *connectors.RawBatch, now event.Time) {
	if raw.N() == 0 {
		return
	}
	if f.schemas != nil {
		f.lookAtSchemas(raw)
	}
	if f.behind += raw.N(); f.lister == nil || f.behind < lookRecords && now-f.at < lookTime {
		return
	}
	if raw.Flags[0]&(connectors.NullValue|connectors.Damaged) != 0 {
		return
	}
	v := raw.Value[0]
	if f.lister.Fields(raw.Buf[v.Off:v.Off+v.Len], func(name string, t event.Type) { f.field(name, t, raw.Offset[0], 0) }) {
		f.looked++
	}
	f.at, f.behind = now, 0
}

// lookAtSchemas looks at those that the batch has brought.
func (f *difference) lookAtSchemas(raw *connectors.RawBatch) {
	for _, s := range f.schemas.Schemas() {
		if len(f.ids) < maxSchemas {
			f.ids[s.ID] = true
		}
		for _, field := range s.Fields {
			f.field(field.Name, field.Type, raw.Offset[s.Row], s.ID)
		}
	}
}

func (f *difference) field(name string, t event.Type, offset int64, schema int) {
	if n, ok := f.columns[name]; ok {
		f.columns[name] = n + 1
		return
	}
	u := f.unknown[name]
	if u == nil {
		if len(f.unknown) >= maxUnknown {
			f.more = true
			return
		}
		u = &FieldStatus{Name: strings.Clone(name), Partition: f.part, Offset: offset, Schema: schema, Type: typeName(t)}
		f.unknown[u.Name] = u
	}
	if schema == 0 {
		u.Records++
	}
	u.Type = eitherType(u.Type, typeName(t))
}

// typeName is the type that a column for a value would have; empty: any.
func typeName(t event.Type) string {
	switch {
	case t.Kind == event.Null:
		return ""
	case t.Kind == event.Row && t.Fields == nil:
		return "ROW"
	case t.Kind == event.Array && t.Elem == nil:
		return "ARRAY"
	}
	return t.String()
}

// eitherType takes values of both types.
func eitherType(a, b string) string {
	switch {
	case a == "" || a == b:
		return b
	case b == "":
		return a
	case (a == "BIGINT" || a == "DOUBLE") && (b == "BIGINT" || b == "DOUBLE"):
		return "DOUBLE"
	}
	return "STRING"
}

// DifferenceStatus is what is between the records of a table and its columns, in the
// records that were looked at since the process started: of each partition one in a
// second, or in 8,192.
type DifferenceStatus struct {
	Looked  int64         `json:"looked_at"`         // records
	Schemas int64         `json:"schemas,omitempty"` // that records were written with, each looked at once
	Unknown []FieldStatus `json:"unknown,omitempty"` // fields at the top that are no column, by name
	More    bool          `json:"more,omitempty"`    // there are others, which are not kept
	Missing []string      `json:"missing,omitempty"` // columns that none of these had
	Added   []string      `json:"added,omitempty"`   // fields that are columns by now: the query knows those of when it was submitted
	Text    string        `json:"text"`              // all of it on a line
}

// FieldStatus is a field that is no column.
type FieldStatus struct {
	Name      string `json:"name"`
	Type      string `json:"type,omitempty"` // that its values show; empty: they were null
	Records   int64  `json:"records"`        // that had it, of those looked at; of schemas they are not counted
	Partition int32  `json:"partition"`      // where it was first seen
	Offset    int64  `json:"offset"`
	Schema    int    `json:"schema,omitempty"` // that the record there was written with, of a registry
}

// difference is that of all partitions; nil where there is none.
func (s *source) difference() *DifferenceStatus {
	out, seen, unknown, ids := &DifferenceStatus{}, map[string]int64{}, map[string]FieldStatus{}, map[int]bool{}
	for _, u := range s.units {
		f := u.difference
		if f == nil {
			continue
		}
		out.Looked += f.looked
		maps.Copy(ids, f.ids)
		out.More = out.More || f.more
		for name, n := range f.columns {
			seen[name] += n
		}
		for name, field := range f.unknown {
			unknown[name] = mergeField(unknown[name], *field)
		}
	}
	out.Schemas = int64(len(ids))
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		if len(out.Unknown) == maxUnknown {
			out.More = true
			break
		}
		out.Unknown = append(out.Unknown, unknown[name])
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if out.Looked+out.Schemas > 0 && seen[name] == 0 {
			out.Missing = append(out.Missing, name)
		}
	}
	if len(out.Unknown) == 0 && len(out.Missing) == 0 {
		return nil
	}
	out.Text = out.line()
	return out
}

// mergeField adds what another partition has seen; a without a name is nothing.
func mergeField(a, b FieldStatus) FieldStatus {
	if a.Name == "" {
		return b
	}
	a.Records += b.Records
	a.Type = eitherType(a.Type, b.Type)
	return a
}

// Since is the difference when some of the fields are columns by now.
func (d *DifferenceStatus) Since(added func(field string) bool) *DifferenceStatus {
	out := *d
	out.Unknown = nil
	for _, f := range d.Unknown {
		if added(f.Name) {
			out.Added = append(out.Added, f.Name)
		} else {
			out.Unknown = append(out.Unknown, f)
		}
	}
	out.Text = out.line()
	return &out
}

// line is the difference on one line.
func (d *DifferenceStatus) line() string {
	var parts []string
	for _, f := range d.Unknown {
		parts = append(parts, strings.TrimSpace(f.Name+" "+f.Type))
	}
	text := ""
	if len(parts) > 0 {
		text = "fields that are no column: " + strings.Join(parts, ", ")
	}
	if d.More {
		text += " and others"
	}
	if len(d.Missing) > 0 {
		text += "; columns without a field: " + strings.Join(d.Missing, ", ")
	}
	if len(d.Added) > 0 {
		text += "; columns since the query was submitted, which it takes up when it is replaced: " + strings.Join(d.Added, ", ")
	}
	text = strings.TrimPrefix(text, "; ")
	if d.Schemas > 0 {
		return fmt.Sprintf("%s (in %d schemas of records)", text, d.Schemas)
	}
	return fmt.Sprintf("%s (in %d records looked at)", text, d.Looked)
}
