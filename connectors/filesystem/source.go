package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/duration"
)

// source reads the files of a table. Partition i has the files i, i + n, i + 2n … of
// the list.
type source struct {
	table   connectors.Table
	config  *config
	lists   *lists
	framing formats.Framing // of records
	columns bool            // the format is columns
	folders []folderColumn
	log     *slog.Logger
	pattern *regexp.Regexp // nil: all files
	byTime  bool
	monitor time.Duration // 0: what is there when it begins
	n       int64         // partitions
	pruning *pruning

	mu     sync.Mutex
	files  files // nil: not begun
	list   *list
	end    int64 // of the list, where there is one
	failed error // of looking for files, for good
	closed bool
	wake   map[*walk]func()

	stop  context.CancelFunc
	ctx   context.Context //nolint:containedctx // of the readers, which Close ends
	tasks sync.WaitGroup
}

func newSource(t connectors.Table, l *lists) (connectors.Source, error) {
	if t.Reload > 0 {
		return nil, errors.New("'scan.reload-interval' is not supported yet where a table is many files: use 'connector' = 'file'")
	}
	s := &source{table: t, lists: l, log: t.Log, byTime: t.Options[optOrder] == orderTime, n: t.Int(optParallelism, 1), wake: map[*walk]func(){}, columns: formats.Columnar(t), pruning: newPruning(t)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("table", t.Name)
	s.ctx, s.stop = context.WithCancel(context.Background())
	// The texts have passed their checks.
	if text := t.Options[optMonitor]; text != "" {
		s.monitor, _ = duration.Parse(text)
	}
	if text := t.Options[optPattern]; text != "" {
		var err error
		if s.pattern, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return nil, err
		}
	}
	var err error
	if s.config, err = parsePlace(t); err != nil {
		return nil, err
	}
	if s.folders, err = folderColumns(t); err != nil {
		return nil, err
	}
	return s, s.format()
}

// format checks that files of the format can be read.
func (s *source) format() (err error) {
	t := s.table
	if s.columns {
		if parquet.Splits(t) > 1 {
			return connectors.OptionError{Key: parquet.OptSplits, Message: fmt.Sprintf("option '%s' is for 'connector' = 'file'", parquet.OptSplits), Hint: fmt.Sprintf("use '%s'", optParallelism)}
		}
		return nil
	}
	if _, err = formats.NewDecoder(t); err != nil {
		return err
	}
	s.framing, err = formats.NewFraming(t)
	return err
}

// Partitions implements connectors.Source.
func (s *source) Partitions(context.Context) ([]int32, error) {
	list := make([]int32, s.n)
	for i := range list {
		list[i] = int32(i)
	}
	return list, nil
}

// Replayable implements connectors.Source.
func (s *source) Replayable() bool { return true }

// Bounded implements connectors.Source.
func (s *source) Bounded() bool { return s.monitor == 0 }

// Open implements connectors.Source.
func (s *source) Open(ctx context.Context, part int32, from int64, ready func()) (connectors.Reader, error) {
	if part < 0 || int64(part) >= s.n {
		return nil, fmt.Errorf("there is no partition %d of %d", part, s.n)
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	if s.columns {
		r := &columnReader{}
		if err := r.start(s, part, from, ready); err != nil {
			return nil, err
		}
		r.begin()
		s.waken(&r.walk)
		return r, nil
	}
	r := &recordReader{}
	if err := r.start(s, part, from, ready); err != nil {
		return nil, err
	}
	s.waken(&r.walk)
	return r, nil
}

func (s *source) waken(w *walk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake[w] = w.ready
}

// begin lists the files, once, and goes on looking for them.
func (s *source) begin(ctx context.Context) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files != nil {
		return nil
	}
	files, err := s.place()
	if err != nil {
		return err
	}
	s.list, err = s.lists.join(ctx, &s.table, head{Path: s.table.Options[optPath], Partitions: s.n})
	if err != nil {
		return errors.Join(err, files.close())
	}
	s.files = files
	if err = s.list.look(ctx, s, s.monitor); err == nil && s.monitor == 0 {
		if s.end = s.list.len(); s.end == 0 {
			err = fmt.Errorf("%s: there is no file to read: %w", s.config.path, fs.ErrNotExist)
		}
	}
	if err != nil {
		s.files = nil
		s.lists.leave(&s.table)
		return errors.Join(err, files.close())
	}
	if s.monitor > 0 {
		s.tasks.Go(s.watch)
	}
	return nil
}

// place opens the path. One that is watched may come later.
func (s *source) place() (files, error) {
	f, err := openFiles(s.config, s.log)
	if s.monitor > 0 && errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("there is nothing to read yet", "path", s.config.path)
		return &laterFiles{config: s.config, log: s.log}, nil
	}
	return f, err
}

// watch looks for new files until the source is closed.
func (s *source) watch() {
	failing := false
	for tick := time.NewTicker(s.monitor); ; {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			tick.Stop()
			return
		}
		before := s.list.len()
		switch err := s.list.look(s.ctx, s, s.monitor/2); {
		case errors.Is(err, errTooMany):
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
			s.all()
			tick.Stop()
			return
		case err != nil && s.ctx.Err() == nil && !failing:
			failing = true
			s.log.Warn("it cannot be looked for new files now, and is tried again until it can", "path", s.config.path, "error", err)
		case err == nil:
			failing = false
		}
		if s.list.len() != before || s.n > 1 {
			s.all()
		}
	}
}

// all has all readers look again.
func (s *source) all() {
	s.mu.Lock()
	list := make([]func(), 0, len(s.wake))
	for _, ready := range s.wake {
		list = append(list, ready)
	}
	s.mu.Unlock()
	for _, ready := range list {
		ready()
	}
}

// growing says whether a file may still be written: it is taken when it looks the
// same twice. An object of a bucket is there as a whole, or not at all.
func (s *source) growing(o *object, now time.Time) bool {
	return s.monitor > 0 && !s.config.remote() && now.Sub(time.UnixMicro(o.Modified)) < max(s.monitor, leastAge)
}

// leastAge is how old a file is that is taken the first time it is seen.
const leastAge = time.Second

// Close implements connectors.Source.
func (s *source) Close() error {
	s.stop()
	s.tasks.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil || s.closed {
		return nil
	}
	s.closed = true
	s.lists.leave(&s.table)
	return s.files.close()
}

// laterFiles is a folder that is not there yet.
type laterFiles struct {
	config *config
	log    *slog.Logger
	mu     sync.Mutex
	files  // nil: it is not there
}

func (l *laterFiles) there() (files, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		f, err := openFiles(l.config, l.log)
		if err != nil {
			return nil, err
		}
		l.files = f
	}
	return l.files, nil
}

func (l *laterFiles) list(ctx context.Context, fn func(object) error) error {
	f, err := l.there()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.list(ctx, fn)
}

func (l *laterFiles) full(name string) string { return l.config.path + "/" + name }

func (l *laterFiles) open(ctx context.Context, o *object) (content, error) {
	f, err := l.there()
	if err != nil {
		return nil, err
	}
	return f.open(ctx, o)
}

func (l *laterFiles) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		return nil
	}
	return l.files.close()
}

var _ connectors.Historian = connector{}
