package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// policy is what happens to rows that cannot be used.
type policy uint8

const (
	policyFail policy = iota
	policyDeadLetter
	policySkip
)

// parsePolicy reads 'fail', 'dead-letter' or 'skip'.
func parsePolicy(s string) (policy, error) {
	i := slices.Index([]string{"fail", "dead-letter", "skip"}, s)
	if i < 0 {
		return 0, fmt.Errorf("expected 'fail', 'dead-letter' or 'skip', got '%s'", s)
	}
	return policy(i), nil
}

// policyOf is the policy of a table: its own, the one that a table for dead
// letters implies, or the session's.
func policyOf(t *catalog.Table, session policy) (policy, error) {
	if text := t.Option(optErrorPolicy, ""); text != "" {
		return parsePolicy(text)
	}
	if session == policyFail && t.Option(optDeadLetters, "") != "" {
		return policyDeadLetter, nil
	}
	return session, nil
}

// tolerates says whether n reads a table whose policy is not to fail: then what
// is wrong is rejected, and route decides.
func tolerates(n plan.Node, session policy) bool {
	if s, ok := n.(*plan.Scan); ok {
		p, err := policyOf(s.Table, session)
		return err == nil && p != policyFail
	}
	return slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return tolerates(in, session) })
}

// reject is a dropped row with its record.
type reject struct {
	operators.Reject
	value  []byte // of the record; nil: not known
	stage  *stage // that dropped it; nil: the row's own partition
	behind int64  // lateness of a late row
}

// rejectColumns are the columns that a dead-letter or late table may have.
var rejectColumns = map[string]func(q *Pipeline, r *reject) event.Value{
	"source":    func(q *Pipeline, r *reject) event.Value { return event.StringValue(q.sourceOf(r).name) },
	"table":     func(q *Pipeline, r *reject) event.Value { return event.StringValue(q.sourceOf(r).name) },
	"topic":     func(q *Pipeline, r *reject) event.Value { return event.StringValue(q.sourceOf(r).topic()) },
	"partition": func(_ *Pipeline, r *reject) event.Value { return r.place(int64(uint32(r.ID.Hi))) },
	"offset":    func(_ *Pipeline, r *reject) event.Value { return r.place(int64(r.ID.Lo)) },
	"kind":      func(_ *Pipeline, r *reject) event.Value { return event.StringValue(r.Kind.String()) },
	"reason":    func(_ *Pipeline, r *reject) event.Value { return event.StringValue(r.Reason) },
	"value":     func(_ *Pipeline, r *reject) event.Value { return event.Value{Null: r.value == nil, S: r.value} },
	"rowtime":   func(_ *Pipeline, r *reject) event.Value { return timeValue(r.Time) },
	"watermark": func(q *Pipeline, r *reject) event.Value { return timeValue(q.sourceOf(r).watermark()) },
	"query":     func(q *Pipeline, _ *reject) event.Value { return event.StringValue(q.name) },
	"operator":  func(_ *Pipeline, r *reject) event.Value { return event.StringValue(r.operator()) },
	"lateness": func(_ *Pipeline, r *reject) event.Value {
		return event.Value{Null: r.Kind != operators.RejectLate || r.behind < 0, I: r.behind}
	},
}

// rejectKinds are the families of types that the columns have.
var rejectKinds = map[string][]event.Kind{
	"partition": {event.Int32, event.Int64}, "offset": {event.Int64},
	"value":    {event.Bytes, event.String},
	"lateness": {event.Int64, event.IntervalDay},
	"rowtime":  {event.Timestamp, event.TimestampLTZ}, "watermark": {event.Timestamp, event.TimestampLTZ},
}

// checkRejectTable says what is wrong with a dead-letter or late table.
func checkRejectTable(t *catalog.Table) error {
	for i := range t.Columns {
		c := &t.Columns[i]
		if _, ok := rejectColumns[c.Name]; !ok {
			return fmt.Errorf("column %q of %s: a table for rejected rows has columns out of source, topic, partition, offset, kind, reason, value, rowtime, watermark, query, operator, lateness", c.Name, t.Name)
		}
		kinds := rejectKinds[c.Name]
		if kinds == nil {
			kinds = []event.Kind{event.String}
		}
		if !slices.Contains(kinds, c.Type.Kind) {
			return fmt.Errorf("column %q of %s cannot be %s", c.Name, t.Name, c.Type)
		}
	}
	return nil
}

// place is where a row stood in its source; a detection stood in none.
func (r *reject) place(n int64) event.Value {
	return event.Value{Null: r.ID.Detected(), I: n}
}

func timeValue(t event.Time) event.Value {
	return event.Value{Null: t == event.MinTime || t == event.MaxTime, I: t}
}

