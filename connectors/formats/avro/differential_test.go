package avro

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// sample is a type of random schemas: as Avro, as SQL, and a maker of values
// with what they read as.
type sample struct {
	node avro.SchemaNode
	typ  event.Type
	make func() (any, event.Value)
}

// sampler makes random schemas and values.
type sampler struct {
	*rand.Rand
	names int
}

func (r *sampler) name(prefix string) string {
	r.names++
	return fmt.Sprintf("%s%d", prefix, r.names)
}

func (r *sampler) whole(bits int) int64 {
	switch r.IntN(4) {
	case 0:
		return r.Int64() >> (64 - bits)
	case 1:
		return -1 << (bits - 1)
	}
	return r.Int64N(200) - 100
}

func (r *sampler) text() string {
	return []string{"", "a", "text", "日本語 ü", strings.Repeat("long ", 1+r.IntN(40)), "\x00\"\\"}[r.IntN(6)]
}

// simple makes a type that is not nested.
func (r *sampler) simple() sample {
	ints := func(typ, logical string, t event.Type, bits int, micros int64) sample {
		return sample{avro.SchemaNode{Type: typ, LogicalType: logical}, t, func() (any, event.Value) {
			v := r.whole(bits)
			if micros > 1 {
				v %= math.MaxInt64 / micros
			}
			if t.Kind == event.TimeOfDay {
				v = r.Int64N(86400000)
			}
			if typ == "int" {
				return int32(v), event.IntValue(v * micros)
			}
			return v, event.IntValue(v * micros)
		}}
	}
	instant := func(kind event.Kind, precision int) event.Type { return event.Type{Kind: kind, Precision: precision} }
	switch r.IntN(19) {
	case 0:
		return sample{avro.SchemaNode{Type: "boolean"}, event.TBool, func() (any, event.Value) { b := r.IntN(2) == 0; return b, event.BoolValue(b) }}
	case 1:
		return ints("int", "", event.TInt32, 32, 1)
	case 2:
		return ints("int", "", event.TInt64, 32, 1)
	case 3:
		return ints("long", "", event.TInt64, 64, 1)
	case 4:
		return ints("int", "date", event.TDate, 20, 1)
	case 5:
		return ints("int", "time-millis", event.TTime, 32, 1000).withType(event.Type{Kind: event.TimeOfDay, Precision: 3})
	case 6:
		return ints("long", "time-micros", event.Type{Kind: event.TimeOfDay, Precision: 6}, 64, 1)
	case 7:
		return ints("long", "timestamp-millis", event.TTimestamp, 48, 1000)
	case 8:
		return ints("long", "timestamp-micros", instant(event.TimestampLTZ, 6), 56, 1)
	case 9:
		return ints("long", "local-timestamp-micros", instant(event.Timestamp, 6), 56, 1)
	case 10:
		return sample{avro.SchemaNode{Type: "float"}, event.TFloat32, func() (any, event.Value) { f := float32(r.NormFloat64()); return f, event.FloatValue(float64(f)) }}
	case 11:
		return sample{avro.SchemaNode{Type: "double"}, event.TFloat64, func() (any, event.Value) {
			f := []float64{r.NormFloat64(), math.Inf(1), 0, math.MaxFloat64}[r.IntN(4)]
			return f, event.FloatValue(f)
		}}
	case 12:
		return sample{avro.SchemaNode{Type: "int"}, event.TFloat64, func() (any, event.Value) { v := r.whole(32); return int32(v), event.FloatValue(float64(v)) }}
	case 13:
		return sample{avro.SchemaNode{Type: "bytes"}, event.TBytes, func() (any, event.Value) { s := r.text(); return []byte(s), event.StringValue(s) }}
	case 14:
		return sample{avro.SchemaNode{Type: "fixed", Name: r.name("F"), Size: 4}, event.TBytes, func() (any, event.Value) {
			s := fmt.Sprintf("%04d", r.IntN(10000))
			return []byte(s), event.StringValue(s)
		}}
	case 15:
		symbols := []string{"RED", "GREEN", "BLUE"}
		return sample{avro.SchemaNode{Type: "enum", Name: r.name("E"), Symbols: symbols}, event.TString, func() (any, event.Value) {
			s := symbols[r.IntN(3)]
			return s, event.StringValue(s)
		}}
	case 16:
		return r.decimal(avro.SchemaNode{Type: "bytes"}, 1+r.IntN(38))
	case 17:
		return r.decimal(avro.SchemaNode{Type: "fixed", Name: r.name("D"), Size: 16}, 1+r.IntN(38))
	}
	return sample{avro.SchemaNode{Type: "string"}, event.TString, func() (any, event.Value) { s := r.text(); return s, event.StringValue(s) }}
}

