package changelog

import (
	"bytes"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// Program is a compiled Aggregate whose results change, shared by its shards.
type Program struct {
	plan    *plan.Aggregate
	opts    Options
	in      *event.Schema // of the rows that are aggregated: with the bounds of their window
	calls   []aggregate.Call
	codec   *group.Codec
	retract bool // rows are taken back
	windows windows
}

// Compile prepares an Aggregate without windows, or with a policy to show them.
func Compile(n *plan.Aggregate, o Options) (*Program, error) {
	p := &Program{plan: n, opts: o, in: n.Input.Schema(), retract: plan.ChangelogOf(n.Input) != plan.AppendOnly}
	if len(n.Keys)+2 > group.MaxKeys || len(n.Sets) > group.MaxSets {
		return nil, fmt.Errorf("%d keys in %d grouping sets: at most %d and %d", len(n.Keys), len(n.Sets), group.MaxKeys-2, group.MaxSets)
	}
	for i := range n.Calls {
		p.calls = append(p.calls, callOf(&n.Calls[i], n.Out.Fields[n.CallsAt()+i].Type, p.in))
	}
	keys := n.Keys
	if n.Emit != nil {
		p.windows = newWindows(n)
		p.in = p.windows.schema(p.in)
		keys = append(append([]int(nil), keys...), len(p.in.Fields)-2, len(p.in.Fields)-1)
	}
	types := make([]event.Type, len(keys))
	for i, c := range keys {
		types[i] = p.in.Fields[c].Type
	}
	sets := make([][]bool, len(n.Sets))
	for i, set := range n.Sets {
		sets[i] = make([]bool, len(keys))
		for _, k := range set {
			sets[i][k] = true
		}
		for k := len(n.Keys); k < len(keys); k++ {
			sets[i][k] = true
		}
	}
	p.codec = group.NewCodec(keys, types, sets)
	return p, nil
}

func callOf(c *plan.AggCall, result event.Type, in *event.Schema) aggregate.Call {
	out := aggregate.Call{Fn: c.Fn, Args: c.Args, Filter: c.Filter, Distinct: c.Distinct, Params: c.Params, Result: result}
	for _, k := range c.OrderBy {
		out.OrderBy = append(out.OrderBy, aggregate.Key{Column: k.Column, Type: in.Fields[k.Column].Type, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return out
}

// Key is the columns that rows are divided by: those that all grouping sets have.
func (p *Program) Key() []int {
	var key []int
	for k, c := range p.plan.Keys {
		all := true
		for _, has := range p.codec.Sets {
			all = all && has[k]
		}
		if all {
			key = append(key, c)
		}
	}
	return key
}

// Deadline is the watermark from which on a row of time t is late.
func (p *Program) Deadline(t event.Time) event.Time {
	if p.plan.Emit == nil {
		return event.MaxTime
	}
	return p.windows.gone(p.windows.lastEnd(t))
}

// New makes the operator of one shard.
func (p *Program) New(int) operators.Stateful {
	o := aggregate.Options{MaxRows: p.opts.MaxRows, Retract: p.retract}
	a := &aggregator{p: p, keys: newKeys(p.codec, p.opts.TTL), states: aggregate.NewStates(p.calls, o), out: newOutput(p.plan.Out, p.opts.Name)}
	if p.retract {
		a.taken = aggregate.NewStates(p.calls, o)
	}
	if p.plan.Emit != nil {
		a.ttl = 0 // a window ends by itself
		a.wide = event.NewBatch(p.in)
	}
	a.results = event.NewBatch(p.plan.Out)
	return a
}

// Explain says how the program works.
func (p *Program) Explain() string {
	text := "rows: as they come\n"
	if p.retract {
		text += "rows are added and taken out\n"
	}
	if p.plan.Emit != nil {
		return text + "shown: " + p.plan.Emit.String() + "\n"
	}
	text += "shown: with each row\n"
	if p.opts.TTL > 0 {
		text += fmt.Sprintf("forgotten: groups without a row for %g s\n", float64(p.opts.TTL)/1e6)
	}
	return text
}

// aggregator is the operator of one shard.
type aggregator struct {
	p *Program
	keys
	groups []grouped
	states *aggregate.States
	taken  *aggregate.States // scratch: rows to take out
	timers timers
	out    output

	wide    *event.Batch // rows with the bounds of their windows
	run     int64        // number of the run at hand
	slots   []int32
	rows    []int32
	back    [2][]int32   // slots and rows to take out
	show    []int32      // groups to show
	results *event.Batch // of groups
	encoded []byte
	bytes   int64
}

// grouped is what is kept of a group beside its states.
type grouped struct {
	rows  int64
	last  event.ID // the row that came last
	shown []byte   // the results that were shown last; nil: none
	run   int64    // the run that it was last in
	end   event.Time
	armed event.Time // when the clock shows it; MaxTime: not set
	late  bool       // the watermark has passed its end
}

// Process takes rows in any order.
func (a *aggregator) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	a.out.begin(out)
	rows := b.LiveRows()
	take := a.take
	if a.p.plan.Emit != nil {
		take = a.takeWindows
	}
	if err := take(ctx, b, rows); err != nil {
		return err
	}
	return a.out.flush()
}

// take groups rows. With several grouping sets a row goes through all of them
// before the next, so that results come in the order of rows however they are cut
// into batches.
func (a *aggregator) take(ctx *operators.Context, b *event.Batch, rows []int32) error {
	if len(a.p.codec.Sets) == 1 {
		return a.takeSet(ctx, b, rows, 0)
	}
	for i := range rows {
		for set := range a.p.codec.Sets {
			if err := a.takeSet(ctx, b, rows[i:i+1], set); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeSet goes through the rows in runs in which no group comes twice, but for the
// two rows of an update.
func (a *aggregator) takeSet(ctx *operators.Context, b *event.Batch, rows []int32, set int) error {
	a.ids.Gather(b, rows, set)
	a.startRun()
	for i, r := range rows {
		s, fresh := a.slot(i)
		if !fresh && a.groups[s].run == a.run && !a.updates(b, int(r), s) {
			if err := a.endRun(ctx, b); err != nil {
				return err
			}
			s, fresh = a.slot(i) // the run may have taken back all of it
		}
		if !fresh && a.stale(s, b.Time[r]) {
			a.forget(s)
			s, fresh = a.slot(i)
		}
		if fresh {
			a.fresh(s, b, int(r))
		}
		a.groups[s].run = a.run
		a.slots, a.rows = append(a.slots, s), append(a.rows, r)
	}
	return a.endRun(ctx, b)
}

// updates says whether a row takes the place of the one before it in the same group,
// which then is shown once, as it is after both.
func (a *aggregator) updates(b *event.Batch, row int, s int32) bool {
	last := len(a.slots) - 1
	return b.Change(row) == event.UpdateAfter && a.slots[last] == s && b.Change(int(a.rows[last])) == event.UpdateBefore
}

func (a *aggregator) startRun() {
	a.run++
	a.slots, a.rows = a.slots[:0], a.rows[:0]
}

// fresh readies a slot for its first row.
func (a *aggregator) fresh(s int32, b *event.Batch, row int) {
	a.fit()
	g := grouped{end: event.MaxTime, armed: event.MaxTime}
	if a.p.plan.Emit != nil {
		g.end = b.Cols[len(b.Cols)-1].I64[row]
		g.late = g.end-1 <= a.wm
	}
	a.groups[s] = g
	a.alarm(s)
}

func (a *aggregator) fit() {
	for len(a.groups) < int(a.N) {
		a.groups = append(a.groups, grouped{armed: event.MaxTime})
	}
	if n := int(a.N); n > 0 {
		a.states.Resize(len(a.groups))
	}
}

// endRun takes the rows of a run into their groups and shows those that are to be
// shown with each row.
func (a *aggregator) endRun(ctx *operators.Context, b *event.Batch) error {
	defer a.startRun()
	a.show = a.show[:0]
	adds, of := a.slots[:0], a.rows[:0]
	a.back[0], a.back[1] = a.back[0][:0], a.back[1][:0]
	for i, s := range a.slots {
		r := a.rows[i]
		g := &a.groups[s]
		if b.Change(int(r)).Retracts() {
			if g.rows == 0 {
				a.shown(s) // a row that never came: nothing is left of it
				continue
			}
			g.rows--
			a.back[0], a.back[1] = append(a.back[0], s), append(a.back[1], r)
		} else {
			g.rows++
			adds, of = append(adds, s), append(of, r)
		}
		g.last = b.ID[r]
		a.touch(s, b.Time[r])
		if a.due(ctx, s) {
			a.shown(s)
		}
	}
	if err := a.states.Add(adds, of, b); err != nil {
		return err
	}
	if len(a.back[0]) > 0 {
		if err := a.states.Retract(a.back[0], a.back[1], b, a.taken); err != nil {
			return err
		}
	}
	return a.fire(ctx, a.show)
}

// shown puts a group on the list of those to show, once.
func (a *aggregator) shown(s int32) {
	if n := len(a.show); n == 0 || a.show[n-1] != s {
		a.show = append(a.show, s)
	}
}

// fire shows groups whose results are other than those shown last, and drops
// those without rows. A group is in the list once.
func (a *aggregator) fire(ctx *operators.Context, slots []int32) error {
	for from := 0; from < len(slots); from += event.MaxRows {
		if err := a.fireSome(ctx, slots[from:min(len(slots), from+event.MaxRows)]); err != nil {
			return err
		}
	}
	return nil
}

func (a *aggregator) fireSome(ctx *operators.Context, slots []int32) error {
	if err := a.compute(ctx, slots); err != nil {
		return err
	}
	calls := a.results.Cols[a.p.plan.CallsAt():]
	for i, s := range slots {
		a.encoded = encodeRow(a.encoded[:0], calls, i)
		if err := a.shows(i, s); err != nil {
			return err
		}
	}
	return nil
}

// compute fills results with the keys and results of groups.
func (a *aggregator) compute(ctx *operators.Context, slots []int32) error {
	b, n := a.results, len(slots)
	b.Reset(n)
	for i, s := range slots {
		a.p.writeKey(a.Key(s), b, i)
	}
	var first error
	for c, col := range a.states.Cols {
		out := &b.Cols[a.p.plan.CallsAt()+c]
		col.Result(slots, out, func(i int, err error) {
			if first == nil {
				first = err
			}
			if a.p.opts.ContinueOnError {
				ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: a.groups[slots[i]].last, Time: event.MinTime, Reason: err.Error()})
			}
			out.Set(i, n, event.NullValue)
		})
	}
	if a.p.opts.ContinueOnError {
		return nil
	}
	return first
}

// writeKey writes everything of row i but the calls.
func (p *Program) writeKey(key []byte, b *event.Batch, i int) {
	keys := len(p.plan.Keys)
	width := len(p.codec.Cols)
	mask := p.codec.Write(key, b.Cols[:width], i, b.N)
	if p.plan.Emit != nil {
		b.Cols[keys+plan.OutTime].I64[i] = b.Cols[keys+plan.OutEnd].I64[i] - oneMilli
		mask >>= 2 // the bounds are in all sets
	}
	b.Cols[p.plan.CallsAt()-1].I64[i] = mask
}

// shows brings what is shown of a group up to row i of results.
func (a *aggregator) shows(i int, s int32) error {
	g := &a.groups[s]
	id := a.out.identity(g.last, a.Key(s))
	switch {
	case g.rows == 0:
		shown := g.shown
		g.shown = nil
		a.forget(s)
		if shown == nil {
			return nil
		}
		return a.emit(i, shown, event.Delete, id)
	case g.shown == nil:
		a.keep(g)
		return a.emit(i, g.shown, event.Insert, id)
	case bytes.Equal(g.shown, a.encoded):
		return nil
	}
	if !a.p.plan.Upsert {
		if err := a.emit(i, g.shown, event.UpdateBefore, id); err != nil {
			return err
		}
	}
	a.keep(g)
	return a.emit(i, g.shown, event.UpdateAfter, id)
}

// keep remembers what is shown.
func (a *aggregator) keep(g *grouped) {
	a.bytes += int64(len(a.encoded) - len(g.shown))
	if g.shown == nil {
		g.shown = []byte{}
	}
	g.shown = append(g.shown[:0], a.encoded...)
}

// emit appends the key of row i of results, and results.
func (a *aggregator) emit(i int, results []byte, c event.Change, id event.ID) error {
	at := a.p.plan.CallsAt()
	for k := range a.out.batch.Cols[:at] {
		a.out.batch.Cols[k].Append(a.results.Cols[k].Value(i))
	}
	if err := a.out.values(at, results); err != nil {
		return err
	}
	return a.out.end(c, id)
}

// forget drops a group.
func (a *aggregator) forget(s int32) {
	a.bytes -= int64(len(a.groups[s].shown))
	a.groups[s] = grouped{armed: event.MaxTime}
	a.states.Clear([]int32{s})
	a.release(s)
}

// Advance shows and ends what time decides.
func (a *aggregator) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	a.out.begin(out)
	a.wm = max(a.wm, wm)
	if a.p.plan.Emit == nil {
		a.idle(a.wm, a.forget)
		return nil
	}
	if err := a.tick(ctx); err != nil {
		return err
	}
	if err := a.ends(ctx); err != nil {
		return err
	}
	return a.out.flush()
}

// Size is what the shard holds.
func (a *aggregator) Size() operators.Size {
	return operators.Size{Keys: int64(a.Count), Bytes: a.memory() + a.states.Bytes() + a.bytes + int64(cap(a.groups))*88 + a.timers.memory()}
}
