package measure

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is one measured run, or the median of several, in the format that
// the result files of all systems share.
type Result struct {
	Workload    string  `json:"workload"` // Q1, Q2 …
	System      string  `json:"system"`   // cepd, hand …
	Version     string  `json:"version"`
	Events      int     `json:"events"`
	WallSeconds float64 `json:"wall_seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"` // user and system, of the whole process
	Matches     int     `json:"matches"`
	RSSMB       float64 `json:"rss_mb"` // highest resident set during the run
	Note        string  `json:"note"`
	// Runs is the CPU seconds of each run, ascending, of a median of several.
	Runs   []float64 `json:"runs,omitempty"`
	Failed string    `json:"failed,omitempty"` // why there is no result
	// Beside is cepd's events per CPU-second on the same events, of another
	// engine's result.
	Beside float64 `json:"beside,omitempty"`
	// What the operators hold, where it was looked at.
	StateKeys  int64 `json:"state_keys,omitempty"`
	StateBytes int64 `json:"state_bytes,omitempty"`

	Machine string `json:"machine"`
	Date    string `json:"date"`
}

// PerCPUSecond is the events handled per second of CPU.
func (r *Result) PerCPUSecond() float64 { return float64(r.Events) / max(r.CPUSeconds, 1e-9) }

// Take fills in what the run cost.
func (r *Result) Take(u Usage) {
	r.WallSeconds, r.CPUSeconds, r.RSSMB = u.Wall.Seconds(), u.CPU.Seconds(), PeakRSS()
}

// Stamp fills in where and when, and the version if it is not another system's.
func (r *Result) Stamp(now time.Time) {
	if r.Version == "" {
		r.Version = Version()
	}
	r.Machine, r.Date = Machine(), now.UTC().Format(time.DateOnly)
}

// Version is the commit that is measured.
func Version() string {
	commit, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(commit))
}

// Machine is processor, cores, system and Go version.
func Machine() string {
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return "unknown processor"
}

// Several is the median of n runs.
func Several(n int, run func() (Result, error)) (Result, error) {
	var runs []Result
	for range n {
		r, err := run()
		if err != nil {
			return r, err
		}
		runs = append(runs, r)
	}
	return Median(runs), nil
}

// Median is the run with the median CPU time of several of the same workload,
// with the CPU times of all.
func Median(runs []Result) Result {
	sorted := slices.Clone(runs)
	slices.SortFunc(sorted, func(a, b Result) int { return cmp.Compare(a.CPUSeconds, b.CPUSeconds) })
	m := sorted[len(sorted)/2]
	for i := range sorted {
		m.Runs = append(m.Runs, sorted[i].CPUSeconds)
	}
	return m
}

// Spread is how far the runs lie apart: (slowest - fastest) / median.
func (r *Result) Spread() float64 {
	if len(r.Runs) < 2 {
		return 0
	}
	return (r.Runs[len(r.Runs)-1] - r.Runs[0]) / max(r.CPUSeconds, 1e-9)
}

// Print writes the table of results.
func Print(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "workload\tsystem\tevents\tmatches\twall s\tCPU s\tevents/CPU-s\tns/event\tspread\tRSS MB\t")
	for i := range results {
		r := &results[i]
		if r.Failed != "" {
			fmt.Fprintf(t, "%s\t%s\t\t\t\t\tfailed\t\t\t\t\n", r.Workload, r.System)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.3f\t%.3f\t%.0f\t%.1f\t%.0f%%\t%.0f\t\n", r.Workload, r.System, r.Events, r.Matches,
			r.WallSeconds, r.CPUSeconds, r.PerCPUSecond(), 1e9/r.PerCPUSecond(), 100*r.Spread(), r.RSSMB)
	}
	return t.Flush()
}

// Read reads a result file.
func Read(path string) (results []Result, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return results, json.Unmarshal(text, &results)
}

// Write replaces a result file.
func Write(path string, results []Result) error {
	var b bytes.Buffer
	b.WriteString("[\n")
	for i := range results {
		line, err := json.Marshal(results[i])
		if err != nil {
			return err
		}
		b.Write(line)
		if i < len(results)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	return os.WriteFile(path, b.Bytes(), 0o644)
}