func (s sample) withType(t event.Type) sample {
	s.typ = t
	return s
}

func (r *sampler) decimal(n avro.SchemaNode, precision int) sample {
	scale := r.IntN(precision + 1)
	n.LogicalType, n.Precision, n.Scale = "decimal", precision, scale
	return sample{n, event.TDecimal(precision, scale), func() (any, event.Value) {
		digits := strings.Repeat("9", 1+r.IntN(precision))
		if r.IntN(2) == 0 {
			digits = fmt.Sprintf("-%d", r.IntN(10))
		}
		unscaled, _ := new(big.Int).SetString(digits, 10)
		x, err := decimal.Parse([]byte(digits), precision, 0)
		if err != nil {
			panic(err)
		}
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		return new(big.Rat).SetFrac(unscaled, power), event.Value{I: int64(x.Lo), Hi: x.Hi}
	}}
}

// any makes any type, nested at most depth times.
func (r *sampler) any(depth int) sample {
	kind := r.IntN(8)
	if depth == 0 {
		kind = 7
	}
	switch kind {
	case 0:
		elem := r.any(depth - 1)
		return sample{avro.SchemaNode{Type: "array", Items: &elem.node}, event.Type{Kind: event.Array, Elem: &elem.typ}, func() (any, event.Value) {
			list := []any{}
			var want event.Value
			for range r.IntN(4) {
				v, x := elem.make()
				list, want.L = append(list, v), append(want.L, x)
			}
			return list, want
		}}
	case 1:
		elem, key := r.any(depth-1), event.TString
		return sample{avro.SchemaNode{Type: "map", Values: &elem.node}, event.Type{Kind: event.Map, Key: &key, Elem: &elem.typ}, func() (any, event.Value) {
			if r.IntN(3) == 0 {
				return map[string]any{}, event.Value{}
			}
			v, x := elem.make()
			return map[string]any{"k": v}, event.Value{L: []event.Value{event.StringValue("k"), x}}
		}}
	case 2:
		return r.record(depth - 1)
	case 3, 4:
		s := r.any(depth - 1)
		if s.node.Type == "union" {
			return s
		}
		branches := []avro.SchemaNode{{Type: "null"}, s.node}
		if r.IntN(2) == 0 {
			branches[0], branches[1] = branches[1], branches[0]
		}
		return sample{avro.SchemaNode{Type: "union", Branches: branches}, s.typ, func() (any, event.Value) {
			if r.IntN(3) == 0 {
				return nil, event.NullValue
			}
			return s.make()
		}}
	}
	return r.simple()
}

// record has fields of which the SQL type knows about half.
func (r *sampler) record(depth int) sample {
	s := sample{node: avro.SchemaNode{Type: "record", Name: r.name("R")}, typ: event.Type{Kind: event.Row}}
	var makers []func() (any, event.Value)
	var known []bool
	for i := range 1 + r.IntN(6) {
		f := r.any(depth)
		name := fmt.Sprintf("f%d", i)
		s.node.Fields = append(s.node.Fields, avro.SchemaField{Name: name, Type: f.node})
		makers, known = append(makers, f.make), append(known, i == 0 || r.IntN(2) == 0)
		if known[i] {
			s.typ.Fields = append(s.typ.Fields, event.Field{Name: name, Type: f.typ})
		}
	}
	s.make = func() (any, event.Value) {
		fields, want := map[string]any{}, event.Value{}
		for i, make := range makers {
			v, x := make()
			fields[fmt.Sprintf("f%d", i)] = v
			if known[i] {
				want.L = append(want.L, x)
			}
		}
		return fields, want
	}
	return s
}

