package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// service is what is called; what it answers is a list by call.
type service struct {
	mu      sync.Mutex
	answers map[string][]Answer // the last is repeated; none: taken
	took    time.Duration
	at      map[string][]time.Duration // of attempts, since began
	order   []string
	began   time.Time
	now     int
	most    int // at once
}

func (s *service) send(ctx context.Context, c *Call) Answer {
	s.mu.Lock()
	name := string(c.Body)
	s.at[name] = append(s.at[name], time.Since(s.began))
	s.order = append(s.order, name)
	s.now++
	s.most = max(s.most, s.now)
	a := Answer{}
	if list := s.answers[name]; len(list) > 0 {
		a = list[0]
		if len(list) > 1 {
			s.answers[name] = list[1:]
		}
	}
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if s.took > 0 && pause(ctx, s.took) != nil {
		return Answer{Verdict: Again, Broken: true, Reason: "no answer"}
	}
	return a
}

func calls(names ...string) (list []*Call) {
	for i, n := range names {
		key, _, keyed := strings.Cut(n, "-")
		if !keyed {
			key = ""
		}
		list = append(list, &Call{Rows: []Row{{ID: event.ID{Lo: uint64(i + 1)}, Value: []byte(n)}}, Key: key, Body: []byte(n)})
	}
	return list
}

var (
	busy   = Answer{Verdict: Again, Reason: "busy"}
	broken = Answer{Verdict: Again, Broken: true, Reason: "broken", Status: 500, Text: "oh"}
	wrong  = Answer{Verdict: Never, Reason: "wrong", Status: 400}
)

// with calls a service in simulated time.
func with(t *testing.T, options map[string]string, answers map[string][]Answer, f func(t *testing.T, c *Caller, s *service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o, err := Parse(connectors.Table{Options: options})
		if err != nil {
			t.Fatal(err)
		}
		s := &service{answers: answers, at: map[string][]time.Duration{}, began: time.Now()}
		f(t, New(o, slog.New(slog.DiscardHandler), s.send), s)
	})
}

// TestBackOff: pauses grow, are drawn, and have an end.
func TestBackOff(t *testing.T) {
	answers := map[string][]Answer{}
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprint(i))
		answers[names[i]] = append(slices.Repeat([]Answer{busy}, 5), Answer{})
	}
	with(t, map[string]string{optMax: "3 s", optInFlight: "200"}, answers, func(t *testing.T, c *Caller, s *service) {
		if err := c.Deliver(t.Context(), calls(names...)); err != nil {
			t.Fatal(err)
		}
		longest := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second}
		for i, most := range longest {
			var pauses []time.Duration
			for _, n := range names {
				pauses = append(pauses, s.at[n][i+1]-s.at[n][i])
			}
			slices.Sort(pauses)
			// Of 200 draws from [0, most] the least is beyond a quarter of it once in 10^25 runs.
			if pauses[0] > most/4 || pauses[199] > most || pauses[199] < most*3/4 {
				t.Errorf("pause %d is from %s to %s, want 0 to %s", i+1, pauses[0], pauses[199], most)
			}
		}
		if a := c.Activity(); a.Calls != 1200 || a.Failures != 1000 || a.Delivered != 200 || a.Rows != 200 || a.LastError != "" {
			t.Errorf("%+v", a)
		}
	})
}

// TestAsksToWait: a service that says how long to wait is heard by all.
func TestAsksToWait(t *testing.T) {
	asks := busy
	asks.Wait = 20 * time.Second
	with(t, map[string]string{optInFlight: "1"}, map[string][]Answer{"a": {asks, {}}}, func(t *testing.T, c *Caller, s *service) {
		if err := c.Deliver(t.Context(), calls("a", "b")); err != nil {
			t.Fatal(err)
		}
		for name, at := range map[string]time.Duration{"a": s.at["a"][1], "b": s.at["b"][0]} {
			if at < 20*time.Second || at > 24*time.Second {
				t.Errorf("%s is called after %s", name, at)
			}
		}
	})
	asks.Wait = 1000 * time.Hour
	with(t, nil, map[string][]Answer{"a": {asks, {}}}, func(t *testing.T, c *Caller, s *service) {
		if err := c.Deliver(t.Context(), calls("a")); err != nil || s.at["a"][1] > maxWait+3*time.Second {
			t.Error(err, s.at)
		}
	})
}

// TestBreaker: after failures in a row one call at a time is tried, and others wait
// without counting as tried.
func TestBreaker(t *testing.T) {
	options := map[string]string{optFailures: "3", optOpen: "10 s", optRetries: "6", optInFlight: "4", optInitial: "10 ms", optMax: "10 ms"}
	answers := map[string][]Answer{}
	names := []string{"a", "b", "c", "d"}
	for _, n := range names {
		answers[n] = []Answer{broken, broken, broken, {}}
	}
	with(t, options, answers, func(t *testing.T, c *Caller, s *service) {
		if err := c.Deliver(t.Context(), calls(names...)); err != nil {
			t.Fatal(err)
		}
		var early int
		for _, n := range names {
			for _, at := range s.at[n] {
				if at < 10*time.Second {
					early++
				}
			}
		}
		// Those on their way when the third fails end as they end.
		if early < 3 || early > 6 {
			t.Errorf("%d calls before the breaker opened", early)
		}
		if a := c.Activity(); a.Breaker != "closed" || a.Calls != 16 {
			t.Errorf("%+v", a)
		}
	})
	with(t, options, map[string][]Answer{"a": {broken}}, func(t *testing.T, c *Caller, _ *service) {
		if err := c.Deliver(t.Context(), calls("a")); err == nil || c.Activity().Breaker == "closed" || c.Activity().LastError != "broken" {
			t.Errorf("%v %+v", err, c.Activity())
		}
	})
}

