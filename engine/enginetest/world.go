// Package enginetest runs queries on tables in memory that a test controls:
// what is readable when, how polls are cut, when a sink fails. Everything is
// deterministic; nothing sleeps.
//
//	w := enginetest.NewWorld()
//	w.Input("payments", []string{`{"card":1,"ts":"2026-01-01 00:00:00"}`})
//	rows := w.Run(t, sql)
package enginetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/operators/kernel"
)

// World is the tables of 'connector' = 'test', by name.
type World struct {
	mu      sync.Mutex
	inputs  map[string]*Input
	outputs map[string]*Output
	// Poll is the most records a poll gives; 0: as many as are asked for.
	Poll int
	// Stutter has every other poll of a reader give nothing.
	Stutter bool
}

// NewWorld has no tables.
func NewWorld() *World {
	return &World{inputs: map[string]*Input{}, outputs: map[string]*Output{}}
}

// Input is a table to read: records, such as JSON texts, by partition.
type Input struct {
	world      *World
	partitions [][]string
	visible    []int // records that can be read; -1: all
	open       bool  // more may come
	forgetful  bool  // cannot replay
	ready      []func()
	committed  map[int32]int64
	told       int             // how often offsets were published
	taken      map[int32]int64 // by polls
	opened     int
	deaf       []bool // by partition
	headers    map[place][]byte
}

// place is a record of an Input.
type place struct{ part, offset int }

// Input makes a bounded table with these partitions.
func (w *World) Input(name string, partitions ...[]string) *Input {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := &Input{world: w, partitions: partitions, taken: map[int32]int64{}, headers: map[place][]byte{}, deaf: make([]bool, len(partitions))}
	for range partitions {
		in.visible = append(in.visible, -1)
	}
	w.inputs[name] = in
	return in
}

// Committed is the offsets that were published, by partition.
func (in *Input) Committed() map[int32]int64 {
	in.world.mu.Lock()
	defer in.world.mu.Unlock()
	return maps.Clone(in.committed)
}

// Told is how often offsets were published.
func (in *Input) Told() int {
	in.world.mu.Lock()
	defer in.world.mu.Unlock()
	return in.told
}

// Taken is the offset after the last record that a poll has given.
func (in *Input) Taken(part int32) int64 {
	in.world.mu.Lock()
	defer in.world.mu.Unlock()
	return in.taken[part]
}

// Head gives a record a header, whose key and value are shorter than 64 bytes.
func (in *Input) Head(part, offset int, key, value string) {
	h := append([]byte{2, byte(2 * len(key))}, key...)
	in.headers[place{part, offset}] = append(append(h, byte(2*len(value))), value...)
}

// Deaf says that a partition does not answer, or does again.
func (in *Input) Deaf(part int, deaf bool) {
	in.world.mu.Lock()
	defer in.world.mu.Unlock()
	in.deaf[part] = deaf
}

// Opened is how many readers there have been.
func (in *Input) Opened() int {
	in.world.mu.Lock()
	defer in.world.mu.Unlock()
	return in.opened
}

// Open says that the table does not end.
func (in *Input) Open() *Input { in.open = true; return in }

// Forget says that a record once read cannot be read again.
func (in *Input) Forget() *Input { in.forgetful = true; return in }

// Show makes the first n records of a partition readable, no more; -1: all.
func (in *Input) Show(part, n int) {
	in.world.mu.Lock()
	in.visible[part] = n
	wake := append([]func(){}, in.ready...)
	in.world.mu.Unlock()
	for _, f := range wake {
		f()
	}
}

// Append adds records to a partition.
func (in *Input) Append(part int, records ...string) {
	in.world.mu.Lock()
	in.partitions[part] = append(in.partitions[part], records...)
	wake := append([]func(){}, in.ready...)
	in.world.mu.Unlock()
	for _, f := range wake {
		f()
	}
}

// End says that no more comes.
func (in *Input) End() {
	in.world.mu.Lock()
	in.open = false
	wake := append([]func(){}, in.ready...)
	in.world.mu.Unlock()
	for _, f := range wake {
		f()
	}
}

