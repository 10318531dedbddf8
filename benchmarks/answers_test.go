package benchmarks

import (
	"testing"

	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/internal/cepdtest"
)

// small asks for fewer events; the answers of other engines are known for all.
const small = cepdtest.Raced

// TestHandAnswers checks the hand-written loops against the answers of other
// engines.
func TestHandAnswers(t *testing.T) {
	if testing.Short() || small {
		t.Skip("five million events: not with -short or the race detector")
	}
	d := NewData()
	for i := range queries.All {
		w := &queries.All[i]
		if w.Matches == 0 {
			continue
		}
		if got := Hand(d, w, 5_000_000)(); got != w.Matches {
			t.Errorf("%s: %d, expected %d", w.Name, got, w.Matches)
		}
		if keyed := Keyed(d, w, 5_000_000); keyed != nil && keyed() != w.Matches {
			t.Errorf("%s with a hash table: %d, expected %d", w.Name, keyed(), w.Matches)
		}
	}
}

// TestAnswers checks cepd's answers against those of the loops.
func TestAnswers(t *testing.T) {
	d := NewData()
	for i := range queries.All {
		w := &queries.All[i]
		t.Run(w.Name, func(t *testing.T) {
			n := w.Events
			if testing.Short() {
				n = min(n, 1_000_000)
			}
			if small {
				n = min(n, 10_000)
			}
			if _, err := InMemory(d, w, n); err != nil {
				t.Error(err)
			}
		})
	}
}
