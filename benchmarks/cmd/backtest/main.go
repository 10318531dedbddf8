// Command backtest measures a pattern on a topic of a real broker by a server, as
// users run it, beside back-tests of the same query on the same events: the
// topic, JSON files, Parquet files. It writes benchmarks/results/backtest.json:
// make bench-backtest.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/broker"
	"github.com/cepd/cepd/benchmarks/measure"
)

const (
	partitions = 8
	pattern    = "Q2"
	baseline   = "serve-at-least-once"
)

type options struct {
	events, runs int
	only, out    string
}

func main() {
	var o options
	flag.IntVar(&o.events, "events", 2_000_000, "events of the history")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median by CPU time counts")
	flag.StringVar(&o.only, "only", "", "systems, such as serve-at-least-once,backtest-parquet")
	flag.StringVar(&o.out, "out", "benchmarks/results/backtest.json", "result file; empty: none is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "backtest:", err)
		os.Exit(1)
	}
}

// session is the same history in three places, and a program to read it.
type session struct {
	*options
	broker  *broker.Broker
	dir     string // temporary
	program string
	topic   string
	want    int // detections
}

func run(ctx context.Context, o *options) (err error) {
	fmt.Printf("%s, cepd %s; %d events in %d partitions, %d runs of each\n", measure.Machine(), measure.Version(), o.events, partitions, o.runs)
	s := &session{options: o, want: benchmarks.HandQ2(benchmarks.NewTransactions(o.events))}
	if s.broker, err = broker.Start(ctx, "."); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.broker.Stop()) }()
	if s.dir, err = os.MkdirTemp("", "cepd-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	log, err := measure.NewLog(o.out, o.only != "")
	if err != nil {
		return err
	}
	err = log.Measure(ctx, s.lines(ctx))
	fmt.Println()
	return errors.Join(err, printRatios(log.Results()))
}

// prepare builds the program and makes the history.
func (s *session) prepare(ctx context.Context) (err error) {
	s.program = filepath.Join(s.dir, "cepd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.program, "./cmd/cepd").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if s.topic, err = s.broker.Topic(ctx, partitions); err != nil {
		return err
	}
	if _, err := benchmarks.FillTopic(ctx, s.broker.Bootstrap, s.topic, s.events); err != nil {
		return err
	}
	return writeFiles(s.dir, s.events)
}

// lines are what is measured.
func (s *session) lines(ctx context.Context) (lines []measure.Line) {
	add := func(system string, once func() (measure.Result, error)) {
		if s.only != "" && !strings.Contains(","+s.only+",", ","+system+",") {
			return
		}
		lines = append(lines, measure.Line{Workload: pattern, System: system, Measure: func() (measure.Result, error) {
			return measure.Several(s.runs, func() (measure.Result, error) {
				r, err := once()
				if r.Events = s.events; err == nil && r.Matches != s.want {
					err = fmt.Errorf("%d detections, expected %d", r.Matches, s.want)
				}
				return r, err
			})
		}})
	}
	for _, guarantee := range []string{"at-least-once", "exactly-once"} {
		add("serve-"+guarantee, func() (measure.Result, error) { return s.serve(ctx, guarantee) })
	}
	add("backtest-kafka", func() (measure.Result, error) { return s.backtest(ctx, s.kafka(), s.span()...) })
	for _, format := range []string{"json", "parquet"} {
		add("backtest-"+format, func() (measure.Result, error) { return s.backtest(ctx, s.files(format)) })
	}
	return lines
}

// printRatios compares with the server: above 1 is faster.
func printRatios(results []measure.Result) error {
	var base measure.Result
	for _, r := range results {
		if r.System == baseline {
			base = r
		}
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "system\twall s\tCPU s\tevents/s\tns CPU/event\tfaster by wall\tby CPU\tdetections\t")
	for _, r := range results {
		if r.Failed != "" {
			fmt.Fprintf(t, "%s\tfailed\t\t\t\t\t\t\t\n", r.System)
			continue
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.0f\t%.0f\t%.1f\t%.1f\t%d\t\n", r.System, r.WallSeconds, r.CPUSeconds, float64(r.Events)/cmp.Or(r.WallSeconds, 1),
			1e9/r.PerCPUSecond(), base.WallSeconds/r.WallSeconds, base.CPUSeconds/r.CPUSeconds, r.Matches)
	}
	return t.Flush()
}