// Output is what a table was given, a text per row: id, then the columns.
type Output struct {
	mu     sync.Mutex
	rows   []Row
	traced map[event.ID]string        // traceparent of rows that had one
	made   map[event.ID]string        // what rows told of their making
	tx     *Transactions              // nil: rows are delivered as they are written
	Before func(b *event.Batch) error // called by Write; may fail or block
	Wait   time.Duration              // how long rows are to be gathered
	Enough int64                      // bytes of rows that are enough
}

// Row is a row of an Output.
type Row struct {
	ID   event.ID
	Text string // columns, divided by " | "
}

// Output finds or makes a table's output.
func (w *World) Output(name string) *Output {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.outputs[name] == nil {
		w.outputs[name] = &Output{traced: map[event.ID]string{}, made: map[event.ID]string{}}
	}
	return w.outputs[name]
}

// Rows is a copy of what was written so far.
func (o *Output) Rows() []Row {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Row{}, o.rows...)
}

// Traced is the traceparent that a row was written with; empty: none.
func (o *Output) Traced(id event.ID) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.traced[id]
}

// Texts is Rows without ids.
func (o *Output) Texts() []string {
	var texts []string
	for _, r := range o.Rows() {
		texts = append(texts, r.Text)
	}
	return texts
}

// Registry knows the test connector, and others beside it.
func (w *World) Registry(formats []connectors.FormatSpec, more ...connectors.Connector) *connectors.Registry {
	return connectors.NewRegistry(formats, append(more, connector{w})...)
}

type connector struct{ w *World }

func (connector) Name() string { return "test" }
func (connector) Options() []connectors.OptionSpec {
	return []connectors.OptionSpec{{Name: "format", Default: "json"}, {Name: "number-of-rows", Doc: "Given: the table ends."}}
}

func (connector) Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{
		{Key: "partition", Type: event.TInt32}, {Key: "offset", Type: event.TInt64},
		{Key: "timestamp", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}}, {Key: "topic", Type: event.TString},
	}
}

func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	in, ok := c.w.inputs[t.Name]
	if !ok {
		return nil, fmt.Errorf("the test has no input %q", t.Name)
	}
	return source{in, t.Name}, nil
}

func (c connector) Sink(t connectors.Table) (connectors.Sink, error) {
	out := c.w.Output(t.Name)
	if out.tx != nil {
		if t.Writer > 0 {
			return nil, fmt.Errorf("the test has one transactional writer per table")
		}
		return &transactionalSink{tx: out.tx, name: t.Query + "/" + t.Name}, nil
	}
	return &sink{out: out}, nil
}

type source struct {
	in   *Input
	name string
}

func (s source) Partitions(context.Context) ([]int32, error) {
	parts := make([]int32, len(s.in.partitions))
	for i := range parts {
		parts[i] = int32(i)
	}
	return parts, nil
}

func (s source) Open(_ context.Context, part int32, from int64, ready func()) (connectors.Reader, error) {
	s.in.world.mu.Lock()
	defer s.in.world.mu.Unlock()
	s.in.ready = append(s.in.ready, ready)
	s.in.opened++
	return &reader{in: s.in, topic: s.name, part: part, at: max(from, 0), ready: ready}, nil
}

func (s source) Replayable() bool { return !s.in.forgetful }
func (s source) Bounded() bool    { return !s.in.open }
func (s source) Close() error     { return nil }

func (s source) CommitOffsets(_ context.Context, offsets map[int32]int64) error {
	s.in.world.mu.Lock()
	defer s.in.world.mu.Unlock()
	s.in.committed = offsets
	s.in.told++
	return nil
}

type reader struct {
	in    *Input
	topic string
	part  int32
	at    int64
	buf   []byte
	ready func()
	mute  bool // the last poll gave nothing
}

func (r *reader) Position() int64 { return r.at }

// Heard implements connectors.Listener.
func (r *reader) Heard() bool {
	r.in.world.mu.Lock()
	defer r.in.world.mu.Unlock()
	return !r.in.deaf[r.part]
}

func (r *reader) Close() error { return nil }

