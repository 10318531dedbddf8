package engine_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors/formats"
	cepdhttp "github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
)

const hooked = `CREATE TABLE payments (card BIGINT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='test', 'format'='json');
CREATE TABLE dead (id STRING, "table" STRING, query STRING, reason STRING, "value" STRING, status INT, answer STRING, attempts BIGINT, rowtime TIMESTAMP(3)) WITH ('connector'='test');
CREATE TABLE hook (card BIGINT, amount INT) WITH ('connector'='http', 'format'='json', 'url'='%s', 'sink.max-retries'='1',
  'sink.retry-strategy.exponential-delay.initial-backoff'='1 ms' %s);
INSERT INTO hook SELECT card, amount FROM payments;`

// taker is a service: cards from 10 on are refused, those from 20 on fail.
type taker struct {
	mu    sync.Mutex
	taken map[string][]string // bodies by key
	fail  func() bool         // before a request is taken, and behind it
}

func newTaker(t *testing.T) (*taker, string) {
	s := &taker{taken: map[string][]string{}, fail: func() bool { return false }}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.Contains(string(body), `"card":1,"amount":666`):
		http.Error(w, "no such card", http.StatusUnprocessableEntity)
		return
	case strings.Contains(string(body), `"card":2,"amount":666`):
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	case s.fail():
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	s.taken[key] = append(s.taken[key], string(body))
	if s.fail() {
		w.WriteHeader(http.StatusGatewayTimeout)
	}
}

func runHook(t *testing.T, url, options string, cards ...string) (*enginetest.World, engine.Status, error) {
	t.Helper()
	w := enginetest.NewWorld()
	w.Input("payments", cards)
	c, err := enginetest.Compile(fmt.Sprintf(hooked, url, options))
	if err != nil {
		t.Fatal(err)
	}
	o := w.Options()
	o.Registry = w.Registry(formats.Specs(), cepdhttp.New(nil))
	p := w.Pipeline(t, c, o, nil)
	err = enginetest.Finish(p)
	return w, p.Status(), err
}

var hookedRows = []string{
	`{"card":1,"amount":5,"ts":"2026-01-01 00:00:00"}`, `{"card":1,"amount":666,"ts":"2026-01-01 00:00:01"}`,
	`{"card":2,"amount":666,"ts":"2026-01-01 00:00:02"}`, `{"card":3,"amount":7,"ts":"2026-01-01 00:00:03"}`,
}

