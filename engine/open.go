package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// opener puts a Pipeline together.
type opener struct {
	options *Options
	cat     *catalog.Catalog
	root    *plan.Insert
	p       *Pipeline
	shadow  *opening // nil: the query itself
}

// OpenPipeline opens the sources and sinks of a query and restores its state
// from store (nil: none is kept). Steps of the journal are replayed by the
// first calls of Step. The caller closes the pipeline.
func OpenPipeline(ctx context.Context, o Options, root *plan.Insert, cat *catalog.Catalog, store state.Store) (*Pipeline, error) {
	prefix, err := stateRange(store, root.Name)
	if err != nil {
		return nil, err
	}
	return openPipeline(ctx, o, root, cat, store, prefix, nil)
}

func openPipeline(ctx context.Context, o Options, root *plan.Insert, cat *catalog.Catalog, store state.Store, prefix []byte, shadow *opening) (*Pipeline, error) {
	o = o.withDefaults()
	set, err := parseSettings(cat.Settings, o.bounds())
	if err != nil {
		return nil, err
	}
	p := &Pipeline{
		root: root, version: o.Version, settings: set, clock: o.Clock, ready: make(chan struct{}, 1),
		journal: journal{store: store, root: state.Under{Prefix: prefix}, due: make(chan struct{}, 1)},
	}
	b := &opener{options: &o, cat: cat, root: root, p: p, shadow: shadow}
	p.name = b.name()
	if err := callAt("the opening of the query", func() error { return b.open(ctx) }); err != nil {
		_ = p.Close() // the error that counts is the first
		return nil, err
	}
	return p, nil
}

// name is the query's in logs and metrics, and to brokers.
func (b *opener) name() string {
	if b.shadow != nil {
		return shadowName(b.root.Name)
	}
	return b.root.Name
}

func saltOf(name string) event.ID {
	h := xxh3.HashString128(name)
	return event.ID{Hi: h.Hi, Lo: h.Lo}
}

// InputID is the ID of the input row that a row of a query without keyed stages
// was made of: its source in the upper half of Hi, then its partition; its
// offset.
func InputID(query string, out event.ID) event.ID {
	salt := saltOf(query)
	return event.ID{Hi: out.Hi ^ salt.Hi, Lo: out.Lo ^ salt.Lo}
}

func (b *opener) open(ctx context.Context) error {
	p := b.p
	sinks, err := b.graph()
	if err != nil {
		return err
	}
	graph := p.graph
	if b.shadow == nil {
		p.spans = newSpans(b.options.Spans, p.name, b.options.Clock)
	}
	for _, s := range sinks {
		if err := b.openSink(ctx, s); err != nil {
			return err
		}
	}
	b.stages()
	if err := b.lookups(ctx); err != nil {
		return err
	}
	for i := range graph.Sources {
		if err := b.source(ctx, i); err != nil {
			return err
		}
	}
	if m := b.options.memory; m != nil {
		p.budget.auto = &m.auto
	}
	p.workers = newWorkers(b.options.pool, b.options.Workers)
	p.takeLive = func(i int) {
		u, began := p.units[i], p.clock.Now()
		u.takeLive()
		u.busy += p.clock.Now() - began
	}
	p.takeBack = func(i int) { p.units[i].takeAgain(&p.recovery.back[i]) }
	return b.start(ctx)
}

// graph builds the stages of the query, and says what they write.
func (b *opener) graph() ([]sinkSpec, error) {
	p := b.p
	outputs, sinks := b.outputs()
	schemas := make([]*event.Schema, len(sinks))
	for i := range sinks {
		schemas[i] = columnSchema(sinks[i].columns)
	}
	graph, err := build.Build(outputs, schemas, build.Options{Zone: p.settings.zone, Pattern: pattern.Options{
		MaxRows: p.settings.matchRows, MaxThreads: p.settings.matchThreads,
		ContinueOnError: slices.ContainsFunc(outputs, func(o build.Output) bool { return tolerates(o.Input, p.settings.policy) }),
		Policy:          p.settings.matchPolicy, TTL: p.settings.ttl.Microseconds(), Trace: b.options.Trace != nil,
		Explain: p.settings.explain == explainConditions,
	}, TTL: p.settings.ttl.Microseconds(), MaxSuppressed: p.settings.suppressed, MaxJoinRows: p.settings.joinRows, Portion: b.options.ReportGroups,
		Spill: p.settings.memory > 0 && p.journal.store != nil, Lookup: LookupOptions, ToldByFiles: ToldByFiles})
	if err != nil {
		return nil, err
	}
	p.graph = graph
	return sinks, nil
}

