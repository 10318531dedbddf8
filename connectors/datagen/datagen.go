package datagen

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

type connector struct{ now func() time.Time }

// New is the connector 'datagen'; now tells the time for rows-per-second.
func New(now func() time.Time) connectors.Connector { return connector{now} }

func (connector) Name() string                        { return "datagen" }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: "number-of-rows", Check: connectors.CheckInt(0, math.MaxInt64), Doc: "Rows to make. Default: no end, but see fields.NAME.end."},
		{Name: "rows-per-second", Default: "10000", Check: connectors.CheckInt(0, 1e9), Doc: "Speed; 0 is as fast as can be."},
		{Name: "seed", Default: "0", Check: connectors.CheckInt(math.MinInt64, math.MaxInt64), Doc: "Another seed gives other rows."},
		{Name: "scenario", Doc: "File that describes the rows, and those of other tables: docs/generator.md. In place of fields."},
		{Name: "scenario.table", Doc: "The scenario's name of the table. Default: the table's."},
		{Name: "fields.", Prefix: true, Doc: "fields.NAME.PROPERTY; properties: kind (random, sequence), min, max, values (a list with commas), null-rate, length, var-len, start, end, step, max-past."},
	}
}

func (connector) Sink(connectors.Table) (connectors.Sink, error) { return nil, connectors.ErrNotSink }

// Source makes a generator for each column and finds where the rows end.
func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	s := &source{now: c.now, rate: t.Int("rows-per-second", 10000), rows: t.Int("number-of-rows", math.MaxInt64)}
	if t.Options["scenario"] != "" {
		var err error
		s.told, err = newTold(t)
		return s, err
	}
	if err := checkFields(t); err != nil {
		return nil, err
	}
	seed := uint64(t.Int("seed", 0))
	for _, col := range t.Columns {
		f, err := newField(col, t.Options, seed)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", col.Name, err)
		}
		s.fields = append(s.fields, f)
	}
	for _, col := range allColumns(t) {
		n, err := sequenceRows(col, t.Options)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", col.Name, err)
		}
		s.rows = min(s.rows, n)
	}
	return s, nil
}

// allColumns is the declared columns: a sequence that is not read ends the
// table as well.
func allColumns(t connectors.Table) []connectors.Column {
	if len(t.Physical) > 0 {
		return t.Physical
	}
	return t.Columns
}

type source struct {
	now    func() time.Time
	rate   int64 // rows per second; 0: no limit
	rows   int64
	fields []*field
	told   *told // a scenario's rows, in place of fields; nil: none
}

// History implements connectors.Historian: the same rows, as fast as can be.
func (connector) History(options map[string]string, _, _ time.Time) { options["rows-per-second"] = "0" }

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return true }
func (s *source) Bounded() bool {
	return s.rows < math.MaxInt64 || s.told != nil && s.told.file.Duration > 0
}
func (s *source) Close() error { return nil }

// Open implements connectors.Source.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	r := &reader{source: s, next: max(from, 0), ready: ready}
	r.first, r.began = r.next, s.now()
	if s.told == nil {
		return r, nil
	}
	var err error
	r.telling, err = s.told.begin(r.next)
	return r, err
}

// reader makes rows. With a rate, those up to first + elapsed × rate are due.
type reader struct {
	*source
	next    int64
	first   int64
	began   time.Time
	ready   func()
	telling *telling // nil: the rows are those of fields

	mu    sync.Mutex
	timer *time.Timer // runs; nil: none
	done  bool
}

func (r *reader) Position() int64 { return r.next }

func (r *reader) End() int64 {
	if r.rows == math.MaxInt64 {
		return -1
	}
	return r.rows
}

// Close implements connectors.Reader.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	if r.timer != nil {
		r.timer.Stop()
	}
	return nil
}

// PollColumns implements connectors.ColumnReader.
func (r *reader) PollColumns(limit int, until int64, dst *event.Batch) error {
	n := min(r.rows-r.next, int64(min(limit, event.MaxRows)))
	if n <= 0 {
		dst.Reset(0)
		return io.EOF
	}
	if until >= 0 {
		n = max(0, min(n, until-r.next))
	}
	if r.rate > 0 && n > 0 {
		if n = min(n, r.due()-r.next); n <= 0 {
			n = 0
			r.wait()
		}
	}
	if r.telling != nil && n > 0 {
		err := r.telling.poll(r.next, int(n), dst)
		r.next += int64(dst.N)
		return err
	}
	dst.Reset(int(n))
	for i := range dst.ID {
		dst.ID[i] = event.ID{Lo: uint64(r.next) + uint64(i)}
	}
	for c, f := range r.fields {
		f.fill(&dst.Cols[c], uint64(r.next), int(n))
	}
	r.next += n
	return nil
}

// due is the row that is not due yet.
func (r *reader) due() int64 {
	return r.first + int64(r.now().Sub(r.began).Seconds()*float64(r.rate))
}

// pause is the least time between two batches, so that a slow rate does not
// mean a batch per row at a fast one.
const pause = 10 * time.Millisecond

// wait calls ready when the next row is due.
func (r *reader) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil || r.done {
		return
	}
	at := r.began.Add(time.Duration(float64(r.next+1-r.first) / float64(r.rate) * float64(time.Second)))
	r.timer = time.AfterFunc(max(at.Sub(r.now()), pause), func() {
		r.mu.Lock()
		r.timer = nil
		r.mu.Unlock()
		r.ready()
	})
}