func (r *reader) End() int64 {
	r.in.world.mu.Lock()
	defer r.in.world.mu.Unlock()
	return int64(len(r.in.partitions[r.part]))
}

// Poll gives the next records; record n has the timestamp of n ms.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	r.in.world.mu.Lock()
	defer r.in.world.mu.Unlock()
	dst.Reset()
	if r.mute = r.in.world.Stutter && !r.mute; r.mute {
		dst.Next = r.at
		r.ready()
		return nil
	}
	records := r.in.partitions[r.part]
	end := len(records)
	if n := r.in.visible[r.part]; n >= 0 {
		end = min(end, n)
	}
	if until >= 0 {
		end = min(end, int(until))
	}
	if r.in.world.Poll > 0 {
		limit = min(limit, r.in.world.Poll)
	}
	dst.Topic, dst.Part = r.topic, r.part
	r.buf = r.buf[:0]
	for ; r.at < int64(end) && dst.N() < limit; r.at++ {
		rec := records[r.at]
		dst.Value = append(dst.Value, event.Span{Off: uint32(len(r.buf)), Len: uint32(len(rec))})
		dst.Key = append(dst.Key, event.Span{})
		dst.Offset, dst.Time = append(dst.Offset, r.at), append(dst.Time, r.at*1000)
		dst.Flags = append(dst.Flags, connectors.NullKey)
		r.buf = append(r.buf, rec...)
		h := r.in.headers[place{int(r.part), int(r.at)}]
		dst.Headers = append(dst.Headers, event.Span{Off: uint32(len(r.buf)), Len: uint32(len(h))})
		r.buf = append(r.buf, h...)
	}
	dst.Buf, dst.Next = r.buf, r.at
	r.in.taken[r.part] = max(r.in.taken[r.part], r.at)
	if dst.N() == 0 && r.at == int64(len(records)) && !r.in.open {
		return io.EOF
	}
	return nil
}

type sink struct {
	out  *Output
	made *event.Vec
}

// Explain implements connectors.Explainer.
func (s *sink) Explain(made *event.Vec) { s.made = made }

// Gather implements connectors.Gatherer.
func (s *sink) Gather() (time.Duration, int64) { return s.out.Wait, s.out.Enough }

func (s *sink) Open(context.Context) error  { return nil }
func (s *sink) Flush(context.Context) error { return nil }
func (s *sink) Close() error                { return nil }

func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.out.Before != nil {
		if err := s.out.Before(b); err != nil {
			return err
		}
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	for _, row := range b.LiveRows() {
		if err := s.tell(b.ID[row], int(row)); err != nil {
			return err
		}
		s.out.rows = append(s.out.rows, Row{b.ID[row], Text(b, int(row))})
	}
	for _, x := range connectors.TracedOf(ctx) {
		s.out.traced[b.ID[x.Row]], _ = trace.Format(x.Context)
	}
	return nil
}

// tell notes what a row says of its making: the same each time it comes.
func (s *sink) tell(id event.ID, row int) error {
	if s.made == nil {
		return nil
	}
	text := string(s.made.Value(row).S)
	if before, again := s.out.made[id]; again && before != text {
		return fmt.Errorf("row %s was made of %s, and now of %s", id.Hex(), before, text)
	}
	s.out.made[id] = text
	return nil
}

// Made is what a row told of its making, as JSON.
func (o *Output) Made(id event.ID) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.made[id]
}

// Text is a row's columns as text, divided by " | ", behind what it changes where
// that is not +I.
func Text(b *event.Batch, row int) string {
	parts := make([]string, len(b.Cols))
	for i := range b.Cols {
		parts[i] = "NULL"
		if v := b.Cols[i].Value(row); !v.Null {
			parts[i] = kernel.Format(b.Cols[i].Type, v)
		}
	}
	text := strings.Join(parts, " | ")
	if c := b.Change(row); c != event.Insert {
		text = c.String() + " " + text
	}
	return text
}

// Records are all that the table has, by partition.
func (in *Input) Records() [][]string {
	in.world.mu.Lock()
	defer in.world.mu.Unlock()
	var out [][]string
	for _, p := range in.partitions {
		out = append(out, slices.Clone(p))
	}
	return out
}
