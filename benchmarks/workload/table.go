package workload

import "github.com/cepd/cepd/internal/event"

// Table is the first events of a stream in columns, made once, so that making
// them is not part of what is measured.
type Table struct {
	Schema *event.Schema
	N      int
	ints   [][]int64      // by column; nil where it has another type
	floats [][]float64    //
	spans  [][]event.Span // of text
	text   [][]byte
}

// NewTable makes the first n events of a stream: transactions or stock.
func NewTable(name string, n int) *Table {
	var s stream = NewTransactions()
	schema := TransactionSchema
	if name == "stock" {
		s, schema = NewStock(), StockSchema
	}
	t := &Table{Schema: schema, N: n, ints: make([][]int64, len(schema.Fields)), floats: make([][]float64, len(schema.Fields)),
		spans: make([][]event.Span, len(schema.Fields)), text: make([][]byte, len(schema.Fields))}
	b := event.NewBatch(schema)
	for t.reserve(n); s.N() < int64(n); {
		s.Fill(b, min(event.MaxRows, n-int(s.N())))
		t.append(b)
	}
	return t
}

func (t *Table) reserve(n int) {
	for c, f := range t.Schema.Fields {
		switch f.Type.Kind {
		case event.Float64:
			t.floats[c] = make([]float64, 0, n)
		case event.String:
			t.spans[c] = make([]event.Span, 0, n)
		default:
			t.ints[c] = make([]int64, 0, n)
		}
	}
}

func (t *Table) append(b *event.Batch) {
	for c := range b.Cols {
		v := &b.Cols[c]
		switch {
		case t.floats[c] != nil:
			t.floats[c] = append(t.floats[c], v.F64[:b.N]...)
		case t.spans[c] != nil:
			t.spans[c], t.text[c] = append(t.spans[c], v.Str[:b.N]...), v.Buf
		default:
			t.ints[c] = append(t.ints[c], v.I64[:b.N]...)
		}
	}
}

// Time is the events' times, µs.
func (t *Table) Time() []event.Time { return t.ints[t.Schema.Rowtime] }

// Bytes is the memory that the table takes.
func (t *Table) Bytes() (n int64) {
	for c := range t.Schema.Fields {
		n += int64(8 * (cap(t.ints[c]) + cap(t.floats[c]) + cap(t.spans[c])))
	}
	return n
}

// View makes b the rows from … to without copying them: columns are those of
// the table that b has. The rows must not be written to.
func (t *Table) View(b *event.Batch, columns []int, from, to int) {
	for i, c := range columns {
		v := &b.Cols[i]
		switch {
		case t.floats[c] != nil:
			v.F64 = t.floats[c][from:to]
		case t.spans[c] != nil:
			v.Str = t.spans[c][from:to]
			v.Alias(t.text[c])
		default:
			v.I64 = t.ints[c][from:to]
		}
	}
	b.N, b.Sel, b.Time = to-from, nil, t.Time()[from:to]
	b.ID = b.ID[:0]
	for row := from; row < to; row++ {
		b.ID = append(b.ID, event.ID{Lo: uint64(row)})
	}
}

// Copy makes b, which has n rows, a copy of the rows from …. After the last row
// the first comes again, later; b must not reach over it.
func (t *Table) Copy(b *event.Batch, columns []int, from int) {
	round := from / t.N
	at := from % t.N
	to := at + b.N
	for i, c := range columns {
		v := &b.Cols[i]
		switch {
		case t.floats[c] != nil:
			copy(v.F64, t.floats[c][at:to])
		case t.spans[c] != nil:
			copy(v.Str, t.spans[c][at:to])
			v.Alias(t.text[c])
		default:
			copy(v.I64, t.ints[c][at:to])
		}
		if round > 0 && c == t.Schema.Rowtime {
			later(v.I64, int64(round)*t.span())
		}
	}
	for i := range b.ID {
		b.ID[i] = event.ID{Lo: uint64(from + i)}
	}
}

// span is the time that the table's events take.
func (t *Table) span() int64 {
	times := t.Time()
	return times[t.N-1] - times[0] + times[1] - times[0]
}

func later(times []int64, by int64) {
	for i := range times {
		times[i] += by
	}
}

// Rekey replaces the cards: that of event i is card(i).
func (t *Table) Rekey(card func(i int) int64) {
	column := t.ints[t.Schema.Index("card")]
	for i := range column {
		column[i] = card(i)
	}
}
