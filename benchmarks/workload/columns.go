package workload

import "github.com/cepd/cepd/internal/event"

// The columns of the two streams.
var (
	TransactionSchema = &event.Schema{Rowtime: 0, Fields: []event.Field{
		{Name: "ts", Type: event.TTimestamp}, {Name: "card", Type: event.TInt64}, {Name: "amount", Type: event.TFloat64},
		{Name: "country", Type: event.TString}, {Name: "kind", Type: event.TString},
	}}
	StockSchema = &event.Schema{Rowtime: 0, Fields: []event.Field{
		{Name: "ts", Type: event.TTimestamp}, {Name: "symbol", Type: event.TString}, {Name: "price", Type: event.TFloat64}, {Name: "volume", Type: event.TInt64},
	}}
)

// words is texts in one buffer, for columns that take few values.
type words struct {
	buf   []byte
	spans []event.Span
}

func newWords(texts []string) (w words) {
	for _, s := range texts {
		w.spans = append(w.spans, event.Span{Off: uint32(len(w.buf)), Len: uint32(len(s))})
		w.buf = append(w.buf, s...)
	}
	return w
}

var countries, kinds, symbols = newWords(Countries[:]), newWords(Kinds[:]), newWords(Symbols[:])

// Fill makes the next n events in b, whose schema is TransactionSchema. IDs
// count from the stream's first event.
func (g *Transactions) Fill(b *event.Batch, n int) {
	reset(b, n, g.n)
	ts, card, amount, country, kind := b.Cols[0].I64, b.Cols[1].I64, b.Cols[2].F64, b.Cols[3].Str, b.Cols[4].Str
	b.Cols[3].Alias(countries.buf)
	b.Cols[4].Alias(kinds.buf)
	var t Transaction
	for i := range n {
		g.Next(&t)
		ts[i], card[i], amount[i] = t.TS*1000, t.Card, t.Amount()
		country[i], kind[i] = countries.spans[t.Country], kinds.spans[t.Kind]
	}
	copy(b.Time, ts)
}

// Fill makes the next n events in b, whose schema is StockSchema.
func (g *Stock) Fill(b *event.Batch, n int) {
	reset(b, n, g.n)
	ts, symbol, price, volume := b.Cols[0].I64, b.Cols[1].Str, b.Cols[2].F64, b.Cols[3].I64
	b.Cols[1].Alias(symbols.buf)
	var t Trade
	for i := range n {
		g.Next(&t)
		ts[i], symbol[i], price[i], volume[i] = t.TS*1000, symbols.spans[t.Symbol], t.Price(), t.Volume
	}
	copy(b.Time, ts)
}

func reset(b *event.Batch, n int, from int64) {
	b.Reset(n)
	for i := range b.ID {
		b.ID[i] = event.ID{Lo: uint64(from) + uint64(i)}
	}
}
