package join

import (
	"fmt"

	"github.com/cepd/cepd/operators"
)

var sideNames = [2]string{"left", "right"}

// room makes room for row n of a side, which is to be held, or says that there
// is none.
func (j *Join) room(ctx *operators.Context, s int, n uint64, slot int32) (bool, error) {
	o := &j.p.opts
	full := j.held() > int64(o.MaxHeld)
	keyFull := int(j.keys[slot].sides[s].n) >= o.MaxRows
	if !keyFull && !full {
		return true, nil
	}
	what := fmt.Sprintf("one key holds %d rows of the %s side of a join, as many as 'state.max-rows-per-key' allows", o.MaxRows, sideNames[s])
	if full {
		what = fmt.Sprintf("a shard of a join holds %d rows, as many as 'state.max-join-rows' allows", o.MaxHeld)
	}
	switch o.Policy {
	case DropOldest:
		return true, j.dropOldest(ctx, s, n, slot, keyFull, what)
	case RejectNew:
		c, i := j.logs[s].place(n)
		reject(ctx, ref{c, i}, what)
		return false, nil
	}
	return false, fmt.Errorf("%s: let the times of partners lie closer together, join on more columns, raise the limit, or choose a 'state.limit-policy'", what)
}

// held is the rows of both sides, the one being taken among them.
func (j *Join) held() (n int64) {
	for s := range j.logs {
		n += j.logs[s].live - int64(j.logs[s].next-j.hands[s].next)
	}
	return n
}

// dropOldest gives up the oldest row of the key or, where the whole join is
// full, that which the side has held longest.
func (j *Join) dropOldest(ctx *operators.Context, s int, n uint64, slot int32, ofKey bool, what string) error {
	oldest := j.keys[slot].sides[s].first
	if !ofKey {
		if j.logs[s].trim(n); j.logs[s].first < n {
			oldest = j.logs[s].first
		} else {
			s = 1 - s
			j.logs[s].trim(j.hands[s].next)
			oldest = j.logs[s].first
		}
	}
	c, i := j.logs[s].place(oldest)
	if err := j.logs[s].warm(c, oldest>>chunkBits); err != nil {
		return err
	}
	of := c.slots[i]
	reject(ctx, ref{c, i}, what)
	j.release(s, oldest)
	if of != slot {
		j.forget(of)
	}
	return nil
}

func reject(ctx *operators.Context, r ref, reason string) {
	ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectLimit, ID: r.c.b.ID[r.i], Time: r.c.b.Time[r.i], Reason: reason})
}