// start restores the state and opens the readers where it ends.
func (b *opener) start(ctx context.Context) error {
	p := b.p
	p.fingerprint = p.settings.fingerprint(b.root, formatVersion)
	if err := errors.Join(p.checkDisk(), p.load()); err != nil {
		return err
	}
	for _, o := range p.boxes {
		if o.recent != nil {
			o.recent.version = max(1, p.textVersion)
		}
	}
	p.budget.divide(p.settings.memory, b.options.MemoryBudget, p.stages, p.journal.store != nil)
	if err := p.takeMarks(ctx); err != nil {
		return err
	}
	p.carry()
	ready := func() { signal(p.ready) }
	for i, u := range p.units {
		from := b.shadow.start(u)
		if u.known {
			from = p.readFrom(i)
			if u.src.static() && p.readToEnd(i) {
				from = connectors.Start // nothing is read, and it may be shorter by now
			}
		}
		if err := u.open(ctx, from, ready); err != nil {
			return err
		}
		if !u.known {
			u.position = u.reader.Position()
			b.shadow.clock(u)
		}
	}
	switch {
	case p.recovery != nil:
		return nil
	case p.done:
		p.journal.resume(p.units)
		return nil
	}
	return p.goLive()
}

// sinkSpec is a table with the columns that are written.
type sinkSpec struct {
	table   *catalog.Table
	columns []connectors.Column
	changes bool // rows are updated and deleted
}

// outputs are the inserts of the query, and the sinks they write: one per table
// where they write the same columns of it.
func (b *opener) outputs() (outputs []build.Output, sinks []sinkSpec) {
	for i, n := range b.root.All() {
		columns, from := sinkColumns(n)
		at := slices.IndexFunc(sinks, func(s sinkSpec) bool {
			return s.table.Name == n.Table.Name && slices.EqualFunc(s.columns, columns, sameColumn)
		})
		if at < 0 {
			at = len(sinks)
			sinks = append(sinks, sinkSpec{table: n.Table, columns: columns})
		}
		sinks[at].changes = sinks[at].changes || changes(n)
		name := n.Name
		if i > 0 {
			name = fmt.Sprintf("%s+%s", b.root.Name, n.Name)
		}
		outputs = append(outputs, build.Output{Name: name, Input: n.Input, Columns: from, Sink: at})
		b.p.salts = append(b.p.salts, saltOf(name))
	}
	return outputs, sinks
}

// changes says whether an insert updates and deletes rows.
func changes(n *plan.Insert) bool { return plan.ChangelogOf(n.Input) != plan.AppendOnly }

func sameColumn(a, b connectors.Column) bool { return a.Name == b.Name && a.Metadata == b.Metadata }

// sinkColumns is the columns that a sink gets, and for each the column of the
// plan's input, or -1: those of the table that are stored.
func sinkColumns(root *plan.Insert) (columns []connectors.Column, from []int) {
	source := map[int]int{}
	for in, column := range root.Write {
		source[column] = in
	}
	for i := range root.Table.Columns {
		c := &root.Table.Columns[i]
		in, written := source[i]
		if c.Kind == catalog.Computed || c.Kind == catalog.Metadata && (c.Virtual || !written) {
			continue
		}
		if !written {
			in = -1
		}
		columns, from = append(columns, tableColumn(c)), append(from, in)
	}
	return columns, from
}

func tableColumn(c *catalog.Column) connectors.Column {
	return connectors.Column{Name: c.Name, Type: c.Type, Metadata: c.Key, NotNull: c.NotNull}
}

func columnSchema(columns []connectors.Column) *event.Schema {
	fields := make([]event.Field, len(columns))
	for i, c := range columns {
		fields[i] = event.Field{Name: c.Name, Type: c.Type}
	}
	return event.NewSchema(fields...)
}

