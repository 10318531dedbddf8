package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
)

// Scale measures how the cost of an event depends on one thing at a time. A
// line's workload is what varies and how much of it there is: keys/1000000.
type Scale struct {
	Share float64 // of the events
	Runs  int
	table *workload.Table // of transactions, for all lines
}

// pair24 waits for every card: each event but one in a hundred begins a partial
// match that a day does not end.
const pair24 = `SELECT * FROM tx MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES A.ts AS probed, B.ts AS ts, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '1' DAY DEFINE A AS A.amount < 1000, B AS B.amount > 1000);`

// steps is SEQ of six trades, the last of which does not occur.
const steps = `SELECT * FROM stock MATCH_RECOGNIZE (ORDER BY ts MEASURES A.ts AS began, F.ts AS ts
  PATTERN (A ->> B ->> C ->> D ->> E ->> F) WITHIN INTERVAL '%g' SECOND
  DEFINE A AS A.symbol = 'MSFT', B AS B.symbol = 'ORCL', C AS C.symbol = 'CSCO',
    D AS D.symbol = 'AMAT', E AS E.symbol = 'MSFT', F AS F.symbol = 'ORCL' AND F.volume > 1000);`

// Lines are all measurements.
func (s *Scale) Lines() (lines []measure.Line) {
	for keys := 1000; keys <= 10_000_000; keys *= 10 {
		lines = append(lines, s.line(fmt.Sprintf("keys/%d", keys), "pair", func() (measure.Result, error) { return s.keys(keys) }))
	}
	for window := 100; window <= 10_000; window *= 10 {
		lines = append(lines, s.line(fmt.Sprintf("window/%d", window), "six-steps", func() (measure.Result, error) { return s.window(window) }))
	}
	for rules := 1; rules <= 1000; rules *= 10 {
		lines = append(lines, s.line(fmt.Sprintf("rules/%d", rules), "Q2", func() (measure.Result, error) { return s.rules(rules) }))
	}
	for _, skew := range skews {
		lines = append(lines, s.line("skew/"+skew.name, "Q2", func() (measure.Result, error) { return s.skewed(skew.card) }))
	}
	for _, query := range []string{"Q2", "Q3", "Q6"} {
		for cores := 1; cores <= min(runtime.NumCPU(), 64); cores *= 2 {
			lines = append(lines, s.line(fmt.Sprintf("cores/%d", cores), query, func() (measure.Result, error) { return s.cores(query, nil, cores) }))
		}
	}
	for _, skew := range skews {
		lines = append(lines, s.line("skew/"+skew.name, "Q2-engine", func() (measure.Result, error) {
			return s.cores("Q2", skew.card, runtime.NumCPU())
		}))
	}
	return lines
}

func (s *Scale) line(workload, system string, run func() (measure.Result, error)) measure.Line {
	return measure.Line{Workload: workload, System: system, Measure: func() (measure.Result, error) { return measure.Several(s.Runs, run) }}
}

func (s *Scale) events(n int) int { return max(1000, int(float64(n)*s.Share)) }

// transactions are at least n events with cards of one's own.
func (s *Scale) transactions(n int, card func(i int) int64) *workload.Table {
	if s.table == nil || s.table.N < n {
		s.table = workload.NewTable(queries.Transactions, n)
	}
	s.table.Rekey(card)
	return s.table
}

// uniform is a card of so many, by a mix of the event's number (splitmix64).
func uniform(keys int) func(i int) int64 {
	return func(i int) int64 {
		x := (uint64(i) + 1) * 0x9E3779B97F4A7C15
		x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
		x = (x ^ x>>27) * 0x94D049BB133111EB
		return int64((x ^ x>>31) % uint64(keys))
	}
}

// skews are distributions of events among 100,000 cards.
var skews = []struct {
	name string
	card func() func(i int) int64
}{
	{"uniform", func() func(i int) int64 { return uniform(cards) }},
	{"zipf-1.1", func() func(i int) int64 {
		z := rand.NewZipf(rand.New(rand.NewPCG(workload.Seed, 0)), 1.1, 1, cards-1)
		return func(int) int64 { return int64(z.Uint64()) }
	}},
	{"half-on-one-key", func() func(i int) int64 {
		of := uniform(cards)
		return func(i int) int64 {
			if i%2 == 0 {
				return 0
			}
			return of(i)
		}
	}},
}

// settled measures operators over n events after a warm-up, on one core.
func settled(m *Memory, warm, n int) (r measure.Result, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if _, err := m.Run(warm); err != nil {
		return r, err
	}
	before := m.matches
	u, err := measure.Run(func() error { r.Events, err = m.Run(n); return err })
	r.Take(u)
	r.Matches = m.matches - before
	r.StateKeys, r.StateBytes = m.Held()
	r.Note = "operators of one shard after a warm-up, columns in memory, GOMAXPROCS=1"
	return r, err
}

// keys: every card has state, and is seen twice on average before it counts.
func (s *Scale) keys(keys int) (r measure.Result, err error) {
	warm, n := max(s.events(1_000_000), 2*s.events(keys)), s.events(2_000_000)
	m, err := newMemory(s.transactions(warm+n, uniform(s.events(keys))), "keys", queries.Tables()+pair24, []map[string]string{nil})
	if err != nil {
		return r, err
	}
	return settled(m, warm, n)
}

func (s *Scale) window(events int) (r measure.Result, err error) {
	warm, n := 3*events, s.events(1_000_000)
	text := queries.Tables() + fmt.Sprintf(steps, float64(events)/1000)
	m, err := newMemory(workload.NewTable(queries.Stock, warm+n), "window", text, []map[string]string{nil})
	if err != nil {
		return r, err
	}
	return settled(m, warm, n)
}

func (s *Scale) rules(rules int) (r measure.Result, err error) {
	q9, _ := queries.Find("Q9-1000")
	n := s.events(max(50_000, 2_000_000/rules))
	m, err := newMemory(s.transactions(2*n, uniform(cards)), "rules", q9.Script(), queries.Copies(rules, max(rules, 10)))
	if err != nil {
		return r, err
	}
	return settled(m, n, n)
}

func (s *Scale) skewed(card func() func(i int) int64) (r measure.Result, err error) {
	q2, _ := queries.Find("Q2")
	n := s.events(2_000_000)
	m, err := NewMemory(s.transactions(2*n, card()), q2)
	if err != nil {
		return r, err
	}
	return settled(m, n, n)
}

// cores runs the engine on so many cores over four partitions; card nil: the
// workload's own cards.
func (s *Scale) cores(query string, card func() func(i int) int64, cores int) (measure.Result, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	w, _ := queries.Find(query)
	t := workload.NewTable(w.Stream, s.events(w.Events))
	if card != nil {
		t.Rekey(card())
	}
	r, err := Engine("", w, load.Options{Held: t, Split: 4, Rounds: 2, Workers: cores})
	r.Stamp(time.Now())
	return r, err
}
