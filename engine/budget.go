package engine

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/state"
)

// budget bounds the memory that a query's state takes, shard by shard. A shard
// above its share lets go of keys that the store has as they are; when those are
// too few, a snapshot is due early.
//
// Nothing else than a snapshot writes state: what is let go of is part of the
// last one, so that a crash finds that one and nothing later.
type budget struct {
	most    int64
	share   int64         // of a shard
	shards  int64         // that can let go
	auto    *atomic.Int64 // what the engine has for a query that does not say; nil: most stays
	told    bool          // by the query itself
	stored  bool          // there is a store
	writes  atomic.Int32  // snapshots that are captured and not yet in the store
	settled bool          // there were none when the step began
}

// divide sets the shares. What one shard does not use is not another's: the keys
// are spread by a hash.
func (b *budget) divide(told, auto int64, stages []*stage, stored bool) {
	b.most, b.told, b.stored = told, told > 0, stored
	if !b.told {
		b.most = auto
	}
	n := 0
	for _, s := range stages {
		for _, h := range s.shards {
			h.budget = b
			if op, ok := h.op.(operators.Spiller); ok && op.Spills() {
				h.spiller = op
				n++
			}
		}
	}
	b.shards = int64(max(1, n))
	b.share = b.most / b.shards
}

// begin takes the budget of the step: with more queries, each has less.
func (b *budget) begin() {
	b.settled = b.writes.Load() == 0
	if b.auto != nil && !b.told {
		b.most = b.auto.Load()
		b.share = b.most / b.shards
	}
}

// of is the part of a stage; 0: its state stays in memory.
func (b *budget) of(s *stage) (n int64) {
	for _, h := range s.shards {
		if h.spiller != nil && b.stored {
			n += b.share
		}
	}
	return n
}

// spill lets go of state when the shard is above its share, of a quarter more
// than it must.
func (h *shard) spill() {
	b := h.budget
	if h.spiller == nil || !b.stored || !b.settled {
		return
	}
	most := b.share
	if h.bytes > most {
		most -= most / 4
	}
	h.spiller.Spill(most)
	h.bytes = h.spiller.Size().Bytes
}

// Pressed says that a snapshot would let state go that is too much.
func (p *Pipeline) Pressed() bool {
	share := p.budget.share
	return p.any(func(h *shard) bool { return h.bytes > share })
}

// Grown says that a quarter of the budget has come in since the last snapshot: what
// the next one writes is in memory twice, so it may not be all.
func (p *Pipeline) Grown() bool {
	most := p.budget.share / 4
	return p.any(func(h *shard) bool { return h.bytes-h.base > most })
}

// overdrawn says that the next step has to wait for a snapshot's write.
func (p *Pipeline) overdrawn() bool {
	most := p.budget.share + p.budget.share/4
	return p.any(func(h *shard) bool { return h.bytes > most })
}

// any asks the shards that can let go of state.
func (p *Pipeline) any(is func(h *shard) bool) bool {
	if !p.budget.stored {
		return false
	}
	for _, s := range p.stages {
		for _, h := range s.shards {
			if h.spiller != nil && is(h) {
				return true
			}
		}
	}
	return false
}

// rebase notes how much state there is at a snapshot.
func (p *Pipeline) rebase() {
	for _, s := range p.stages {
		for _, h := range s.shards {
			h.base = h.bytes
		}
	}
}

// checkBudget refuses more state than the query itself allows where it cannot go
// elsewhere.
func (p *Pipeline) checkBudget() error {
	b := &p.budget
	if !b.told {
		return nil
	}
	var held int64
	kept := ""
	for _, s := range p.stages {
		for _, h := range s.shards {
			if h.spiller == nil || !b.stored {
				held += h.bytes
			}
			if h.spiller == nil {
				kept = fmt.Sprintf(" (stage %d keeps its state in memory)", s.index)
			}
		}
	}
	if held <= b.most {
		return nil
	}
	remedy := "raise it, or bound the state with WITHIN or 'state.ttl'" + kept
	if !b.stored {
		remedy = "run the query with a data directory, where the rest goes, or raise it"
	}
	return fmt.Errorf("the state takes %d bytes, more than 'state.memory.budget' = %d: %s", held, b.most, remedy)
}

// held is the memory that the operators' state takes, and what waits in the
// outboxes.
func (s *Status) held() (n int64) {
	for i := range s.Operators {
		n += s.Operators[i].Bytes
	}
	for i := range s.Sinks {
		n += s.Sinks[i].QueuedBytes
	}
	return n
}

// memory is what the queries of an engine hold, together.
type memory struct {
	limit  int64
	budget int64        // of a query, by default
	auto   atomic.Int64 // what a query has now, by default

	mu   sync.Mutex
	held map[*Query]int64
	all  int64
}

func newMemory(limit, budget int64) *memory {
	m := &memory{limit: limit, budget: budget, held: map[*Query]int64{}}
	m.auto.Store(budget)
	return m
}

// minAuto is the least budget of a query, however many there are.
const minAuto = 1 << 20

// note keeps what a query holds. The error is for the one that holds most when
// together they hold too much.
func (m *memory) note(q *Query, held int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, known := m.held[q]
	m.held[q] = held
	m.all += held - before
	if !known {
		m.divide()
	}
	if m.all <= m.limit {
		return nil
	}
	for _, n := range m.held {
		if n > held {
			return nil // that one's turn to fail
		}
	}
	return fmt.Errorf("the state of all queries takes %d bytes of memory, more than the %d there are for it, and this query has most of it, %d: bound it with WITHIN or 'state.ttl', or give it a 'state.memory.budget'", m.all, m.limit, held)
}

// divide sets the default budget: that of the options for two queries, and as
// much together for more. The lock is held.
func (m *memory) divide() {
	m.auto.Store(min(m.budget, max(minAuto, 2*m.budget/int64(max(1, len(m.held))))))
}

func (m *memory) forget(q *Query) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all -= m.held[q]
	delete(m.held, q)
	m.divide()
}

// checkDisk refuses state that takes more of the disk than it may. The store
// knows about how much that is.
func (p *Pipeline) checkDisk() error {
	sizer, ok := p.journal.store.(state.Sizer)
	if !ok {
		return nil
	}
	from := p.journal.root.Prefix
	n, err := sizer.Size(from, state.PrefixEnd(from))
	if err != nil {
		return err
	}
	p.diskBytes.Store(n)
	if most := p.settings.disk; most > 0 && n > most {
		return fmt.Errorf("the state takes about %d bytes of the disk, more than 'state.disk.budget' = %d: raise it, or bound the state with WITHIN or 'state.ttl'", n, most)
	}
	return nil
}
