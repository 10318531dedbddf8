package workload

// Base is the time of the first event, in ms since the epoch.
const Base = 1700002800000

// Seed is that of every stream.
const Seed = 42

// Countries and Kinds are the values of those columns; Symbols of the stock's.
var (
	Countries = [...]string{"US", "GB", "DE", "FR", "CN", "BR", "IN", "NG"}
	Kinds     = [...]string{"auth", "withdraw", "transfer"}
	Symbols   = [...]string{"MSFT", "ORCL", "CSCO", "AMAT"}
)

// Random is xorshift64*.
type Random uint64

// U32 is the next 32 bits.
func (r *Random) U32() uint32 {
	x := *r
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*r = x
	return uint32(uint64(x) * 0x2545F4914F6CDD1D >> 32)
}

// Transaction is an event of the first stream.
type Transaction struct {
	TS      int64 // ms
	Card    int64
	Cents   int64
	Country int // in Countries
	Kind    int // in Kinds
}

// Amount is the amount as DOUBLE.
func (t *Transaction) Amount() float64 { return float64(t.Cents) / 100 }

// Transactions makes the stream of transactions from its first event on.
type Transactions struct {
	random Random
	n      int64
}

// NewTransactions starts the stream.
func NewTransactions() *Transactions { return &Transactions{random: Seed} }

// N is the number of events made.
func (g *Transactions) N() int64 { return g.n }

// Next makes the next event. The third number is drawn whatever the second was.
func (g *Transactions) Next(t *Transaction) {
	d1, d2, d3, d4 := g.random.U32(), g.random.U32(), g.random.U32(), g.random.U32()
	t.TS, t.Card = Base+g.n, int64(d1%100000)
	if d2%100 == 0 {
		t.Cents = 100000 + int64(d3%400001)
	} else {
		t.Cents = 100 + int64(d3%19901)
	}
	t.Country, t.Kind = int(d4&7), int(d4>>8%3)
	g.n++
}

// Skip passes over n events.
func (g *Transactions) Skip(n int64) {
	var t Transaction
	for range n {
		g.Next(&t)
	}
}

// Trade is an event of the stock stream.
type Trade struct {
	TS     int64 // ms
	Symbol int   // in Symbols
	Cents  int64
	Volume int64
}

// Price is the price as DOUBLE.
func (t *Trade) Price() float64 { return float64(t.Cents) / 100 }

// Stock makes the stock stream from its first event on.
type Stock struct {
	random Random
	n      int64
}

// NewStock starts the stream.
func NewStock() *Stock { return &Stock{random: Seed} }

// N is the number of events made.
func (g *Stock) N() int64 { return g.n }

// Next makes the next event.
func (g *Stock) Next(t *Trade) {
	d1, d2, d3 := g.random.U32(), g.random.U32(), g.random.U32()
	t.TS, t.Symbol, t.Cents, t.Volume = Base+g.n, int(d1&3), 1000+int64(d2%9001), 1+int64(d3%1000)
	g.n++
}

// Skip passes over n events.
func (g *Stock) Skip(n int64) {
	var t Trade
	for range n {
		g.Next(&t)
	}
}

// Hash is the check over a stream: FNV-1a over the words of its events.
type Hash uint64

// NewHash is the hash of nothing.
func NewHash() Hash { return 1469598103934665603 }

// Add takes words in.
func (h *Hash) Add(words ...int64) {
	for _, w := range words {
		*h = (*h ^ Hash(w)) * 1099511628211
	}
}
