package benchmarks

import (
	"testing"

	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
)

// TestEngine runs workloads through the engine as make bench does: their answers
// are those of the loops, from several partitions and with state on disk too, and
// in two rounds no less than twice as many.
func TestEngine(t *testing.T) {
	d := NewData()
	for name, events := range map[string]int{"Q1": 20_000, "Q2": 20_000, "Q9-100": 500} {
		w, _ := queries.Find(name)
		want := Hand(d, w, events)()
		for _, c := range []struct {
			rounds, split int
			dir           string
		}{{1, 1, ""}, {1, 3, t.TempDir()}, {2, 1, ""}} {
			r, err := Engine("cepd", w, load.Options{Held: workload.NewTable(w.Stream, events), Rounds: c.rounds, Split: c.split, DataDir: c.dir})
			if err != nil {
				t.Fatal(err)
			}
			if r.Events != c.rounds*events || r.Matches < c.rounds*want || c.rounds == 1 && r.Matches != want {
				t.Errorf("%s in %d rounds: %d detections in %d events, expected %d a round", name, c.rounds, r.Matches, r.Events, want)
			}
		}
	}
}
