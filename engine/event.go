package engine

import (
	"context"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// RowAt is a record of a table.
type RowAt struct {
	Table     string
	Partition int32
	Offset    int64
}

// EventTrace is what has become of a record in a query.
type EventTrace struct {
	Taken     bool       `json:"taken" doc:"The query has read it"`
	Rejected  *Rejection `json:"rejected,omitempty" doc:"It was not used, and why; the last thousand such records are known"`
	Instances []Instance `json:"instances,omitempty" doc:"The open matches that have it, the oldest first; at most 100"`
}

// Rejection is why a record was not used.
type Rejection struct {
	Kind   string `json:"kind" doc:"parse, late, time, limit, … as in the metrics"`
	Reason string `json:"reason"`
}

// maxRejections is how many of the rows rejected last are known with their reason.
const maxRejections = 1000

// rejections are the last rows that were rejected, a ring.
type rejections struct {
	ids  []event.ID
	why  []Rejection
	next int
}

func (l *rejections) add(r *operators.Reject) {
	x := Rejection{r.Kind.String(), r.Reason}
	if len(l.ids) < maxRejections {
		l.ids, l.why = append(l.ids, r.ID), append(l.why, x)
		return
	}
	l.ids[l.next], l.why[l.next] = r.ID, x
	l.next = (l.next + 1) % maxRejections
}

// of is the rejection of a row; nil when there is none.
func (l *rejections) of(rows []event.ID) *Rejection {
	for i, id := range l.ids {
		for _, row := range rows {
			if sameRow(id, row) {
				return &l.why[i]
			}
		}
	}
	return nil
}

// sameRow compares without the branch that a row has come by.
func sameRow(a, b event.ID) bool {
	return !a.Detected() && a.Lo == b.Lo && (a.Hi^b.Hi)&0xffff_ffff_ffff == 0
}

// rowIDs are the IDs that a record has in the query: one for each source that
// reads its table.
func (p *Pipeline) rowIDs(at RowAt) (ids []event.ID) {
	for _, s := range p.sources {
		if s.plan.Scan != nil && s.name == at.Table {
			ids = append(ids, event.ID{Hi: uint64(s.index)<<32 | uint64(uint32(at.Partition)), Lo: uint64(at.Offset)})
		}
	}
	return ids
}

// Event says what has become of a record; nil when the query does not read its
// table.
func (q *Query) Event(ctx context.Context, at RowAt) (*EventTrace, error) {
	var out *EventTrace
	err := q.ask(ctx, func(p *Pipeline) error {
		out = p.event(at)
		return nil
	})
	if err != nil || out == nil || !out.Taken {
		return out, err
	}
	list, err := q.Instances(ctx, InstanceFilter{Row: &at})
	if err != nil {
		return nil, err
	}
	out.Instances = list.Instances
	return out, nil
}

// event is the trace of a record without its open matches.
func (p *Pipeline) event(at RowAt) *EventTrace {
	rows := p.rowIDs(at)
	if len(rows) == 0 {
		return nil
	}
	out := &EventTrace{Taken: true, Rejected: p.lastRejects.of(rows)}
	for _, u := range p.units {
		if u.src.name == at.Table && u.part == at.Partition && u.position <= at.Offset {
			out.Taken = false
		}
	}
	return out
}
