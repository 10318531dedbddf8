package benchmarks

import "github.com/cepd/cepd/benchmarks/workload"

// Transactions are the first n events of the transaction stream as plain
// arrays: what a hand-written loop would want.
type Transactions struct {
	Time    []int64 // ms
	Card    []int64 // 0 … 99,999
	Amount  []float64
	Country []uint8 // index into workload.Countries; 0 is US
	Kind    []uint8 // index into workload.Kinds
}

const cards = 100_000

// Generate makes n transactions.
func Generate(n int) *Transactions {
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
