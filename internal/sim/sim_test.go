package sim

import (
	"runtime"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

// TestSeeds is the short form of make sim.
func TestSeeds(t *testing.T) {
	before := runtime.NumGoroutine()
	n := 300
	if testing.Short() || cepdtest.Raced {
		n = 100
	}
	c := Many(0, n, 2, 5, func(seed uint64, r *Result) { t.Errorf("make sim SEED=%d: %v", seed, r.Err) })
	for k, n := range c.Fired {
		if n == 0 {
			t.Errorf("no run had the fault %q", Kind(k))
		}
	}
	for i := range workloads {
		if c.Workloads[workloads[i].name] == 0 && n == 300 {
			t.Errorf("no run had the workload %q", workloads[i].name)
		}
	}
	if c.Fenced == 0 {
		t.Error("no process was fenced")
	}
	if c.Spilled < int64(3*n) || c.Loaded < int64(3*n) {
		t.Errorf("only %d keys were let go of, and %d read again", c.Spilled, c.Loaded)
	}
	if c.Rows < 3*n {
		t.Errorf("only %d rows were expected of %d runs", c.Rows, n)
	}
	awaitGoroutines(t, before)
}

// awaitGoroutines gives those that were told to end the time for it.
func awaitGoroutines(t *testing.T, before int) {
	for range 100_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines are left, there were %d", runtime.NumGoroutine(), before)
}

// TestSameSeedSameTrace: a seed's run can be repeated, byte for byte.
func TestSameSeedSameTrace(t *testing.T) {
	n := uint64(20)
	if cepdtest.Raced {
		n = 5
	}
	for seed := range n {
		var a, b Compiler
		first, second := Run(New(seed), &a, true), Run(New(seed), &b, true)
		if first.Trace != second.Trace || first.Hash != second.Hash {
			t.Errorf("seed %d: two runs have different traces", seed)
		}
		if len(first.Trace) < 1000 {
			t.Errorf("seed %d has a trace of %d bytes", seed, len(first.Trace))
		}
	}
}

// TestEveryWorkloadDetects: a workload without output would prove nothing.
func TestEveryWorkloadDetects(t *testing.T) {
	rows := map[string]int{}
	var c Compiler
	for seed := range uint64(800) {
		sc := New(seed)
		want, err := calm(sc, &c)
		if err != nil {
			t.Fatal(err)
		}
		rows[sc.Workload] += want.count()
	}
	for i := range workloads {
		if n := rows[workloads[i].name]; n < 10 {
			t.Errorf("%s has %d rows", workloads[i].name, n)
		}
	}
}
