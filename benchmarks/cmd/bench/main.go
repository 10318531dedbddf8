// Command bench runs cepd's workloads, prints tables and writes the result
// files: make bench.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

func main() {
	var o options
	flag.Float64Var(&o.scale, "scale", 1, "share of each workload's events")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median by CPU time counts")
	flag.StringVar(&o.only, "only", "", "workloads, such as Q2,Q4")
	flag.StringVar(&o.out, "out", "benchmarks/results", "folder of the result files; empty: none are written")
	flag.Float64Var(&o.rate, "rate", 100_000, "events per second of the latency runs; 0: leave them out")
	flag.DurationVar(&o.duration, "duration", 0, "of each latency run; 0: as cepd bench")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of cepd's operators in memory")
	flag.Parse()
	if err := run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o *options) error {
	fmt.Printf("%s, cepd %s\n", measure.Machine(), measure.Version())
	d := benchmarks.NewData()
	memory, refused, err := inMemory(o, d)
	if err != nil {
		return err
	}
	if err := show(o, "operators in memory, one core", "memory.json", memory); err != nil {
		return err
	}
	for _, why := range refused {
		fmt.Println("not yet runnable:", why)
	}
	through, err := throughEngine(o, d)
	if err != nil {
		return err
	}
	if err := show(o, "through the engine", "engine.json", through); err != nil {
		return err
	}
	return latencies(o)
}

func show(o *options, title, file string, results []measure.Result) error {
	fmt.Printf("\n%s\n", title)
	if err := measure.Print(os.Stdout, results); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	return measure.Write(filepath.Join(o.out, file), results)
}

// workloads are those asked for.
func (o *options) workloads() (list []*queries.Workload) {
	for i := range queries.All {
		w := &queries.All[i]
		if o.only == "" || contains(strings.Split(o.only, ","), w.Name) {
			list = append(list, w)
		}
	}
	return list
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// events is how many of a workload's events are run.
func (o *options) events(w *queries.Workload) int { return max(1, int(float64(w.Events)*o.scale)) }

// inMemory runs the operators and the hand-written loops, one core each.
func inMemory(o *options, d *benchmarks.Data) (results []measure.Result, refused []string, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	stop, err := profile(o.profile)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	for _, w := range o.workloads() {
		n := o.events(w)
		own, err := o.median(func() (measure.Result, error) { return benchmarks.InMemory(d, w, n) })
		if why := benchmarks.Refused(err); why != "" {
			refused = append(refused, w.Name+", "+w.Title+": "+why)
		} else if err != nil {
			return nil, nil, err
		} else {
			results = append(results, own)
		}
		hand, err := o.median(func() (measure.Result, error) { return benchmarks.ByHand(d, w, n) })
		if err != nil {
			return nil, nil, err
		}
		results = append(results, hand)
	}
	return results, refused, nil
}

// throughEngine runs the same queries as `cepd bench` does.
func throughEngine(o *options, d *benchmarks.Data) (results []measure.Result, err error) {
	for _, w := range o.workloads() {
		n := o.events(w)
		var reports []*load.Report
		r, err := o.median(func() (measure.Result, error) {
			report, err := load.Run(context.Background(), load.Options{File: w.Name, Text: w.Script(), Copies: w.Params, Held: d.Table(w, n), Events: int64(n)})
			reports = append(reports, report)
			return engineResult(w, report), err
		})
		switch {
		case benchmarks.Refused(err) != "":
		case err != nil:
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		default:
			results = append(results, r)
		}
	}
	return results, nil
}

func engineResult(w *queries.Workload, r *load.Report) measure.Result {
	if r == nil {
		return measure.Result{}
	}
	return measure.Result{Workload: w.Name, System: "cepd", Version: r.Version, Events: int(r.Events), Matches: int(r.Detections),
		WallSeconds: r.WallSeconds, CPUSeconds: r.CPUSeconds, RSSMB: r.Memory.PeakRSSMB, Machine: r.Machine, Date: r.Date,
		Note: fmt.Sprintf("engine, columns in memory, no state on disk; %.4f allocations per event, %d bytes of state", r.Memory.AllocsPerEvent, r.State.Bytes)}
}

func (o *options) median(run func() (measure.Result, error)) (measure.Result, error) {
	var runs []measure.Result
	for range o.runs {
		r, err := run()
		if err != nil {
			return r, err
		}
		runs = append(runs, r)
	}
	return measure.Median(runs), nil
}

// profile starts a CPU profile if there is a path for it.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}, nil
}
