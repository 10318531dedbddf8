package engine

import (
	"bytes"
	"context"
	"time"

	"github.com/cepd/cepd/operators"
)

// FormatVersion is for tests that keep states of each version.
const FormatVersion = formatVersion

// Watched has what a pipeline delivers kept for those who watch.
func (o *Options) Watched() { o.arrivals = newArrivals(1) }

// Inspect calls f between two steps of a running query.
func (q *Query) Inspect(f func()) error {
	return q.ask(context.Background(), func(*Pipeline) error { f(); return nil })
}

// TurnsWaited is how many queries wait for their turn.
func (e *Engine) TurnsWaited() int {
	e.turns.mu.Lock()
	defer e.turns.mu.Unlock()
	return len(e.turns.waiting)
}

// EndFirst has the next step end the open match with the least ID, and says
// whether there is one.
func (p *Pipeline) EndFirst() (bool, error) {
	first := ending{}
	found := false
	p.inspect(func(at place, x *operators.Instance) bool {
		if !found || x.ID < first.id {
			found, first = true, ending{at.stage.index, at.shard, bytes.Clone(x.Name), x.ID}
		}
		return true
	}, new(bool))
	if !found {
		return false, nil
	}
	return true, p.end(first)
}

// Survey looks at all open matches, portion by portion, and says how many
// portions that took and how long the longest did.
func (p *Pipeline) Survey(f InstanceFilter) (page *Instances, portions int, longest time.Duration, err error) {
	s, err := newSurvey(f)
	if err != nil {
		return nil, 0, 0, err
	}
	for more := true; more; portions++ {
		began := time.Now()
		more = s.portion(p, portionMatches)
		longest = max(longest, time.Since(began))
	}
	s.describe(p)
	return s.page.out, portions, longest, nil
}
