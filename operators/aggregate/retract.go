package aggregate

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// Retractable says whether rows of the call can be taken out again, exactly.
// What cannot is the sum of DOUBLE, whose last digits would stay, sketches, and
// lists in the order in which rows came.
func (c *Call) Retractable() bool {
	_, ok := New(c, Options{Retract: true}).(Inverse)
	return ok
}

// extreme says whether the call is MIN or MAX.
func (c *Call) extreme() bool {
	return (c.Fn.Name == "MIN" || c.Fn.Name == "MAX") && len(c.Args) == 1 && len(c.OrderBy) == 0
}

// counted says whether the call follows from which values there are, of which
// there are few.
func (c *Call) counted() bool { return c.Fn.Name == "BOOL_AND" || c.Fn.Name == "BOOL_OR" }

// extremes is MIN and MAX of rows that are taken out again: the values with
// their counts, and which of them is the extreme. When that one goes, the next
// is looked for among all.
type extremes struct {
	*distinct
	sign int     // 1: MAX, -1: MIN
	best []int32 // by slot: a value; 0: not known
}

func newExtremes(c *Call, o Options) *extremes {
	e := &extremes{distinct: newDistinct(c, o), sign: 1}
	if c.Fn.Name == "MIN" {
		e.sign = -1
	}
	return e
}

func (e *extremes) Resize(n int) {
	e.distinct.Resize(n)
	e.best = resize(e.best, n)
}

func (e *extremes) Clear(slots []int32) {
	e.distinct.Clear(slots)
	e.forget(slots)
}

func (e *extremes) forget(slots []int32) {
	for _, s := range slots {
		e.best[s] = 0
	}
}

func (e *extremes) Add(slots, rows []int32, b *event.Batch) error {
	if err := e.distinct.Add(slots, rows, b); err != nil {
		return err
	}
	for _, s := range slots { // a new value is the first of its list
		if first := e.sets[s].first; e.best[s] != 0 && first != e.best[s] && e.above(first, e.best[s]) {
			e.best[s] = first
		}
	}
	return nil
}

func (e *extremes) Merge(slots []int32, from Column, other []int32) error {
	e.forget(slots)
	return e.distinct.Merge(slots, from.(*extremes).distinct, other)
}

func (e *extremes) Retract(slots []int32, from Column, other []int32) error {
	f := from.(*extremes)
	for i, s := range slots {
		for v := f.sets[other[i]].first; v != 0 && e.best[s] != 0; v = f.values[v].next {
			if e.find(s, f.values[v].bytes) == e.best[s] {
				e.best[s] = 0
			}
		}
	}
	return e.distinct.Retract(slots, f.distinct, other)
}

// above says whether value a comes before b.
func (e *extremes) above(a, b int32) bool {
	t := e.call.Params[0]
	return e.sign*function.Compare(t, e.value(a), e.value(b)) > 0
}

func (e *extremes) value(v int32) event.Value {
	x, _, _ := event.ReadValue(e.values[v].bytes, e.call.Params[0])
	return x
}

func (e *extremes) Result(slots []int32, out *event.Vec, _ func(int, error)) {
	for i, s := range slots {
		if e.best[s] == 0 {
			e.best[s] = e.search(s)
		}
		x := event.NullValue
		if v := e.best[s]; v != 0 {
			x = e.value(v)
		}
		out.Set(i, len(slots), x)
	}
}

// search is the extreme of a set; 0: it is empty.
func (e *extremes) search(s int32) int32 {
	best := e.sets[s].first
	if best == 0 {
		return 0
	}
	for v := e.values[best].next; v != 0; v = e.values[v].next {
		if e.above(v, best) {
			best = v
		}
	}
	return best
}

func (e *extremes) Read(src []byte, slot int32) ([]byte, error) {
	e.best[slot] = 0
	return e.distinct.Read(src, slot)
}

func (e *extremes) Bytes() int64 { return e.distinct.Bytes() + int64(cap(e.best))*4 }

// Retract takes row rows[i] of b out of slots[i]. scratch is States of the same
// calls.
func (s *States) Retract(slots, rows []int32, b *event.Batch, scratch *States) error {
	scratch.Resize(0)
	scratch.Resize(len(rows))
	own := event.Rows(0, len(rows))
	if err := scratch.Add(own, rows, b); err != nil {
		return err
	}
	for i, c := range s.Cols {
		if err := c.(Inverse).Retract(slots, scratch.Cols[i], own); err != nil {
			return err
		}
	}
	return nil
}
