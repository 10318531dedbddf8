package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/pebblestore"
)

// service is the connector 'jdbc' of a test: what it answers is up to the test.
type service struct {
	mu     sync.Mutex
	answer func(card int64, asked int) ([]string, error) // names of a card that is asked for, the nth question of all
	asked  []int64
	batch  int
	hang   bool
}

func (s *service) Name() string                        { return "jdbc" }
func (s *service) Metadata() []connectors.MetadataSpec { return nil }
func (s *service) Options() []connectors.OptionSpec    { return connectors.LookupSpecs() }
func (s *service) Source(connectors.Table) (connectors.Source, error) {
	return nil, connectors.ErrNotSource
}
func (s *service) Sink(connectors.Table) (connectors.Sink, error) { return nil, connectors.ErrNotSink }
func (s *service) Looker(t connectors.Table, _ []connectors.Column) (connectors.Looker, error) {
	return &serviceLooker{s, t.Columns}, nil
}

type serviceLooker struct {
	*service
	columns []connectors.Column
}

func (s *serviceLooker) Open(context.Context) error { return nil }
func (s *serviceLooker) Close() error               { return nil }
func (s *serviceLooker) Batch() int                 { return max(1, s.batch) }

func (s *serviceLooker) Find(ctx context.Context, keys *event.Batch, add func(int, []event.Value)) error {
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range keys.N {
		card := keys.Cols[0].Value(i).I
		s.asked = append(s.asked, card)
		names, err := s.answer(card, len(s.asked))
		if err != nil {
			return err
		}
		for _, name := range names {
			row := make([]event.Value, len(s.columns))
			for c := range row {
				row[c] = map[string]event.Value{"card": event.IntValue(card), "name": event.StringValue(name)}[s.columns[c].Name]
			}
			add(i, row)
		}
	}
	return nil
}

const lookups = `CREATE TABLE payments (card BIGINT, amount INT, ts TIMESTAMP(3), proc AS PROCTIME(), WATERMARK FOR ts AS ts) WITH ('connector'='test', 'format'='json' %s);
CREATE TABLE dead (kind STRING, reason STRING, "offset" BIGINT) WITH ('connector'='test');
CREATE TABLE cards (card BIGINT, name STRING, shout AS UPPER(name)) WITH ('connector'='jdbc' %s);
CREATE TABLE alerts (card BIGINT, amount INT, name STRING, shout STRING) WITH ('connector'='test');
INSERT INTO alerts SELECT p.card, p.amount, c.name, c.shout FROM payments AS p %s JOIN cards FOR SYSTEM_TIME AS OF p.proc AS c ON c.card = p.card %s;`

func paymentsOf(cards ...int) (rows []string) {
	for i, c := range cards {
		card := fmt.Sprint(c)
		if c < 0 {
			card = "null"
		}
		rows = append(rows, fmt.Sprintf(`{"card":%s,"amount":%d,"ts":"2026-01-01 00:00:%02d"}`, card, i, i%60))
	}
	return rows
}

// runLookup runs the query over payments of cards and gives its output.
func runLookup(t *testing.T, s *service, sql string, o func(*engine.Options), cards ...int) (*enginetest.World, error) {
	t.Helper()
	w := enginetest.NewWorld()
	w.Input("payments", paymentsOf(cards...))
	c, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	options := w.Options()
	options.Registry = w.Registry(formats.Specs(), s)
	if o != nil {
		o(&options)
	}
	p := w.Pipeline(t, c, options, nil)
	err = enginetest.Finish(p)
	return w, err
}

