package conformance

import (
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

// Direct drives the real operators with the watermarks that a case asks for.
type Direct struct {
	Batch   int  // rows per batch; 0: 1024
	Spill   bool // snapshot, and let go of all state, after every step
	Restore int  // snapshot and restore into fresh operators after every so many steps; 0: never
	// Progress moves the watermark after each batch as far as the rows still to
	// come allow, in cases that have no watermarks of their own. Otherwise it
	// moves at the end of the input.
	Progress bool

	// boundary, when set, is called after each step with the entry that is next.
	boundary func(r *run, next int) error
}

// Run compiles the case's query and feeds it the rows.
func (d Direct) Run(c *Case) (*Result, error) {
	root, err := Compile(c)
	if err != nil {
		return nil, err
	}
	if d.Batch == 0 {
		d.Batch = 1024
	}
	if c.Expected != nil && c.Expected.EmittedAfter != nil {
		d.Batch, d.Progress = 1, true
	}
	r := &run{Direct: d, c: c, root: root, wm: event.MinTime, store: memstore.New()}
	r.result.Columns = root.Schema().Names()
	if err := r.open(); err != nil {
		return nil, err
	}
	if err := r.feed(0); err != nil {
		return nil, err
	}
	if !c.Watermarks() {
		r.result.After = r.after
	}
	return &r.result, nil
}

// run is one run of a case.
type run struct {
	Direct
	c        *Case
	root     *plan.Insert
	scan     *plan.Scan
	pipeline *Pipeline
	store    *memstore.Store
	batch    *event.Batch
	wm       event.Time
	entry    int // being handled
	steps    int
	after    []int
	result   Result
}

// Emit collects results.
func (r *run) Emit(b *event.Batch) error {
	for _, i := range b.LiveRows() {
		row := make([]any, len(b.Cols))
		for c := range b.Cols {
			row[c] = plain(b.Cols[c].Type, b.Cols[c].Value(int(i)))
		}
		r.result.Rows = append(r.result.Rows, row)
		r.after = append(r.after, r.entry)
	}
	return nil
}

func (r *run) open() (err error) {
	r.scan = scanOf(r.root)
	if r.batch == nil {
		r.batch = ReadBatch(r.scan)
	}
	g, err := r.c.graph()
	if err != nil {
		return err
	}
	if r.pipeline, err = newPipeline(g, operators.Collector(r), r.c.options().Pattern.ContinueOnError); err != nil {
		return err
	}
	if r.Restore > 0 || r.Spill {
		return r.pipeline.Restore(r.store)
	}
	return nil
}

// scanOf finds the scan below n.
func scanOf(n plan.Node) *plan.Scan {
	for {
		if s, ok := n.(*plan.Scan); ok || len(n.Inputs()) == 0 {
			return s
		}
		n = n.Inputs()[0]
	}
}

// ReadBatch is an empty batch of the columns that a connector fills.
func ReadBatch(s *plan.Scan) *event.Batch {
	fields := make([]event.Field, len(s.Read))
	for i, c := range s.Read {
		fields[i] = event.Field{Name: c.Name, Type: c.Type}
	}
	b := event.NewBatch(event.NewSchema(fields...))
	b.Reset(0)
	return b
}

// feed hands over the entries from one on, and ends the input.
func (r *run) feed(from int) error {
	limits := r.progress()
	for i := from; i < len(r.c.Input); i++ {
		wm, due, err := r.enter(i, limits[i])
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		if err := r.step(wm); err != nil {
			return err
		}
		if r.boundary != nil {
			if err := r.boundary(r, i+1); err != nil {
				return err
			}
		}
	}
	r.entry = len(r.c.Input)
	return r.step(event.MaxTime)
}

// enter takes entry i and says whether a step is due, to which watermark.
func (r *run) enter(i int, limit event.Time) (wm event.Time, due bool, err error) {
	r.entry = i
	e := r.c.Input[i]
	if e.Watermark != nil {
		return max(r.wm, *e.Watermark*1000), true, nil
	}
	return max(r.wm, limit), r.batch.N+1 >= r.Batch, r.add(i, e.Row)
}

// progress is, per entry, how far the watermark may move once it is handled:
// to just before the earliest row to come, and with expected times of emission
// to the entry's own time.
func (r *run) progress() []event.Time {
	limits := make([]event.Time, len(r.c.Input))
	at, err := r.c.column("ts")
	earliest, free := int64(math.MaxInt64/2000), err == nil && r.Progress && !r.c.Watermarks()
	for i := len(limits) - 1; i >= 0; i-- {
		limits[i] = event.MinTime
		if !free {
			continue
		}
		ts := int64(r.c.Input[i].Row[at].(int))
		limits[i] = (earliest - 1) * 1000
		if r.c.Expected != nil && r.c.Expected.EmittedAfter != nil {
			limits[i] = ts * 1000
		}
		earliest = min(earliest, ts)
	}
	return limits
}

// add puts a row into the batch unless it is late.
func (r *run) add(id int, row []any) error {
	if r.wm != event.MinTime && r.c.late(row, r.wm/1000) {
		return nil
	}
	values, err := r.c.record(r.scan, row)
	if err != nil {
		return err
	}
	for i, v := range values {
		r.batch.Cols[i].Append(v)
	}
	r.batch.N++
	r.batch.ID = append(r.batch.ID, event.ID{Lo: uint64(id)})
	return nil
}

// step hands the batch over and moves the watermark.
func (r *run) step(wm event.Time) error {
	r.wm = wm
	var in *event.Batch
	if r.batch.N > 0 {
		r.batch.Time = make([]event.Time, r.batch.N)
		in = r.batch
	}
	if err := r.pipeline.Step(in, wm); err != nil {
		return err
	}
	r.batch.Reset(0)
	if r.Spill {
		if err := r.snapshot(); err != nil {
			return err
		}
		r.pipeline.Spill()
	}
	if r.steps++; r.Restore == 0 || r.steps%r.Restore != 0 {
		return nil
	}
	if err := r.snapshot(); err != nil {
		return err
	}
	return r.open()
}

// snapshot stores what changed since the last one.
func (r *run) snapshot() error {
	b := r.store.NewBatch()
	if err := r.pipeline.Snapshot(b); err != nil {
		return err
	}
	return b.Commit(false)
}
