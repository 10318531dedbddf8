package ruletest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
)

// world is the tables of one run of a test.
type world struct {
	tables map[string]*table // by folded name
	now    clock.Manual
	opened []*table   // that a query has begun to write, to be taken by its runner
	opens  string     // the query that is being opened
	heard  func(Row)  // of each row that a query writes; nil: nobody
	mark   event.Time // no row before it comes any more
	ended  bool
}

// table is the records of each partition, and the rows that queries wrote.
type table struct {
	name       string
	partitions [][]record
	writers    int // queries that write it and have not ended
	rows       []json.RawMessage
	taken      int // rows that were expected
	ready      []func()
	lookers    []*looker // of queries that ask it
}

// record is a record as a source gives it.
type record struct {
	value, key []byte
	time       event.Time
	tombstone  bool // there is no value
}

func newWorld() *world { return &world{tables: map[string]*table{}, mark: event.MinTime} }

// table finds or makes a table.
func (w *world) table(name string) *table {
	key := strings.ToLower(name)
	if w.tables[key] == nil {
		w.tables[key] = &table{name: name, partitions: make([][]record, 1)}
	}
	return w.tables[key]
}

// append adds a record to a partition.
func (t *table) append(part int, r record) {
	for len(t.partitions) <= part {
		t.partitions = append(t.partitions, nil)
	}
	t.partitions[part] = append(t.partitions[part], r)
	t.wake()
}

func (t *table) wake() {
	for _, f := range t.ready {
		f()
	}
}

// wake has every reader look again.
func (w *world) wake() {
	for _, t := range w.tables {
		t.wake()
	}
}

// registry has every connector there is, each over the tables of the world.
func (w *world) registry() *connectors.Registry {
	real := all.New()
	var list []connectors.Connector
	for _, name := range real.Names() {
		c, _ := real.Lookup(name)
		if _, ok := c.(connectors.Asked); ok {
			list = append(list, askedStand{stand{c, w}})
			continue
		}
		list = append(list, stand{c, w})
	}
	return connectors.NewRegistry(formats.Specs(), list...)
}

// stand stands for a connector: its name, options and metadata are the real
// ones.
type stand struct {
	connectors.Connector
	world *world
}

// Source implements connectors.Connector.
func (c stand) Source(t connectors.Table) (connectors.Source, error) {
	t.Stdin = strings.NewReader("")
	if _, err := c.Connector.Source(t); err != nil {
		return nil, err
	}
	return &source{c.world, c.world.table(t.Name), t.Options["connector"] == formats.Parameters}, nil
}

// Sink implements connectors.Connector.
func (c stand) Sink(t connectors.Table) (connectors.Sink, error) {
	t.Stdout = io.Discard
	if _, err := c.Connector.Sink(t); err != nil {
		return nil, err
	}
	rows, err := formats.NewEncoder(asJSON(t))
	if err != nil {
		return nil, err
	}
	records, err := formats.NewEncoder(withFormat(asRecords(t)))
	if err != nil {
		return nil, err
	}
	key, err := keyEncoder(t)
	if err != nil {
		return nil, err
	}
	out := c.world.table(t.Name)
	out.writers++
	c.world.opened = append(c.world.opened, out)
	return &sink{world: c.world, table: out, query: c.world.opens, rows: rows, records: records, key: key}, nil
}

// withFormat gives JSON to a table of columns, which has no format, and to one
// whose records nobody could write into a test.
func withFormat(t connectors.Table) connectors.Table {
	if t.Options["format"] == "" && t.Options["value.format"] == "" || formats.Binary(t) {
		return asJSON(t)
	}
	return t
}

// asRecords is a table whose records say by themselves what they change.
func asRecords(t connectors.Table) connectors.Table {
	if formats.IsUpserts(t.Options["connector"]) {
		t.Changes = false
	}
	return t
}

// keyEncoder writes the keys of a table of upserts, as JSON; nil for other tables.
func keyEncoder(t connectors.Table) (connectors.Encoder, error) {
	if !formats.IsUpserts(t.Options["connector"]) {
		return nil, nil
	}
	key := asJSON(t)
	key.Changes, key.Columns = false, slices.Clone(t.Columns)
	for i := range key.Columns {
		if !slices.Contains(t.Key, key.Columns[i].Name) {
			key.Columns[i].Metadata = "value" // which a format leaves alone
		}
	}
	return formats.NewEncoder(key)
}

func asJSON(t connectors.Table) connectors.Table {
	t.Options = map[string]string{"format": "json"}
	return t
}

