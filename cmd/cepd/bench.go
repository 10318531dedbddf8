package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/engine"
)

const defaultBenchDuration = 10 * time.Second

func newBench(g *global) *cobra.Command {
	b := &benchCommand{global: g, inputs: pairs{}}
	c := &cobra.Command{
		Use: "bench FILE|NAME", Short: "Measure queries on this machine", Args: one("FILE or NAME"),
		Long: `bench runs the queries of a file (- is stdin), or a workload that has a name, and
says how many events per second they take, what memory, and with --rate how late
detections are.

The rows of a table come from a recording given with --input, in the table's
format; 'datagen' and 'file' tables make them by themselves. What the queries
write is counted and dropped.

Without --rate rows come as fast as the queries take them: that measures
throughput, and no latency. With --rate N, row i is due i/N seconds after the
start, ready or not. A latency is from when the row that let a detection leave was
due (for a pattern in event time: the row that moved the watermark to it) to the
detection's reaching the sink. So a stall counts for each row it delays, and the
figures are free of coordinated omission.

Workloads (docs/benchmarks):
` + workloadList(),
		Example: `  cepd bench Q2
  cepd bench Q2 --rate 100000 --duration 30s
  cepd bench fraud.sql --input payments=monday.jsonl
  cepd bench fraud.sql --input monday.jsonl --rate 5000 --durable --output json`,
		RunE: func(c *cobra.Command, args []string) error { return b.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	f.VarP(inputFlag{b.inputs}, "input", "i", "TABLE=FILE, a recording of a table; FILE alone for the only table; may be repeated")
	f.Int64Var(&b.events, "events", 0, "events of each partition at most (default: of a workload its own number, of a file all)")
	f.DurationVar(&b.duration, "duration", 0, "time at most (default 10s for a FILE or with --rate)")
	f.Int64Var(&b.warmup, "warmup", -1, "events before measuring begins (default: a fifth of --events, or a second's worth of --rate)")
	f.Float64Var(&b.rate, "rate", 0, "events per second, of all tables together; 0: flat out")
	f.BoolVar(&b.durable, "durable", false, "keep journal and snapshots on disk, in a temporary directory")
	f.IntVar(&b.workers, "workers", 0, "goroutines of each query (default: one per core)")
	f.StringVar(&b.profile, "cpuprofile", "", "write a CPU profile (go tool pprof)")
	f.Lookup("warmup").DefValue = "0" // the help tells
	outputFlag(c, &b.output)
	b.bindings = newBindings(c)
	return c
}

type benchCommand struct {
	*global
	*bindings
	inputs         pairs
	events, warmup int64
	duration       time.Duration
	rate           float64
	durable        bool
	workers        int
	profile        string
	output         string
}

func workloadList() string {
	var b strings.Builder
	for i := range queries.All {
		w := &queries.All[i]
		fmt.Fprintf(&b, "  %-8s %s\n", w.Name, w.Title)
	}
	return b.String()
}

// inputFlag is TABLE=FILE, or FILE.
type inputFlag struct{ pairs }

func (f inputFlag) Type() string { return "table=file" }
func (f inputFlag) Set(s string) error {
	if !strings.Contains(s, "=") {
		s = "=" + s
	}
	table, path, _ := strings.Cut(s, "=")
	if path == "" {
		return fmt.Errorf("want TABLE=FILE, got %q", s)
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	f.pairs[table] = path
	return nil
}

func (b *benchCommand) run(ctx context.Context, name string) error {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	o, err := b.options(name)
	if err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	clean, err := b.keepState(o)
	if err != nil {
		return err
	}
	defer clean()
	stopProfile, err := b.startProfile()
	if err != nil {
		return err
	}
	stopProgress := func() {}
	o.Started = func(look func() []engine.Status) { stopProgress = b.progress(ctx, look) }
	report, err := load.Run(ctx, *o)
	stopProgress()
	if profileErr := stopProfile(); err == nil {
		err = profileErr
	}
	if err != nil {
		return err
	}
	if b.output == "json" {
		return report.JSON(b.std.out)
	}
	report.Text(b.std.out)
	return nil
}

// options are those of the run: of a workload, or of a file.
func (b *benchCommand) options(name string) (*load.Options, error) {
	o := &load.Options{File: name, Copies: []map[string]string{b.params}, Settings: b.settings, Inputs: b.inputs,
		Events: b.events, Duration: b.duration, Warmup: b.warmup, Rate: b.rate, Workers: b.workers}
	w, known := queries.Find(name)
	if o.Duration == 0 && (o.Rate > 0 && o.Events == 0 || !known && o.Events == 0) {
		o.Duration = defaultBenchDuration
	}
	if known {
		o.File, o.Text, o.Copies = w.Name, w.Script(), w.Params
		if o.Events == 0 {
			o.Events = int64(w.Events)
			if o.Rate > 0 {
				o.Events = int64(o.Rate * o.Duration.Seconds())
			}
		}
	}
	if o.Warmup < 0 {
		o.Warmup = max(o.Events/5, min(int64(o.Rate), int64(o.Rate*o.Duration.Seconds()/5)))
	}
	if known {
		if err := o.Validate(); err != nil {
			return nil, usageError{err}
		}
		o.Held = workload.NewTable(w.Stream, int(o.Events))
		return o, nil
	}
	t, err := readText(name, b.std)
	if os.IsNotExist(err) {
		err = fmt.Errorf("%w; workloads are %s", err, strings.Join(queries.Names(), ", "))
	}
	o.File, o.Text = t.name, t.sql
	return o, err
}

// keepState gives a durable run its directory.
func (b *benchCommand) keepState(o *load.Options) (clean func(), err error) {
	if !b.durable {
		return func() {}, nil
	}
	if o.DataDir, err = os.MkdirTemp("", "cepd-bench-"); err != nil {
		return nil, err
	}
	return func() { os.RemoveAll(o.DataDir) }, nil
}

func (b *benchCommand) startProfile() (stop func() error, err error) {
	if b.profile == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(b.profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// progress keeps a line on stderr while that is a terminal.
func (b *benchCommand) progress(ctx context.Context, look func() []engine.Status) (stop func()) {
	if !terminal(b.std.err) {
		return func() {}
	}
	return keepLine(ctx, &progress{out: b.std.err, width: terminalWidth(b.std.err), look: look})
}