func TestLookupKeepsOrderAndAsksOnce(t *testing.T) {
	for _, batch := range []int{1, 2, 100} {
		s := &service{batch: batch, answer: func(card int64, _ int) ([]string, error) {
			return map[int64][]string{1: {"one"}, 2: {"two", "zwei"}}[card], nil
		}}
		w, err := runLookup(t, s, fmt.Sprintf(lookups, "", "", "LEFT", "AND p.amount <> 4"), nil, 2, 1, 3, -1, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{`2 | 0 | 'two' | 'TWO'`, `2 | 0 | 'zwei' | 'ZWEI'`, `1 | 1 | 'one' | 'ONE'`, `3 | 2 | NULL | NULL`, `NULL | 3 | NULL | NULL`, `1 | 4 | NULL | NULL`, `2 | 5 | 'two' | 'TWO'`, `2 | 5 | 'zwei' | 'ZWEI'`}
		if diff := cmp.Diff(want, w.Output("alerts").Texts()); diff != "" {
			t.Error(diff)
		}
		slices.Sort(s.asked)
		if !slices.Equal(s.asked, []int64{1, 2, 3}) {
			t.Errorf("asked for %v", s.asked)
		}
	}
}

func TestLookupInner(t *testing.T) {
	s := &service{answer: func(card int64, _ int) ([]string, error) {
		return map[int64][]string{1: {"a", "b", "c"}}[card], nil
	}}
	w, err := runLookup(t, s, fmt.Sprintf(lookups, "", "", "", "AND c.name <> 'b' WHERE c.name <> 'c'"), nil, 1, 2, -1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`1 | 0 | 'a' | 'A'`, `1 | 3 | 'a' | 'A'`}, w.Output("alerts").Texts()); diff != "" {
		t.Error(diff)
	}
}

func TestLookupErrors(t *testing.T) {
	failing := func(card int64, asked int) ([]string, error) {
		switch {
		case card == 1 && asked < 3:
			return nil, errors.New("busy")
		case card == 2:
			return nil, connectors.Permanent(errors.New("forbidden"))
		}
		return []string{"x"}, nil
	}
	for _, c := range []struct{ onError, want, dead, err string }{
		{"fail", "", "", "table cards: no answer: forbidden"},
		{"null", "1 | 0 | 'x' | 'X',2 | 1 | NULL | NULL,3 | 2 | 'x' | 'X'", "", ""},
		{"reject", "1 | 0 | 'x' | 'X',3 | 2 | 'x' | 'X'", "'error' | 'table cards: no answer: forbidden' | 1", ""},
	} {
		s := &service{answer: failing}
		sql := fmt.Sprintf(lookups, ", 'scan.error-policy'='dead-letter', 'scan.dead-letter-table'='dead'",
			", 'lookup.async'='false', 'lookup.retry.fixed-delay'='0 s', 'lookup.on-error'='"+c.onError+"'", "LEFT", "")
		w, err := runLookup(t, s, sql, nil, 1, 2, 3)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.onError, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.Output("alerts").Texts(), ","); got != c.want {
			t.Errorf("%s: %s", c.onError, got)
		}
		if got := strings.Join(w.Output("dead").Texts(), ","); got != c.dead {
			t.Errorf("%s: dead letters %s", c.onError, got)
		}
		if !slices.Equal(s.asked, []int64{1, 1, 1, 2, 3}) {
			t.Errorf("asked for %v", s.asked)
		}
	}
}

func TestLookupTimeout(t *testing.T) {
	s := &service{hang: true}
	sql := fmt.Sprintf(lookups, "", ", 'lookup.timeout'='1 ms', 'lookup.max-retries'='0'", "", "")
	if _, err := runLookup(t, s, sql, nil, 1); err == nil || !strings.Contains(err.Error(), "no answer within 1ms") {
		t.Error(err)
	}
}

// TestLookupCache: answers are kept for as long, and as many, as the options say.
func TestLookupCache(t *testing.T) {
	for _, c := range []struct {
		options string
		want    string
	}{
		{"", "11121332"},
		{", 'lookup.cache'='PARTIAL'", "123"},
		{", 'lookup.cache'='PARTIAL', 'lookup.partial-cache.cache-missing-key'='false'", "1232"}, // 2 has no rows
		{", 'lookup.cache'='PARTIAL', 'lookup.partial-cache.max-rows'='1'", "12132"},
		{", 'lookup.cache'='PARTIAL', 'lookup.partial-cache.expire-after-write'='3 s'", "12132"},
	} {
		s := &service{answer: func(card int64, _ int) ([]string, error) {
			if card == 2 {
				return nil, nil
			}
			return []string{"x"}, nil
		}}
		w := enginetest.NewWorld()
		in := w.Input("payments", paymentsOf(1, 1, 1, 2, 1, 3, 3, 2)).Open()
		compiled, err := enginetest.Compile(fmt.Sprintf(lookups, "", c.options, "LEFT", ""))
		if err != nil {
			t.Fatal(err)
		}
		now := &clock.Manual{}
		o := w.Options()
		o.Registry, o.Clock = w.Registry(formats.Specs(), s), now
		p := w.Pipeline(t, compiled, o, nil)
		for n := range 8 {
			in.Show(0, n+1)
			if _, err := enginetest.Round(p); err != nil {
				t.Fatal(err)
			}
			now.Advance(time.Second)
		}
		got := ""
		for _, card := range s.asked {
			got += fmt.Sprint(card)
		}
		if got != c.want {
			t.Errorf("%s: asked for %s, want %s", c.options, got, c.want)
		}
	}
}

