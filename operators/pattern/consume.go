package pattern

import "github.com/cepd/cepd/query/plan"

// consume forgets the partial matches of the key whose row has just completed a
// match, or of all keys. Their rows go too: after a restore nothing starts with
// them again.
func (m *Matcher) consume(index int32) {
	if m.p.match.Consume == plan.ConsumePartition {
		m.use(index, m.keys.at(index))
		return
	}
	_ = m.keys.each(func(i int32, k *keyState) error {
		m.use(i, k)
		return nil
	})
}

// settle lets the partial matches of all keys go once one has consumed them.
func (m *Matcher) settle() {
	if m.consumed && m.p.match.Consume == plan.ConsumeAny {
		m.consume(0)
	}
	m.consumed = false
}

// use takes all rows from a key.
func (m *Matcher) use(index int32, k *keyState) {
	if k.n == 0 && k.graph == nil && k.runs == nil {
		return // only its number of matches is kept
	}
	m.touch(index, k)
	m.timers.remove(index)
	k.start, k.pos = k.n, k.n
	m.trim(k)
	m.release(index, k)
}
