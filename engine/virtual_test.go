package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
)

// TestQueriesInVirtualTime runs queries with all their goroutines, in time that
// passes when everything waits: records come late, sinks are slow, transactions
// are in doubt, the query is stopped and started. Whatever the order, the rows
// are those of a calm run, everything ends in time, and no goroutine is left.
func TestQueriesInVirtualTime(t *testing.T) {
	n := cases(60, 15)
	lives := 0
	for seed := range n {
		sql, tables := probes, []string{"alerts"}
		if seed%3 == 2 {
			sql, tables = setTables+set(), setSinks
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { lives += inVirtualTime(t, seed, sql, tables) })
	}
	if lives < int(n)*3/2 {
		t.Errorf("only %d starts of %d queries", lives, n)
	}
}

// inVirtualTime says how often the query was started.
func inVirtualTime(t *testing.T, seed uint64, sql string, tables []string) (lives int) {
	rng := rand.New(rand.NewPCG(seed, 11))
	input := randomPayments(rng, 3, 60)
	calm := enginetest.NewWorld()
	calm.Input("payments", input...)
	calm.Run(t, sql)
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{t: t, rng: rng, w: enginetest.NewWorld(), tables: tables, exactly: seed%2 == 0}
		v.run(sql, input)
		lives = v.lives
		for _, table := range tables {
			want, got := sortRows(calm.Output(table).Rows()), sortRows(v.w.Output(table).Rows())
			if !v.exactly {
				got = slices.Compact(got)
			}
			if len(want) == 0 || !slices.Equal(want, got) {
				t.Errorf("%s: %d rows, want %d", table, len(got), len(want))
			}
		}
	})
	return lives
}

// virtual is a query in virtual time, and what happens to it.
type virtual struct {
	t       *testing.T
	rng     *rand.Rand // of the test's own goroutine
	w       *enginetest.World
	tables  []string
	exactly bool
	lives   int
}

func (v *virtual) run(sql string, input [][]string) {
	in := v.w.Input("payments", input...).Open()
	for part := range input {
		in.Show(part, 0)
	}
	v.slowSinks()
	store := memstore.New()
	c, err := enginetest.Compile(sql)
	if err != nil {
		v.t.Fatal(err)
	}
	for ended := false; !ended; {
		o := v.w.Options()
		o.Store, o.Clock, o.Workers, o.SnapshotInterval = store, clock.Wall{}, 2, time.Second
		e, err := engine.New(o)
		if err != nil {
			v.t.Fatal(err)
		}
		q, err := e.Start(context.Background(), c.Root, c.Catalog)
		if err != nil {
			v.t.Fatal(err)
		}
		v.lives++
		ended = v.life(in, q, input)
		if err := e.Close(context.Background()); err != nil {
			v.t.Fatal(err)
		}
	}
}

// slowSinks has each write, or transaction, take its time; some transactions
// are in doubt.
func (v *virtual) slowSinks() {
	for _, table := range v.tables {
		out := v.w.Output(table)
		rng := rand.New(rand.NewPCG(v.rng.Uint64(), 0)) // of the delivery
		wait := func() { <-time.After(time.Duration(rng.IntN(300)) * time.Millisecond) }
		if !v.exactly {
			out.Before = func(*event.Batch) error { wait(); return nil }
			continue
		}
		out.Transactional().Before = func() enginetest.Outcome {
			if wait(); rng.IntN(4) > 0 {
				return enginetest.Committed
			}
			return enginetest.InDoubtCommitted + enginetest.Outcome(rng.IntN(2))
		}
	}
}

// life shows records and waits, until the query is stopped or its input ends.
func (v *virtual) life(in *enginetest.Input, q *engine.Query, input [][]string) (ended bool) {
	for range 1 + v.rng.IntN(30) {
		left := false
		for part := range input {
			shown := min(len(input[part]), int(in.Taken(int32(part)))+v.rng.IntN(6))
			in.Show(part, shown)
			left = left || shown < len(input[part])
		}
		<-time.After(time.Duration(v.rng.IntN(400)) * time.Millisecond)
		if !left {
			in.End()
			return v.wait(q)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(v.rng.IntN(5))*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil && !errors.Is(err, connectors.ErrInDoubt) {
		v.t.Fatal(err)
	}
	return false
}

// wait waits for the end of the query, for ten minutes at most.
func (v *virtual) wait(q *engine.Query) bool {
	select {
	case <-q.Done():
	case <-time.After(10 * time.Minute):
		v.t.Fatalf("stuck: %+v", q.Status())
	}
	if err := q.Wait(); err != nil {
		v.t.Fatal(err)
	}
	return true
}
