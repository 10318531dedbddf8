// Command instructions counts the instructions per event of cepd's operators
// and of the hand-written loops, under Valgrind's callgrind: make
// bench-instructions. A workload is run over a number of events and over more;
// the difference is free of what starting up and making the events cost.
//
// The counts do not depend on the machine's load, and little on its processor.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

func main() {
	var c child
	flag.StringVar(&c.workload, "workload", "", "run this one and count nothing: what Valgrind is given")
	flag.StringVar(&c.system, "system", "cepd", "with -workload: cepd, hand or hand-keyed")
	flag.IntVar(&c.events, "events", 0, "with -workload: events")
	flag.IntVar(&c.table, "table", 0, "with -workload: events to make")
	only := flag.String("only", "", "count this workload alone, and write nothing")
	out := flag.String("out", "benchmarks/results/instructions.json", "result file; empty: none is written")
	flag.Parse()
	run := c.run
	if c.workload == "" {
		run = func() error { return countAll(*only, *out) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(1)
	}
}

// child is a run without measuring.
type child struct {
	workload, system string
	events, table    int
}

func (c *child) run() error {
	w, ok := queries.Find(c.workload)
	if !ok {
		return fmt.Errorf("there is no workload %q", c.workload)
	}
	d := benchmarks.NewData()
	if loop := map[string]func(*benchmarks.Data, *queries.Workload, int) func() int{"hand": benchmarks.Hand, "hand-keyed": benchmarks.Keyed}[c.system]; loop != nil {
		loop(d, w, c.table) // makes the events
		loop(d, w, c.events)()
		return nil
	}
	m, err := benchmarks.NewMemory(d.Table(w, c.table), w)
	if err != nil {
		return err
	}
	_, err = m.Run(c.events)
	return err
}

// count is a line of the result file.
type count struct {
	Workload             string  `json:"workload"`
	System               string  `json:"system"`
	Version              string  `json:"version"`
	InstructionsPerEvent float64 `json:"instructions_per_event"`
}

const (
	few  = 50_000
	many = 200_000
)

func countAll(only, out string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var counts []count
	for i := range queries.All {
		w := &queries.All[i]
		scale := 1
		if w.Events < 5_000_000 {
			scale = 10 // a heavy one
		}
		if len(w.Params) > 100 || only != "" && w.Name != only {
			continue
		}
		for _, system := range []string{"cepd", "hand-keyed", "hand"} {
			if system == "hand-keyed" && benchmarks.Keyed(benchmarks.NewData(), w, 0) == nil {
				continue
			}
			n, err := perEvent(self, w.Name, system, scale)
			if err != nil {
				return err
			}
			fmt.Printf("%-8s %-10s %10.1f instructions per event\n", w.Name, system, n)
			counts = append(counts, count{w.Name, system, measure.Version(), n})
		}
	}
	if out == "" || only != "" {
		return nil
	}
	text, err := json.MarshalIndent(counts, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// perEvent is the instructions of an event after the first few.
func perEvent(self, workload, system string, scale int) (float64, error) {
	a, err := instructions(self, workload, system, few/scale, many/scale)
	if err != nil {
		return 0, err
	}
	b, err := instructions(self, workload, system, many/scale, many/scale)
	return float64(b-a) / float64((many-few)/scale), err
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions runs a child under callgrind. Preemption by signals is switched
// off: callgrind does not stand it.
func instructions(self, workload, system string, events, table int) (int64, error) {
	dir, err := os.MkdirTemp("", "cepd-callgrind-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("valgrind", "--tool=callgrind", "--callgrind-out-file="+filepath.Join(dir, "out"), self,
		"-workload", workload, "-system", system, "-events", strconv.Itoa(events), "-table", strconv.Itoa(table))
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOGC=off")
	out, err := cmd.CombinedOutput()
	m := collected.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("valgrind (is it installed, and %s/%s known to it?): %v\n%s", runtime.GOOS, runtime.GOARCH, err, bytes.TrimSpace(out))
	}
	return strconv.ParseInt(string(m[1]), 10, 64)
}
