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
	"runtime"
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
	d := benchmarks.NewData()
	results, err := ours(&s, d)
	if err != nil {
		return err
	}
	others, err := theirs(ctx, &s, d)
	results = append(results, others...)
	fmt.Println()
	return errors.Join(err, measure.Print(os.Stdout, results), measure.Write(s.out, results))
}

// ours measures cepd and the loops, in this process on one core.
func ours(s *settings, d *benchmarks.Data) (results []measure.Result, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for i := range queries.All {
		w := &queries.All[i]
		n := w.Events
		if s.scale < 1 {
			n = max(1000, int(float64(n)*s.scale))
		}
		for system, measured := range map[string]func(*benchmarks.Data, *queries.Workload, int) (measure.Result, error){"cepd": benchmarks.InMemory, "hand": benchmarks.ByHand} {
			if !s.wants(w.Name, system) {
				continue
			}
			r, err := median(s.runs, func() (measure.Result, error) { return measured(d, w, n) })
			if why := benchmarks.Refused(err); why != "" {
				fmt.Printf("%s: not yet runnable: %s\n", w.Name, why)
				continue
			}
			if err != nil {
				return nil, err
			}
			results = append(results, r)
		}
	}
	return results, nil
}

func median(n int, run func() (measure.Result, error)) (measure.Result, error) {
	var runs []measure.Result
	for range n {
		r, err := run()
		if err != nil {
			return r, err
		}
		runs = append(runs, r)
	}
	return measure.Median(runs), nil
}
