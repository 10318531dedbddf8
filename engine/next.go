package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// NextStatus is the next instant at which time decides something of what a query
// holds. Before it, only a row that is yet to be read can bring output.
type NextStatus struct {
	Watermark string   `json:"watermark,omitempty"` // event time: it is decided when the watermark of the stage is there
	Clock     string   `json:"clock,omitempty"`     // processing time at which it is decided, where the clock decides
	Stage     int      `json:"stage"`
	Reason    string   `json:"reason"`          // what is decided
	Needs     []string `json:"needs,omitempty"` // what brings the watermark there, by partition; those furthest behind come first
	Others    int      `json:"others,omitempty"`
}

// maxNeeds is how many partitions are named.
const maxNeeds = 3

// Instant is when it is.
func (n *NextStatus) Instant() string {
	if n.Clock != "" {
		return n.Clock
	}
	return n.Watermark
}

// String is a sentence.
func (n *NextStatus) String() string {
	text := "next: "
	if n.Watermark != "" {
		text += "when the watermark is " + n.Watermark
	} else {
		text += "at " + n.Clock
	}
	text += fmt.Sprintf(", %s (stage %d)", n.Reason, n.Stage)
	for i, need := range n.Needs {
		if i == 0 {
			text += "; it takes "
		} else {
			text += ", and "
		}
		text += need
	}
	if n.Others > 0 {
		text += fmt.Sprintf(", and the same of %d more", n.Others)
	}
	return text
}

// coming is what time decides.
type coming struct {
	at     event.Time
	stage  int
	reason string
}

// sooner is the earlier of two.
func (c coming) sooner(o coming) coming {
	if o.at < c.at {
		return o
	}
	return c
}

// next is when time decides something; nil: nothing waits for it. Where the clock
// decides some of it and the watermark the rest, the clock is told: it is certain to
// come.
func (p *Pipeline) next() *NextStatus {
	clock, mark := coming{at: event.MaxTime}, coming{at: event.MaxTime}
	for _, s := range p.stages {
		c := s.coming()
		if s.domain.proctime {
			clock = clock.sooner(c)
		} else {
			mark = mark.sooner(c)
		}
		clock = clock.sooner(coming{s.wake(), s.index, "a window is shown before its end, or again"})
	}
	switch {
	case clock.at < event.MaxTime:
		return &NextStatus{Clock: showTime(clock.at), Stage: clock.stage, Reason: clock.reason}
	case mark.at < event.MaxTime:
		n := &NextStatus{Watermark: showTime(mark.at), Stage: mark.stage, Reason: mark.reason}
		p.needs(n, mark.at)
		return n
	}
	return nil
}

// coming is what time decides of the stage first; its time is MaxTime when nothing
// waits.
func (s *stage) coming() coming {
	c := coming{at: event.MaxTime}
	for _, h := range s.shards {
		if t, waits := h.order.Oldest(); waits {
			c = c.sooner(coming{t, s.index, "the first row that waits is taken"})
		}
		if op, ok := h.op.(operators.Timed); ok {
			c = c.sooner(coming{op.Due(), s.index, s.decides()})
		}
	}
	return c
}

// needs says what has to come of the partitions for the watermark to be at a time:
// of each that is behind a row, or silence, if there is another to go by.
func (p *Pipeline) needs(n *NextStatus, at event.Time) {
	behind, ahead := p.behind(at)
	if len(behind)+ahead == 0 {
		n.Needs = []string{"a row of any partition by which the watermark is there, since all are idle"}
	}
	for _, u := range behind {
		if len(n.Needs) == maxNeeds {
			n.Others++
			continue
		}
		n.Needs = append(n.Needs, u.need(at, ahead+len(behind) > 1))
	}
}

// behind is the partitions that keep the watermark from being at a time, those
// furthest behind first, and how many do not.
func (p *Pipeline) behind(at event.Time) (list []*unit, ahead int) {
	for _, u := range p.units {
		switch {
		case !u.staged() || !u.active():
		case u.mark < at:
			list = append(list, u)
		default:
			ahead++
		}
	}
	slices.SortStableFunc(list, func(a, b *unit) int { return cmp.Compare(a.mark, b.mark) })
	return list, ahead
}

// need says what brings the partition's mark to a time, or makes it count no more.
func (u *unit) need(at event.Time, silence bool) string {
	text := fmt.Sprintf("of %s a row by which its watermark is there", u)
	if u.scan != nil {
		if delay, fixed := u.scan.Delay(); fixed {
			text = fmt.Sprintf("of %s a row later than %s", u, showTime(at+delay))
		}
	}
	if silence && u.src.idleTimeout > 0 && u.heard() {
		text += fmt.Sprintf(", or none until %s", showTime(u.seen+u.src.idleTimeout))
	}
	return text
}

// filtered is how many of the unit's rows no branch takes: those that filters left
// out. Rows that were rejected are not among them.
func (u *unit) filtered() int64 {
	var most int64
	for _, r := range u.branches {
		most = max(most, r.passed)
	}
	return max(0, u.stats.rows-u.stats.rejects-most)
}

// decides says what time decides in the stage.
func (s *stage) decides() string {
	switch s.plan.Kind {
	case "match":
		return "the first open match has no more time"
	case "join":
		return "a row can have no partner any more"
	case "suppress":
		return "the summary of what was withheld is due"
	}
	return "a window ends"
}