// TestLetters: a row that cannot be delivered goes to the table for it, and the others
// are delivered.
func TestLetters(t *testing.T) {
	s, url := newTaker(t)
	w, status, err := runHook(t, url, ", 'sink.dead-letter-table'='dead'", hookedRows...)
	if err != nil {
		t.Fatal(err)
	}
	got := w.Output("dead").Texts()
	slices.Sort(got)
	for i, want := range []string{
		` | 'hook' | 'hook' | 'the service answers 422 Unprocessable Entity' | '{"card":1,"amount":666}' | 422 | 'no such card' | 1 | `,
		` | 'hook' | 'hook' | 'the service answers 500 Internal Server Error' | '{"card":2,"amount":666}' | 500 | 'out of order' | 2 | `,
	} {
		if len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
	sink := status.Sinks[0]
	if len(s.taken) != 2 || sink.Acknowledged != 4 || sink.Calls.Refused != 2 || sink.Calls.Calls != 5 || sink.Calls.Failures != 3 || sink.Calls.Breaker != "closed" {
		t.Errorf("%+v %+v", s.taken, sink.Calls)
	}
}

func TestLettersSkippedAndFailing(t *testing.T) {
	_, url := newTaker(t)
	w, status, err := runHook(t, url, ", 'sink.error-policy'='skip'", hookedRows...)
	if err != nil || status.Sinks[0].Calls.Refused != 2 || len(w.Output("dead").Texts()) != 0 {
		t.Errorf("%v %+v", err, status.Sinks[0])
	}
	if _, status, err = runHook(t, url, "", hookedRows...); err == nil || !strings.Contains(err.Error(), "write to hook: the row ") || status.Sinks[0].Acknowledged != 0 {
		t.Errorf("%v %+v", err, status.Sinks[0])
	}
}

func TestLettersRefused(t *testing.T) {
	_, url := newTaker(t)
	for options, want := range map[string]string{
		", 'sink.error-policy'='dead-letter'":                                       "needs 'sink.dead-letter-table'",
		", 'sink.dead-letter-table'='none'":                                         `there is no table "none"`,
		", 'sink.dead-letter-table'='hook'":                                         "the table is the one that cannot be delivered to",
		", 'sink.dead-letter-table'='payments'":                                     "a table for rows that cannot be delivered has columns out of",
		", 'sink.dead-letter-table'='dead', 'sink.error-policy'='block'":            "nothing goes there",
		", 'sink.dead-letter-table'='dead', 'sink.requests.max-inflight'='0'":       "expected a number from 1",
		", 'sink.retry-strategy.exponential-delay.backoff-multiplier'='0.5'":        "expected a number from 1 to 100",
		", 'sink.error-policy'='retry'":                                             "expected fail or block or skip or dead-letter",
		", 'sink.delivery-guarantee'='exactly-once'":                                "has no option 'sink.delivery-guarantee'",
		", 'http.sink.retry-codes'='429,7XX', 'sink.circuit-breaker.failures'='-1'": "expected codes",
	} {
		w := enginetest.NewWorld()
		c, err := enginetest.Compile(fmt.Sprintf(hooked, url, options))
		if err != nil {
			t.Fatal(err)
		}
		o := w.Options()
		o.Registry = w.Registry(formats.Specs(), cepdhttp.New(nil))
		e, err := engine.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Validate(c.Root, c.Catalog); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}

// TestWebhookCrashes: whatever a crash cuts off, each detection is delivered, and all
// deliveries of it have one key.
func TestWebhookCrashes(t *testing.T) {
	for seed := range cases(6, 2) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { webhookCrashes(t, seed) })
	}
}

func webhookCrashes(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	input := randomPayments(rng, 3, 60)
	run := func(rounds func() int) map[string][]string {
		s, url := newTaker(t)
		faults := rand.New(rand.NewPCG(seed, 6))
		s.fail = func() bool { return faults.IntN(8) == 0 }
		sink := fmt.Sprintf("('connector'='http', 'format'='json', 'url'='%s', 'sink.error-policy'='block', 'sink.circuit-breaker.failures'='0', 'sink.retry-strategy.exponential-delay.initial-backoff'='1 ms', 'sink.retry-strategy.exponential-delay.max-backoff'='1 ms')", url)
		w := enginetest.NewWorld()
		w.Poll = 1 + rng.IntN(4)
		w.Input("payments", slices.Clone(input)...)
		sql := strings.Replace(probes, "at TIMESTAMP(3)) WITH ('connector'='test')", "at TIMESTAMP(3)) WITH "+sink, 1)
		c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		c.more = append(c.more, cepdhttp.New(nil))
		for !c.life(rounds()) {
			w.Poll = 1 + rng.IntN(4)
		}
		return s.taken
	}
	distinct := func(taken map[string][]string) map[string]string {
		one := map[string]string{}
		for key, bodies := range taken {
			if slices.ContainsFunc(bodies, func(b string) bool { return b != bodies[0] }) {
				t.Errorf("key %s is of %q", key, bodies)
			}
			one[key] = bodies[0]
		}
		return one
	}
	want, got := distinct(run(func() int { return 1 << 20 })), run(func() int { return 1 + rng.IntN(20) })
	if len(want) < 5 {
		t.Fatalf("the test has only %d detections", len(want))
	}
	if diff := cmp.Diff(want, distinct(got)); diff != "" {
		t.Error(diff)
	}
	if again := slices.MaxFunc(slices.Collect(maps.Values(got)), func(a, b []string) int { return len(a) - len(b) }); len(again) < 2 {
		t.Error("nothing came twice: the test tests nothing")
	}
}
