package measure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Log is a result file that grows: it is written after each result, so that
// what was measured stays when a later system fails or somebody interrupts.
type Log struct {
	path    string // "": nowhere
	results []Result
}

// NewLog begins a result file anew or, with others, keeps the results there that
// are not measured again.
func NewLog(path string, others bool) (*Log, error) {
	l := &Log{path: path}
	if !others || path == "" {
		return l, nil
	}
	var err error
	if l.results, err = Read(path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return l, err
}

// Results are those so far.
func (l *Log) Results() []Result { return l.results }

// Add keeps a result, in place of an earlier one of the same system.
func (l *Log) Add(r Result) error {
	for i := range l.results {
		if o := &l.results[i]; o.Workload == r.Workload && o.System == r.System {
			*o = r
			return l.write()
		}
	}
	l.results = append(l.results, r)
	return l.write()
}

// Line is a line of a result file: how a workload is measured on a system.
type Line struct {
	Workload, System string
	Measure          func() (Result, error)
}

// Measure measures lines until ctx ends. One that fails leaves the others alone:
// the file says why, the error tells of all.
func (l *Log) Measure(ctx context.Context, lines []Line) error {
	var errs []error
	for i, line := range lines {
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		fmt.Printf("[%*d/%d] %-9s %-18s ", len(fmt.Sprint(len(lines))), i+1, len(lines), line.Workload, line.System)
		began := time.Now()
		r, err := line.Measure()
		if err != nil && ctx.Err() != nil {
			fmt.Println("interrupted")
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		errs = append(errs, l.take(r, line, err))
		fmt.Printf("  (%.0f s)\n", time.Since(began).Seconds())
	}
	return errors.Join(errs...)
}

// take keeps the result of a line, or why there is none.
func (l *Log) take(r Result, line Line, err error) error {
	r.Workload, r.System = line.Workload, line.System
	r.Stamp(time.Now())
	if err != nil {
		r.Failed, _, _ = strings.Cut(err.Error(), "\n")
		fmt.Printf("failed: %v", err)
		return errors.Join(fmt.Errorf("%s by %s: %s", r.Workload, r.System, r.Failed), l.Add(r))
	}
	fmt.Printf("%9.4f M events/CPU-s  %9.4f M events/s  %9d matches in %9d events", r.PerCPUSecond()/1e6,
		float64(r.Events)/max(r.WallSeconds, 1e-9)/1e6, r.Matches, r.Events)
	return l.Add(r)
}

func (l *Log) write() error {
	if l.path == "" {
		return nil
	}
	return Write(l.path, l.results)
}
