package engine_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

const (
	fuzzOut  = payments + "CREATE TABLE o (a BIGINT, b BIGINT) WITH ('connector'='test');\nINSERT INTO o SELECT "
	fuzzRows = fuzzOut + "a, b FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(*) AS a, CAST(LAST(amount) AS BIGINT) AS b "
)

// fuzzQueries have an operator of each kind, each with state of all its forms.
var fuzzQueries = []string{
	fuzzRows + "PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 5 * AVG(S.amount))",
	"SET 'state.memory.budget' = '1 b';" + fuzzRows + "PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 50)",
	fuzzRows + "AFTER MATCH SKIP PAST LAST ROW PATTERN (A -> B -> C) WITHIN INTERVAL '20' SECOND DEFINE A AS A.amount < 9, B AS B.amount > A.amount, C AS C.amount > B.amount)",
	fuzzRows + "PATTERN (A ->> B ->> C) WITHIN INTERVAL '8' SECOND DEFINE A AS A.amount < 5, C AS C.amount > 50)",
	fuzzRows + "PATTERN (A -> NOT B) WITHIN INTERVAL '4' SECOND SUPPRESS BY card FOR INTERVAL '30' SECOND DEFINE A AS A.amount < 90, B AS B.amount > 50)",
	fuzzOut + "COUNT(DISTINCT amount), APPROX_COUNT_DISTINCT(amount) FROM TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '20' SECOND) GROUP BY window_start, window_end, card",
	"SET 'state.memory.budget' = '1 b';" + fuzzOut + "COUNT(*), MAX(card) FROM TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '20' SECOND) GROUP BY window_start, window_end, country",
	fuzzOut + "COUNT(*), CARDINALITY(ARRAY_AGG(country)) FROM HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '30' SECOND) GROUP BY window_start, window_end, card",
	fuzzOut + "COUNT(*), CHAR_LENGTH(MAX(country)) FROM SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '4' SECOND) GROUP BY window_start, window_end, card",
	fuzzOut + "COUNT(*) OVER w, CAST(MAX(amount) OVER w AS BIGINT) FROM payments WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW)",
	"SET 'state.ttl' = '1 d';" + fuzzOut + "COUNT(*) OVER w, CAST(SUM(amount) OVER w AS BIGINT) FROM payments WINDOW w AS (PARTITION BY country ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)",
	fuzzOut + "card, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY amount DESC) AS rn FROM TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '30' SECOND)) WHERE rn <= 3",
	fuzzOut + "x.card, y.card FROM payments AS x LEFT JOIN payments AS y ON x.card = y.card AND y.ts > x.ts AND y.ts <= x.ts + INTERVAL '5' SECOND",
}

// crashed is a query that was interrupted: what its store has, and its input.
type crashed struct {
	sql       string
	input     [][]string
	entries   []entry
	forgetful bool
}

type entry struct{ key, value []byte }

func (c *crashed) world() *enginetest.World {
	w := enginetest.NewWorld()
	w.Poll = 7
	in := w.Input("payments", c.input...)
	if c.forgetful {
		in.Forget()
	}
	return w
}

// open opens the query over what it has left.
func (c *crashed) open(store state.Store) (*engine.Pipeline, error) {
	w := c.world()
	q, err := enginetest.Compile(c.sql)
	if err != nil {
		return nil, err
	}
	o := w.Options()
	o.Clock = &clock.Manual{}
	return engine.OpenPipeline(context.Background(), o, q.Root, q.Catalog, store)
}

