package suppress

import (
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/plan"
)

// DefaultMaxKeys is the limit on the windows open at once in a shard.
const DefaultMaxKeys = 100_000

// Spec says what to suppress.
type Spec struct {
	Prepared *event.Schema // of the input: the detections, then the keys
	Key      []int         // columns of Prepared
	For      int64         // µs
	Columns  []int         // of the output: as in plan.Suppress
	Out      *event.Schema
	// MaxKeys is how many windows may be open; 0: DefaultMaxKeys. One more ends
	// the oldest before its time.
	MaxKeys int
}

// Suppress is the operator of one shard. Input: rows in the order of time. It
// implements operators.Stateful and operators.Holder.
type Suppress struct {
	spec    Spec
	byKey   map[string]*window
	queue   queue
	free    []*window
	now     event.Time // of the last row
	opened  uint64     // windows so far
	total   int64      // rows withheld so far
	bytes   int64      // of keys and withheld rows
	out     *event.Batch
	keyBuf  []byte
	changes changes
}

// window is the time after a key's first detection.
type window struct {
	key    string
	start  event.Time
	number uint64 // in the order of opening
	count  int64  // rows withheld
	last   detection
	open   bool
	dirty  bool // changed since the last snapshot
	stored bool // the snapshots hold it
}

// detection is a withheld row.
type detection struct {
	time event.Time
	id   event.ID
	row  []byte // the output columns that come from the input, encoded
}

// New makes the operator.
func New(s Spec) *Suppress {
	if s.MaxKeys == 0 {
		s.MaxKeys = DefaultMaxKeys
	}
	o := &Suppress{spec: s, byKey: map[string]*window{}, now: event.MinTime, out: event.NewBatch(s.Out)}
	o.out.Reset(0)
	return o
}

// Process lets first detections through and withholds the others.
func (o *Suppress) Process(_ *operators.Context, b *event.Batch, out operators.Collector) error {
	for _, i := range b.LiveRows() {
		o.now = max(o.now, b.Time[i])
		if err := o.expire(o.now, out); err != nil {
			return err
		}
		if err := o.row(b, int(i), out); err != nil {
			return err
		}
	}
	return o.flush(out)
}

// Advance ends the windows that no row up to wm falls into any more.
func (o *Suppress) Advance(_ *operators.Context, wm event.Time, out operators.Collector) error {
	until := wm
	if wm < event.MaxTime {
		until++ // rows of wm itself are here
	}
	if err := o.expire(until, out); err != nil {
		return err
	}
	return o.flush(out)
}

// Hold is before the oldest open window: a summary has the time of a row in it.
func (o *Suppress) Hold(wm event.Time) event.Time {
	if w := o.queue.first(); w != nil {
		return min(wm, w.start-1)
	}
	return wm
}

// Size reports what the shard holds.
func (o *Suppress) Size() operators.Size {
	s := operators.Size{Keys: int64(len(o.byKey)), Bytes: o.bytes}
	for _, w := range o.queue.open() {
		if w.count > 0 {
			s.Rows++
		}
	}
	return s
}

// Withheld counts the rows that were not passed on when they came.
func (o *Suppress) Withheld() int64 { return o.total }

func (o *Suppress) row(b *event.Batch, i int, out operators.Collector) error {
	o.encodeKey(b, i)
	if w := o.byKey[string(o.keyBuf)]; w != nil {
		o.withhold(w, b, i)
		return nil
	}
	if len(o.byKey) >= o.spec.MaxKeys {
		if err := o.end(out); err != nil {
			return err
		}
	}
	o.begin()
	return o.pass(b, i, out)
}

// encodeKey writes the key of row i to keyBuf; equal keys have equal bytes.
func (o *Suppress) encodeKey(b *event.Batch, i int) {
	o.keyBuf = o.keyBuf[:0]
	for _, c := range o.spec.Key {
		v := &b.Cols[c]
		x := v.Value(i)
		if v.Type.Physical() == event.PhysF64 && !x.Null {
			x = event.FloatValue(canonical(x.F()))
		}
		o.keyBuf = event.AppendValue(o.keyBuf, v.Type, x)
	}
}

