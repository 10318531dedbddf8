package pattern

// automaton is the pattern made deterministic as symbols ask for it: a state
// is a list of waiting instructions in order of preference. Built per shard,
// bounded: when it outgrows maxStates it is dropped and grown anew, and the
// attempts under way are placed again from their kept rows.
type automaton struct {
	p       *Program
	states  []detState
	index   map[string]int32
	symbols map[uint64]int32 // symbol -> column of next
	dense   []int32          // the same for small symbols, -1: not yet
	a       attempt
	none    frame
	key     []byte
}

// detState is a deterministic state.
type detState struct {
	pcs     []int32
	accepts bool // a match ends on entering it
	next    []int32
}

const (
	maxStates = 10_000
	denseBits = 12
	unknown   = int32(-1)

	stateUnknown = int32(-1) // the automaton was dropped since
	stateDead    = int32(0)  // nothing waits, nothing matched
	stateDead1   = int32(1)  // nothing waits, a match ended
	stateStart   = int32(2)  // at the first row of the partition
	stateInside  = int32(3)  // at any other row
)

func newAutomaton(p *Program) *automaton {
	d := &automaton{p: p, a: attempt{workspace: newWorkspace(p)}, dense: make([]int32, 1<<min(denseBits, len(p.local)+len(p.context)))}
	d.drop()
	return d
}

func (d *automaton) drop() {
	d.states = d.states[:0]
	d.index, d.symbols = map[string]int32{}, map[uint64]int32{}
	for i := range d.dense {
		d.dense[i] = unknown
	}
	d.intern(nil, false)
	d.intern(nil, true)
	w := view{p: d.p}
	for _, first := range []bool{true, false} {
		d.a.begin(&w, &d.none, first)
		// Start states are not interned: each has its own index.
		d.states = append(d.states, detState{pcs: d.pcs(), accepts: d.a.matched})
	}
}

func (d *automaton) pcs() []int32 {
	pcs := make([]int32, len(d.a.cur.threads))
	for i, t := range d.a.cur.threads {
		pcs[i] = t.pc
	}
	return pcs
}

func (d *automaton) intern(pcs []int32, accepts bool) int32 {
	d.key = d.key[:0]
	if accepts {
		d.key = append(d.key, 1)
	}
	for _, pc := range pcs {
		d.key = append(d.key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24))
	}
	if s, ok := d.index[string(d.key)]; ok {
		return s
	}
	s := int32(len(d.states))
	d.states = append(d.states, detState{pcs: pcs, accepts: accepts})
	d.index[string(d.key)] = s
	return s
}

// column numbers the symbols that occur.
func (d *automaton) column(symbol uint64) int32 {
	if symbol < uint64(len(d.dense)) {
		if c := d.dense[symbol]; c != unknown {
			return c
		}
	} else if c, ok := d.symbols[symbol]; ok {
		return c
	}
	c := int32(len(d.symbols))
	d.symbols[symbol] = c
	if symbol < uint64(len(d.dense)) {
		d.dense[symbol] = c
	}
	return c
}

// step is the state after a row.
func (d *automaton) step(state int32, symbol uint64) int32 {
	c := d.column(symbol &^ bitContext)
	s := &d.states[state]
	if int(c) < len(s.next) && s.next[c] != unknown {
		return s.next[c]
	}
	return d.build(state, c, symbol)
}

// build computes a transition by one step of the threads.
func (d *automaton) build(state, c int32, symbol uint64) int32 {
	d.a.cur.reset()
	for _, pc := range d.states[state].pcs {
		d.a.cur.threads = append(d.a.cur.threads, thread{pc: pc, path: -1})
	}
	w := view{p: d.p}
	d.a.paths, d.a.compactAt = d.a.paths[:0], 1<<30
	better, _ := d.a.feed(&w, &d.none, 0, symbol) // without registers nothing can fail
	to := d.intern(d.pcs(), better)
	s := &d.states[state]
	for len(s.next) <= int(c) {
		s.next = append(s.next, unknown)
	}
	s.next[c] = to
	return to
}
