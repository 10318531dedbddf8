package parquet

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// maxGroupRows is how many rows a row group has at most.
const maxGroupRows = 1 << 20

// codecs are the values of 'parquet.compression'.
var codecs = map[string]compress.Codec{
	"": &parquet.Snappy, "SNAPPY": &parquet.Snappy, "ZSTD": &parquet.Zstd, "GZIP": &parquet.Gzip, "UNCOMPRESSED": &parquet.Uncompressed,
}

// Writer writes rows as a Parquet file, column by column.
type Writer struct {
	out    *parquet.GenericWriter[any]
	fields []*shredder
	leaves [][]parquet.Value // by leaf: the values of the batch at hand
	rows   int               // in the row group
}

// Format is how the files of a table are written.
type Format struct {
	schema  *parquet.Schema
	codec   compress.Codec
	columns []connectors.Column
}

// NewFormat is the format of files with these columns, metadata left out; codec
// is a value of 'parquet.compression'.
func NewFormat(columns []connectors.Column, codec string) (*Format, error) {
	f := &Format{codec: codecs[codec], columns: columns}
	root := ordered{Group: parquet.Group{}}
	for _, c := range columns {
		if c.Metadata != "" {
			continue
		}
		n, err := nodeOf(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		root.add(c.Name, n, !c.NotNull)
	}
	if len(root.names) == 0 {
		return nil, fmt.Errorf("a Parquet file needs a column that is no part of its path")
	}
	f.schema = parquet.NewSchema("row", root)
	return f, nil
}

// NewWriter begins a file.
func (f *Format) NewWriter(to io.Writer) *Writer {
	w := &Writer{out: parquet.NewGenericWriter[any](to, f.schema, parquet.Compression(f.codec), parquet.CreatedBy("cepd", "", ""))}
	for i, c := range f.columns {
		if c.Metadata == "" {
			w.fields = append(w.fields, newShredder(c, i, &w.leaves))
		}
	}
	return w
}

// Write adds the live rows of a batch.
func (w *Writer) Write(b *event.Batch) error {
	for i := range w.leaves {
		w.leaves[i] = w.leaves[i][:0]
	}
	for n := range b.Live() {
		for _, f := range w.fields {
			if err := f.put(w.leaves, &b.Cols[f.col], b.Row(n), 0, 0); err != nil {
				return fmt.Errorf("column %s: %w", f.name, err)
			}
		}
	}
	for i, c := range w.out.ColumnWriters() {
		if _, err := c.WriteRowValues(w.leaves[i]); err != nil {
			return err
		}
	}
	if w.rows += b.Live(); w.rows < maxGroupRows {
		return nil
	}
	w.rows = 0
	return w.out.Flush()
}

// Close writes what is left, and the footer.
func (w *Writer) Close() error { return w.out.Close() }

// ordered is a group whose fields stay in the order they were added: the
// library's are in that of their names.
type ordered struct {
	parquet.Group
	names []string
}

func (g *ordered) add(name string, n parquet.Node, nullable bool) {
	if nullable {
		n = parquet.Optional(n)
	}
	g.Group[name] = n
	g.names = append(g.names, name)
}

// Fields implements parquet.Node.
func (g ordered) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range g.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(g.names))
	for i, name := range g.names {
		fields[i] = byName[name]
	}
	return fields
}

// wideBytes is the length of a DECIMAL that does not fit 64 bits.
const wideBytes = 16

// nodeOf is how values of a type lie in a file.
func nodeOf(t event.Type) (parquet.Node, error) {
	switch t.Kind {
	case event.Bool:
		return parquet.Leaf(parquet.BooleanType), nil
	case event.Int8, event.Int16, event.Int32, event.Int64:
		return parquet.Int(bitsOf[t.Kind]), nil
	case event.Float32:
		return parquet.Leaf(parquet.FloatType), nil
	case event.Float64:
		return parquet.Leaf(parquet.DoubleType), nil
	case event.Decimal:
		return decimalNode(t), nil
	case event.String:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary), nil
	case event.Bytes:
		return parquet.Leaf(parquet.ByteArrayType), nil
	case event.Date:
		return parquet.Date(), nil
	case event.TimeOfDay:
		return parquet.TimeAdjusted(unitOf(t), false), nil
	case event.Timestamp, event.TimestampLTZ:
		return parquet.TimestampAdjusted(unitOf(t), t.Kind == event.TimestampLTZ), nil
	case event.Array, event.Map, event.Row:
		return nestedNode(t)
	}
	return nil, fmt.Errorf("%s has no form in Parquet", t)
}

var bitsOf = map[event.Kind]int{event.Int8: 8, event.Int16: 16, event.Int32: 32, event.Int64: 64}

func decimalNode(t event.Type) parquet.Node {
	switch {
	case t.Precision <= 9:
		return parquet.Decimal(t.Scale, t.Precision, parquet.Int32Type)
	case !t.Wide():
		return parquet.Decimal(t.Scale, t.Precision, parquet.Int64Type)
	}
	return parquet.Decimal(t.Scale, t.Precision, parquet.FixedLenByteArrayType(wideBytes))
}

func millis(t event.Type) bool { return t.Precision <= 3 }

func unitOf(t event.Type) parquet.TimeUnit {
	if millis(t) {
		return parquet.Millisecond
	}
	return parquet.Microsecond
}

func nestedNode(t event.Type) (parquet.Node, error) {
	var kids []parquet.Node
	for _, k := range inside(t) {
		n, err := nodeOf(k.Type)
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
	}
	switch t.Kind {
	case event.Array:
		return parquet.List(parquet.Optional(kids[0])), nil
	case event.Map:
		return parquet.Map(kids[0], parquet.Optional(kids[1])), nil
	}
	g := ordered{Group: parquet.Group{}}
	for i, f := range t.Fields {
		g.add(f.Name, kids[i], true)
	}
	return g, nil
}

// inside is what a nested type is made of.
func inside(t event.Type) []event.Field {
	switch t.Kind {
	case event.Array:
		return []event.Field{{Name: "element", Type: *t.Elem}}
	case event.Map:
		return []event.Field{{Name: "key", Type: *t.Key}, {Name: "value", Type: *t.Elem}}
	}
	return t.Fields
}