// openSink adds the outbox of a table.
func (b *opener) openSink(ctx context.Context, s sinkSpec) error {
	t := s.table
	c, ok := b.options.Registry.Lookup(t.Option("connector", ""))
	if !ok {
		return fmt.Errorf("table %s: unknown connector '%s'", t.Name, t.Option("connector", ""))
	}
	table, err := b.table(t, s.columns)
	if err != nil {
		return err
	}
	table.Changes = s.changes
	warned := b.watchWarnings(&table)
	for _, o := range b.p.boxes {
		if o.table == t.Name {
			table.Writer++
		}
	}
	var sink connectors.Sink = nowhere{}
	if b.shadow == nil {
		if sink, err = c.Sink(table); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	o := newOutbox(t.Name, sink, columnSchema(s.columns), b.p.settings.sinkBufferBytes, b.p.ready).limited(b.sinkRate()).of(&s).gathering()
	o.warned = warned
	if b.shadow == nil && len(b.p.boxes) < len(b.p.graph.Sinks) {
		o.spans = b.p.spans
		if b.p.settings.explain != explainNothing {
			o.explain(b.p)
		}
	}
	if a := b.options.arrivals; a != nil && b.shadow == nil && len(b.p.boxes) < len(b.p.graph.Sinks) {
		o.recent = newRecent(a, b.root.Name, t.Name, o.schema, o.explainer != nil)
	}
	b.p.boxes = append(b.p.boxes, o)
	if err := sink.Open(ctx); err != nil {
		return fmt.Errorf("open %s: %w", t.Name, err)
	}
	if o.letters, err = b.openLetters(t); err != nil || o.letters == nil {
		return err
	}
	if err := o.letters.sink.Open(ctx); err != nil {
		return fmt.Errorf("open %s: %w", o.letters.name, err)
	}
	return nil
}

// sinkRate is that of the settings; nobody waits for a shadow.
func (b *opener) sinkRate() int64 {
	if b.shadow != nil {
		return 0
	}
	return b.p.settings.sinkRate
}

// rejectBox is the outbox of a dead-letter or late table; tables that several
// sources name share one.
func (b *opener) rejectBox(ctx context.Context, name string) (*outbox, error) {
	if name == "" {
		return nil, nil
	}
	t, ok := b.cat.Table(name)
	if !ok {
		return nil, fmt.Errorf("there is no table %q for rejected rows", name)
	}
	if err := checkRejectTable(t); err != nil {
		return nil, err
	}
	for _, o := range b.p.boxes[len(b.p.graph.Sinks):] {
		if o.table == t.Name {
			return o, nil
		}
	}
	if err := b.openSink(ctx, sinkSpec{table: t, columns: allColumns(t)}); err != nil {
		return nil, err
	}
	return b.p.boxes[len(b.p.boxes)-1], nil
}

func allColumns(t *catalog.Table) []connectors.Column {
	columns := make([]connectors.Column, len(t.Columns))
	for i := range t.Columns {
		columns[i] = tableColumn(&t.Columns[i])
	}
	return columns
}

// table is what the connector of a table gets, with its secrets.
func (b *opener) table(t *catalog.Table, columns []connectors.Column) (connectors.Table, error) {
	options := make(map[string]string, len(t.Options))
	for k, o := range t.Options {
		value, err := b.options.Access.Resolve(o.Value)
		if err != nil {
			return connectors.Table{}, connectors.OptionError{Key: k, Message: fmt.Sprintf("option '%s': %v", k, err)}
		}
		options[k] = value
	}
	return connectors.Table{
		Name: t.Name, Columns: columns, Physical: physicalColumns(t), Key: keyColumns(t), Options: options, Dir: b.options.Dir, Stdin: b.options.Stdin, Stdout: b.options.Stdout,
		Log: b.options.Log.With("query", b.name(), "table", t.Name), Query: b.name(), Delivery: delivery(options[optDelivery]),
		Access: b.options.Access, Durable: b.p != nil && b.p.journal.store != nil,
	}, nil
}

func physicalColumns(t *catalog.Table) []connectors.Column {
	var columns []connectors.Column
	for i := range t.Columns {
		if t.Columns[i].Kind == catalog.Physical {
			columns = append(columns, tableColumn(&t.Columns[i]))
		}
	}
	return columns
}

func keyColumns(t *catalog.Table) (names []string) {
	for _, i := range t.PrimaryKey {
		names = append(names, t.Columns[i].Name)
	}
	return names
}

func delivery(text string) connectors.Delivery {
	switch text {
	case "none":
		return connectors.None
	case "exactly-once":
		return connectors.ExactlyOnce
	}
	return connectors.AtLeastOnce
}

// stages makes the keyed stages and says which feeds which.
func (b *opener) stages() {
	p := b.p
	for i := range p.graph.Stages {
		s := newStage(i, b.traced(i, &p.graph.Stages[i]), p.settings.shards)
		if p.settings.explain != explainNothing {
			s.trace(true)
			s.conditions(p.settings.explain == explainConditions)
		}
		p.stages = append(p.stages, s)
	}
	for _, s := range p.stages {
		for i := range s.plan.Branches {
			s.outlets = append(s.outlets, b.outlet(s, &s.plan.Branches[i]))
		}
	}
}

func (b *opener) outlet(s *stage, plan *build.Branch) *outlet {
	o := &outlet{stage: s, plan: plan}
	if sink, ok := build.SinkOf(plan.To); ok {
		o.sink, o.schema = sink, b.p.graph.Sinks[sink]
		return o
	}
	below := b.p.stages[plan.To]
	o.schema, o.below, o.router = below.plan.Prepared, &below.domain, below.newRouter()
	below.domain.outlets = append(below.domain.outlets, o)
	return o
}

// traced is the stage with the operators of Options.Trace.
func (b *opener) traced(i int, m *build.Stage) *build.Stage {
	if b.options.Trace == nil || m.Pattern == nil {
		return m
	}
	own := *m
	own.New = func(shard int) operators.Stateful { return b.options.Trace(i, shard, m.Pattern) }
	return &own
}

// connect leads a branch to its stage or sink.
func (b *opener) connect(r *branch) {
	if sink, ok := build.SinkOf(r.plan.To); ok {
		r.sink = sink
		return
	}
	s := b.p.stages[r.plan.To]
	for _, o := range s.domain.branches {
		if o.unit == r.unit {
			r.twin++
		}
	}
	r.stage, r.domain, r.router = s, &s.domain, s.newRouter()
	r.router.all = r.plan.Static && s.plan.Spread
	s.domain.branches = append(s.domain.branches, r)
}

func (s *stage) newRouter() router {
	return router{key: s.plan.Key, spread: s.plan.Spread, shards: len(s.shards)}
}

// source opens the source of graph.Sources[i] and makes its units.
func (b *opener) source(ctx context.Context, i int) error {
	p, plan := b.p, &b.p.graph.Sources[i]
	s := &source{index: i, plan: plan, kept: p.journal.store != nil}
	p.sources = append(p.sources, s)
	var err error
	if plan.Scan == nil {
		s.name, s.source, s.read = "VALUES", constants{plan.Values}, plan.Values.Out
	} else if err = b.openSource(ctx, s); err != nil {
		return fmt.Errorf("table %s: %w", plan.Scan.Table.Name, err)
	}
	// A table that is read once may be another one when the query restarts.
	s.replayable, s.bounded = s.source.Replayable() && !s.static(), s.source.Bounded()
	parts, err := s.source.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("partitions of %s: %w", s.name, err)
	}
	for _, part := range parts {
		if err := b.unit(s, part); err != nil {
			return err
		}
	}
	return nil
}

