package benchmarks

import (
	"fmt"
	"time"

	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// batchRows is how many rows a source gives at once.
const batchRows = 1024

// Memory feeds transactions that lie in memory to the operators of a query.
type Memory struct {
	t        *Transactions
	scan     *plan.Scan
	pipeline *conformance.Pipeline
	batch    *event.Batch
	micros   []int64      // Time in µs
	country  []event.Span // of countryText
	kind     []event.Span // of kindText
	next     int
	matches  int
}

// Emit counts detections.
func (m *Memory) Emit(b *event.Batch) error {
	m.matches += b.Live()
	return nil
}

var countryText, kindText = joined(workload.Countries[:]), joined(workload.Kinds[:])

func joined(words []string) (text []byte) {
	for _, w := range words {
		text = append(text, w...)
	}
	return text
}

// spans are the places of codes' words in their joined text.
func spans(codes []uint8, words []string) []event.Span {
	at := make([]event.Span, len(words))
	off := uint32(0)
	for i, w := range words {
		at[i] = event.Span{Off: off, Len: uint32(len(w))}
		off += uint32(len(w))
	}
	out := make([]event.Span, len(codes))
	for i, c := range codes {
		out[i] = at[c]
	}
	return out
}

// NewMemory compiles a query over t.
func NewMemory(t *Transactions, text string) (*Memory, error) {
	root, err := compile(text)
	if err != nil {
		return nil, err
	}
	m := &Memory{t: t, country: spans(t.Country, workload.Countries[:]), kind: spans(t.Kind, workload.Kinds[:]), micros: make([]int64, len(t.Time))}
	for i, ms := range t.Time {
		m.micros[i] = ms * 1000
	}
	var n plan.Node = root
	for len(n.Inputs()) > 0 {
		n = n.Inputs()[0]
	}
	m.scan = n.(*plan.Scan)
	m.batch = conformance.ReadBatch(m.scan)
	m.pipeline, err = conformance.NewPipeline(root, operators.Collector(m))
	return m, err
}

func compile(text string) (*plan.Insert, error) {
	r, err := query.CompileText(catalog.New(), "", fmt.Sprintf(Table, "'connector' = 'memory', 'name' = 'tx'")+text, nil)
	if err != nil {
		return nil, err
	}
	return r.Queries[0].Insert, nil
}

// Run feeds up to n further events and says how many it fed. The batches are
// views of the arrays, as those of a source that has decoded them.
func (m *Memory) Run(n int) (int, error) {
	end := min(m.next+n, len(m.t.Time))
	start := m.next
	for m.next < end {
		to := min(m.next+batchRows, end)
		m.view(m.next, to)
		wm := m.micros[to-1]
		m.next = to
		if err := m.pipeline.Step(m.batch, wm); err != nil {
			return 0, err
		}
	}
	return end - start, nil
}

// view makes the batch the rows from … to.
func (m *Memory) view(from, to int) {
	b := m.batch
	for i := range m.scan.Read {
		v := &b.Cols[i]
		switch m.scan.Read[i].Name {
		case "ts":
			v.I64 = m.micros[from:to]
		case "card":
			v.I64 = m.t.Card[from:to]
		case "amount":
			v.F64 = m.t.Amount[from:to]
		case "country":
			v.Str = m.country[from:to]
			v.Alias(countryText)
		case "kind":
			v.Str = m.kind[from:to]
			v.Alias(kindText)
		}
	}
	b.N, b.Sel, b.Time = to-from, nil, m.micros[from:to]
	b.ID = b.ID[:0]
	for row := from; row < to; row++ {
		b.ID = append(b.ID, event.ID{Lo: uint64(row)})
	}
}

// Held is the number of cards with state and the bytes that the matcher holds.
func (m *Memory) Held() (keys, bytes int64) {
	_, size := m.pipeline.Size()
	return size.Keys, size.Bytes
}

// Finish ends the input and gives the number of detections.
func (m *Memory) Finish() (matches int, err error) {
	err = m.pipeline.Step(nil, event.MaxTime)
	return m.matches, err
}

// InMemory measures a workload in memory: cepd's operators or the hand-written
// loop. The answer is checked when it is known.
func InMemory(t *Transactions, w *Workload, hand bool) (Result, error) {
	r := Result{Workload: w.Name, System: "cepd", Events: len(t.Time), Note: "operators of one shard, columns in memory, GOMAXPROCS=1"}
	run := func() (err error) {
		r.Matches = w.Hand(t)
		return nil
	}
	if hand {
		r.System, r.Note = "hand", "Go loop over the same arrays, state in a slice indexed by card, GOMAXPROCS=1"
	} else {
		m, err := NewMemory(t, w.Query)
		if err != nil {
			return r, err
		}
		run = func() error { return m.whole(&r) }
	}
	u, err := Measure(run)
	r.WallSeconds, r.CPUSeconds, r.RSSMB = u.Wall.Seconds(), u.CPU.Seconds(), PeakRSS()
	r.Stamp(time.Now())
	if err == nil && len(t.Time) == 5_000_000 && r.Matches != w.Matches {
		err = fmt.Errorf("%s by %s: %d matches, expected %d", r.Workload, r.System, r.Matches, w.Matches)
	}
	return r, err
}

func (m *Memory) whole(r *Result) error {
	if _, err := m.Run(len(m.t.Time)); err != nil {
		return err
	}
	var err error
	r.Matches, err = m.Finish()
	return err
}
