package backtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
)

// Request says what is run and compared.
type Request struct {
	After    history.Query  // the query
	Before   *history.Query // the version it is compared with; nil: none
	From, To time.Time      // of the records; zero: all there are
	By       string         // output column whose values are segments; "": none
	Label    string         // source column that marks the rows to be found; "": none
	Amount   string         // source column with what a marked row is worth; "": none
	Limit    int            // detections to list of each kind
	Progress func(Progress)

	meter *meter
}

// ErrRequest says that a request makes no sense.
var ErrRequest = errors.New("backtest")

// maxDetections is how many detections of a version are kept for comparison.
const maxDetections = 2_000_000

// Run runs the versions one after the other.
func Run(ctx context.Context, r Request, o engine.Options) (*Report, error) {
	if r.Amount != "" && r.Label == "" {
		return nil, fmt.Errorf("%w: an amount is that of rows with a label", ErrRequest)
	}
	r.meter = r.newMeter(o.Clock)
	labels, err := r.labels(ctx, o)
	if err != nil {
		return nil, err
	}
	after, err := r.version(ctx, "after", r.After, o, labels)
	if err != nil {
		return nil, err
	}
	var before *version
	if r.Before != nil {
		if before, err = r.version(ctx, "before", *r.Before, o, labels); err != nil {
			return nil, err
		}
	}
	return r.compare(before, after, labels)
}

func (r *Request) replay(part string, o engine.Options) *history.Replay {
	x := &history.Replay{Options: o, From: r.From, To: r.To}
	x.Progress = func(s engine.Status) { r.meter.tell(part, s) }
	return x
}

// version is what a version of the query has found.
type version struct {
	rows    int64 // read
	seconds float64
	list    []detection
	byID    map[event.ID]int
	caught  map[origin]bool // labelled rows that detections are made of
	hits    map[event.ID]bool
	fields  []connectors.Column
}

// detection is an output row.
type detection struct {
	id   event.ID
	at   event.Time
	text string // the row as JSON
	by   string // its segment
}

// origin is a row of a source.
type origin struct {
	table     string
	partition int32
	offset    int64
}

// ran is what both versions are called, so that their ids compare.
const ran = "backtest"

// version runs a version.
func (r *Request) version(ctx context.Context, part string, q history.Query, o engine.Options, labels *labels) (*version, error) {
	root := *q.Root
	root.Name = ran
	q.Root = &root
	x := r.replay(part, o)
	c := &collector{version: &version{byID: map[event.ID]int{}, caught: map[origin]bool{}, hits: map[event.ID]bool{}}, by: r.By, made: map[event.ID][]event.ID{}}
	x.Rows = c.rows
	if labels != nil {
		x.Trace = c.witness
	}
	run, err := x.Run(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", part, err)
	}
	c.seconds = x.Took.Seconds()
	for _, p := range run.Status().Partitions {
		c.version.rows += p.Rows
	}
	c.score(run, labels)
	return c.version, nil
}

// collector takes the detections of a run.
type collector struct {
	*version
	by   string
	mu   sync.Mutex
	made map[event.ID][]event.ID // what detections are made of, where labels ask
}

// rows takes output rows; a query writes one table.
func (c *collector) rows(t connectors.Table, b *event.Batch) error {
	c.fields = t.Columns
	by := -1
	for i, col := range t.Columns {
		if col.Name == c.by {
			by = i
		}
	}
	if c.by != "" && by < 0 {
		return fmt.Errorf("%w: the query writes no column %q", ErrRequest, c.by)
	}
	for _, row := range b.LiveRows() {
		if len(c.list) == maxDetections {
			return fmt.Errorf("%w: there are more than %d detections: choose a shorter time", ErrRequest, maxDetections)
		}
		d := detection{id: b.ID[row], at: event.MinTime, text: rowText(b, int(row))}
		if len(b.Time) > 0 {
			d.at = b.Time[row]
		}
		if by >= 0 {
			d.by = function.Text(b.Schema.Fields[by].Type, b.Cols[by].Value(int(row)), time.UTC)
		}
		c.byID[d.id] = len(c.list)
		c.list = append(c.list, d)
	}
	return nil
}

// rowText is a row as JSON.
func rowText(b *event.Batch, row int) string {
	text := []byte{'{'}
	for i, f := range b.Schema.Fields {
		if i > 0 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, "%q:", f.Name)
		text = append(text, function.JSON(f.Type, b.Cols[i].Value(row))...)
	}
	return string(append(text, '}'))
}

// witness makes the matchers of a run with labels.
func (c *collector) witness(_, shard int, p *pattern.Program) operators.Stateful {
	return p.NewWitness(shard, func(id event.ID, _ []event.Value, rows []event.ID) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.made[id] = append(c.made[id], rows...)
	})
}

// score finds the labelled rows that detections are made of. Detections of
// detections count with the rows of those.
func (c *collector) score(run *engine.Query, labels *labels) {
	if labels == nil {
		return
	}
	for _, d := range c.list {
		c.claim(run, labels, d.id, d.id, 0)
	}
}

// maxNested is how deep patterns over patterns are followed.
const maxNested = 16

func (c *collector) claim(run *engine.Query, labels *labels, of, id event.ID, depth int) {
	for _, row := range c.made[id] {
		table, partition, offset, ok := run.Origin(row)
		at := origin{table, partition, offset}
		switch {
		case !ok && depth < maxNested:
			c.claim(run, labels, of, row, depth+1)
		case ok && labels.marked(at):
			c.caught[at] = true
			c.hits[of] = true
		}
	}
}
