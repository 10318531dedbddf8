package why

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
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

// ErrRequest says that a request makes no sense.
var ErrRequest = errors.New("why")

// Run answers a request. Options are those that the query runs with; its state
// is left alone.
func Run(ctx context.Context, q history.Query, o engine.Options, r Request) (*Report, error) {
	if (r.Key == "") == (r.Detection == "") {
		return nil, fmt.Errorf("%w: give a key or a detection", ErrRequest)
	}
	if r.Limit == 0 {
		r.Limit = DefaultLimit
	}
	x := &asked{query: q, request: r, replay: &history.Replay{Options: o, From: r.From, To: r.To}}
	if r.Detection != "" {
		return x.ofDetection(ctx)
	}
	return x.ofKey(ctx, filter(r.Key), event.ID{})
}

// asked is a request under way.
type asked struct {
	query   history.Query
	request Request
	replay  *history.Replay
}

// ofDetection finds the key of a detection first.
func (x *asked) ofDetection(ctx context.Context) (*Report, error) {
	id, err := event.ParseID(x.request.Detection)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no detection's id: %w", ErrRequest, x.request.Detection, err)
	}
	f := &finder{id: id}
	x.replay.Trace = f.operator
	run, err := x.replay.Run(ctx, x.query)
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

func (x *asked) ofKey(ctx context.Context, wanted func([]event.Field, []event.Value) bool, id event.ID) (*Report, error) {
	t := &traces{}
	x.replay.Trace = func(stage, shard int, p *pattern.Program) operators.Stateful {
		fields := p.KeyFields()
		tracer := p.NewTracer(shard, func(key []event.Value) bool { return wanted(fields, key) })
		tracer.More = x.replay.Clipped
		t.mu.Lock()
		defer t.mu.Unlock()
		t.list = append(t.list, traced{stage, p, tracer})
		return tracer
	}
	run, err := x.replay.Run(ctx, x.query)
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
	return p.NewWitness(shard, func(id event.ID, key []event.Value, _ []event.ID) {
		if id != f.id {
			return
		}
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
