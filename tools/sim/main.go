// Command sim runs the simulation: many seeds, or one of them in detail.
//
//	sim -seeds 10000
//	sim -seed 123
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/cepd/cepd/internal/sim"
)

func main() {
	seeds := flag.Int("seeds", 1000, "how many seeds, from -first on")
	first := flag.Uint64("first", 0, "the first seed")
	seed := flag.String("seed", "", "run this seed alone: shrinks it when it fails")
	trace := flag.Bool("trace", false, "with -seed: print the trace")
	limit := flag.Int("limit", 5, "stop after so many failures")
	flag.Parse()
	failed := false
	if *seed == "" {
		failed = many(os.Stdout, *first, *seeds, *limit)
	} else {
		var n uint64
		if _, err := fmt.Sscan(*seed, &n); err != nil {
			fmt.Fprintf(os.Stderr, "sim: -seed %s: %v\n", *seed, err)
			os.Exit(2)
		}
		failed = one(os.Stdout, n, *trace)
	}
	if failed {
		os.Exit(1)
	}
}

// many prints failures as they come, the coverage, and the count.
func many(w io.Writer, first uint64, n, limit int) (failed bool) {
	c := sim.Many(first, n, runtime.GOMAXPROCS(0), limit, func(seed uint64, r *sim.Result) {
		fmt.Fprintf(w, "seed %d failed (make sim SEED=%d shows it): %v\n", seed, seed, r.Err)
	})
	c.Print(w)
	fmt.Fprintf(w, "%d passed, %d failed\n", c.Runs-c.Failed, c.Failed)
	return c.Failed > 0
}

// one runs a seed, and shrinks it if it fails.
func one(w io.Writer, seed uint64, trace bool) (failed bool) {
	var c sim.Compiler
	sc := sim.New(seed)
	r := sim.Run(sc, &c, trace)
	fmt.Fprintf(w, "seed %d, %s: %d processes, %d turns, %d rows, trace %016x\n", seed, sc.Workload, r.Processes, r.Turns, r.Rows, r.Hash)
	if trace {
		fmt.Fprint(w, r.Trace)
	}
	if r.Err == nil {
		return false
	}
	small := sim.Shrink(sc, &c)
	again := sim.Run(small, &c, true)
	fmt.Fprintf(w, "%v\n\nshrunk from %d to %d records, from %d to %d faults:\n\n%s\n%v\n\nthe last turns:\n%s", r.Err,
		sc.Records(), small.Records(), len(sc.Faults), len(small.Faults), small, again.Err, tail(again.Trace, 60))
	return true
}

func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}
