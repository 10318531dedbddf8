package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
)

// restarting is a server with the query b, and its clock.
type restarting struct {
	*server
	now time.Time
}

func newRestarting(t *testing.T) *restarting {
	s := &restarting{server: &server{t: t}, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	s.start()
	s.runner.failed = map[string]*engine.Failure{}
	s.service.now = func() time.Time { return s.now }
	if _, err := s.service.Submit(&Submission{SQL: "CREATE TABLE b (x INT) WITH ('connector'='blackhole'); INSERT INTO b VALUES (1)"}); err != nil {
		t.Fatal(err)
	}
	s.runner.started = 0
	return s
}

func (s *restarting) fail(err error, kept bool) {
	s.runner.mu.Lock()
	s.runner.failed["b"] = &engine.Failure{Err: err, Kept: kept}
	s.runner.mu.Unlock()
	s.look()
}

func (s *restarting) look() {
	s.service.starts.look()
	s.service.starts.settled()
}

// after lets time pass and says how often the query has been started.
func (s *restarting) after(d time.Duration) int {
	s.now = s.now.Add(d)
	s.look()
	return s.runner.started
}

func (s *restarting) want(hint string, restarts int) {
	s.t.Helper()
	status, err := s.service.Status("b")
	if err != nil || status.State != engine.StateFailed || !strings.Contains(status.Hint, hint) || status.Failure == nil || status.Failure.Restarts != restarts {
		s.t.Errorf("%v: state %s, hint %q, %+v", err, status.State, status.Hint, status.Failure)
	}
}

// TestPoisonIsNotRetriedForEver has a query that fails each time it runs.
func TestPoisonIsNotRetriedForEver(t *testing.T) {
	s := newRestarting(t)
	for i, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second} {
		s.fail(errors.New("poison"), true)
		s.want("it is started again at", i+1)
		if n := s.after(wait - time.Millisecond); n != i {
			t.Fatalf("%d starts too soon", n)
		}
		if n := s.after(time.Millisecond); n != i+1 {
			t.Fatalf("%d starts, not %d", n, i+1)
		}
	}
	s.fail(errors.New("poison"), true)
	s.want("cepd query resume b", 5)
	if n := s.after(time.Hour); n != 5 {
		t.Errorf("%d starts", n)
	}
	if got := s.request("POST", "/v1/queries/b/resume", ""); !strings.HasPrefix(got, "204") {
		t.Error(got)
	}
	if got := s.request("POST", "/v1/queries/b/resume", ""); !strings.HasPrefix(got, "409") {
		t.Error(got)
	}
	if got := s.request("POST", "/v1/queries/c/resume", ""); !strings.HasPrefix(got, "404") {
		t.Error(got)
	}
	s.fail(errors.New("poison"), true)
	s.want("it is started again at", 1) // by hand: all begins anew
}

// TestFailuresAreForgotten has a query that fails now and then.
func TestFailuresAreForgotten(t *testing.T) {
	s := newRestarting(t)
	for i := range 20 {
		s.fail(errors.New("the broker is gone"), true)
		if n := s.after(time.Second); n != i+1 {
			t.Fatalf("%d starts, not %d", n, i+1)
		}
		s.after(time.Minute)
	}
}

// TestNoRestart names the failures after which a start would do harm.
func TestNoRestart(t *testing.T) {
	for what, c := range map[string]struct {
		err  error
		kept bool
	}{
		"without state it would begin anew":   {errors.New("poison"), false},
		"another process has taken the query": {fmt.Errorf("write to b: %w", connectors.ErrFenced), true},
	} {
		s := newRestarting(t)
		s.fail(c.err, c.kept)
		s.want("cepd query resume b", 0)
		if n := s.after(time.Hour); n != 0 {
			t.Errorf("%s: %d starts", what, n)
		}
	}
}

// TestBrokerThatIsDown has a query that cannot be opened: it is tried for ever,
// unless the opening panics.
func TestBrokerThatIsDown(t *testing.T) {
	for _, panics := range []bool{false, true} {
		s := newRestarting(t)
		s.runner.refuse, s.runner.panics = "b", panics
		s.fail(errors.New("the broker is gone"), true)
		for range 50 {
			s.after(time.Minute)
		}
		if n := s.runner.started; n != 50 && !panics || n != 5 && panics {
			t.Errorf("panics %v: %d starts", panics, n)
		}
	}
}