// interrupt runs each query for some steps: there is a snapshot, a journal behind
// it, and rows that were not delivered.
func interrupt(t testing.TB, queries ...string) []crashed {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	var all []crashed
	for i, sql := range queries {
		c := crashed{sql: sql, input: randomPayments(rng, 2, 60), forgetful: i%3 == 2}
		store := memstore.New()
		p, err := c.open(store)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		for n := range 7 {
			if _, err := p.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := p.Commit(); err != nil {
				t.Fatal(err)
			}
			if n == 2 || n == 4 {
				write, _, err := p.Snapshot()
				if err == nil {
					err = write()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = store.Scan(nil, nil, func(key, value []byte) error {
			c.entries = append(c.entries, entry{bytes.Clone(key), bytes.Clone(value)})
			return nil
		})
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// checkState opens the query over its state with one entry's value changed, and
// steps it. It may fail, or not notice, as a checksum would: that is the store's.
// It must not panic, take much memory, or go on for ever.
func (c *crashed) checkState(t *testing.T, at int, value []byte) {
	t.Helper()
	store := memstore.New()
	b := store.NewBatch()
	for i, p := range c.entries {
		if i == at {
			p.value = value
		}
		_ = b.Put(p.key, p.value)
	}
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := c.bounded(t, at, value, store)
	runtime.ReadMemStats(&after)
	var panicked *engine.PanicError
	if errors.As(err, &panicked) {
		t.Errorf("entry %q: %v\n%s", c.entries[at].key, err, panicked.Stack)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 256<<20 {
		t.Errorf("entry %q: %d MB were taken", c.entries[at].key, used>>20)
	}
}

const (
	mostRounds = 200         // the input has some ten left
	stuck      = time.Minute // for what takes a millisecond
)

// bounded steps the query over the store through the rest of its input. A step
// that does not end ends the test.
func (c *crashed) bounded(t *testing.T, at int, value []byte, store state.Store) error {
	done := make(chan error, 1)
	go func() { done <- c.rounds(store) }()
	select {
	case err := <-done:
		return err
	case <-time.After(stuck):
		t.Fatalf("%s\nentry %q: the query goes on for ever with the value %x", c.sql, c.entries[at].key, value)
		return nil
	}
}

func (c *crashed) rounds(store state.Store) error {
	p, err := c.open(store)
	if err != nil {
		return err
	}
	defer p.Close()
	for n := 0; n < mostRounds && !(p.Done() && p.Drained()); n++ {
		if idle, err := enginetest.Round(p); idle || err != nil {
			return err
		}
	}
	return nil
}

func (c *crashed) run(store state.Store) error {
	p, err := c.open(store)
	if err != nil {
		return err
	}
	defer p.Close()
	return enginetest.Finish(p)
}

// TestCorruptState cuts, extends and flips every entry of the state.
func TestCorruptState(t *testing.T) {
	for i, c := range interrupt(t, fuzzQueries...) {
		if err := c.check(t); err != nil {
			t.Errorf("query %d is not as it was: %v", i, err)
		}
		step := 1 + len(c.entries)/int(cases(24, 6))
		for entry := i % step; entry < len(c.entries); entry += step {
			value := c.entries[entry].value
			c.checkState(t, entry, nil)
			for at := 0; at < len(value); at += max(1, len(value)/3) {
				c.checkState(t, entry, value[:at])
				for _, to := range []byte{0, 0xff} {
					flipped := bytes.Clone(value)
					flipped[at] = to
					c.checkState(t, entry, flipped)
				}
			}
		}
	}
}

// TestCorruptTimes changes every byte of the rows that an all-combinations
// pattern keeps, or with few cases one in eight: times out of order must not have its
// timers fire for ever.
func TestCorruptTimes(t *testing.T) {
	c := interrupt(t, fuzzQueries[3])[0]
	seen := 0
	for entry, p := range c.entries {
		if !bytes.Contains(p.key, matcherKey) {
			continue
		}
		seen++
		for at := 0; at < len(p.value); at += 8 / int(cases(8, 1)) {
			flipped := bytes.Clone(p.value)
			flipped[at] ^= 0x10
			c.checkState(t, entry, flipped)
		}
	}
	if seen == 0 {
		t.Error("the pattern keeps no key")
	}
}

// matcherKey is in the name of an entry of stage 1 that has a key's rows.
var matcherKey = []byte("\x01k\x01")

func (c *crashed) check(t *testing.T) error {
	store := memstore.New()
	b := store.NewBatch()
	for _, p := range c.entries {
		_ = b.Put(p.key, p.value)
	}
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
	return c.run(store)
}

// FuzzState puts any bytes into any entry of the state: rows, snapshots of
// every operator, the journal, outboxes, headers.
func FuzzState(f *testing.F) {
	queries := interrupt(f, fuzzQueries...)
	for i := range queries {
		entries := queries[i].entries
		for entry := 0; entry < len(entries); entry += 8 / int(cases(8, 1)) {
			f.Add(uint8(i), uint16(entry), entries[entry].value)
		}
	}
	f.Fuzz(func(t *testing.T, query uint8, entry uint16, value []byte) {
		c := &queries[int(query)%len(queries)]
		c.checkState(t, int(entry)%len(c.entries), value)
	})
}