func newDecoder(t connectors.Table) (connectors.Decoder, error) {
	if t.Options["connector"] == formats.Parameters {
		return formats.NewDecoder(t)
	}
	if formats.IsUpserts(t.Options["connector"]) {
		t.Options = maps.Clone(t.Options)
		t.Options["key.format"] = "json" // as keys are written here
	}
	return formats.NewDecoder(withFormat(t))
}

// ---- reading

type source struct {
	world  *world
	table  *table
	beside bool // it has parameters
}

func (s *source) Partitions(context.Context) ([]int32, error) {
	parts := make([]int32, len(s.table.partitions))
	for i := range parts {
		parts[i] = int32(i)
	}
	return parts, nil
}

func (s *source) Replayable() bool { return true }
func (s *source) Bounded() bool    { return false }
func (s *source) Close() error     { return nil }

// Open implements connectors.Source.
func (s *source) Open(_ context.Context, part int32, _ int64, ready func()) (connectors.Reader, error) {
	s.table.ready = append(s.table.ready, ready)
	if s.beside {
		return &besideReader{reader{source: s, part: part}}, nil
	}
	return &reader{source: s, part: part}, nil
}

// besideReader implements connectors.Beside: parameters of a step are there before
// its rows are judged.
type besideReader struct{ reader }

func (r *besideReader) CaughtUp() bool { return r.Position() >= r.End() }

type reader struct {
	*source
	part int32
	at   int
	buf  []byte
}

func (r *reader) Position() int64  { return int64(r.at) }
func (r *reader) End() int64       { return int64(len(r.table.partitions[r.part])) }
func (r *reader) Mark() event.Time { return r.world.mark }

// Poll implements connectors.RawReader.
func (r *reader) Poll(limit int, _ int64, dst *connectors.RawBatch) error {
	records := r.table.partitions[r.part]
	dst.Reset()
	dst.Topic, dst.Part = r.table.name, r.part
	buf := r.buf[:0]
	for ; r.at < len(records) && dst.N() < limit; r.at++ {
		rec := &records[r.at]
		dst.Append(event.Span{Off: uint32(len(buf)), Len: uint32(len(rec.value))}, int64(r.at))
		buf = append(buf, rec.value...)
		last := dst.N() - 1
		dst.Time[last] = rec.time
		dst.Headers = append(dst.Headers, event.Span{})
		if rec.key != nil {
			dst.Key[last], dst.Flags[last] = event.Span{Off: uint32(len(buf)), Len: uint32(len(rec.key))}, 0
			buf = append(buf, rec.key...)
		}
		if rec.tombstone {
			dst.Flags[last] |= connectors.NullValue
		}
	}
	r.buf, dst.Buf, dst.Next = buf, buf, int64(r.at)
	if dst.N() == 0 && r.world.ended && r.table.writers == 0 {
		return io.EOF
	}
	return nil
}

// ---- writing

type sink struct {
	world         *world
	table         *table
	query         string
	rows, records connectors.Encoder
	key           connectors.Encoder // nil: records have no key
	out, keys     connectors.Encoded
}

func (s *sink) Open(context.Context) error  { return nil }
func (s *sink) Flush(context.Context) error { return nil }
func (s *sink) Close() error                { return nil }

// Write implements connectors.Sink: rows to compare, and records for the
// queries that read the table.
func (s *sink) Write(_ context.Context, b *event.Batch) error {
	s.out.Reset()
	if err := s.rows.Encode(b, &s.out); err != nil {
		return fmt.Errorf("table %s: %w", s.table.name, err)
	}
	for _, v := range s.out.Value {
		s.table.rows = append(s.table.rows, append([]byte(nil), s.out.Buf[v.Off:v.Off+v.Len]...))
		if s.world.heard != nil {
			s.world.heard(Row{s.query, s.table.name, s.table.rows[len(s.table.rows)-1]})
		}
	}
	s.out.Reset()
	if err := s.records.Encode(b, &s.out); err != nil {
		return fmt.Errorf("table %s: %w", s.table.name, err)
	}
	if s.keys.Reset(); s.key != nil {
		if err := s.key.Encode(b, &s.keys); err != nil {
			return fmt.Errorf("table %s: %w", s.table.name, err)
		}
	}
	for i, v := range s.out.Value {
		rec := record{value: append([]byte(nil), s.out.Buf[v.Off:v.Off+v.Len]...), time: s.world.now.Now()}
		if s.key != nil {
			k := s.keys.Value[i]
			rec.key = append([]byte{}, s.keys.Buf[k.Off:k.Off+k.Len]...)
			rec.tombstone = b.Change(b.Row(i)).Retracts()
		}
		s.table.append(0, rec)
	}
	return nil
}
