package engine

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// Position is how far a partition of a table has been read.
type Position struct {
	Table     string `json:"table"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // of the next record
}

// partition names a partition.
type partition struct {
	table string
	part  int32
}

func (p Position) partition() partition { return partition{p.Table, p.Partition} }

// offsets are positions by partition.
type offsets map[partition]int64

func offsetsOf(at []Position) offsets {
	m := make(offsets, len(at))
	for _, x := range at {
		m[x.partition()] = x.Offset
	}
	return m
}

// furthest is for each partition the higher of two offsets.
func furthest(a, b []Position) []Position {
	out, of := slices.Clone(a), offsetsOf(b)
	for i := range out {
		if at, ok := of[out[i].partition()]; ok {
			out[i].Offset = max(out[i].Offset, at)
		}
	}
	known := offsetsOf(a)
	for _, x := range b {
		if _, ok := known[x.partition()]; !ok {
			out = append(out, x)
		}
	}
	return out
}

// reached says whether no partition that both know is behind.
func (o offsets) reached(to offsets) bool {
	for at, offset := range to {
		if have, ok := o[at]; ok && have < offset {
			return false
		}
	}
	return true
}

// behind is by how many offsets partitions that both know are behind.
func (o offsets) behind(to offsets) (n int64) {
	for at, offset := range to {
		if have, ok := o[at]; ok {
			n += max(0, offset-have)
		}
	}
	return n
}

// Positions are how far the partitions have been read, between two steps. Tables
// that are read to their end before all else are left out.
func (p *Pipeline) Positions() (at []Position) {
	for _, u := range p.units {
		if !u.src.static() {
			at = append(at, Position{u.src.name, u.part, u.position})
		}
	}
	return at
}

// Until has the pipeline take no record of these offsets, or behind them; of a
// partition that is not named it takes none at all. Steps of the journal are
// repeated whatever the bound. A restart lifts it.
func (p *Pipeline) Until(at []Position) {
	to := offsetsOf(at)
	for _, u := range p.units {
		if u.src.static() {
			continue
		}
		u.held, u.until = true, u.position
		if offset, ok := to[partition{u.src.name, u.part}]; ok {
			u.until = offset
		}
	}
	p.held = true
}

// Release lifts the bound.
func (p *Pipeline) Release() {
	for _, u := range p.units {
		u.held = false
	}
	p.held = false
	signal(p.ready)
}

// Rests says whether the pipeline has come to its bound and nothing is left to be
// made of what lies before it.
func (p *Pipeline) Rests() bool {
	if !p.held || p.recovery != nil || p.adopted || p.unfinished() {
		return false
	}
	return !slices.ContainsFunc(p.units, func(u *unit) bool {
		if u.src.static() {
			return !u.ready && !u.eof
		}
		return !u.eof && !u.atBound()
	})
}

// atBound says whether the unit takes nothing until its bound is lifted.
func (u *unit) atBound() bool { return u.held && u.position >= u.until }

// bound is the offset that polls end before; -1: none.
func (u *unit) bound() int64 {
	if u.held {
		return u.until
	}
	return -1
}

// moment is where a pipeline stands in time: what of it is told by the clock and
// not by the rows alone.
type moment struct {
	units      map[partition]unitTime
	watermarks map[string]event.Time // by table
}

type unitTime struct {
	mark event.Time
	idle bool
}

// moment looks between two steps.
func (p *Pipeline) moment() moment {
	m := moment{units: map[partition]unitTime{}, watermarks: map[string]event.Time{}}
	for _, u := range p.units {
		m.units[partition{u.src.name, u.part}] = unitTime{u.mark, u.idle}
	}
	for _, s := range p.sources {
		if t, ok := s.leastWatermark(); ok {
			m.watermarks[s.name] = t
		}
	}
	return m
}

// leastWatermark is the least of the stages in event time that the source feeds.
func (s *source) leastWatermark() (t event.Time, ok bool) {
	t = event.MaxTime
	for _, u := range s.units {
		for _, r := range u.branches {
			if r.domain != nil && !r.domain.proctime && !r.plan.Static {
				t, ok = min(t, r.domain.combined), true
			}
		}
	}
	return t, ok
}

// ahead says whether a watermark has passed that of a moment.
func (p *Pipeline) ahead(of moment) bool {
	for table, t := range p.moment().watermarks {
		if least, ok := of.watermarks[table]; ok && t > least {
			return true
		}
	}
	return false
}

// adopt makes a moment the pipeline's own, where that is later. The next step
// tells the operators. A snapshot has to come before that: the journal does not
// know of it.
func (p *Pipeline) adopt(m moment) {
	for _, u := range p.units {
		t, ok := m.units[partition{u.src.name, u.part}]
		if ok && !u.src.static() && !u.eof {
			u.mark, u.idle = max(u.mark, t.mark), t.idle
		}
	}
	for _, s := range p.stages {
		s.domain.combined = max(s.domain.combined, m.of(&s.domain))
	}
	p.adopted = true
}

// of is the watermark of the tables that feed a domain; MinTime: not all are
// known.
func (m moment) of(d *domain) event.Time {
	if d.proctime || len(d.branches) == 0 || len(d.outlets) > 0 {
		return event.MinTime
	}
	t := event.MaxTime
	for _, r := range d.branches {
		if r.plan.Static {
			continue
		}
		w, ok := m.watermarks[r.unit.src.name]
		if !ok {
			return event.MinTime
		}
		t = min(t, w)
	}
	if t == event.MaxTime {
		return event.MinTime
	}
	return t
}
