package benchmarks

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

// cold counts what a workload reads of its state when all of it leaves memory
// every 20,000 events, as it does under a small budget. The name is that of the
// workload with -cold behind it.
func cold(t *testing.T, name string, d *Data) map[string]float64 {
	t.Helper()
	w, ok := queries.Find(strings.TrimSuffix(name, "-cold"))
	if !ok {
		t.Fatalf("there is no workload %s", name)
	}
	const turns, events = 20, 20_000
	m, err := NewMemory(d.Table(w, turns*events), w)
	if err != nil {
		t.Fatal(err)
	}
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := m.pipeline
	if err := p.Restore(store); err != nil {
		t.Fatal(err)
	}
	for range turns {
		if _, err := m.Run(events); err != nil {
			t.Fatal(err)
		}
		spill(t, p.Snapshot, store)
		p.Spill()
	}
	_, s := p.Size()
	t.Logf("%s: %+v", name, s)
	n := float64(turns * events)
	return map[string]float64{"reads-per-event": float64(s.Reads) / n, "bytes-per-cold-key": float64(s.Bytes) / float64(s.Cold)}
}

func spill(t *testing.T, snapshot func(state.Writer) error, store state.Store) {
	t.Helper()
	b := store.NewBatch()
	if err := snapshot(b); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(false); err != nil {
		t.Fatal(err)
	}
}
