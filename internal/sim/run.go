package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/state/memstore"
)

// Result is how a run went.
type Result struct {
	Err       error          // what did not hold; nil: all did
	Fired     [KindCount]int // faults that happened
	Processes int
	Fenced    int // processes that were told that another had taken over
	Rows      int // of the run without faults
	Spilled   int64
	Loaded    int64
	Turns     int
	Time      int64  // simulated, µs
	Hash      uint64 // of the trace
	Trace     string // if it was kept
}

// run is a scenario on its way.
type run struct {
	sc        *Scenario
	s         *scheduler
	broker    *broker
	compiler  *Compiler
	faults    []Fault
	reopen    []Fault // crashes for the next starts
	fired     [KindCount]int
	processes []*process
	current   *process // the newest
	jump      int64    // of the clock, for processes to come
	again     bool     // one more start is due
	spilled   int64    // keys let go of, by processes that have ended
	loaded    int64
	err       error
}

// Run runs a scenario, without faults and with, and compares.
func Run(sc *Scenario, c *Compiler, keepTrace bool) (res Result) {
	want, err := calm(sc, c)
	if err != nil {
		return Result{Err: fmt.Errorf("without faults: %w", err)}
	}
	r := newRun(sc, c)
	r.s.trace.keep = keepTrace
	r.faults = append(r.faults, sc.Faults...)
	r.again = sc.Again
	defer func() {
		if v := recover(); v != nil {
			res.Err = fmt.Errorf("panic in turn %d: %v", r.s.turn, v)
		}
		res.Trace, res.Hash = r.s.trace.text.String(), r.s.trace.hash.Sum64()
	}()
	r.start(vfs.NewCrashableMem())
	err = r.loop()
	if err == nil {
		err = r.check(want)
	}
	err = errors.Join(err, r.leave())
	return Result{Err: err, Fired: r.fired, Processes: len(r.processes), Fenced: r.fenced(), Spilled: r.spilled, Loaded: r.loaded, Rows: want.count(), Turns: r.s.turn, Time: r.s.now}
}

func newRun(sc *Scenario, c *Compiler) *run {
	return &run{sc: sc, compiler: c, broker: newBroker(sc), s: &scheduler{rng: rand.New(rand.NewPCG(sc.Seed, 1)), trace: &trace{}}}
}

// calm runs a scenario at once, in memory.
func calm(sc *Scenario, c *Compiler) (outputs, error) {
	r := newRun(sc, c)
	x := &process{r: r, calm: true, pressed: -1}
	r.current = x
	if err := x.openPipeline(memstore.New()); err != nil {
		return nil, err
	}
	if err := enginetest.Finish(x.p); err != nil {
		return nil, err
	}
	return r.outputs(), x.p.Close()
}

// Bounds of a run: what takes longer is stuck.
const (
	maxTurns     = 200_000
	maxTime      = 600_000_000 // µs
	maxProcesses = 40
)

// loop gives turns until the query has ended for good.
func (r *run) loop() error {
	for {
		r.inject()
		if !r.s.step() && !r.current.ended {
			return errors.New("no task is left, and the query has not ended")
		}
		switch x := r.current; {
		case r.s.turn > maxTurns || r.s.now > maxTime || len(r.processes) > maxProcesses:
			return fmt.Errorf("stuck: %d turns, %d s, %d processes; %s", r.s.turn, r.s.now/1e6, len(r.processes), r.where())
		case x.dying():
			r.restart(x.disk.crashed())
		case !x.ended:
		case x.done && !r.again:
			return nil
		default:
			if err := r.afterEnd(x); err != nil {
				return err
			}
		}
	}
}

func (r *run) where() string {
	var b strings.Builder
	for _, t := range r.s.tasks {
		fmt.Fprintf(&b, "process %d %s: %s; ", t.proc.id, t.name, t.op)
	}
	return b.String()
}

// afterEnd starts a process after one that has failed as it should, was
// stopped, or is started once more.
func (r *run) afterEnd(x *process) error {
	switch {
	case x.err == nil:
		r.again = r.again && !x.done
	case !r.expected(x):
		return fmt.Errorf("process %d: %w", x.id, x.err)
	}
	r.s.kill(x)
	if err := x.close(); err != nil && x.err == nil {
		return fmt.Errorf("close process %d: %w", x.id, err)
	}
	r.restart(x.disk.fs)
	return nil
}

// expected says whether a process may fail so.
func (r *run) expected(x *process) bool {
	return x.disk.spoilt || errors.Is(x.err, errSinkDown)
}

// restart ends the current process, if it has not, and starts another on what
// the disk has.
func (r *run) restart(fs *vfs.MemFS) {
	x := r.current
	r.s.kill(x)
	if err := x.close(); err != nil {
		r.s.trace.add("    process %d, dead, closes: %v", x.id, err)
	}
	r.s.trace.add("    restart")
	r.start(fs)
	if len(r.reopen) > 0 {
		f := r.reopen[0]
		r.reopen = r.reopen[1:]
		r.current.disk.arm(isAny, f.Arg, r.draw())
		r.current.disk.skip = r.s.rng.IntN(12)
	}
}

func (r *run) fenced() (n int) {
	for _, x := range r.processes {
		if errors.Is(x.err, connectors.ErrFenced) {
			n++
		}
	}
	return n
}

// leave ends every process; those that were replaced may have failed only for
// that.
func (r *run) leave() error {
	var errs []error
	for _, x := range r.processes {
		r.s.kill(x)
		if err := x.close(); err != nil && !x.disk.spoilt {
			errs = append(errs, fmt.Errorf("close process %d: %w", x.id, err))
		}
		if x.err != nil && x != r.current && !errors.Is(x.err, errDead) && !errors.Is(x.err, connectors.ErrFenced) && !r.expected(x) {
			errs = append(errs, fmt.Errorf("process %d, replaced, failed: %w", x.id, x.err))
		}
	}
	return errors.Join(errs...)
}
