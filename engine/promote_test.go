package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

// bolder is probes with other thresholds, and another count of many.
var bolder = strings.NewReplacer("5 * AVG", "18 * AVG", "S.amount < 10", "S.amount < 8",
	"COUNT(S.*) AS probes", "CASE WHEN COUNT(S.*) > 2 THEN 9 ELSE COUNT(S.*) END AS probes").Replace(probes)

// TestUntil checks that a pipeline comes to rest exactly at a bound, with the same
// outputs whatever the polls were, and goes on from there.
func TestUntil(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	input := randomPayments(rng, 2, 200)
	bound := []engine.Position{{Table: "payments", Partition: 0, Offset: 101}, {Table: "payments", Partition: 1, Offset: 57}}
	var before, whole []string
	for i, poll := range []int{0, 1, 3, 7, 100} {
		w := enginetest.NewWorld()
		w.Poll = poll
		w.Input("payments", input...)
		p := openPipeline(t, w, probes, w.Options(), nil)
		p.Until(bound)
		for !p.Rests() {
			round(t, p)
		}
		if got := p.Positions(); !slices.Equal(got, bound) {
			t.Fatalf("polls of %d: at %v, not %v", poll, got, bound)
		}
		if idle, err := p.Step(context.Background()); err != nil || !idle {
			t.Fatalf("it does not rest: %v", err)
		}
		rows := w.Output("alerts").Texts()
		p.Release()
		if err := enginetest.Finish(p); err != nil {
			t.Fatal(err)
		}
		all := enginetest.Sorted(w.Output("alerts").Texts())
		if i == 0 {
			before, whole = enginetest.Sorted(rows), all
		}
		if !slices.Equal(enginetest.Sorted(rows), before) || !slices.Equal(all, whole) || len(rows) < 3 || len(rows) == len(all) {
			t.Errorf("polls of %d: %d and %d rows, not %d and %d", poll, len(rows), len(all), len(before), len(whole))
		}
	}
}

func openPipeline(t *testing.T, w *enginetest.World, sql string, o engine.Options, store state.Store) *engine.Pipeline {
	t.Helper()
	q, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	return w.Pipeline(t, q, o, store)
}

func round(t *testing.T, p *engine.Pipeline) {
	t.Helper()
	if _, err := enginetest.Round(p); err != nil {
		t.Fatal(err)
	}
}

// TestPromoteChangedText checks that what is made of the records before the cut is
// the old text's, and what is made of those behind it the new one's.
func TestPromoteChangedText(t *testing.T) {
	for seed := range cases(6, 2) {
		rng := rand.New(rand.NewPCG(seed, 8))
		input := randomPayments(rng, 3, 120)
		r := newPromotion(t, rng, input, bolder, 1<<30)
		r.begin = "history"
		got := r.run()
		upTo := func(sql string) []enginetest.Row {
			w := enginetest.NewWorld()
			w.Input("payments", input...)
			p := openPipeline(t, w, sql, w.Options(), nil)
			if r.cut != nil {
				for p.Until(r.cut); !p.Rests(); {
					round(t, p)
				}
			}
			return w.Output("alerts").Rows()
		}
		old, young := upTo(probes), upTo(bolder)
		r.cut = nil
		w := enginetest.NewWorld()
		w.Input("payments", input...)
		w.Run(t, bolder)
		all := w.Output("alerts").Rows()
		want := slices.Clone(old)
		for _, row := range all {
			if !slices.Contains(young, row) {
				want = append(want, row)
			}
		}
		if len(old) == 0 || len(want) == len(old) {
			t.Fatalf("seed %d: %d rows before the cut, %d in all", seed, len(old), len(want))
		}
		if !slices.Equal(sortRows(want), sortRows(got)) {
			t.Errorf("seed %d: %d rows, want %d", seed, len(got), len(want))
		}
	}
}

// TestPromoteCrashes checks that a shadow with the same text takes over as if
// nothing had happened, through crashes at any point.
func TestPromoteCrashes(t *testing.T) {
	for seed := range cases(40, 10) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			input := randomPayments(rng, 3, 120)
			w := enginetest.NewWorld()
			w.Input("payments", input...)
			w.Run(t, probes)
			want := w.Output("alerts").Rows()
			r := newPromotion(t, rng, input, probes, 20+rng.IntN(60))
			r.begin = []string{"state", "history"}[seed%2]
			got := r.run()
			if !slices.Equal(sortRows(want), sortRows(got)) {
				t.Errorf("%d rows, want %d", len(got), len(want))
			}
			if r.lives < 2 {
				t.Errorf("it did not crash: %d lives", r.lives)
			}
		})
	}
}

// promotion runs a query with a shadow that takes its place, with a crash after
// every so many actions.
type promotion struct {
	t      *testing.T
	rng    *rand.Rand
	w      *enginetest.World
	in     *enginetest.Input
	fs     *vfs.MemFS
	clock  *clock.Manual
	text   string // of the shadow
	budget int    // actions of a life
	left   int
	lives  int
	begin  string // of the shadow: now, state or history
	cut    []engine.Position
	all    int // records of a partition
}