func (b *opener) openSource(ctx context.Context, s *source) (err error) {
	t := s.plan.Scan.Table
	s.name, s.read = t.Name, readSchema(s.plan.Scan)
	c, ok := b.options.Registry.Lookup(t.Option("connector", ""))
	if !ok {
		return fmt.Errorf("unknown connector '%s'", t.Option("connector", ""))
	}
	table, err := b.table(t, readColumns(s.plan.Scan))
	if err != nil {
		return err
	}
	if table.Reload, err = durationOption(t, optReload, 0); err != nil {
		return err
	}
	s.warned = b.watchWarnings(&table)
	s.connector, table.Traced = c.Name(), b.p.spans != nil
	s.traced = table.Traced
	b.shadow.rewind(c, &table)
	if err := b.prune(s, &table); err != nil {
		return err
	}
	s.newDecoder = func() (connectors.Decoder, error) { return b.options.NewDecoder(table) }
	if s.source, err = c.Source(table); err != nil {
		return err
	}
	return b.sourceOptions(ctx, s, t)
}

func (b *opener) sourceOptions(ctx context.Context, s *source, t *catalog.Table) error {
	idle, err := durationOption(t, optIdleTimeout, defaultIdleTimeout)
	if err != nil {
		return err
	}
	s.idleTimeout = idle.Microseconds()
	if s.deadLetters, err = b.rejectBox(ctx, t.Option(optDeadLetters, "")); err != nil {
		return err
	}
	if s.lateRows, err = b.rejectBox(ctx, t.Option(optLateRows, "")); err != nil {
		return err
	}
	s.wantValue = s.deadLetters != nil || s.lateRows != nil
	if s.policy, err = policyOf(t, b.p.settings.policy); err != nil {
		return err
	}
	return b.align(s, t)
}

func durationOption(t *catalog.Table, key string, fallback time.Duration) (time.Duration, error) {
	text := t.Option(key, "")
	if text == "" {
		return fallback, nil
	}
	d, err := duration.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("option '%s': %w", key, err)
	}
	return d, nil
}

func (b *opener) unit(s *source, part int32) error {
	u, err := s.newUnit(part, b.p.settings.stepRows)
	if err != nil {
		return err
	}
	for _, r := range u.branches {
		b.connect(r)
	}
	s.units = append(s.units, u)
	b.p.units = append(b.p.units, u)
	return nil
}
