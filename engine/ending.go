package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cepd/cepd/operators"
)

// ending is an open match that somebody ends. It is an input of a step, as rows
// are, and so in the journal: a replay ends it at the same place.
type ending struct {
	stage, shard int
	name         []byte // of its key
	id           uint64
}

// ErrNoInstance says that there is no such open match.
var ErrNoInstance = errors.New("there is no such open match: it may be decided by now")

// maxEndings bounds what waits for the next step.
const maxEndings = 1000

// Instance looks at one open match, whose ID is in a list of them.
func (q *Query) Instance(ctx context.Context, id string) (*Instance, error) {
	return q.instance(ctx, id, func(p *Pipeline, at place, x *operators.Instance) *Instance {
		at.inspector.Measure(x)
		out := p.describe(at, x)
		return &out
	})
}

// EndInstance ends an open match, and those that the same row began. It returns
// when a crash cannot undo that, with the match as it was.
func (q *Query) EndInstance(ctx context.Context, id string) (*Instance, error) {
	var durable <-chan struct{}
	var refused error
	out, err := q.instance(ctx, id, func(p *Pipeline, at place, x *operators.Instance) *Instance {
		at.inspector.Measure(x)
		out := p.describe(at, x)
		e := ending{at.stage.index, at.shard, slices.Clone(x.Name), x.ID}
		if refused = p.end(e); refused == nil {
			durable = p.journal.await(p.number + 1)
		}
		return &out
	})
	if err := errors.Join(err, refused); err != nil {
		return nil, err
	}
	select {
	case <-durable:
		return out, nil
	case <-q.done:
		return out, q.endedBefore(durable)
	case <-ctx.Done():
		return nil, fmt.Errorf("the match ends when the query goes on, which it has not yet: %w", ctx.Err())
	}
}

// endedBefore is the error of a query that has ended, unless what was waited for
// came before that.
func (q *Query) endedBefore(durable <-chan struct{}) error {
	select {
	case <-durable:
		return nil
	default:
		return ErrEnded
	}
}

// EveryInstance describes the open matches of the query in no order, at most so
// many; more says that there are more.
func (q *Query) EveryInstance(ctx context.Context, most int) (list []Instance, more bool, err error) {
	err = q.survey(ctx, func(p *Pipeline, at place, x *operators.Instance) bool {
		if more = len(list) >= most; more {
			return false
		}
		at.inspector.Measure(x)
		list = append(list, p.describe(at, x))
		return true
	})
	return list, more, err
}

// instance finds an open match and calls f while it is being visited.
func (q *Query) instance(ctx context.Context, id string, f func(p *Pipeline, at place, x *operators.Instance) *Instance) (out *Instance, err error) {
	want, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return nil, ErrNoInstance
	}
	err = q.survey(ctx, func(p *Pipeline, at place, x *operators.Instance) bool {
		if x.ID == want {
			out = f(p, at, x)
		}
		return out == nil
	})
	if err == nil && out == nil {
		err = ErrNoInstance
	}
	return out, err
}

// survey visits the open matches, portion by portion, until visit says no.
func (q *Query) survey(ctx context.Context, visit func(p *Pipeline, at place, x *operators.Instance) bool) error {
	s := survey{page: &instancePage{out: &Instances{}}}
	for more, enough := true, false; more && !enough; {
		err := q.ask(ctx, func(p *Pipeline) error {
			s.page.each = func(at place, x *operators.Instance) bool {
				enough = !visit(p, at, x)
				return !enough
			}
			more = s.portion(p, portionMatches)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// end has the next step end an open match.
func (p *Pipeline) end(e ending) error {
	switch {
	case p.recovery != nil:
		return fmt.Errorf("%w: the query replays its journal: try again when it runs", ErrBusy)
	case len(p.endings) == maxEndings:
		return fmt.Errorf("%w: %d matches wait to be ended: the query does not go on", ErrBusy, maxEndings)
	}
	p.endings = append(p.endings, e)
	return nil
}

// handOut gives each shard the open matches that the step ends.
func (p *Pipeline) handOut() error {
	for _, e := range p.endings {
		if e.stage >= len(p.stages) || e.shard >= len(p.stages[e.stage].shards) {
			return errCorruptJournal
		}
		h := p.stages[e.stage].shards[e.shard]
		h.endings = append(h.endings, e)
	}
	return nil
}

// end ends open matches, before the rows of the step are taken.
func (h *shard) end() error {
	for _, e := range h.endings {
		in, ok := h.op.(operators.Inspector)
		if !ok {
			return errCorruptJournal
		}
		if _, err := in.End(&h.ctx, e.name, e.id, h); err != nil {
			return err
		}
	}
	h.endings = h.endings[:0]
	return nil
}

// appendEndings writes what a step ends.
//
//	count | each: stage, shard, ID, length, key | …
func appendEndings(dst []byte, list []ending) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, e := range list {
		dst = binary.AppendUvarint(dst, uint64(e.stage))
		dst = binary.AppendUvarint(dst, uint64(e.shard))
		dst = binary.BigEndian.AppendUint64(dst, e.id)
		dst = binary.AppendUvarint(dst, uint64(len(e.name)))
		dst = append(dst, e.name...)
	}
	return dst
}

func readEndings(r *reader) (list []ending) {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		e := ending{stage: int(r.uvarint()), shard: int(r.uvarint()), id: fromBE64(r.bytes(8))}
		e.name = r.bytes(r.uvarint())
		r.bad = r.bad || e.stage < 0 || e.shard < 0
		list = append(list, e)
	}
	return list
}

// waiter is told when a step is durable.
type waiter struct {
	step uint64
	tell chan struct{}
}

// await is closed when a step to come is durable.
func (j *journal) await(step uint64) <-chan struct{} {
	w := waiter{step, make(chan struct{})}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiters = append(j.waiters, w)
	return w.tell
}

// tell tells those that wait for what is durable by now; the lock is held.
func (j *journal) tell() {
	j.waiters = slices.DeleteFunc(j.waiters, func(w waiter) bool {
		due := w.step <= j.durable.step
		if due {
			close(w.tell)
		}
		return due
	})
}
