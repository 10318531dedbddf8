// Package formattest is what tests of formats share: tables and batches from
// text, and batches as text.
package formattest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// Args reads the arguments of a datadriven command: name:TYPE is a column
// (TYPE! is NOT NULL), name=value an option.
func Args[A fmt.Stringer](t testing.TB, args []A) ([]connectors.Column, map[string]string) {
	t.Helper()
	options := map[string]string{}
	var columns []connectors.Column
	for _, a := range args {
		name, value, isOption := strings.Cut(a.String(), "=")
		if isOption {
			options[name] = value
			continue
		}
		name, typ, _ := strings.Cut(name, ":")
		text, notNull := strings.CutSuffix(typ, "!")
		columns = append(columns, connectors.Column{Name: name, Type: Type(t, text), NotNull: notNull})
	}
	return columns, options
}

var simple = map[string]event.Type{
	"BOOLEAN": event.TBool, "TINYINT": event.TInt8, "SMALLINT": event.TInt16, "INT": event.TInt32, "BIGINT": event.TInt64,
	"FLOAT": event.TFloat32, "DOUBLE": event.TFloat64, "STRING": event.TString, "BYTES": event.TBytes, "DATE": event.TDate, "TIME": {Kind: event.TimeOfDay, Precision: 3},
	"INTERVAL": event.TDay,
}

// Type reads a type: names as in SQL, DECIMAL.p.s, TIMESTAMP.p, LTZ.p, ARRAY<t>,
// MAP<t>, ROW<name_t;name_t>.
func Type(t testing.TB, s string) event.Type {
	t.Helper()
	if typ, ok := simple[s]; ok {
		return typ
	}
	if head, body, ok := strings.Cut(strings.TrimSuffix(s, ">"), "<"); ok {
		return nested(t, head, body)
	}
	parts := strings.Split(s, ".")
	n := func(i int) int { v, _ := strconv.Atoi(parts[i]); return v }
	switch parts[0] {
	case "DECIMAL":
		return event.TDecimal(n(1), n(2))
	case "TIMESTAMP":
		return event.Type{Kind: event.Timestamp, Precision: n(1)}
	case "LTZ":
		return event.Type{Kind: event.TimestampLTZ, Precision: n(1)}
	}
	t.Fatalf("no type %s", s)
	return event.Type{}
}

func nested(t testing.TB, head, body string) event.Type {
	switch head {
	case "ARRAY":
		elem := Type(t, body)
		return event.Type{Kind: event.Array, Elem: &elem}
	case "MAP":
		key, elem := event.TString, Type(t, body)
		return event.Type{Kind: event.Map, Key: &key, Elem: &elem}
	}
	typ := event.Type{Kind: event.Row}
	for _, f := range strings.Split(body, ";") {
		name, text, _ := strings.Cut(f, "_")
		typ.Fields = append(typ.Fields, event.Field{Name: name, Type: Type(t, text)})
	}
	return typ
}

// Raw is a batch of the records.
func Raw(records ...string) *connectors.RawBatch {
	r := &connectors.RawBatch{}
	for i, s := range records {
		r.Value = append(r.Value, event.Span{Off: uint32(len(r.Buf)), Len: uint32(len(s))})
		r.Buf = append(r.Buf, s...)
		r.Offset, r.Flags, r.Time = append(r.Offset, int64(i)), append(r.Flags, 0), append(r.Time, 0)
		if s == "<tombstone>" {
			r.Flags[i] |= connectors.NullValue
		}
	}
	return r
}

// Schema is that of the columns.
func Schema(columns []connectors.Column) *event.Schema {
	s := &event.Schema{Rowtime: -1}
	for _, c := range columns {
		s.Fields = append(s.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	return s
}

// Batch is an empty batch of the columns.
func Batch(columns []connectors.Column) *event.Batch { return event.NewBatch(Schema(columns)) }

// Decode decodes and prints one line per record: its values, or why not.
func Decode(t testing.TB, d connectors.Decoder, columns []connectors.Column, raw *connectors.RawBatch) string {
	t.Helper()
	dst := Batch(columns)
	dst.Reset(raw.N())
	rejects, err := d.Decode(raw, dst, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range raw.N() {
		if len(rejects) > 0 && int(rejects[0].Row) == i {
			fmt.Fprintf(&b, "REJECT %s\n", rejects[0].Reason)
			rejects = rejects[1:]
			for c := range dst.Cols {
				if !dst.Cols[c].Null(i) {
					t.Errorf("row %d: rejected, but %s is not NULL", i, columns[c].Name)
				}
			}
			continue
		}
		b.WriteString(Row(dst, i))
	}
	return b.String()
}

// Row prints row i on a line, behind what it changes where that is not +I.
func Row(b *event.Batch, i int) string {
	var parts []string
	if c := b.Change(i); c != event.Insert {
		parts = append(parts, c.String())
	}
	for c := range b.Cols {
		parts = append(parts, Cell(&b.Cols[c], i))
	}
	return strings.Join(parts, " | ") + "\n"
}

// Cell prints one value.
func Cell(v *event.Vec, i int) string {
	switch {
	case v.Null(i):
		return "NULL"
	case v.Type.Kind == event.Row:
		parts := make([]string, len(v.Kids))
		for k := range v.Kids {
			parts[k] = Cell(&v.Kids[k], i)
		}
		return "(" + strings.Join(parts, ", ") + ")"
	case v.Type.Physical() == event.PhysNested:
		return elements(v, i)
	case v.Type.Physical() == event.PhysStr:
		return strconv.Quote(string(v.Bytes(i)))
	}
	return string(cell.Append(nil, v, i, cell.Style{}))
}

func elements(v *event.Vec, i int) string {
	var parts []string
	for e := v.Str[i].Off; e < v.Str[i].Off+v.Str[i].Len; e++ {
		text := Cell(&v.Kids[0], int(e))
		if v.Type.Kind == event.Map {
			text += ": " + Cell(&v.Kids[1], int(e))
		}
		parts = append(parts, text)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Recode decodes the records and prints them as the encoder writes them.
func Recode(t testing.TB, d connectors.Decoder, e connectors.Encoder, columns []connectors.Column, raw *connectors.RawBatch) string {
	t.Helper()
	b := Batch(columns)
	b.Reset(raw.N())
	rejects, err := d.Decode(raw, b, nil)
	if err != nil || len(rejects) > 0 {
		t.Fatal(rejects, err)
	}
	return Encode(t, e, b)
}

// Encode prints the live rows as the encoder writes them, one per line.
func Encode(t testing.TB, e connectors.Encoder, b *event.Batch) string {
	t.Helper()
	var dst connectors.Encoded
	if err := e.Encode(b, &dst); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, s := range dst.Value {
		out.Write(dst.Buf[s.Off : s.Off+s.Len])
		out.WriteByte('\n')
	}
	return out.String()
}