func options(kv ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == key {
				return kv[i+1]
			}
		}
		return ""
	}
}

// columnsOf are the fields of a ROW as columns, in another order.
func columnsOf(r *rand.Rand, t event.Type) (columns []connectors.Column, order []int) {
	order = r.Perm(len(t.Fields))
	for _, k := range order {
		columns = append(columns, connectors.Column{Name: t.Fields[k].Name, Type: t.Fields[k].Type})
	}
	return columns, order
}

// TestAgainstLibrary has the library write random values of random schemas.
func TestAgainstLibrary(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { compare(t, seed) }) {
			return
		}
	}
}

func compare(t *testing.T, seed uint64) {
	r := &sampler{Rand: rand.New(rand.NewPCG(seed, 1))}
	s := r.record(3)
	schema, err := s.node.Schema()
	if err != nil {
		t.Fatal(err)
	}
	columns, order := columnsOf(r.Rand, s.typ)
	var records []string
	want := formattest.Batch(columns)
	want.Reset(20)
	for i := range want.N {
		v, x := s.make()
		record, err := schema.Encode(v)
		if err != nil {
			t.Fatal(err, v)
		}
		records = append(records, string(record))
		for c, k := range order {
			want.Cols[c].Set(i, want.N, x.L[k])
		}
	}
	d, err := NewDecoder(columns, columns, options("avro.schema", schema.String()))
	if err != nil {
		t.Fatal(err, schema)
	}
	expected := ""
	for i := range want.N {
		expected += formattest.Row(want, i)
	}
	if got := formattest.Decode(t, d, columns, formattest.Raw(records...)); got != expected {
		t.Fatalf("%s\ngot:\n%s\nwant:\n%s", schema, got, expected)
	}
	truncate(t, d, columns, records)
}

// truncate cuts a record at every byte and changes one: its neighbours stay.
func truncate(t *testing.T, d *Decoder, columns []connectors.Column, records []string) {
	good := strings.TrimSuffix(formattest.Decode(t, d, columns, formattest.Raw(records[0])), "\n")
	for i := range records[1] {
		changed := []byte(records[1])
		changed[i] ^= byte(1 + i*37%255)
		got := formattest.Decode(t, d, columns, formattest.Raw(records[0], records[1][:i], string(changed), records[0]))
		lines := strings.Split(got, "\n")
		if len(lines) != 5 || lines[0] != good || lines[3] != good {
			t.Fatalf("byte %d:\n%s", i, got)
		}
	}
}

// TestWriteAgainstLibrary has the library read what the encoder writes.
func TestWriteAgainstLibrary(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { write(t, seed) }) {
			return
		}
	}
}

// write derives the schema from random columns.
func write(t *testing.T, seed uint64) {
	r := &sampler{Rand: rand.New(rand.NewPCG(seed, 2))}
	s := r.record(2)
	columns, order := columnsOf(r.Rand, s.typ)
	b := formattest.Batch(columns)
	b.Reset(20)
	expected := ""
	for i := range b.N {
		_, x := s.make()
		for c, k := range order {
			b.Cols[c].Set(i, b.N, x.L[k])
		}
	}
	for i := range b.N {
		expected += formattest.Row(b, i)
	}
	e, err := NewEncoder(columns, options())
	if err != nil {
		t.Fatal(err)
	}
	var out connectors.Encoded
	if err := e.Encode(b, &out); err != nil {
		t.Fatal(err)
	}
	schema := avro.MustParse(e.schema)
	var again []string
	for _, span := range out.Value {
		var v any
		rest, err := schema.Decode(out.Buf[span.Off:span.Off+span.Len], &v)
		if err != nil || len(rest) > 0 {
			t.Fatal(err, rest, e.schema)
		}
		record, err := schema.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, string(record))
	}
	d, err := NewDecoder(columns, columns, options())
	if err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, columns, formattest.Raw(again...)); got != expected {
		t.Fatalf("%s\ngot:\n%s\nwant:\n%s", e.schema, got, expected)
	}
}
