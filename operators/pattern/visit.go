package pattern

import (
	"cmp"
	"math/bits"
	"slices"
)

// action is what a symbol does.
type action struct {
	starts []start
	visits []visit
	places uint32 // that it visits, as bits
	keeps  bool   // a row with it is kept whatever its key holds
}

// recentAct spares the common symbols the map.
type recentAct struct {
	symbol uint64
	action *action
}

// placeBit stands for a place among the bits of those where runs wait, which
// tell most rows at once that they do nothing: it may stand for others, too.
func placeBit(place int32) uint32 { return 1 << (place & 31) }

// visit is a place that a symbol does something at: to all runs there, or to
// those that the index has for the given of the variables it is indexed by.
type visit struct {
	place int32
	all   bool
	probe []int
}

// rowKey is the values of the row at hand by which runs are looked up.
type rowKey struct {
	row  uint64 // that it is of
	how  lookup
	hash uint64
}

// action is what a symbol does.
func (e *edges) action(symbol uint64) *action {
	r := &e.recent[mix(symbol)>>58]
	if r.action != nil && r.symbol == symbol {
		return r.action
	}
	a, ok := e.acts[symbol]
	if !ok {
		a = e.workOut(symbol)
		if len(e.acts) >= maxStates {
			clear(e.acts)
		}
		e.acts[symbol] = a
	}
	*r = recentAct{symbol, a}
	return a
}

func (e *edges) workOut(symbol uint64) *action {
	a := &action{}
	places := e.p.places
	for _, s := range places.starts {
		if symbol&bitEnded == 0 && e.p.fits(symbol, int(places.list[s.place].in.v)) {
			a.starts = append(a.starts, s)
		}
	}
	for i := range places.list {
		if !places.list[i].waits {
			continue
		}
		if v := e.visitOf(int32(i), symbol); v.all || len(v.probe) > 0 {
			a.visits, a.places = append(a.visits, v), a.places|placeBit(v.place)
		}
	}
	neighbours := e.p.history > 0 || e.p.ahead > 0 // they may look at it
	a.keeps = neighbours || e.p.anyStart || len(a.starts) > 0
	return a
}

// visitOf says which runs at a place a symbol concerns.
func (e *edges) visitOf(i int32, symbol uint64) visit {
	info := &e.p.places.list[i]
	v := visit{place: i, all: info.stays != i} // whatever does not stay goes on or ends
	for list := info.heed; list != 0; list &= list - 1 {
		x := bits.TrailingZeros64(list)
		if !e.p.fits(symbol, x) {
			continue
		}
		if n := slices.Index(info.watch, int16(x)); n >= 0 {
			v.probe = append(v.probe, n)
		} else {
			v.all = true
		}
	}
	return v
}

// gather lists the runs that the row at hand concerns at a place.
func (e *edges) gather(r *runs, v *visit) {
	if r.heads[v.place] == none {
		return
	}
	if v.all {
		e.gatherAll(r, v.place)
		return
	}
	from := len(e.visit)
	for _, n := range v.probe {
		key := e.rowKey(e.p.places.list[v.place].watch[n])
		switch key.how {
		case lookAll:
			e.visit = e.visit[:from]
			e.gatherAll(r, v.place)
			return
		case lookUp:
			e.found(v.place, n, key.hash)
		}
		if e.loose > 0 {
			e.found(v.place, n, looseHash)
		}
	}
	if len(v.probe) > 1 { // a run may be found by more than one
		slices.Sort(e.visit[from:])
		e.visit = e.visit[:from+len(slices.Compact(e.visit[from:]))]
	}
}

func (e *edges) gatherAll(r *runs, at int32) {
	for i := r.heads[at]; i != none; i = e.store.runs.at(i).after {
		e.visit = append(e.visit, i)
	}
}

// looseHash stands for values that are not known.
const looseHash = 0x6c6f6f7365

// salted tells the values of one key, place and variable from those of others.
func (e *edges) salted(at int32, n int, hash uint64) uint64 {
	return mix(hash ^ e.hash + uint64(at)<<8 + uint64(n))
}

// found lists the runs that the index has under a hash. Another key or place
// may, hardly ever, have the same.
func (e *edges) found(at int32, n int, hash uint64) {
	for i := e.store.index.first(e.salted(at, n, hash)); i != none; i = e.store.link(i, n).next {
		if x := e.store.runs.at(i); x.place == at && e.store.starts.at(x.start).key == e.key {
			e.visit = append(e.visit, i)
		}
	}
}

// rowKey is the values by which runs that wait for v are looked up.
func (e *edges) rowKey(v int16) *rowKey {
	k := &e.keys[v]
	if k.row != e.rows {
		k.row = e.rows
		k.hash, k.how = e.p.vars[v].equal.ofRow(&e.m.view, int(e.number), v)
	}
	return k
}

// loosen counts the places of run i in the index where its values are not known.
func (e *edges) loosen(i int32, by int) {
	at := e.store.runs.at(i).place
	for n := range e.p.places.list[at].watch {
		if l := e.store.link(i, n); l.in && l.loose {
			e.loose += by
		}
	}
}

// enlist puts a run into the index of its place.
func (e *edges) enlist(i int32) {
	at := e.store.runs.at(i).place
	g := e.store.registers(i)
	g.ints = g.ints[e.parts:]
	for n, v := range e.p.places.list[at].watch {
		hash, how := e.p.vars[v].equal.ofRun(&e.m.view, g, v)
		if how == lookNever {
			continue
		}
		if how == lookAll {
			hash = looseHash
		}
		e.store.enlist(i, n, e.salted(at, n, hash))
		e.store.link(i, n).loose = how == lookAll
	}
	e.loosen(i, 1)
}

// sortVisit brings runs over the same rows that wait for the same variable
// together, by preference.
func (e *edges) sortVisit() {
	paths := &e.store.paths
	key := func(x *run) (same, v int) {
		in := e.p.places.list[x.place].in
		return int(paths.sameAs(x.path)), int(in.v)
	}
	slices.SortFunc(e.visit, func(a, b int32) int {
		x, y := e.store.runs.at(a), e.store.runs.at(b)
		sx, vx := key(x)
		sy, vy := key(y)
		if c := cmp.Or(cmp.Compare(sx, sy), cmp.Compare(vx, vy)); c != 0 || a == b {
			return c
		}
		return paths.compare(x.path, x.rank, y.path, y.rank)
	})
}
