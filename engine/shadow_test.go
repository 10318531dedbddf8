package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
)

// shadowed is an engine with a query over open input, of which the first half
// has been read.
type shadowed struct {
	t     *testing.T
	w     *enginetest.World
	in    *enginetest.Input
	e     *engine.Engine
	store *memstore.Store
	all   int // records of each of two partitions
}

func newShadowed(t *testing.T, seed uint64) *shadowed {
	t.Helper()
	return newShadowedOf(t, seed, probes)
}

func newShadowedOf(t *testing.T, seed uint64, sql string) *shadowed {
	t.Helper()
	x := &shadowed{t: t, w: enginetest.NewWorld(), store: memstore.New(), all: 400}
	input := randomPayments(rand.New(rand.NewPCG(seed, 10)), 2, x.all)
	x.in = x.w.Input("payments", input...).Open()
	x.show(x.all / 2)
	x.open()
	start(t, x.e, sql)
	x.reads(x.all / 2)
	return x
}

func (x *shadowed) open() {
	x.e = newEngine(x.t, x.w, func(o *engine.Options) { o.Store = x.store })
}

func (x *shadowed) show(n int) {
	x.in.Show(0, n)
	x.in.Show(1, n)
}

// reads waits until the query has read so many records of each partition.
func (x *shadowed) reads(n int) {
	x.t.Helper()
	until(x.t, func() bool {
		q, _ := x.e.Query("alerts")
		return q != nil && readTo(q.Status(), int64(n))
	})
}

func readTo(s engine.Status, n int64) bool {
	return !slices.ContainsFunc(s.Partitions, func(p engine.PartitionStatus) bool { return p.Position < n })
}

func (x *shadowed) shadow(sql string, how engine.ShadowStart) *engine.Shadow {
	x.t.Helper()
	c, err := enginetest.Compile(sql)
	if err != nil {
		x.t.Fatal(err)
	}
	s, err := x.e.StartShadow(context.Background(), c.Root, c.Catalog, how)
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

func (x *shadowed) compares(s *engine.Shadow) {
	x.t.Helper()
	until(x.t, func() bool { return s.Status().Phase == engine.ShadowComparing })
}

// TestShadowCompares checks the differences of a changed threshold against what
// the two texts make alone, also through a restart of both.
func TestShadowCompares(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			x := newShadowed(t, 1)
			s := x.shadow(bolder, engine.ShadowStart{History: true})
			x.compares(s)
			x.show(x.all * 3 / 4)
			x.reads(x.all * 3 / 4)
			if restart {
				if err := x.e.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				x.open()
				start(t, x.e, probes)
				s = x.shadow(bolder, engine.ShadowStart{History: true})
			}
			x.show(-1)
			x.reads(x.all)
			until(t, func() bool {
				c := s.Status().Comparison
				return c != nil && readTo(s.Status().Query, int64(x.all)) && c.WaitingOld+c.WaitingNew == 0
			})
			x.check(s.Status().Comparison)
		})
	}
}

// check compares with what the two texts make of the records behind the cut, which
// is at half of the input.
func (x *shadowed) check(got *engine.Comparison) {
	x.t.Helper()
	old, young := behind(x, probes), behind(x, bolder)
	var want engine.Outcomes
	for id, row := range old {
		other, both := young[id]
		switch {
		case !both:
			want.OnlyOld++
		case row == other:
			want.Same++
		default:
			want.Changed++
		}
	}
	for id := range young {
		if _, both := old[id]; !both {
			want.OnlyNew++
		}
	}
	if got.Outcomes != want || want.Same == 0 || want.OnlyOld == 0 || want.OnlyNew == 0 || want.Changed == 0 || got.Error != "" || got.Uncompared != 0 {
		x.t.Errorf("%+v, want %+v", got, want)
	}
	var days engine.Outcomes
	for _, d := range got.Days {
		days.Same += d.Same
		days.OnlyOld += d.OnlyOld
	}
	if days.Same != want.Same || days.OnlyOld != want.OnlyOld {
		x.t.Errorf("by day %+v", got.Days)
	}
	if len(got.Columns) != 1 || got.Columns[0] != (engine.ColumnChanges{Column: "probes", Rows: want.Changed}) {
		x.t.Errorf("changed columns %+v", got.Columns)
	}
	if n := want.OnlyOld + want.OnlyNew + want.Changed; len(got.Differences) != int(min(n, 100)) || len(got.Differences[0].Old)+len(got.Differences[0].New) == 0 {
		x.t.Errorf("%d differences shown, of %d: %+v", len(got.Differences), n, got.Differences)
	}
}

// behind is what a text makes of the records of the second half, by id.
func behind(x *shadowed, sql string) map[event.ID]string {
	w := enginetest.NewWorld()
	w.Input("payments", x.in.Records()...)
	p := openPipeline(x.t, w, sql, w.Options(), nil)
	half := int64(x.all / 2)
	for p.Until([]engine.Position{{Table: "payments", Offset: half}, {Table: "payments", Partition: 1, Offset: half}}); !p.Rests(); {
		round(x.t, p)
	}
	before := len(w.Output("alerts").Rows())
	p.Release()
	for !readTo(p.Status(), int64(x.all)) {
		round(x.t, p)
	}
	rows := map[event.ID]string{}
	for _, r := range w.Output("alerts").Rows()[before:] {
		rows[r.ID] = r.Text
	}
	return rows
}

