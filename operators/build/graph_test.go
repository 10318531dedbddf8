package build_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// machine runs a graph with one source in one shard, step by step.
type machine struct {
	graph  *build.Graph
	ctx    operators.Context
	scan   *relational.Scan
	read   *event.Schema
	stages []*machineStage
	heads  []operators.Collector // of the source's branches
	sinks  []*[]string           // rows with time and ID
	sinkOf []int                 // by insert
	// spilled is how many keys were let go of, as the operators of now count.
	spilled int64
}

type machineStage struct {
	order *order.Buffer
	op    operators.Stateful
	ways  outputs
	in    []*event.Batch
	now   event.Time // watermark of its output
}

// outputs is where the rows of an operator go.
type outputs []operators.Collector

func (w outputs) Emit(b *event.Batch) error { return w[0].Emit(b) }

func (w outputs) Output(i int) operators.Collector { return w[i] }

// newMachine builds a graph; with share, inserts of the same columns have one
// sink.
func newMachine(t testing.TB, list []*plan.Insert, o build.Options, share bool) *machine {
	t.Helper()
	m := &machine{}
	var outputs []build.Output
	var schemas []*event.Schema
	for _, n := range list {
		schema := n.Input.Schema()
		columns := make([]int, len(schema.Fields))
		for c := range columns {
			columns[c] = c
		}
		sink := len(schemas)
		if i := slices.IndexFunc(schemas, func(s *event.Schema) bool { return sameFields(s, schema) }); share && i >= 0 {
			sink = i
		} else {
			schemas = append(schemas, schema)
			m.sinks = append(m.sinks, &[]string{})
		}
		m.sinkOf = append(m.sinkOf, sink)
		outputs = append(outputs, build.Output{Name: n.Name, Input: n.Input, Columns: columns, Sink: sink})
	}
	g, err := build.Build(outputs, schemas, o)
	must(t, err)
	m.graph = g
	m.open(t)
	return m
}

func sameFields(a, b *event.Schema) bool {
	return slices.EqualFunc(a.Fields, b.Fields, func(x, y event.Field) bool { return x.Name == y.Name && x.Type.Equal(y.Type) })
}

// open makes the operators; what the sinks have stays.
func (m *machine) open(t testing.TB) {
	t.Helper()
	m.stages, m.heads = nil, nil
	for i := range m.graph.Stages {
		s := &m.graph.Stages[i]
		m.stages = append(m.stages, &machineStage{order: order.New(s.Prepared, s.Order), op: s.New(0)})
	}
	for i := range m.graph.Stages {
		for _, r := range m.graph.Stages[i].Branches {
			m.stages[i].ways = append(m.stages[i].ways, m.way(t, r))
		}
	}
	source := &m.graph.Sources[0]
	var err error
	m.scan, err = source.NewScan()
	must(t, err)
	m.read = event.NewSchema()
	for _, c := range source.Scan.Read {
		m.read.Fields = append(m.read.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	for _, r := range source.Branches {
		m.heads = append(m.heads, m.way(t, r))
	}
}

func (m *machine) way(t testing.TB, r build.Branch) operators.Collector {
	t.Helper()
	ops, err := r.Chain.New()
	must(t, err)
	next := m.target(r.To)
	for i := len(ops) - 1; i >= 0; i-- {
		op, last := ops[i], next
		next = collect(func(b *event.Batch) error { return op.Process(&m.ctx, b, last) })
	}
	return next
}

func (m *machine) target(to int) collect {
	if sink, ok := build.SinkOf(to); ok {
		rows := m.sinks[sink]
		return func(b *event.Batch) error {
			*rows = append(*rows, textOf(b)...)
			return nil
		}
	}
	return func(b *event.Batch) error {
		kept := event.NewBatch(b.Schema)
		kept.Reset(0)
		kept.AppendRows(b, b.LiveRows())
		m.stages[to].in = append(m.stages[to].in, kept)
		return nil
	}
}

func textOf(b *event.Batch) (rows []string) {
	for _, row := range b.LiveRows() {
		parts := make([]string, len(b.Cols))
		for c := range b.Cols {
			parts[c] = kernel.Format(b.Schema.Fields[c].Type, b.Cols[c].Value(int(row)))
		}
		rows = append(rows, fmt.Sprintf("%s @%d %x", strings.Join(parts, " "), b.Time[row], b.ID[row]))
	}
	return rows
}

// step takes a batch (nil: none), then the watermark.
func (m *machine) step(t testing.TB, b *event.Batch, wm event.Time) {
	t.Helper()
	if b != nil {
		finished := *m.scan.Finish(&m.ctx, b)
		for _, head := range m.heads {
			view := finished
			must(t, head.Emit(&view))
		}
	}
	for i, s := range m.stages {
		mark := wm
		for k := range i { // what it waits for
			for _, r := range m.graph.Stages[k].Branches {
				if r.To == i {
					mark = min(mark, m.stages[k].now)
				}
			}
		}
		must(t, s.take(&m.ctx, &m.graph.Stages[i], mark))
	}
}

func (s *machineStage) take(ctx *operators.Context, plan *build.Stage, wm event.Time) error {
	var in []event.Batch
	for _, b := range s.in {
		in = append(in, *b)
	}
	s.in = nil
	process := collect(func(b *event.Batch) error { return s.op.Process(ctx, b, s.ways) })
	if err := s.order.Step(in, wm, process); err != nil {
		return err
	}
	if err := s.op.Advance(ctx, wm, s.ways); err != nil {
		return err
	}
	s.now = wm
	if h, ok := s.op.(operators.Holder); ok {
		s.now = h.Hold(wm)
	}
	return nil
}

// crash goes on with new operators, from a snapshot added to store.
func (m *machine) crash(t testing.TB, store *memstore.Store) {
	t.Helper()
	w := store.NewBatch()
	for i, s := range m.stages {
		must(t, s.order.Snapshot(&state.Under{Prefix: []byte{byte(i), 0}, W: w}))
		must(t, s.op.Snapshot(&state.Under{Prefix: []byte{byte(i), 1}, W: w}))
	}
	must(t, w.Commit(true))
	m.open(t)
	m.restore(t, store)
}

// spill takes a snapshot and lets go of all that it holds.
func (m *machine) spill(t testing.TB, store *memstore.Store) {
	t.Helper()
	w := store.NewBatch()
	for i, s := range m.stages {
		must(t, s.op.Snapshot(&state.Under{Prefix: []byte{byte(i), 1}, W: w}))
	}
	must(t, w.Commit(true))
	for _, s := range m.stages {
		if op, ok := s.op.(operators.Spiller); ok && op.Spills() {
			op.Spill(0)
			m.spilled += op.Size().Spilled
		}
	}
}

func (m *machine) restore(t testing.TB, store *memstore.Store) {
	t.Helper()
	for i, s := range m.stages {
		must(t, s.order.Restore(&state.Under{Prefix: []byte{byte(i), 0}, R: store}))
		must(t, s.op.Restore(&state.Under{Prefix: []byte{byte(i), 1}, R: store}))
	}
}
