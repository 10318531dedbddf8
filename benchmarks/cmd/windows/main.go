// Command windows runs windows over many keys under a small budget for their state,
// each kind in a process of its own, and says how much memory that took: make
// bench-windows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// windows are the kinds. Rows are a millisecond apart: half of the keys come twice.
var windows = []struct{ name, from string }{
	{"tumble", `TUMBLE(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' DAY)`},
	{"hop", `HOP(TABLE tx, DESCRIPTOR(ts), INTERVAL '3' HOUR, INTERVAL '6' HOUR)`},
	{"session", `SESSION(TABLE tx PARTITION BY card, DESCRIPTOR(ts), INTERVAL '6' HOUR)`},
}

const script = `SET 'state.memory.budget' = '%d mb';
CREATE TABLE tx (id BIGINT, card AS MOD(id * 7919, %d), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'datagen', 'rows-per-second' = '0', 'number-of-rows' = '%d', 'fields.id.kind' = 'sequence', 'fields.ts.step' = '1 ms');
CREATE TABLE o (card BIGINT, e TIMESTAMP(3), n BIGINT, s BIGINT, most BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT card, window_end, COUNT(*), SUM(id), MAX(id) FROM TABLE(%s) GROUP BY window_start, window_end, card;`

type options struct {
	keys, budget, limit int
	kind, dir           string
}

func main() {
	var o options
	flag.IntVar(&o.keys, "keys", 10_000_000, "keys, and two thirds of the rows")
	flag.IntVar(&o.budget, "budget", 256, "megabytes of state in memory")
	flag.IntVar(&o.limit, "limit", 1500, "GOMEMLIMIT, in megabytes")
	flag.StringVar(&o.dir, "dir", "", "where the state is kept for a while; empty: the temporary folder")
	flag.StringVar(&o.kind, "kind", "", "run this kind alone, in this process")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "windows:", err)
		os.Exit(1)
	}
}

func (o *options) run() error {
	if o.kind != "" {
		return o.alone()
	}
	fmt.Printf("%s, cepd %s: %d keys, a budget of %d MB, GOMEMLIMIT=%dMiB\n", measure.Machine(), measure.Version(), o.keys, o.budget, o.limit)
	for _, w := range windows {
		c := exec.Command(os.Args[0], "-kind", w.name, "-keys", fmt.Sprint(o.keys), "-budget", fmt.Sprint(o.budget), "-dir", o.dir)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		c.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", o.limit))
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

func (o *options) alone() (err error) {
	dir, err := os.MkdirTemp(o.dir, "cepd-windows")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, w := range windows {
		if w.name == o.kind {
			return o.measure(dir, w.from)
		}
	}
	return fmt.Errorf("there is no kind %s", o.kind)
}

func (o *options) measure(dir, from string) error {
	rows := o.keys * 3 / 2
	cat := catalog.New()
	r, err := query.CompileText(cat, "windows.sql", fmt.Sprintf(script, o.budget, o.keys, rows, from), nil)
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Options{Registry: all.New(), DataDir: dir, Clock: clock.Wall{}})
	if err != nil {
		return err
	}
	var status engine.Status
	u, err := measure.Run(func() error {
		q, err := e.Start(context.Background(), r.Queries[0].Insert, cat)
		if err == nil {
			err = q.Wait()
			status = q.Status()
		}
		return err
	})
	if err != nil {
		return err
	}
	s := status.Operators[0]
	fmt.Printf("%-8s %d rows in %s, %.0f thousand a second; %d results; peak memory %.0f MB; %d groups let go of, %d read again\n", o.kind, rows,
		u.Wall.Round(time.Second), float64(rows)/1e3/u.Wall.Seconds(), status.Sinks[0].Rows, measure.PeakRSS(), s.Spilled, s.Loaded)
	return e.Close(context.Background())
}
