// Command bench runs cepd's workloads, prints tables and writes the result
// files: make bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

func main() {
	var o options
	flag.Float64Var(&o.scale, "scale", 1, "share of each workload's events")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median by CPU time counts")
	flag.StringVar(&o.only, "only", "", "workloads, such as Q2,Q4; stock: the patterns over trades")
	flag.StringVar(&o.out, "out", "benchmarks/results", "folder of the result files; empty: none are written")
	flag.Float64Var(&o.rate, "rate", 100_000, "events per second of the latency runs; 0: leave them out")
	flag.DurationVar(&o.duration, "duration", 0, "of each latency run; 0: as cepd bench")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of cepd's operators in memory, and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	fmt.Printf("%s, cepd %s\n", measure.Machine(), measure.Version())
	d := benchmarks.NewData()
	operators := benchmarks.Lines(d, benchmarks.Operators, o.workloads(), o.events, o.runs)
	if o.profile != "" {
		return o.profiled(operators)
	}
	engines := benchmarks.Lines(d, benchmarks.Engines, o.workloads(), o.events, o.runs)
	errs := []error{
		o.file(ctx, "operators in memory, one core", "memory.json", operators, nil),
		o.file(ctx, "through the engine", "engine.json", engines, nil),
	}
	if o.wants("stock") {
		errs = append(errs, o.stock(ctx))
	}
	return errors.Join(append(errs, latencies(ctx, o))...)
}

// file measures the lines of a result file; known are results from elsewhere.
func (o *options) file(ctx context.Context, title, name string, lines []measure.Line, known []measure.Result) error {
	if len(lines) == 0 {
		return nil
	}
	fmt.Printf("\n%s\n", title)
	path := ""
	if o.out != "" {
		path = filepath.Join(o.out, name)
	}
	log, err := measure.NewLog(path, o.only != "")
	if err != nil {
		return err
	}
	for _, r := range known {
		err = errors.Join(err, log.Add(r))
	}
	err = errors.Join(err, log.Measure(ctx, lines))
	fmt.Println()
	return errors.Join(err, measure.Print(os.Stdout, log.Results()))
}

// stock measures the patterns over a day of trades.
func (o *options) stock(ctx context.Context) error {
	s, err := benchmarks.NewStock(benchmarks.StockDir)
	if err != nil {
		return err
	}
	list, err := benchmarks.Sequences(benchmarks.StockDir)
	if err != nil {
		return err
	}
	var core []measure.Result
	for _, q := range list {
		core = append(core, s.Reference(q))
	}
	return o.file(ctx, "patterns over trades, one core", "stock.json", s.Lines(list, o.runs), core)
}

func (o *options) wants(name string) bool {
	return o.only == "" || slices.ContainsFunc(strings.Split(o.only, ","), func(s string) bool { return strings.EqualFold(s, name) })
}

// workloads are those asked for.
func (o *options) workloads() (list []*queries.Workload) {
	for i := range queries.All {
		if w := &queries.All[i]; o.wants(w.Name) {
			list = append(list, w)
		}
	}
	return list
}

// events is how many of a workload's events are run.
func (o *options) events(w *queries.Workload) int { return max(1, int(float64(w.Events)*o.scale)) }

// profiled runs cepd's lines under the profiler.
func (o *options) profiled(lines []measure.Line) (err error) {
	f, err := os.Create(o.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	own := slices.DeleteFunc(lines, func(l measure.Line) bool { return l.System != "cepd" })
	log, err := measure.NewLog("", false)
	if err != nil {
		return err
	}
	return log.Measure(context.Background(), own)
}
