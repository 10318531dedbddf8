package lookup

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
)

// findAll finds the answer for each of the rows in o.found: those of this step,
// then those of the cache; what is left is asked for at once.
func (o *Lookup) findAll(ctx *operators.Context, b *event.Batch, rows []int32) error {
	o.cache.expire(ctx.Now)
	o.keys.Gather(b, rows, 0)
	o.found = slices.Grow(o.found[:0], len(rows))[:len(rows)]
	first := len(o.order)
	for i := range rows {
		o.found[i] = o.find(ctx, o.keys.At(i))
	}
	if len(o.order) == first {
		return nil
	}
	return o.fetch(ctx, o.order[first:])
}

// find is the entry of a key; nil when it is NULL, which equals nothing. What is
// not known is noted among the answers of the step, to be filled.
func (o *Lookup) find(ctx *operators.Context, key []byte) *entry {
	if o.p.codec.HasNull(key) {
		return nil
	}
	e := o.step[string(key)]
	if e == nil {
		e = o.cache.byKey[string(key)]
	}
	if e != nil {
		o.asked.Hits++
		return e
	}
	o.asked.Misses++
	e = &entry{key: string(key), at: ctx.Now}
	o.step[e.key] = e
	o.order = append(o.order, e)
	return e
}

// fetch fills entries with what the table answers.
func (o *Lookup) fetch(ctx *operators.Context, entries []*entry) error {
	for len(entries) > 0 {
		some := entries[:min(len(entries), event.MaxRows)]
		entries = entries[len(some):]
		o.ask.Reset(len(some))
		keys := make([][]byte, len(some))
		for i, e := range some {
			keys[i] = []byte(e.key)
			o.p.codec.Write(keys[i], o.ask.Cols, i, len(some))
		}
		answers, err := o.from.Answer(keys, o.ask)
		if err != nil {
			return fmt.Errorf("table %s: %w", o.p.scan.Table.Name, err)
		}
		for i, e := range some {
			o.fill(ctx, e, &answers[i])
		}
	}
	return nil
}

// fill takes an answer, and computes the table's columns from it.
func (o *Lookup) fill(ctx *operators.Context, e *entry, a *operators.Answer) {
	if e.failed = a.Failed; e.failed == "" && len(a.Rows) > MaxPartners {
		e.failed = fmt.Sprintf("a key has %d rows, more than %d", len(a.Rows), MaxPartners)
	}
	if e.failed != "" {
		o.asked.Failed++
		return
	}
	if len(a.Rows) == 0 {
		return
	}
	o.read.Reset(len(a.Rows))
	for i, row := range a.Rows {
		for c, v := range row {
			o.read.Cols[c].Set(i, len(a.Rows), v)
		}
	}
	own := operators.Context{Now: ctx.Now}
	b := o.scan.Finish(&own, o.read)
	if len(own.Rejects) > 0 {
		e.failed = own.Rejects[0].Reason
		o.asked.Failed++
		return
	}
	for i := range b.N {
		e.rows = append(e.rows, rowOf(b, i))
	}
}

// rowOf is a copy of a row.
func rowOf(b *event.Batch, i int) []event.Value {
	row := make([]event.Value, len(b.Cols))
	for c := range b.Cols {
		row[c] = function.Clone(b.Cols[c].Value(i))
	}
	return row
}

// Settle implements operators.Asker: the cache takes the answers of the step, in
// the order in which they were asked for.
func (o *Lookup) Settle() {
	for i, e := range o.order {
		o.cache.add(e)
		o.order[i] = nil
	}
	o.order = o.order[:0]
	clear(o.step)
}