func formatTime(t event.Time) string {
	switch t {
	case event.MinTime:
		return "before the first row"
	case event.MaxTime:
		return "at the end of the input"
	}
	return time.UnixMicro(t).UTC().Format("2006-01-02 15:04:05.000")
}

// reject notes a dropped row of the unit, with its record when that is wanted.
func (u *unit) reject(r operators.Reject) {
	u.rejects = append(u.rejects, reject{Reject: r, value: u.value(r.ID)})
}

// takeRejects takes what the scan and the operators of the branches have
// rejected.
func (u *unit) takeRejects() {
	u.takeFrom(&u.ctx)
	for _, r := range u.branches {
		u.takeFrom(&r.ctx)
	}
}

func (u *unit) takeFrom(ctx *operators.Context) {
	for _, r := range ctx.Rejects {
		u.reject(r)
	}
	ctx.Rejects = ctx.Rejects[:0]
}

// value copies the record of a row of the poll at hand, if a table wants it.
func (u *unit) value(id event.ID) []byte {
	if !u.src.wantValue || u.raws == nil {
		return nil
	}
	i, ok := slices.BinarySearch(u.raw.Offset, int64(id.Lo))
	if !ok {
		return nil
	}
	s := u.raw.Value[i]
	return append([]byte{}, u.raw.Buf[s.Off:s.Off+s.Len]...)
}

func (h *shard) takeRejects() {
	for _, r := range h.ctx.Rejects {
		h.rejects = append(h.rejects, reject{Reject: r, stage: h.stage})
	}
	h.ctx.Rejects = h.ctx.Rejects[:0]
}

// sourceOf is the source a row came from: the high half of ID.Hi; of a
// detection, the first of those that feed the stage.
func (p *Pipeline) sourceOf(r *reject) *source {
	if r.ID.Detected() {
		return r.stage.source()
	}
	return p.sources[r.ID.Hi>>32&0xffff]
}

func (s *stage) source() *source {
	if d := &s.domain; len(d.branches) > 0 {
		return d.branches[0].unit.src
	}
	return s.domain.outlets[0].stage.source()
}

// settle counts and routes the rejects of the step, in unit and shard order.
// The error is that of a row whose policy is to fail.
func (p *Pipeline) settle(number uint64) error {
	for _, u := range p.units {
		for i := range u.rejects {
			u.stats.reject(u.rejects[i].Kind)
			if err := p.route(&u.rejects[i], number); err != nil {
				return err
			}
		}
	}
	for _, s := range p.stages {
		for _, h := range s.shards {
			for i := range h.rejects {
				p.stageRejects[h.rejects[i].Kind]++
				if err := p.route(&h.rejects[i], number); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *Pipeline) route(r *reject, number uint64) error {
	p.lastRejects.add(&r.Reject)
	src := p.sourceOf(r)
	box := src.deadLetters
	switch r.Kind {
	case operators.RejectLate:
		box = src.lateRows
	case operators.RejectTime:
	case operators.RejectLimit: // declared, so no failure
		if src.policy != policyDeadLetter {
			box = nil
		}
	default:
		if src.policy == policyFail {
			return fmt.Errorf("%s: %s error %s: %s (the row is not skipped: see 'scan.error-policy' and 'scan.dead-letter-table')",
				src.name, r.Kind, r.where(), r.Reason)
		}
	}
	if box != nil {
		p.putReject(box, r, number)
	}
	return nil
}

// operator is what dropped the row: a stage by its kind and number, or the scan
// of the table.
func (r *reject) operator() string {
	if r.stage == nil {
		return "Scan"
	}
	return fmt.Sprintf("%s %d", r.stage.plan.Kind, r.stage.index)
}

func (r *reject) where() string {
	if r.ID.Detected() {
		return "in a detection of " + formatTime(r.Time)
	}
	return fmt.Sprintf("in partition %d at offset %d", uint32(r.ID.Hi), r.ID.Lo)
}

// putReject makes the row of a rejected row.
func (p *Pipeline) putReject(box *outbox, r *reject, number uint64) {
	if box.rows.schema == nil {
		box.rows.schema = box.schema
	}
	box.rows.reset()
	box.rows.next()
	b := box.rows.batches[0]
	b.Reset(1)
	for i, f := range box.schema.Fields {
		v := rejectColumns[f.Name](p, r)
		if f.Name == "lateness" && f.Type.Kind == event.Int64 {
			v.I /= 1000 // ms
		}
		b.Cols[i].Set(0, 1, v)
	}
	b.ID[0], b.Time[0] = r.ID, r.Time
	box.put(b, number, p.salts[0], nil)
}