// TestOrder: calls of a key are made in order, one at a time, beside those of others.
func TestOrder(t *testing.T) {
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("k%d-%02d", i%3, i))
	}
	with(t, map[string]string{optInFlight: "8"}, map[string][]Answer{"k1-04": {busy, busy, {}}}, func(t *testing.T, c *Caller, s *service) {
		s.took = time.Second
		if err := c.Deliver(t.Context(), calls(names...)); err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			var got []string
			for _, n := range s.order {
				if strings.HasPrefix(n, fmt.Sprintf("k%d-", k)) && (len(got) == 0 || got[len(got)-1] != n) {
					got = append(got, n)
				}
			}
			if !slices.IsSorted(got) || len(got) != 10 {
				t.Error(got)
			}
		}
		if s.most != 3 {
			t.Errorf("%d at once, want one a key", s.most)
		}
	})
	names = names[:0]
	for i := range 20 {
		names = append(names, fmt.Sprint(i))
	}
	with(t, map[string]string{optInFlight: "8"}, nil, func(t *testing.T, c *Caller, s *service) {
		s.took = time.Second
		if err := c.Deliver(t.Context(), calls(names...)); err != nil || s.most != 8 || time.Since(s.began) != 3*time.Second {
			t.Error(err, s.most, time.Since(s.began))
		}
	})
}

func TestRate(t *testing.T) {
	with(t, map[string]string{optRate: "10"}, nil, func(t *testing.T, c *Caller, s *service) {
		if err := c.Deliver(t.Context(), calls(strings.Split(strings.Repeat("x", 50), "")...)); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(s.began); d < 4900*time.Millisecond || d > 5*time.Second {
			t.Errorf("50 calls at 10 a second take %s", d)
		}
	})
}

func TestTimeout(t *testing.T) {
	with(t, map[string]string{optTimeout: "2 s", optRetries: "1"}, nil, func(t *testing.T, c *Caller, s *service) {
		s.took = time.Hour
		if err := c.Deliver(t.Context(), calls("a")); err == nil || len(s.at["a"]) != 2 || time.Since(s.began) < 4*time.Second {
			t.Error(err, s.at)
		}
	})
}

func TestPolicies(t *testing.T) {
	bad := func() map[string][]Answer { return map[string][]Answer{"b": {broken}, "c": {wrong}} }
	for policy, want := range map[string]string{"": "cannot be delivered", "skip": "", "dead-letter": ""} {
		options := map[string]string{optRetries: "2", connectors.OptRefusalPolicy: policy}
		with(t, options, bad(), func(t *testing.T, c *Caller, s *service) {
			err := c.Deliver(t.Context(), calls("a", "b", "c"))
			if want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q: %v", policy, err)
				}
				return
			}
			list := c.Refused()
			slices.SortFunc(list, func(a, b connectors.Refusal) int { return a.ID.Compare(b.ID) })
			if err != nil || len(list) != 2 || len(c.Refused()) != 0 || c.Activity().Refused != 2 {
				t.Fatalf("%q: %v %+v", policy, err, list)
			}
			if b := list[0]; b.Attempts != 3 || b.Reason != "broken" || b.Status != 500 || b.Answer != "oh" || string(b.Value) != "b" {
				t.Errorf("%+v", b)
			}
			if c := list[1]; c.Attempts != 1 || c.Status != 400 {
				t.Errorf("%+v", c)
			}
		})
	}
	block := map[string][]Answer{"b": append(slices.Repeat([]Answer{wrong}, 50), Answer{})}
	with(t, map[string]string{optRetries: "2", connectors.OptRefusalPolicy: "block"}, block, func(t *testing.T, c *Caller, s *service) {
		if err := c.Deliver(t.Context(), calls("b")); err != nil || len(s.at["b"]) != 51 {
			t.Error(err, len(s.at["b"]))
		}
	})
}

// TestEnds: whoever waits ends with the context, and with a call that fails.
func TestEnds(t *testing.T) {
	gone := errors.New("gone")
	for _, options := range []map[string]string{nil, {optFailures: "1", optOpen: "1 h"}, {optRate: "1"}} {
		with(t, options, map[string][]Answer{"a": {broken}, "b": {{Verdict: Again, Wait: time.Hour}}}, func(t *testing.T, c *Caller, _ *service) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(3*time.Second, func() { cancel(gone) })
			if err := c.Deliver(ctx, calls("a", "b", "c", "d", "e", "f")); !errors.Is(err, gone) {
				t.Error(err)
			}
		})
	}
	with(t, map[string]string{optInFlight: "2"}, map[string][]Answer{"b": {wrong}}, func(t *testing.T, c *Caller, s *service) {
		s.took = time.Second
		if err := c.Deliver(t.Context(), calls("a", "b", "c", "d", "e", "f")); err == nil || len(s.order) > 4 {
			t.Error(err, s.order)
		}
	})
}

func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := Parse(connectors.Table{})
		c := New(o, slog.New(slog.DiscardHandler), func(context.Context, *Call) Answer { panic("boom") })
		if err := c.Deliver(t.Context(), calls("a", "b")); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Error(err)
		}
	})
}
