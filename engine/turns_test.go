package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/clock"
)

// shares runs queries that always have work, on one processor, until so much
// time has gone; step[i] is how long a step of query i takes, µs.
func shares(weights, step []int64, until int64) (used []int64, longest []int64) {
	c := &clock.Manual{}
	s := newTurns(1, c)
	used, longest = make([]int64, len(step)), make([]int64, len(step))
	asked := make([]int64, len(step))
	turns := make([]*turn, len(step))
	running := -1
	for i, w := range weights {
		turns[i] = newTurn(w)
		if s.request(turns[i]) {
			running = i
		}
	}
	for c.Now() < until {
		i := running
		longest[i] = max(longest[i], c.Now()-asked[i])
		c.Advance(time.Duration(step[i]) * time.Microsecond)
		used[i] += step[i]
		asked[i] = c.Now()
		if s.exchange(turns[i], step[i]) {
			continue
		}
		for k, t := range turns {
			select {
			case <-t.granted:
				running = k
			default:
			}
		}
	}
	return used, longest
}

// TestTurnsAreFair checks that time is divided by weight, however long steps
// are, and that none waits longer than a turn of each other.
func TestTurnsAreFair(t *testing.T) {
	used, longest := shares([]int64{100, 100, 200}, []int64{50_000, 1000, 10_000}, 60_000_000)
	for i, want := range []int64{15_000_000, 15_000_000, 30_000_000} {
		if d := used[i] - want; d < -60_000 || d > 60_000 {
			t.Errorf("query %d had %d µs, want about %d", i, used[i], want)
		}
	}
	if longest[1] > 50_000+2*10_000 {
		t.Errorf("the query with short steps waited %d µs", longest[1])
	}
}

// TestRestIsNotSaved checks that a query which rests has no claim on the time
// that others used meanwhile.
func TestRestIsNotSaved(t *testing.T) {
	s := newTurns(1, &clock.Manual{})
	busy, late := newTurn(100), newTurn(100)
	for range 1000 {
		s.request(busy)
		s.give(busy, 1000)
	}
	n := 0
	s.request(busy)
	s.request(late)
	for range 100 { // both always have work
		r := s.running[0]
		if r == late {
			n++
		}
		if !s.exchange(r, 1000) {
			<-s.running[0].granted
		}
	}
	if n < 49 || n > 51 {
		t.Errorf("the late one had %d of 100 turns", n)
	}
}

// TestLongStepLendsItsPlace has a query whose step waits for something: another
// goes on meanwhile, and no place is lost or won.
func TestLongStepLendsItsPlace(t *testing.T) {
	c := &clock.Manual{}
	s := newTurns(1, c)
	stuck, other := newTurn(100), newTurn(100)
	if !s.take(context.Background(), stuck) {
		t.Fatal("no place")
	}
	if s.request(other) {
		t.Fatal("there is no second place")
	}
	s.lend()
	if len(other.granted) != 0 {
		t.Fatal("lent too soon")
	}
	c.Advance(longStep)
	s.lend()
	<-other.granted
	s.give(stuck, 1)
	if s.free != 0 {
		t.Errorf("%d places free while one runs", s.free)
	}
	s.give(other, 1)
	if s.free != 1 || len(s.running) != 0 {
		t.Errorf("%d places free at the end", s.free)
	}
}

// TestTurnEndsWithItsContext checks that one who gives up waits no more.
func TestTurnEndsWithItsContext(t *testing.T) {
	s := newTurns(1, &clock.Manual{})
	first, second, third := newTurn(1), newTurn(1), newTurn(1)
	s.request(first)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s.take(ctx, second) {
		t.Error("a turn for one whose context has ended")
	}
	s.request(third)
	s.give(first, 1)
	<-third.granted
	s.give(third, 1)
	if s.free != 1 {
		t.Errorf("%d places", s.free)
	}
}
