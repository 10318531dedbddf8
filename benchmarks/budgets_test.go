package benchmarks

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

// TestBudgets holds deterministic counts of the steady state, after the first
// million events have warmed it up, against budgets.txt.
func TestBudgets(t *testing.T) {
	text, err := os.ReadFile("budgets.txt")
	if err != nil {
		t.Fatal(err)
	}
	if small {
		t.Skip("the race detector has costs of its own")
	}
	warm, events := 2_000_000, 2_000_000
	if testing.Short() {
		warm, events = 1_000_000, 200_000
	}
	data := NewData()
	counts := map[string]map[string]float64{}
	for line := range strings.Lines(string(text)) {
		var name, count string
		var limit float64
		if n, _ := fmt.Sscan(line, &name, &count, &limit); n != 3 || name[0] == '#' {
			continue
		}
		switch {
		case counts[name] != nil:
		case strings.HasSuffix(name, "-cold"):
			counts[name] = cold(t, name, data)
		default:
			counts[name] = steady(t, name, data, warm, events)
		}
		got, ok := counts[name][count]
		if !ok {
			t.Errorf("budgets.txt: %s has no count %q", name, count)
		}
		t.Logf("%s %s: %.6f", name, count, got)
		if got > limit {
			t.Errorf("%s %s: %.6f, at most %g", name, count, got, limit)
		}
	}
}

// negligible is the allocations that the measurement itself and the growth of
// a table may cost, per two million events.
const negligible = 50

func steady(t *testing.T, name string, d *Data, warm, events int) map[string]float64 {
	t.Helper()
	w, ok := queries.Find(name)
	if !ok {
		t.Fatalf("there is no workload %s", name)
	}
	m, err := NewMemory(d.Table(w, warm+events), w)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(warm); err != nil {
		t.Fatal(err)
	}
	u, err := measure.Run(func() error { _, err := m.Run(events); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d mallocs in %d events", name, u.Mallocs, events)
	if u.Mallocs <= negligible {
		u.Mallocs = 0
	}
	counts := map[string]float64{"mallocs-per-event": float64(u.Mallocs) / float64(events)}
	if keys, bytes := m.Held(); keys > 0 {
		counts["bytes-per-key"] = float64(bytes) / float64(keys)
		t.Logf("%s: %d keys, %d bytes", name, keys, bytes)
	}
	return counts
}
