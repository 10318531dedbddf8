// Command scale measures how an event's cost depends on the number of keys, the
// window, the number of rules, the cores and the skew of the keys, and writes
// benchmarks/results/scale.json: make bench-scale.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/measure"
)

func main() {
	var s benchmarks.Scale
	flag.Float64Var(&s.Share, "scale", 1, "share of the events and keys")
	flag.IntVar(&s.Runs, "runs", 3, "runs of each; the median by CPU time counts")
	only := flag.String("only", "", "what varies: keys, window, rules, skew or cores")
	out := flag.String("out", "benchmarks/results/scale.json", "result file; empty: none is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, &s, *only, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s *benchmarks.Scale, only, out string) error {
	fmt.Printf("%s, cepd %s; %d runs of each\n", measure.Machine(), measure.Version(), s.Runs)
	log, err := measure.NewLog(out, only != "")
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(s.Lines(), func(l measure.Line) bool { return !strings.HasPrefix(l.Workload, only) })
	err = log.Measure(ctx, lines)
	fmt.Println()
	return errors.Join(err, measure.Print(os.Stdout, log.Results()))
}
