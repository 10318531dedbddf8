package sim

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// Coverage is what many runs went through.
type Coverage struct {
	Runs, Failed     int
	Fired            [KindCount]int
	Workloads        map[string]int
	Processes, Turns int
	Fenced, Rows     int
	Spilled, Loaded  int64 // keys
	Time             int64 // simulated, µs
}

// Many runs n seeds from first on, on some goroutines, and reports the failing
// ones, in the order of seeds within what has been run. It stops after limit
// failures (0: none).
func Many(first uint64, n, goroutines, limit int, failed func(seed uint64, r *Result)) Coverage {
	c := Coverage{Workloads: map[string]int{}}
	var compiler Compiler
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				sc := New(first + uint64(i))
				r := Run(sc, &compiler, false)
				mu.Lock()
				c.add(sc, &r)
				if r.Err != nil {
					failed(sc.Seed, &r)
				}
				enough := limit > 0 && c.Failed >= limit
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wg.Wait()
	return c
}

func (c *Coverage) add(sc *Scenario, r *Result) {
	c.Runs++
	if r.Err != nil {
		c.Failed++
	}
	for k, n := range r.Fired {
		c.Fired[k] += n
	}
	c.Workloads[sc.Workload]++
	c.Processes += r.Processes
	c.Turns += r.Turns
	c.Fenced += r.Fenced
	c.Rows += r.Rows
	c.Spilled += r.Spilled
	c.Loaded += r.Loaded
	c.Time += r.Time
}

// Print shows the coverage as a table.
func (c *Coverage) Print(w io.Writer) {
	fmt.Fprintf(w, "%d seeds, %d processes (%d of them fenced), %d turns, %.0f simulated seconds, %d rows expected\n", c.Runs, c.Processes, c.Fenced, c.Turns, float64(c.Time)/1e6, c.Rows)
	fmt.Fprintf(w, "  %d keys were let go of, %d read again\n", c.Spilled, c.Loaded)
	for k, n := range c.Fired {
		fmt.Fprintf(w, "  %-22s %8d\n", Kind(k), n)
	}
	for i := range workloads {
		fmt.Fprintf(w, "  %-22s %8d runs\n", workloads[i].name, c.Workloads[workloads[i].name])
	}
}
