package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Shadow is another text of a query that runs beside it: with a state of its own,
// and no sinks. What both deliver is compared, until the shadow is dropped or
// takes the query's place.
type Shadow struct {
	engine     *Engine
	name       string
	generation uint32
	query      *Query
	comparison *comparison
	compares   bool
	cancel     context.CancelFunc
	done       chan struct{}
	aligning   sync.Mutex // one cut at a time
	note       atomic.Pointer[string]
}

// ShadowStart is how a shadow begins.
type ShadowStart struct {
	// State: with a copy of the query's state, made that of the shadow's text.
	// Otherwise with none.
	State bool
	// History: at From, or, of tables that cannot be read from a time on, at the
	// beginning; From zero: where the tables' options say. Otherwise where the query
	// is.
	History bool
	From    time.Time
	// Uncompared: it is to take over, and nobody looks at differences.
	Uncompared bool
}

// What a shadow is refused for.
var (
	ErrShadow      = errors.New("the query has a shadow already")
	ErrNoShadow    = errors.New("the query has no shadow")
	ErrNotPromoted = errors.New("the shadow cannot take over now")
	errNotAligned  = errors.New("the query and its shadow have not come to one cut")
	errShadowEnded = errors.New("the shadow was dropped")
	errNoQuery     = errors.New("the query does not run: start it, then its shadow")
)

// shadowName tells a shadow from its query in logs and metrics.
func shadowName(query string) string { return query + "@shadow" }

// StartShadow starts a shadow of the query that the plan is named after; one that
// has state goes on from there. ctx limits the opening only.
func (e *Engine) StartShadow(ctx context.Context, root *plan.Insert, cat *catalog.Catalog, how ShadowStart) (*Shadow, error) {
	if e.store == nil {
		return nil, errors.New("a shadow needs a data directory")
	}
	if err := panics.Call(func() error { return e.Validate(root, cat) }); err != nil {
		return nil, err
	}
	old, err := e.reserveShadow(root.Name)
	if err != nil {
		return nil, err
	}
	s, err := e.openShadow(ctx, old, root, cat, how)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil && e.closed {
		err = errors.Join(errClosed, s.query.p.Close())
	}
	if err != nil {
		delete(e.shadows, root.Name)
		return nil, e.options.Access.RedactError(err)
	}
	e.shadows[root.Name] = s
	ctx, s.cancel = context.WithCancel(context.Background())
	go s.query.run()
	go s.run(ctx)
	return s, nil
}

// reserveShadow gives the query, nil when it does not run.
func (e *Engine) reserveShadow(name string) (*Query, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errClosed
	}
	if s, ok := e.shadows[name]; ok && (s == nil || s.query.running()) {
		return nil, fmt.Errorf("query %q: %w", name, ErrShadow)
	}
	e.shadows[name] = nil
	q := e.queries[name]
	if q != nil && !q.running() {
		q = nil
	}
	return q, nil
}

func (e *Engine) openShadow(ctx context.Context, old *Query, root *plan.Insert, cat *catalog.Catalog, how ShadowStart) (*Shadow, error) {
	generation, err := inForce(e.store, root.Name)
	if err != nil {
		return nil, err
	}
	s := &Shadow{engine: e, name: root.Name, generation: generation + 1, compares: !how.Uncompared, done: make(chan struct{})}
	prefix := generationRange(root.Name, s.generation)
	resumed, err := hasBegun(e.store, prefix)
	if err != nil {
		return nil, err
	}
	o := &opening{}
	if !resumed {
		if old == nil {
			return nil, errNoQuery
		}
		err := e.deleteShadow(root.Name, s.generation) // what a crash has left of an opening
		if err == nil {
			err = s.prepare(ctx, old, Revision{root, cat}, how, o)
		}
		if err != nil {
			return nil, errors.Join(err, e.deleteShadow(root.Name, s.generation))
		}
	}
	if how.History {
		o.from = how.From
	}
	p, err := openPipeline(ctx, e.options, root, cat, e.store, prefix, o)
	if err == nil {
		err = s.take(p, old)
	}
	if err != nil && !resumed {
		err = errors.Join(err, e.deleteShadow(root.Name, s.generation))
	}
	return s, err
}

// hasBegun says whether a range holds the state of a query that has run.
func hasBegun(r state.Reader, prefix []byte) (bool, error) {
	u := state.Under{R: r, Prefix: prefix}
	text, found, err := u.Get([]byte{sectionMeta})
	if err != nil || !found {
		return false, err
	}
	var m meta
	if err := json.Unmarshal(text, &m); err != nil {
		return false, fmt.Errorf("the state of a shadow is corrupt: %w", err)
	}
	if m.Partial {
		return false, nil
	}
	_, found, err = u.Get([]byte{sectionSnapshot})
	return found, err
}

// take makes the pipeline the shadow's; after an error it is closed.
func (s *Shadow) take(p *Pipeline, old *Query) error {
	err := p.shadows()
	if err == nil && old != nil {
		err = p.writesAs(old.p)
	}
	if err == nil {
		s.comparison, err = s.engine.attach(p, s.name, s.generation, sideShadow)
	}
	if err != nil {
		return errors.Join(err, p.Close())
	}
	s.query, err = newQuery(s.engine, p)
	return err
}