func newPromotion(t *testing.T, rng *rand.Rand, input [][]string, text string, budget int) *promotion {
	r := &promotion{t: t, rng: rng, w: enginetest.NewWorld(), fs: vfs.NewCrashableMem(), clock: &clock.Manual{}, text: text, budget: budget, all: len(input[0])}
	r.clock.Advance(time.Hour)
	r.w.Poll = 1 + rng.IntN(4)
	var parts [][]string
	for _, p := range input {
		parts = append(parts, slices.Clone(p))
	}
	r.in = r.w.Input("payments", parts...).Open()
	for p := range parts {
		r.in.Show(p, r.all/2+rng.IntN(10))
	}
	r.w.Output("alerts").Transactional()
	return r
}

var errCrash = errors.New("crash")

// run lives until all is delivered.
func (r *promotion) run() []enginetest.Row {
	for {
		r.lives++
		r.budget += 5
		r.left = r.budget
		r.w.Poll = 1 + r.rng.IntN(4)
		err := r.life()
		if err == nil {
			return r.w.Output("alerts").Rows()
		}
		if !errors.Is(err, errCrash) {
			r.t.Fatal(err)
		}
		r.fs = r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.rng.IntN(101), RNG: r.rng})
	}
}

// act does something, or crashes.
func (r *promotion) act(f func() error) error {
	if r.left--; r.left <= 0 {
		return errCrash
	}
	return f()
}

func (r *promotion) life() error {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: r.fs})
	if err != nil {
		return err
	}
	defer store.Close()
	if engine.Promoted(store, "alerts") == 0 {
		if err := r.beside(store); err != nil {
			return err
		}
	}
	for p := range 3 {
		r.in.Show(p, -1)
	}
	r.in.End()
	q := r.open(r.text)
	p, err := engine.OpenPipeline(context.Background(), r.options(), q.Root, q.Catalog, store)
	if err != nil {
		return err
	}
	defer p.Close()
	for !p.Done() || !p.Drained() {
		if err := r.some(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *promotion) options() engine.Options {
	o := r.w.Options()
	o.Clock = r.clock
	return o
}

func (r *promotion) open(sql string) *enginetest.Compiled {
	q, err := enginetest.Compile(sql)
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// some is a step and what may follow it.
func (r *promotion) some(p *engine.Pipeline) error {
	err := r.act(func() error { _, err := p.Step(context.Background()); return err })
	if err == nil && r.rng.IntN(2) == 0 {
		err = r.act(p.Commit)
	}
	if err == nil && r.rng.IntN(2) == 0 {
		err = r.act(func() error { _, err := p.Deliver(context.Background()); return err })
	}
	if err == nil && r.rng.IntN(6) == 0 && p.Status().State == engine.StateRunning {
		err = r.act(func() error { return snapshot(p) })
	}
	return err
}

func snapshot(p *engine.Pipeline) error {
	write, _, err := p.Snapshot()
	if err != nil {
		return err
	}
	return write()
}

// beside runs both, and promotes the shadow.
func (r *promotion) beside(store state.Store) error {
	q, s := r.open(probes), r.open(r.text)
	old, err := engine.OpenPipeline(context.Background(), r.options(), q.Root, q.Catalog, store)
	if err != nil {
		return err
	}
	defer old.Close()
	for range r.rng.IntN(30) {
		if err := r.some(old); err != nil {
			return err
		}
	}
	for old.Status().State != engine.StateRunning {
		if err := r.some(old); err != nil {
			return err
		}
	}
	var begin *engine.Pipeline
	switch {
	case engine.HasShadow(store, "alerts"):
	case r.begin == "state":
		if err := r.copyState(old); err != nil {
			return err
		}
	case r.begin == "now":
		begin = old
	}
	young, err := engine.OpenShadow(context.Background(), r.options(), s.Root, s.Catalog, store, begin)
	if err != nil {
		return err
	}
	defer young.Close()
	for range r.rng.IntN(20) {
		if err := errors.Join(r.some(old), r.some(young)); err != nil {
			return err
		}
	}
	return r.promote(store, old, young)
}

func (r *promotion) copyState(p *engine.Pipeline) error {
	err := r.act(func() error { return snapshot(p) })
	if err == nil {
		err = r.act(p.CopyState)
	}
	return err
}

func (r *promotion) promote(store state.Store, old, young *engine.Pipeline) error {
	for young.Status().State != engine.StateRunning {
		if err := r.some(young); err != nil {
			return err
		}
	}
	cut := engine.Furthest(old, young)
	for _, p := range []*engine.Pipeline{old, young} {
		p.Until(cut)
		if err := r.rest(p); err != nil {
			return err
		}
	}
	if young.Ahead(old) {
		r.t.Error("the shadow is ahead at the same cut")
	}
	if err := r.act(func() error { return young.Adopt(old) }); err != nil {
		return err
	}
	if err := r.rest(young); err != nil {
		return err
	}
	for _, p := range []*engine.Pipeline{old, young} {
		if err := r.act(p.Commit); err != nil {
			return err
		}
		if err := r.act(func() error { return snapshot(p) }); err != nil {
			return err
		}
		_ = p.Close()
	}
	r.cut = cut
	return r.act(func() error { return engine.TakeOver(store, old, young, cut) })
}

func (r *promotion) rest(p *engine.Pipeline) error {
	for !p.Rests() {
		if err := r.some(p); err != nil {
			return err
		}
	}
	return nil
}