// TestLookupCrashes: the service gives another answer each time it is asked, and the
// process dies again and again. What has been delivered once stays true: an output
// that comes twice is the same, and every payment has exactly one.
func TestLookupCrashes(t *testing.T) {
	for seed := range cases(30, 6) {
		for _, options := range []string{"", ", 'lookup.cache'='PARTIAL', 'lookup.partial-cache.max-rows'='3', 'lookup.partial-cache.expire-after-write'='7 s'"} {
			rng := rand.New(rand.NewPCG(seed, 5))
			s := &service{batch: 1 + rng.IntN(3), answer: func(card int64, asked int) ([]string, error) {
				switch {
				case card == 4:
					return nil, nil
				case card == 5 && asked%3 == 0:
					return nil, connectors.Permanent(errors.New("no"))
				}
				return []string{fmt.Sprintf("answer %d", asked)}, nil
			}}
			cards := make([]int, 60)
			for i := range cards {
				cards[i] = rng.IntN(6)
			}
			w := enginetest.NewWorld()
			w.Poll, w.Stutter = 1+rng.IntN(4), seed%2 == 1
			w.Input("payments", paymentsOf(cards[:30]...), paymentsOf(cards[30:]...))
			c := &crashRun{
				t: t, rng: rng, sql: fmt.Sprintf(lookups, "", options+", 'lookup.on-error'='null'", "LEFT", ""),
				w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}, more: []connectors.Connector{s},
			}
			lives := 1
			for !c.life(1 + rng.IntN(20)) {
				lives++
				w.Poll = 1 + rng.IntN(4)
				c.time.Advance(time.Duration(rng.IntN(3)) * time.Second)
			}
			texts := map[event.ID]string{}
			for _, r := range w.Output("alerts").Rows() {
				if old, ok := texts[r.ID]; ok && old != r.Text {
					t.Fatalf("seed %d: a row was %s, and after a crash %s", seed, old, r.Text)
				}
				texts[r.ID] = r.Text
			}
			if len(texts) != len(cards) {
				t.Errorf("seed %d: %d rows of %d payments, in %d lives", seed, len(texts), len(cards), lives)
			}
		}
	}
}

// TestLookupReplayIsExact: after a crash the service is gone, and what had been
// answered is answered from the journal.
func TestLookupReplayIsExact(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := &service{answer: func(card int64, asked int) ([]string, error) { return []string{fmt.Sprint("n", asked)}, nil }}
	w := enginetest.NewWorld()
	in := w.Input("payments", paymentsOf(1, 2, 3, 1)).Open()
	in.Show(0, 2)
	c, err := enginetest.Compile(fmt.Sprintf(lookups, "", ", 'lookup.cache'='PARTIAL', 'lookup.async'='false'", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	o := w.Options()
	o.Registry = w.Registry(formats.Specs(), s)
	open := func() (*engine.Pipeline, func()) {
		store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		p, err := engine.OpenPipeline(context.Background(), o, c.Root, c.Catalog, store)
		if err != nil {
			t.Fatal(err)
		}
		return p, func() { _, _ = p.Close(), store.Close() }
	}
	p, end := open()
	step := func(want string) {
		t.Helper()
		if _, err := p.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
		if len(s.asked) != len(want) {
			t.Fatalf("asked for %v", s.asked)
		}
	}
	step("12")
	in.Show(0, 3)
	step("123")
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	end()
	fs = crashed
	s.answer = func(int64, int) ([]string, error) { return nil, connectors.Permanent(errors.New("gone")) }
	p, end = open()
	defer end()
	for p.Status().State == engine.StateRecovering {
		step("123")
	}
	in.Show(0, 4)
	step("123") // the cache is as it was
	if _, err := p.Deliver(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`1 | 0 | 'n1' | 'N1'`, `2 | 1 | 'n2' | 'N2'`, `3 | 2 | 'n3' | 'N3'`, `1 | 3 | 'n1' | 'N1'`}, w.Output("alerts").Texts()); diff != "" {
		t.Error(diff)
	}
}
