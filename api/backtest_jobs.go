package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/internal/backtest"
)

// The limits of back-tests: how many wait, how many that have ended are kept, and
// how long one may take. One runs at a time.
const (
	maxBacktestQueue = 16
	maxBacktestsKept = 100
	backtestTimeout  = 12 * time.Hour
	backtestsDir     = "backtests"
)

// job is a back-test with what it takes to run it.
type job struct {
	Backtest
	ask  backtest.Request
	stop context.CancelFunc // while it runs
}

// backtests are those of a server: the queue, and what came of it.
type backtests struct {
	run  func(context.Context, backtest.Request) (*backtest.Report, error)
	now  func() time.Time
	log  *slog.Logger
	dir  string // "": nothing is kept
	stop context.CancelFunc
	done chan struct{} // the worker has ended
	wake chan struct{}

	mu   sync.Mutex
	jobs []*job // the oldest first
}

// newBacktests takes back those of before that have ended, and starts the worker.
func newBacktests(dataDir string, runner Runner, now func() time.Time, log *slog.Logger) (*backtests, error) {
	b := &backtests{run: runner.Backtest, now: now, log: log, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	if dataDir != "" {
		b.dir = filepath.Join(dataDir, backtestsDir)
		if err := b.load(); err != nil {
			return nil, err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go b.work(ctx)
	return b, nil
}

// load reads what was kept. A file that is none is left alone.
func (b *backtests) load() error {
	names, err := filepath.Glob(filepath.Join(b.dir, "*.json"))
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		j := &job{}
		if err := json.Unmarshal(text, &j.Backtest); err != nil || j.ID+".json" != filepath.Base(name) {
			b.log.Warn("no back-test is in a file", "file", name)
			continue
		}
		b.jobs = append(b.jobs, j)
	}
	slices.SortFunc(b.jobs, func(x, y *job) int { return x.Created.Compare(y.Created) })
	return nil
}

// close stops the one that runs, and the worker.
func (b *backtests) close() {
	b.stop()
	<-b.done
}

// add puts one in the queue.
func (b *backtests) add(in BacktestRequest, ask backtest.Request) (Backtest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	queued := 0
	for _, j := range b.jobs {
		if j.State == BacktestQueued {
			queued++
		}
	}
	if queued >= maxBacktestQueue {
		return Backtest{}, newProblem(429, fmt.Sprintf("%d back-tests wait already: come back when one has ended, or delete one", queued))
	}
	in.SQL = maskText(in.SQL)
	in.Params = maskParams(in.Params)
	j := &job{Backtest: Backtest{ID: rand.Text(), State: BacktestQueued, Request: in, Created: b.now().UTC()}, ask: ask}
	b.jobs = append(b.jobs, j)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return j.Backtest, nil
}

// all lists them, the newest first, without reports.
func (b *backtests) all() []Backtest {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Backtest, 0, len(b.jobs))
	for _, j := range slices.Backward(b.jobs) {
		x := j.Backtest
		x.Report = nil
		list = append(list, x)
	}
	return list
}

func (b *backtests) get(id string) (Backtest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := b.find(id); i >= 0 {
		return b.jobs[i].Backtest, nil
	}
	return Backtest{}, notFound("there is no back-test %q", id)
}

func (b *backtests) find(id string) int {
	return slices.IndexFunc(b.jobs, func(j *job) bool { return strings.EqualFold(j.ID, id) })
}

// drop stops one and forgets it.
func (b *backtests) drop(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.find(id)
	if i < 0 {
		return notFound("there is no back-test %q", id)
	}
	j := b.jobs[i]
	b.jobs = slices.Delete(b.jobs, i, i+1)
	if j.stop != nil {
		j.stop()
	}
	return b.remove(j)
}

func (b *backtests) remove(j *job) error {
	if b.dir == "" {
		return nil
	}
	if err := os.Remove(b.file(j)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (b *backtests) file(j *job) string { return filepath.Join(b.dir, j.ID+".json") }

// work runs what is in the queue until the context ends.
func (b *backtests) work(ctx context.Context) {
	defer close(b.done)
	for {
		if j, running := b.next(ctx); j != nil {
			report, err := b.run(running, j.ask)
			b.ended(j, report, err)
			continue
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
	}
}

// next takes the oldest of the queue; nil: there is none.
func (b *backtests) next(ctx context.Context) (*job, context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.jobs, func(j *job) bool { return j.State == BacktestQueued })
	if i < 0 || ctx.Err() != nil {
		return nil, nil
	}
	j := b.jobs[i]
	running, stop := context.WithTimeout(ctx, backtestTimeout)
	now := b.now().UTC()
	j.State, j.Started, j.stop = BacktestRunning, &now, stop
	j.ask.Progress = func(p backtest.Progress) {
		b.mu.Lock()
		defer b.mu.Unlock()
		j.Progress = &p
	}
	return j, running
}

// ended keeps what came of one, unless it was dropped meanwhile.
func (b *backtests) ended(j *job, report *backtest.Report, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.stop()
	now := b.now().UTC()
	j.State, j.Ended, j.Report, j.Progress, j.stop, j.ask = BacktestDone, &now, report, nil, nil, backtest.Request{}
	if err != nil {
		j.State, j.Error = BacktestFailed, err.Error()
	}
	if b.find(j.ID) < 0 {
		return
	}
	if err := b.keep(j); err != nil {
		b.log.Error("a back-test is not kept on disk", "id", j.ID, "error", err)
	}
	b.trim()
}

func (b *backtests) keep(j *job) error {
	if b.dir == "" {
		return nil
	}
	text, err := json.Marshal(&j.Backtest)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	return writeFileAtomic(b.file(j), text)
}

// trim forgets the oldest that have ended.
func (b *backtests) trim() {
	ended := func(j *job) bool { return j.State == BacktestDone || j.State == BacktestFailed }
	n := 0
	for _, j := range b.jobs {
		if ended(j) {
			n++
		}
	}
	b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool {
		if n <= maxBacktestsKept || !ended(j) {
			return false
		}
		n--
		if err := b.remove(j); err != nil {
			b.log.Error("an old back-test is still on disk", "id", j.ID, "error", err)
		}
		return true
	})
}
