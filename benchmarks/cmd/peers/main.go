// Command peers measures cepd, the hand-written loops and other engines on the
// same events, one after the other, and writes benchmarks/results/peers.json:
// make bench-peers. The engines are fetched by Maven when it runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// settings come from the environment: PEERS_RUNS, PEERS_SCALE, PEERS_ONLY
// (workloads or systems, with commas), PEERS_OUT.
type settings struct {
	runs  int
	scale float64
	only  []string
	out   string
}

func readSettings() (s settings, err error) {
	s = settings{runs: 5, scale: 1, out: filepath.Join("benchmarks", "results", "peers.json")}
	if text := os.Getenv("PEERS_RUNS"); text != "" {
		if s.runs, err = strconv.Atoi(text); err != nil || s.runs < 1 {
			return s, fmt.Errorf("PEERS_RUNS=%s: want a number of 1 or more", text)
		}
	}
	if text := os.Getenv("PEERS_SCALE"); text != "" {
		if s.scale, err = strconv.ParseFloat(text, 64); err != nil || s.scale <= 0 {
			return s, fmt.Errorf("PEERS_SCALE=%s: want a number above 0", text)
		}
	}
	if text := os.Getenv("PEERS_ONLY"); text != "" {
		s.only = strings.Split(text, ",")
	}
	if text := os.Getenv("PEERS_OUT"); text != "" {
		s.out = text
	}
	return s, nil
}

// wants says whether a workload on a system is asked for.
func (s *settings) wants(workload, system string) bool {
	if len(s.only) == 0 {
		return true
	}
	for _, name := range s.only {
		if strings.EqualFold(name, workload) || strings.EqualFold(name, system) {
			return true
		}
	}
	return false
}

func run(ctx context.Context) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	fmt.Printf("%s, cepd %s; %d runs of each\n", measure.Machine(), measure.Version(), s.runs)
	log, err := measure.NewLog(s.out, len(s.only) > 0)
	if err != nil {
		return err
	}
	d := benchmarks.NewData()
	lines := ours(&s, d)
	others, err := theirs(ctx, &s, d)
	if err == nil {
		lines = append(lines, others...)
	}
	err = errors.Join(err, log.Measure(ctx, lines))
	fmt.Println()
	return errors.Join(err, measure.Print(os.Stdout, log.Results()))
}

// ours measure cepd and the loops in this process.
func ours(s *settings, d *benchmarks.Data) []measure.Line {
	var all []*queries.Workload
	for i := range queries.All {
		all = append(all, &queries.All[i])
	}
	events := func(w *queries.Workload) int { return max(1000, int(float64(w.Events)*min(s.scale, 1))) }
	lines := append(benchmarks.Lines(d, benchmarks.Operators, all, events, s.runs), benchmarks.Lines(d, benchmarks.Engines, all, events, s.runs)...)
	return slices.DeleteFunc(lines, func(l measure.Line) bool {
		return l.System == "cepd-engine" || !s.wants(l.Workload, l.System)
	})
}