// prepare gets from the running query what the shadow begins with.
func (s *Shadow) prepare(ctx context.Context, old *Query, text Revision, how ShadowStart, o *opening) error {
	switch {
	case how.State:
		return s.copyState(ctx, old, text)
	case how.History:
		return nil
	}
	return old.ask(ctx, func(p *Pipeline) error {
		if p.recovery != nil {
			return ErrRecovering
		}
		o.at, o.time = offsetsOf(p.Positions()), p.moment()
		return nil
	})
}

// shadows says whether the pipeline's input can be read beside another reader.
func (p *Pipeline) shadows() error {
	seen := map[string]bool{}
	for _, s := range p.sources {
		if seen[s.name] && s.plan.Scan != nil {
			return fmt.Errorf("a shadow cannot read table %s in two ways", s.name)
		}
		seen[s.name] = true
		if !s.source.Replayable() {
			return fmt.Errorf("a shadow reads its tables beside the query, and what table %s has given cannot be read again", s.name)
		}
		s.carried = true // nobody tells its offsets
	}
	return nil
}

// opening is how a pipeline is opened as a shadow. The nil one is none.
type opening struct {
	at   offsets   // where it begins; nil: where the tables' options say
	time moment    // with at: what the query has been told of time
	from time.Time // where history begins; zero: where the options say
}

func (o *opening) start(u *unit) int64 {
	if o != nil && !u.src.static() {
		if at, ok := o.at[partition{u.src.name, u.part}]; ok && at >= 0 {
			return at
		}
	}
	return connectors.Start
}

// clock has a unit that begins in the middle know what its partition has
// asserted before.
func (o *opening) clock(u *unit) {
	if o == nil || u.src.static() {
		return
	}
	if t, ok := o.time.units[partition{u.src.name, u.part}]; ok && t.mark != event.MaxTime {
		u.mark, u.idle = t.mark, t.idle
	}
}

func (o *opening) rewind(c connectors.Connector, t *connectors.Table) {
	if o == nil || o.from.IsZero() {
		return
	}
	if r, ok := c.(connectors.Rewinder); ok {
		r.Rewind(t.Options, o.from)
	}
}

// nowhere is the sink of a shadow.
type nowhere struct{}

func (nowhere) Open(context.Context) error                { return nil }
func (nowhere) Write(context.Context, *event.Batch) error { return nil }
func (nowhere) Flush(context.Context) error               { return nil }
func (nowhere) Close() error                              { return nil }

// written are the tables that the pipeline writes, by name, and the outbox of
// each.
func (p *Pipeline) written() (tables []comparedTable, boxes []int) {
	for i := range p.graph.Sinks {
		boxes = append(boxes, i)
	}
	slices.SortStableFunc(boxes, func(a, b int) int { return cmp.Compare(p.boxes[a].table, p.boxes[b].table) })
	for _, i := range boxes {
		o := p.boxes[i]
		tables = append(tables, comparedTable{name: o.table, columns: o.columns, changes: o.changes})
	}
	return tables, boxes
}

// writesAs demands that both write the same columns of the same tables.
func (p *Pipeline) writesAs(old *Pipeline) error {
	mine, _ := p.written()
	theirs, _ := old.written()
	if slices.EqualFunc(mine, theirs, func(a, b comparedTable) bool {
		return a.name == b.name && a.changes == b.changes && reflect.DeepEqual(a.columns, b.columns)
	}) {
		return nil
	}
	return fmt.Errorf("a shadow writes what its query writes: %s, not %s", describeTables(theirs), describeTables(mine))
}

func describeTables(list []comparedTable) string {
	text := ""
	for i, t := range list {
		if i > 0 {
			text += ", "
		}
		text += t.name + " ("
		for j, c := range t.columns {
			if j > 0 {
				text += ", "
			}
			text += c.Name
		}
		text += ")"
	}
	return text
}

// attach has a pipeline's outboxes tapped for the comparison with a generation.
// The taps of a comparison that has not begun are set later.
func (e *Engine) attach(p *Pipeline, name string, generation uint32, side int) (*comparison, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.comparisons[name]
	if c == nil {
		tables, _ := p.written()
		var err error
		if c, err = newComparison(e.store, generationRange(name, generation), &e.options, tables); err != nil {
			return nil, err
		}
		c.gauge = e.metrics.compared(name)
		begun, err := c.load()
		if err != nil {
			return nil, fmt.Errorf("the shadow of query %q: %w", name, err)
		}
		if side == sideQuery && !begun {
			return nil, nil
		}
		e.comparisons[name] = c
	}
	if c.doc.Begun != 0 {
		c.tap(p, side)
	}
	return c, nil
}

// tap sets the taps of a side.
func (c *comparison) tap(p *Pipeline, side int) {
	var places []partition
	for _, u := range p.units {
		at := partition{}
		if !u.src.static() {
			at = partition{u.src.name, u.part}
		}
		places = append(places, at)
	}
	_, boxes := p.written()
	for i, box := range boxes {
		o := p.boxes[box]
		o.tap.Store(&tap{c: c, lane: c.tables[i][side], places: places, synced: o.tx != nil})
	}
}

// compareAgain taps a query that has a shadow.
func (e *Engine) compareAgain(p *Pipeline) error {
	if e.store == nil {
		return nil
	}
	generation, err := inForce(e.store, p.name)
	if err == nil {
		_, err = e.attach(p, p.name, generation+1, sideQuery)
	}
	return err
}