// TestPromoteRunning promotes while records come, and drops nothing and doubles
// nothing.
func TestPromoteRunning(t *testing.T) {
	for _, how := range []engine.ShadowStart{{State: true}, {History: true}} {
		t.Run(fmt.Sprintf("state=%v", how.State), func(t *testing.T) {
			x := newShadowed(t, 2)
			x.w.Output("alerts").Transactional()
			s := x.shadow(probes, how)
			x.compares(s)
			x.show(x.all * 3 / 4)
			if err := x.e.Promote(context.Background(), "alerts", 2); err != nil {
				t.Fatal(err)
			}
			if _, ok := x.e.Shadow("alerts"); ok {
				t.Error("there is a shadow still")
			}
			start(t, x.e, probes)
			x.show(-1)
			x.reads(x.all)
			x.in.End()
			q, _ := x.e.Query("alerts")
			if err := q.Wait(); err != nil {
				t.Fatal(err)
			}
			got := sortRows(x.w.Output("alerts").Rows())
			if g, err := x.e.Generation("alerts"); g != 1 || err != nil {
				t.Errorf("generation %d (%v)", g, err)
			}
			if v, err := x.e.StateVersion("alerts"); v != 2 || err != nil {
				t.Errorf("version %d (%v)", v, err)
			}
			if want := alone(t, x, probes); !slices.Equal(got, want) {
				t.Errorf("%d rows, want %d", len(got), len(want))
			}
		})
	}
}

// alone is what a text makes of the whole input.
func alone(t *testing.T, x *shadowed, sql string) []enginetest.Row {
	w := enginetest.NewWorld()
	w.Input("payments", x.in.Records()...)
	w.Run(t, sql)
	return sortRows(w.Output("alerts").Rows())
}

func TestShadowIsRefused(t *testing.T) {
	x := newShadowed(t, 3)
	elsewhere := strings.ReplaceAll(strings.Replace(bolder, "CREATE TABLE alerts", "CREATE TABLE others", 1), "INSERT INTO alerts", "INSERT INTO others")
	other, err := enginetest.Compile(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	other.Root.Name = "alerts"
	if _, err := x.e.StartShadow(context.Background(), other.Root, other.Catalog, engine.ShadowStart{}); err == nil || !strings.Contains(err.Error(), "a shadow writes what its query writes: alerts (card, probes, amount, at), not others (") {
		t.Errorf("another table: %v", err)
	}
	if err := x.e.Promote(context.Background(), "alerts", 2); !errors.Is(err, engine.ErrNoShadow) {
		t.Errorf("promoting no shadow: %v", err)
	}
	x.shadow(bolder, engine.ShadowStart{})
	c, _ := enginetest.Compile(bolder)
	if _, err := x.e.StartShadow(context.Background(), c.Root, c.Catalog, engine.ShadowStart{}); !errors.Is(err, engine.ErrShadow) {
		t.Errorf("a second shadow: %v", err)
	}
	if err := x.e.DropShadow("alerts"); err != nil {
		t.Error(err)
	}
	other, err = enginetest.Compile(strings.Replace(bolder, "AFTER MATCH SKIP PAST LAST ROW", "AFTER MATCH SKIP TO NEXT ROW", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.e.StartShadow(context.Background(), other.Root, other.Catalog, engine.ShadowStart{State: true}); err == nil || !strings.Contains(err.Error(), "the state of the query is not that of the shadow: AFTER MATCH SKIP differs") {
		t.Errorf("state of another text: %v", err)
	}
	x.shadow(bolder, engine.ShadowStart{})
}

// TestShadowWithOtherAggregates begins with the state of its query, whose windows
// it has with one more aggregate, in another order: it makes the same of them, also
// after it has taken over.
func TestShadowWithOtherAggregates(t *testing.T) {
	text := func(calls string) string {
		return strings.Replace(changedSink, "'rule'", "'alerts'", 1) + "SELECT card, n, s, e FROM (SELECT card, window_end AS e, " + calls +
			" FROM TABLE(HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '4' SECOND, INTERVAL '20' SECOND)) GROUP BY card, window_start, window_end)"
	}
	old, young := text("COUNT(*) AS n, SUM(amount) AS s"), text("MAX(country) AS x, SUM(amount) AS s, COUNT(*) AS n")
	x := newShadowedOf(t, 4, old)
	x.w.Output("alerts").Transactional()
	s := x.shadow(young, engine.ShadowStart{State: true})
	x.compares(s)
	x.show(x.all * 3 / 4)
	x.reads(x.all * 3 / 4)
	until(t, func() bool {
		c := s.Status().Comparison
		return c != nil && readTo(s.Status().Query, int64(x.all*3/4)) && c.WaitingOld+c.WaitingNew == 0 && c.Same > 0
	})
	if c := s.Status().Comparison; c.OnlyOld+c.OnlyNew+c.Changed > 0 {
		t.Errorf("%+v", c)
	}
	if err := x.e.Promote(context.Background(), "alerts", 2); err != nil {
		t.Fatal(err)
	}
	start(t, x.e, young)
	x.show(-1)
	x.reads(x.all)
	x.in.End()
	q, _ := x.e.Query("alerts")
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := sortRows(x.w.Output("alerts").Rows()), alone(t, x, old); !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}
