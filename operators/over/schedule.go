package over

import "github.com/cepd/cepd/internal/event"

// schedule divides a batch into rounds.
type schedule struct {
	ready  bool    // out is of the batch at hand
	last   []place // by key
	stamp  uint32
	number []int32 // round of each row
	order  []int32
	ends   []int32
	out    [][]int32
}

// place is where a key was last seen.
type place struct {
	stamp uint32
	round int32
	time  event.Time
}

// rounds divides the rows of w, given as places in w.live, so that no round has
// two rows of a key; with peers, so that it has none of different times.
func (o *Over) rounds(w *work, peers bool) [][]int32 {
	s := &o.sched[0]
	if peers {
		s = &o.sched[1]
	}
	if !s.ready {
		s.divide(w, len(o.keys), peers)
		s.ready = true
	}
	return s.out
}

func (s *schedule) divide(w *work, keys int, peers bool) {
	for len(s.last) < keys {
		s.last = append(s.last, place{})
	}
	s.stamp++
	s.number, s.ends = s.number[:0], s.ends[:0]
	for i, slot := range w.slots {
		p, t := &s.last[slot], w.b.Time[w.live[i]]
		switch {
		case p.stamp != s.stamp:
			*p = place{s.stamp, 0, t}
		case !peers || p.time != t:
			p.round, p.time = p.round+1, t
		}
		for len(s.ends) <= int(p.round) {
			s.ends = append(s.ends, 0)
		}
		s.ends[p.round]++
		s.number = append(s.number, p.round)
	}
	s.sort()
}

// sort is a counting sort of the rows by round.
func (s *schedule) sort() {
	s.order = append(s.order[:0], s.number...)
	at := int32(0)
	for r, n := range s.ends {
		s.ends[r] = at
		at += n
	}
	for i, r := range s.number {
		s.order[s.ends[r]] = int32(i)
		s.ends[r]++
	}
	s.out = s.out[:0]
	from := int32(0)
	for _, end := range s.ends {
		s.out = append(s.out, s.order[from:end])
		from = end
	}
}
