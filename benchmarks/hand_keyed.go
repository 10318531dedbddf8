package benchmarks

import (
	"math/bits"
	"strings"

	"github.com/cepd/cepd/benchmarks/queries"
)

// table is an open-addressing hash table: what an engine needs that does not
// know the keys beforehand. States lie densely, in the order of their keys'
// first events.
type table[S any] struct {
	slots  []slot
	shift  uint // of the hash, to a slot
	states []S
}

type slot struct {
	key   int64
	state int32 // its number + 1; 0: the slot is free
}

func newTable[S any]() *table[S] {
	t := &table[S]{}
	t.resize(1 << 10)
	return t
}

func (t *table[S]) resize(n int) {
	old := t.slots
	t.slots, t.shift = make([]slot, n), uint(64-bits.TrailingZeros(uint(n)))
	for _, s := range old {
		if s.state != 0 {
			*t.probe(s.key) = s
		}
	}
}

// probe is the slot of a key, or the free one where it belongs.
func (t *table[S]) probe(key int64) *slot {
	mask := uint64(len(t.slots) - 1)
	for i := uint64(key) * 0x9E3779B97F4A7C15 >> t.shift; ; i++ {
		if s := &t.slots[i&mask]; s.state == 0 || s.key == key {
			return s
		}
	}
}

// at is the state of a key, zero when it is new; valid until the next call.
func (t *table[S]) at(key int64) *S {
	s := t.probe(key)
	if s.state == 0 {
		s = t.add(key)
	}
	return &t.states[s.state-1]
}

func (t *table[S]) add(key int64) *slot {
	if 2*len(t.states) >= len(t.slots) {
		t.resize(2 * len(t.slots))
	}
	var zero S
	t.states = append(t.states, zero)
	s := t.probe(key)
	*s = slot{key, int32(len(t.states))}
	return s
}

// clear forgets all keys.
func (t *table[S]) clear() {
	clear(t.slots)
	t.states = t.states[:0]
}

// Keyed is the loop of a workload with a hash table; nil for one without keys.
func Keyed(d *Data, w *queries.Workload, n int) func() int {
	if strings.HasPrefix(w.Name, "Q9") {
		return func() int { return KeyedQ9(d.Transactions(n), len(w.Params)) }
	}
	loop := map[string]func(*Transactions) int{"Q2": KeyedQ2, "Q3": KeyedQ3, "Q4": KeyedQ4, "Q5": KeyedQ5, "Q6": KeyedQ6, "Q7": KeyedQ7}[w.Name]
	if loop == nil {
		return nil
	}
	t := d.Transactions(n)
	return func() int { return loop(t) }
}

// KeyedQ2 is HandQ2 with a hash table.
func KeyedQ2(e *Transactions) (matches int) {
	small := newTable[int64]()
	for i, amount := range e.Amount {
		if pair(small.at(e.Card[i]), e.Time[i], amount) {
			matches++
		}
	}
	return matches
}

// KeyedQ3 is HandQ3 with a hash table.
func KeyedQ3(e *Transactions) (matches int) {
	open := newTable[[]begun]()
	for i, amount := range e.Amount {
		matches += follow(open.at(e.Card[i]), e.Time[i], amount, e.Country[i], e.Kind[i])
	}
	return matches + finish(open.states)
}

// KeyedQ4 is HandQ4 with a hash table.
func KeyedQ4(e *Transactions) (matches int) {
	runs := newTable[[]float64]()
	for i, amount := range e.Amount {
		matches += lengthen(runs.at(e.Card[i]), amount)
	}
	return matches + unfinished(runs.states)
}

// KeyedQ5 is HandQ5 with a hash table.
func KeyedQ5(e *Transactions) (matches int) {
	transferred := newTable[int64]()
	var queue []waiting
	take := func() {
		if *transferred.at(queue[0].card) <= queue[0].time {
			matches++
		}
		queue = queue[1:]
	}
	for i, kind := range e.Kind {
		now := e.Time[i]
		for len(queue) > 0 && now-queue[0].time >= 5000 {
			take()
		}
		switch {
		case kind == kindTransfer:
			*transferred.at(e.Card[i]) = now
		case kind == kindAuth && e.Amount[i] > 1000:
			queue = append(queue, waiting{now, e.Card[i]})
		}
	}
	for len(queue) > 0 {
		take()
	}
	return matches
}

// KeyedQ6 is HandQ6 with a hash table.
func KeyedQ6(e *Transactions) (matches int) {
	open := newTable[sums]()
	current := int64(-1)
	for i, amount := range e.Amount {
		if m := e.Time[i] / minute; m != current {
			matches += len(open.states)
			open.clear()
			current = m
		}
		open.at(e.Card[i]).add(amount)
	}
	return matches + len(open.states)
}

// KeyedQ7 is HandQ7 with a hash table.
func KeyedQ7(e *Transactions) (matches int) {
	ring := newTable[[panes]sums]()
	var current int64
	next := func() {
		for c := range ring.states {
			if turnover(&ring.states[c]) > 9_700_000 {
				matches++
			}
			ring.states[c][(current+1)%panes] = sums{}
		}
		current++
	}
	for i, amount := range e.Amount {
		m := e.Time[i] / minute
		for current != 0 && current < m {
			next()
		}
		current = m
		ring.at(int64(e.Country[i]))[m%panes].add(amount)
	}
	for range panes {
		next()
	}
	return matches
}

func turnover(p *[panes]sums) (total float64) {
	for i := range p {
		total += p[i].total
	}
	return total
}

// KeyedQ9 is HandQ9 with a hash table.
func KeyedQ9(e *Transactions, n int) (matches int) {
	rules, before := newRules(n), newTable[last]()
	for i, amount := range e.Amount {
		matches += rules.count(before.at(e.Card[i]), e.Time[i], amount)
	}
	return matches
}
