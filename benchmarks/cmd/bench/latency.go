package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/workload"
)

type options struct {
	runs               int
	scale, rate        float64
	duration           time.Duration
	only, out, profile string
}

const defaultDuration = 5 * time.Second

// latencies runs workloads at a rate, with and without state on disk.
func latencies(ctx context.Context, o *options) error {
	if o.rate == 0 || len(o.workloads()) == 0 {
		return nil
	}
	if o.duration == 0 {
		o.duration = defaultDuration
	}
	fmt.Printf("\nlatency at %.0f events/s, from when the releasing event was due to the sink, ms\n", o.rate)
	var reports []*load.Report
	for _, w := range o.workloads() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(w.Params) > 1 || w.Name == "Q8-wide" || w.Name == "Q8-long" {
			continue // the rate is beyond them: a latency would only tell how long the run was
		}
		n := int64(o.rate * o.duration.Seconds())
		table := workload.NewTable(w.Stream, int(n))
		for _, durable := range []bool{false, true} {
			r, err := atRate(ctx, load.Options{File: w.Name, Text: w.Script(), Copies: w.Params, Held: table, Events: n, Warmup: n / 5, Rate: o.rate}, durable)
			if err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
			reports = append(reports, r)
			l := r.Latency
			fmt.Printf("%-8s durable %-5t  p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f  of %d; %.2f M events per CPU-second, longest GC pause %.3f\n", w.Name, durable,
				l.P50Millis, l.P90Millis, l.P99Millis, l.P999Millis, l.MaxMillis, l.Count, r.EventsPerCPUSecond/1e6, r.GC.MaxMillis)
		}
	}
	return writeReports(o, reports)
}

func atRate(ctx context.Context, lo load.Options, durable bool) (*load.Report, error) {
	if !durable {
		return load.Run(ctx, lo)
	}
	dir, err := os.MkdirTemp("", "cepd-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	lo.DataDir = dir
	return load.Run(ctx, lo)
}

// writeReports writes latency.json; when only some workloads were asked for, the
// others' reports stay.
func writeReports(o *options, reports []*load.Report) error {
	if o.out == "" {
		return nil
	}
	path := filepath.Join(o.out, "latency.json")
	if o.only != "" {
		earlier, err := readReports(path)
		if err != nil {
			return err
		}
		again := func(r *load.Report) bool {
			return slices.ContainsFunc(reports, func(n *load.Report) bool { return n.Query == r.Query && n.Durable == r.Durable })
		}
		reports = append(slices.DeleteFunc(earlier, again), reports...)
	}
	text, err := json.MarshalIndent(reports, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func readReports(path string) (list []*load.Report, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal(text, &list)
}
