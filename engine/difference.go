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
	maxUnknown  = 100 // names
)

// difference is what is between the records of a partition and the columns of their
// table, as far as records are looked at.
type difference struct {
	lister  connectors.FieldLister
	part    int32
	columns map[string]int64 // in how many records that were looked at
	unknown map[string]*FieldStatus
	more    bool // there were more names than are kept
	looked  int64
	at      event.Time // of the last look
	behind  int        // records since
}

// newDifference is nil where records do not name their fields.
func newDifference(d connectors.Decoder, t *catalog.Table, part int32) *difference {
	lister, ok := d.(connectors.FieldLister)
	if !ok {
		return nil
	}
	f := &difference{lister: lister, part: part, columns: map[string]int64{}, unknown: map[string]*FieldStatus{}, behind: lookRecords}
	for i := range t.Columns {
		if t.Columns[i].Kind == catalog.Physical {
			f.columns[t.Columns[i].Name] = 0
		}
	}
	return f
}

// look is called once for a batch.
func (f *difference) look(raw *connectors.RawBatch, now event.Time) {
	if f.behind += raw.N(); f.behind < lookRecords && now-f.at < lookTime || raw.N() == 0 {
		return
	}
	if raw.Flags[0]&(connectors.NullValue|connectors.Damaged) != 0 {
		return
	}
	f.at, f.behind = now, 0
	f.looked++
	v := raw.Value[0]
	f.lister.Fields(raw.Buf[v.Off:v.Off+v.Len], func(name string, kind event.Kind) { f.field(name, kind, raw.Offset[0]) })
}

func (f *difference) field(name string, kind event.Kind, offset int64) {
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
		u = &FieldStatus{Name: strings.Clone(name), Partition: f.part, Offset: offset, Type: typeName(kind)}
		f.unknown[u.Name] = u
	}
	u.Records++
	u.Type = eitherType(u.Type, typeName(kind))
}

// typeName is the type that a column for a value would have; empty: any.
func typeName(k event.Kind) string {
	switch k {
	case event.Null:
		return ""
	case event.Row:
		return "ROW"
	case event.Array:
		return "ARRAY"
	}
	return event.Type{Kind: k}.String()
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
	Unknown []FieldStatus `json:"unknown,omitempty"` // fields at the top that are no column, by name
	More    bool          `json:"more,omitempty"`    // there are others, which are not kept
	Missing []string      `json:"missing,omitempty"` // columns that none of these records had
}

// FieldStatus is a field that is no column.
type FieldStatus struct {
	Name      string `json:"name"`
	Type      string `json:"type,omitempty"` // that its values show; empty: they were null
	Records   int64  `json:"records"`        // that had it, of those looked at
	Partition int32  `json:"partition"`      // where it was first seen
	Offset    int64  `json:"offset"`
}

// difference is that of all partitions; nil where there is none.
func (s *source) difference() *DifferenceStatus {
	out, seen, unknown := &DifferenceStatus{}, map[string]int64{}, map[string]FieldStatus{}
	for _, u := range s.units {
		f := u.difference
		if f == nil {
			continue
		}
		out.Looked += f.looked
		out.More = out.More || f.more
		for name, n := range f.columns {
			seen[name] += n
		}
		for name, field := range f.unknown {
			unknown[name] = mergeField(unknown[name], *field)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		if len(out.Unknown) == maxUnknown {
			out.More = true
			break
		}
		out.Unknown = append(out.Unknown, unknown[name])
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if out.Looked > 0 && seen[name] == 0 {
			out.Missing = append(out.Missing, name)
		}
	}
	if len(out.Unknown) == 0 && len(out.Missing) == 0 {
		return nil
	}
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

// String is the difference on one line.
func (d *DifferenceStatus) String() string {
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
	return fmt.Sprintf("%s (in %d records looked at)", strings.TrimPrefix(text, "; "), d.Looked)
}
