package measure

import (
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

// Take keeps the result of a run that may have failed, and tells of it. The
// error is that of the run, or of the file.
func (l *Log) Take(r Result, workload, system string, err error) error {
	r.Workload, r.System = workload, system
	r.Stamp(time.Now())
	if err != nil {
		r.Failed, _, _ = strings.Cut(err.Error(), "\n")
		fmt.Printf("%-9s %-18s failed: %v\n", workload, system, err)
		return errors.Join(fmt.Errorf("%s by %s: %s", workload, system, r.Failed), l.Add(r))
	}
	fmt.Printf("%-9s %-18s %9.4f M events/CPU-s %9.4f M events/s  %d matches in %d events\n", workload, system,
		r.PerCPUSecond()/1e6, float64(r.Events)/max(r.WallSeconds, 1e-9)/1e6, r.Matches, r.Events)
	return l.Add(r)
}

func (l *Log) write() error {
	if l.path == "" {
		return nil
	}
	return Write(l.path, l.results)
}
