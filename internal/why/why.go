package why

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Request says what is asked.
type Request struct {
	Key       string    // "17" or "card=17"; or
	Detection string    // the id of a detection: 32 hex digits
	From, To  time.Time // of the records; zero: all there are
	Limit     int       // misses to tell of; 0: DefaultLimit
}

// DefaultLimit is how many misses are told by default.
const DefaultLimit = 10

// Query is a compiled query with the catalog it sees.
type Query struct {
	Root    *plan.Insert
	Catalog *catalog.Catalog
}

// ErrRequest says that a request makes no sense.
var ErrRequest = errors.New("why")

// Run answers a request. Options are those that the query runs with; its state
// is left alone.
func Run(ctx context.Context, q Query, o engine.Options, r Request) (*Report, error) {
	if (r.Key == "") == (r.Detection == "") {
		return nil, fmt.Errorf("%w: give a key or a detection", ErrRequest)
	}
	if r.Limit == 0 {
		r.Limit = DefaultLimit
	}
	x := &replay{query: q, options: o, request: r}
	x.options.Registry = x.history(o.Registry)
	x.options.DataDir, x.options.Store, x.options.Metrics = "", nil, nil
	if r.Detection != "" {
		return x.ofDetection(ctx)
	}
	return x.ofKey(ctx, filter(r.Key), event.ID{})
}

// replay is a query on its history.
type replay struct {
	query   Query
	options engine.Options
	request Request
	clipped atomic.Bool // a source would go on behind the history
}

// ofDetection finds the key of a detection first.
func (x *replay) ofDetection(ctx context.Context) (*Report, error) {
	id, err := parseID(x.request.Detection)
	if err != nil {
		return nil, err
	}
	f := &finder{id: id}
	run, err := x.play(ctx, f.operator)
	if err != nil {
		return nil, err
	}
	if !f.found {
		return nil, fmt.Errorf("%w: no detection of query %s has the id %s: it was made of records outside the time asked for, by another version of the query, or not by a pattern",
			ErrRequest, run.Name(), x.request.Detection)
	}
	same := func(_ []event.Field, key []event.Value) bool { return encode(f.fields, key) == f.key }
	return x.ofKey(ctx, same, id)
}

func parseID(s string) (id event.ID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return id, fmt.Errorf("%w: %q is no detection's id: want 32 hexadecimal digits", ErrRequest, s)
	}
	for i, c := range b {
		if i < 8 {
			id.Hi = id.Hi<<8 | uint64(c)
		} else {
			id.Lo = id.Lo<<8 | uint64(c)
		}
	}
	return id, nil
}

// play runs the query to the end of the history.
func (x *replay) play(ctx context.Context, trace func(stage, shard int, p *pattern.Program) operators.Stateful) (*engine.Query, error) {
	o := x.options
	o.Trace = trace
	e, err := engine.New(o)
	if err != nil {
		return nil, err
	}
	run, err := e.Start(ctx, x.query.Root, x.query.Catalog)
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	select {
	case <-run.Done():
		return run, e.Close(ctx)
	case <-ctx.Done():
		_ = e.Close(ctx) // drops what it has
		return nil, fmt.Errorf("the history was not read to its end: %w", ctx.Err())
	}
}

// traces are the tracers of a run.
type traces struct {
	mu   sync.Mutex
	list []traced
}

type traced struct {
	stage   int
	program *pattern.Program
	*pattern.Tracer
}

func (x *replay) ofKey(ctx context.Context, wanted func([]event.Field, []event.Value) bool, id event.ID) (*Report, error) {
	t := &traces{}
	run, err := x.play(ctx, func(stage, shard int, p *pattern.Program) operators.Stateful {
		fields := p.KeyFields()
		tracer := p.NewTracer(shard, func(key []event.Value) bool { return wanted(fields, key) })
		tracer.More = x.clipped.Load
		t.mu.Lock()
		defer t.mu.Unlock()
		t.list = append(t.list, traced{stage, p, tracer})
		return tracer
	})
	if err != nil {
		return nil, err
	}
	if len(t.list) == 0 {
		return nil, fmt.Errorf("%w: query %s has no pattern", ErrRequest, run.Name())
	}
	report := &Report{Query: run.Name(), Patterns: []Pattern{}}
	for i := range t.list {
		one := &t.list[i]
		if trace := one.Trace(x.request.Limit); trace.Rows > 0 {
			report.Patterns = append(report.Patterns, patternOf(run, one, trace, id))
		}
	}
	return report, nil
}

// filter chooses keys by a value of theirs.
func filter(text string) func(fields []event.Field, key []event.Value) bool {
	column, value, named := strings.Cut(text, "=")
	if !named {
		column, value = "", text
	}
	return func(fields []event.Field, key []event.Value) bool {
		if len(key) == 0 {
			return true // one key for all
		}
		for i, v := range key {
			if (column == "" || strings.EqualFold(column, fields[i].Name)) && !v.Null && function.Text(fields[i].Type, v, time.UTC) == value {
				return true
			}
		}
		return false
	}
}

// finder looks for a detection.
type finder struct {
	id     event.ID
	mu     sync.Mutex
	found  bool
	fields []event.Field
	key    string
}

func (f *finder) operator(_, shard int, p *pattern.Program) operators.Stateful {
	fields := p.KeyFields()
	return p.NewFinder(shard, f.id, func(key []event.Value) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.found, f.fields, f.key = true, fields, encode(fields, key)
	})
}

func encode(fields []event.Field, key []event.Value) string {
	var b []byte
	for i, v := range key {
		b = event.AppendValue(b, fields[i].Type, v)
	}
	return string(b)
}