// canonical gives equal numbers equal bits: 0 and -0, all NaN.
func canonical(f float64) float64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.NaN()
	}
	return f
}

// begin opens a window for the key in keyBuf.
func (o *Suppress) begin() {
	w := o.take()
	o.opened++
	*w = window{key: string(o.keyBuf), start: o.now, number: o.opened, open: true, dirty: w.dirty, last: detection{row: w.last.row[:0]}}
	o.byKey[w.key] = w
	o.queue.push(w)
	o.bytes += int64(len(w.key))
	o.changes.touch(w)
}

func (o *Suppress) take() *window {
	if n := len(o.free); n > 0 {
		w := o.free[n-1]
		o.free = o.free[:n-1]
		return w
	}
	return &window{}
}

// withhold keeps row i as the last of its window.
func (o *Suppress) withhold(w *window, b *event.Batch, i int) {
	o.bytes -= int64(len(w.last.row))
	w.count++
	o.total++
	w.last = detection{time: b.Time[i], id: b.ID[i], row: w.last.row[:0]}
	for _, c := range o.spec.Columns {
		if c >= 0 {
			w.last.row = event.AppendValue(w.last.row, b.Cols[c].Type, b.Cols[c].Value(i))
		}
	}
	o.bytes += int64(len(w.last.row))
	o.changes.touch(w)
}

// expire ends the windows whose time is up at t.
func (o *Suppress) expire(t event.Time, out operators.Collector) error {
	for w := o.queue.first(); w != nil && t >= o.deadline(w); w = o.queue.first() {
		if err := o.end(out); err != nil {
			return err
		}
	}
	return nil
}

func (o *Suppress) deadline(w *window) event.Time {
	if w.start > event.MaxTime-o.spec.For {
		return event.MaxTime
	}
	return w.start + o.spec.For
}

// Due implements operators.Timed: a window with rows withheld ends then.
func (o *Suppress) Due() event.Time {
	for _, w := range o.queue.open() {
		if t := o.deadline(w); w.count > 0 && t < event.MaxTime {
			return t - 1
		}
	}
	return event.MaxTime
}

// end closes the oldest window, with its summary.
func (o *Suppress) end(out operators.Collector) error {
	w := o.queue.pop()
	delete(o.byKey, w.key)
	o.changes.drop(w)
	o.bytes -= int64(len(w.key) + len(w.last.row))
	w.open = false
	o.free = append(o.free, w)
	if w.count == 0 {
		return nil
	}
	return o.summary(w, out)
}

// ---- output

var statusFirst, statusSummary = event.StringValue("FIRST"), event.StringValue("SUMMARY")

// pass emits row i as the first of its window.
func (o *Suppress) pass(b *event.Batch, i int, out operators.Collector) error {
	for k, c := range o.spec.Columns {
		switch c {
		case plan.SuppressCount:
			o.out.Cols[k].Append(event.IntValue(0))
		case plan.SuppressStatus:
			o.out.Cols[k].Append(statusFirst)
		default:
			o.out.Cols[k].Append(b.Cols[c].Value(i))
		}
	}
	return o.done(b.Time[i], b.ID[i], out)
}

// summary emits the last withheld row of a window.
func (o *Suppress) summary(w *window, out operators.Collector) error {
	src := w.last.row
	for k, c := range o.spec.Columns {
		switch c {
		case plan.SuppressCount:
			o.out.Cols[k].Append(event.IntValue(w.count))
		case plan.SuppressStatus:
			o.out.Cols[k].Append(statusSummary)
		default:
			v, rest, err := event.ReadValue(src, o.spec.Out.Fields[k].Type)
			if err != nil {
				return err
			}
			o.out.Cols[k].Append(v)
			src = rest
		}
	}
	return o.done(w.last.time, w.last.id, out)
}

func (o *Suppress) done(t event.Time, id event.ID, out operators.Collector) error {
	o.out.Time, o.out.ID = append(o.out.Time, t), append(o.out.ID, id)
	o.out.N++
	if o.out.N == event.MaxRows {
		return o.flush(out)
	}
	return nil
}

func (o *Suppress) flush(out operators.Collector) error {
	if o.out.N == 0 {
		return nil
	}
	err := out.Emit(o.out)
	o.out.Reset(0)
	return err
}
