package benchmarks

import (
	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
)

// Transactions are the first events of the transaction stream as plain arrays:
// what a hand-written loop would want.
type Transactions struct {
	Time    []int64 // ms
	Card    []int64 // 0 … 99,999
	Amount  []float64
	Country []uint8 // index into workload.Countries; 0 is US
	Kind    []uint8 // index into workload.Kinds
}

const (
	cards     = 100_000
	countries = len(workload.Countries)
)

// The codes of kinds and of the one country that queries name.
const (
	kindAuth, kindWithdraw, kindTransfer = 0, 1, 2
	countryUS                            = 0
)

// NewTransactions makes the first n transactions.
func NewTransactions(n int) *Transactions {
	t := &Transactions{Time: make([]int64, n), Card: make([]int64, n), Amount: make([]float64, n), Country: make([]uint8, n), Kind: make([]uint8, n)}
	g := workload.NewTransactions()
	var e workload.Transaction
	for i := range n {
		g.Next(&e)
		t.Time[i], t.Card[i], t.Amount[i] = e.TS, e.Card, e.Amount()
		t.Country[i], t.Kind[i] = uint8(e.Country), uint8(e.Kind)
	}
	return t
}

// First is the first n events.
func (t *Transactions) First(n int) *Transactions {
	return &Transactions{t.Time[:n], t.Card[:n], t.Amount[:n], t.Country[:n], t.Kind[:n]}
}

// Trades are the first events of the stock stream as plain arrays; the time of
// event i is i ms after the first.
type Trades struct {
	Symbol []uint8 // index into workload.Symbols
	Volume []int32
}

// NewTrades makes the first n trades.
func NewTrades(n int) *Trades {
	t := &Trades{Symbol: make([]uint8, n), Volume: make([]int32, n)}
	g := workload.NewStock()
	var e workload.Trade
	for i := range n {
		g.Next(&e)
		t.Symbol[i], t.Volume[i] = uint8(e.Symbol), int32(e.Volume)
	}
	return t
}

// First is the first n events.
func (t *Trades) First(n int) *Trades { return &Trades{t.Symbol[:n], t.Volume[:n]} }

// Data is the events of the workloads, each stream made when it is first asked
// for.
type Data struct {
	transactions *Transactions
	trades       *Trades
	tables       map[string]*workload.Table
}

// NewData holds nothing yet.
func NewData() *Data { return &Data{tables: map[string]*workload.Table{}} }

// Transactions is at least the first n transactions.
func (d *Data) Transactions(n int) *Transactions {
	if d.transactions == nil || len(d.transactions.Time) < n {
		d.transactions = NewTransactions(n)
	}
	return d.transactions.First(n)
}

// Trades is the first n trades.
func (d *Data) Trades(n int) *Trades {
	if d.trades == nil || len(d.trades.Symbol) < n {
		d.trades = NewTrades(n)
	}
	return d.trades.First(n)
}

// Table is at least the first n events of a workload's stream, in columns.
func (d *Data) Table(w *queries.Workload, n int) *workload.Table {
	t := d.tables[w.Stream]
	if t == nil || t.N < n {
		t = workload.NewTable(w.Stream, n)
		d.tables[w.Stream] = t
	}
	return t
}
