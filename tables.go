package cepd

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

const defaultQueue = 1024

// tables are those with 'connector' = 'go', by name.
type tables struct {
	queue int
	mu    sync.Mutex
	all   map[string]*table
}

// table is rows on their way in, and who takes those that come out.
type table struct {
	rows chan Row
	gone chan struct{} // closed by end
	once sync.Once

	mu    sync.Mutex
	taker func(Row) error
}

func newTables(queue int) *tables {
	if queue <= 0 {
		queue = defaultQueue
	}
	return &tables{queue: queue, all: map[string]*table{}}
}

func (t *tables) table(name string) *table {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[name] == nil {
		t.all[name] = &table{rows: make(chan Row, t.queue), gone: make(chan struct{})}
	}
	return t.all[name]
}

// goConnector is the connector 'go'.
func goConnector(t *tables) Connector {
	return Connector{
		Name:   "go",
		Source: func(s Table) (Source, error) { return goSource{t.table(s.Name)}, nil },
		Sink:   func(s Table) (Sink, error) { return goSink{t.table(s.Name), s.Name}, nil },
	}
}

var errEnded = errors.New("the table has ended: no more rows can be pushed")

func (t *table) push(ctx context.Context, rows []Row) error {
	for _, r := range rows {
		select {
		case <-t.gone:
			return errEnded
		default:
		}
		select {
		case t.rows <- r:
		case <-t.gone:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (t *table) end() { t.once.Do(func() { close(t.gone) }) }

func (t *table) on(f func(Row) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taker = f
}

type goSource struct{ *table }

// Read gives what is pushed, and when the table has ended what is left.
func (s goSource) Read(ctx context.Context, _ int64, emit func(Row) error) error {
	for {
		select {
		case r := <-s.rows:
			if err := emit(r); err != nil {
				return err
			}
			continue
		default:
		}
		select {
		case r := <-s.rows:
			if err := emit(r); err != nil {
				return err
			}
		case <-s.gone:
			if len(s.rows) == 0 {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type goSink struct {
	table *table
	name  string
}

func (s goSink) Write(_ context.Context, rows []Row) (err error) {
	defer caught(&err)
	s.table.mu.Lock()
	f := s.table.taker
	s.table.mu.Unlock()
	if f == nil {
		return fmt.Errorf("nobody takes the rows of %s: call On before the query starts", s.name)
	}
	for _, r := range rows {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}
