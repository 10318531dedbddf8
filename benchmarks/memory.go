package benchmarks

import (
	"fmt"
	"maps"
	"runtime"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// batchRows is how many rows a source gives at once.
const batchRows = 1024

// Memory feeds events that lie in memory to the operators of a workload. Its
// queries are one statement set.
type Memory struct {
	table    *workload.Table
	pipeline *conformance.Pipeline
	batch    *event.Batch // view of the table
	columns  []int        // of the table
	next     int
	matches  int
}

// Emit counts detections.
func (m *Memory) Emit(b *event.Batch) error {
	m.matches += b.Live()
	return nil
}

// NewMemory compiles a workload over t. The error is why the queries cannot run.
func NewMemory(t *workload.Table, w *queries.Workload) (*Memory, error) {
	return newMemory(t, w.Name, w.Script(), w.Params)
}

// newMemory compiles a script once for each set of parameters, as one statement
// set.
func newMemory(t *workload.Table, name, script string, copies []map[string]string) (*Memory, error) {
	m := &Memory{table: t}
	var root *plan.Insert
	for _, params := range copies {
		r, err := query.CompileText(catalog.New(), "", script, maps.Clone(params))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if root == nil {
			root = planOf(r)
		} else {
			root.Also = append(root.Also, planOf(r))
		}
	}
	var err error
	if m.pipeline, err = conformance.NewPipeline(root, m); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m.batch = conformance.ReadBatch(m.pipeline.Read())
	for _, c := range m.pipeline.Read().Read {
		m.columns = append(m.columns, t.Schema.Index(c.Name))
	}
	return m, nil
}

// planOf is the plan of the script's one query.
func planOf(r *query.Result) *plan.Insert { return r.Queries[0].Insert }

// Run feeds up to n further events and says how many it fed. The batches are
// views of the table, as those of a source that has decoded them.
func (m *Memory) Run(n int) (int, error) {
	end := min(m.next+n, m.table.N)
	start := m.next
	for m.next < end {
		to := min(m.next+batchRows, end)
		m.table.View(m.batch, m.columns, m.next, to)
		if err := m.pipeline.Step(m.batch, m.table.Time()[to-1]); err != nil {
			return 0, err
		}
		m.next = to
	}
	return end - start, nil
}

// Held is the number of keys with state and the bytes that the operators hold.
func (m *Memory) Held() (keys, bytes int64) {
	_, size := m.pipeline.Size()
	return size.Keys, size.Bytes
}

// Finish ends the input and gives the number of detections.
func (m *Memory) Finish() (matches int, err error) {
	return m.matches, m.pipeline.Step(nil, event.MaxTime)
}

// whole feeds n events and ends the input.
func (m *Memory) whole(n int) (matches int, err error) {
	if _, err := m.Run(n); err != nil {
		return 0, err
	}
	return m.Finish()
}

// InMemory measures the operators of a workload over its first n events. The
// answer is checked against the loop's.
func InMemory(d *Data, w *queries.Workload, n int) (measure.Result, error) {
	m, err := NewMemory(d.Table(w, n), w)
	if err != nil {
		return measure.Result{}, err
	}
	r, err := timed(w, "cepd", n, func() (int, error) { return m.whole(n) })
	r.Note = "operators of one shard, columns in memory, GOMAXPROCS=1"
	if err != nil {
		return r, err
	}
	return r, check(&r, Hand(d, w, n)())
}

// besideCPU is how much CPU time Beside takes at least, in seconds.
const besideCPU = 0.2

// Beside is cepd's events per CPU-second on the first n events, over as many
// runs as it takes: another engine may have got few.
func Beside(d *Data, w *queries.Workload, n int) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	events, cpu := 0, 0.0
	for cpu < besideCPU {
		r, err := InMemory(d, w, n)
		if err != nil {
			return 0, err
		}
		events, cpu = events+r.Events, cpu+r.CPUSeconds
	}
	return float64(events) / cpu, nil
}

// ByHand measures the hand-written loop of a workload.
func ByHand(d *Data, w *queries.Workload, n int) (measure.Result, error) {
	loop := Hand(d, w, n)
	r, err := timed(w, "hand", n, func() (int, error) { return loop(), nil })
	r.Note = "Go loop over the same arrays, state in a slice indexed by card, GOMAXPROCS=1"
	if err == nil && n == 5_000_000 && w.Matches > 0 {
		err = check(&r, w.Matches)
	}
	return r, err
}

// ByTable measures the hand-written loop with a hash table. The answer is
// checked against that of the other loop.
func ByTable(d *Data, w *queries.Workload, n int) (measure.Result, error) {
	loop := Keyed(d, w, n)
	r, err := timed(w, "hand-keyed", n, func() (int, error) { return loop(), nil })
	r.Note = "the same with an open-addressing hash table from card to state"
	if err != nil {
		return r, err
	}
	return r, check(&r, Hand(d, w, n)())
}

func timed(w *queries.Workload, system string, n int, run func() (int, error)) (measure.Result, error) {
	r := measure.Result{Workload: w.Name, System: system, Events: n}
	u, err := measure.Run(func() (err error) {
		r.Matches, err = run()
		return err
	})
	r.Take(u)
	r.Stamp(time.Now())
	return r, err
}

// check compares the answer of a run with the known one.
func check(r *measure.Result, want int) error {
	if r.Matches != want {
		return fmt.Errorf("%s by %s: %d matches in %d events, expected %d", r.Workload, r.System, r.Matches, r.Events, want)
	}
	return nil
}
