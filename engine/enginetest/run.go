package enginetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Compiled is a script with one query.
type Compiled struct {
	Root    *plan.Insert
	Catalog *catalog.Catalog
}

// Compile compiles a script that holds one INSERT.
func Compile(sql string) (*Compiled, error) {
	cat := catalog.New()
	r, err := query.CompileText(cat, "test.sql", sql, nil)
	if err != nil {
		return nil, err
	}
	if len(r.Queries) != 1 {
		return nil, fmt.Errorf("the script has %d queries, not 1", len(r.Queries))
	}
	return &Compiled{r.Queries[0].Insert, cat}, nil
}

// Options of the engine on the world, single-threaded and on a clock that
// stands.
func (w *World) Options() engine.Options {
	return engine.Options{Registry: w.Registry(formats.Specs()), Clock: &clock.Manual{}, Workers: 1}
}

// Run compiles sql, runs its query to the end of its bounded input, without
// goroutines, and returns what its sink was given, as text.
func (w *World) Run(t testing.TB, sql string) []string {
	t.Helper()
	c, err := Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, c, w.Options(), nil)
	if err := Finish(p); err != nil {
		t.Fatal(err)
	}
	return w.Output(c.Root.Table.Name).Texts()
}

// Pipeline opens a query, to be closed with the test.
func (w *World) Pipeline(t testing.TB, c *Compiled, o engine.Options, store state.Store) *engine.Pipeline {
	t.Helper()
	p, err := engine.OpenPipeline(context.Background(), o, c.Root, c.Catalog, store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// Finish steps, commits and delivers until the input has ended and all is
// delivered.
func Finish(p *engine.Pipeline) error {
	for !p.Done() || !p.Drained() {
		idle, err := Round(p)
		if err != nil {
			return err
		}
		if idle && !p.Done() {
			return fmt.Errorf("the query waits for input that does not come: %s", p.Status().Hint)
		}
	}
	return nil
}

// Round is one step, commit and delivery.
func Round(p *engine.Pipeline) (idle bool, err error) {
	ctx := context.Background()
	if idle, err = p.Step(ctx); err != nil {
		return idle, err
	}
	if err := p.Commit(); err != nil {
		return idle, err
	}
	n, err := p.Deliver(ctx)
	return idle && n == 0, err
}

// Sorted is a sorted copy.
func Sorted(rows []string) []string {
	rows = slices.Clone(rows)
	slices.Sort(rows)
	return rows
}
