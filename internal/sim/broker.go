package sim

import (
	"context"
	"fmt"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// broker is a Kafka as the connector shows it to the engine: partitions whose
// records come in time, offsets with gaps, transactions with one writer at a
// time. It outlives the processes.
type broker struct {
	topics  map[string]*topic
	tables  map[string]*table
	down    int64 // nothing answers until then, µs
	outcome outcome
	broken  bool // the next flush fails half-way
	elected bool // the next request of a transaction is in doubt
}

type topic struct {
	Topic
	end    int64   // no record comes afterwards, µs
	stalls []int64 // per partition: nothing is fetched until then
	told   []int64 // per partition: the highest offset that a transaction has told
}

// outcome is what becomes of the next transaction.
type outcome uint8

const (
	committed        outcome = iota
	inDoubtCommitted         // the answer is lost
	inDoubtAborted           // the request is lost
)

func newBroker(sc *Scenario) *broker {
	b := &broker{topics: map[string]*topic{}, tables: map[string]*table{}}
	for _, t := range sc.Topics {
		k := &topic{Topic: t, stalls: make([]int64, len(t.Partitions)), told: make([]int64, len(t.Partitions))}
		for _, records := range t.Partitions {
			for _, r := range records {
				k.end = max(k.end, r.At)
			}
		}
		if sc.Idle {
			k.end += 4 * idleTimeout
		}
		b.topics[t.Name] = k
	}
	return b
}

func (b *broker) table(name string) *table {
	if b.tables[name] == nil {
		b.tables[name] = &table{}
	}
	return b.tables[name]
}

// connector is the broker as one process sees it.
type connector struct{ x *process }

func (connector) Name() string { return "sim" }

func (connector) Options() []connectors.OptionSpec {
	return []connectors.OptionSpec{{Name: "format", Default: "json"}}
}

func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	k, ok := c.x.r.broker.topics[t.Name]
	if !ok {
		return nil, fmt.Errorf("the scenario has no topic %q", t.Name)
	}
	return source{c.x, k}, nil
}

func (c connector) Sink(t connectors.Table) (connectors.Sink, error) {
	if c.x.r.sc.Exactly {
		name := fmt.Sprintf("%s-%d", t.Name, t.Writer)
		return &transactionalSink{sink: sink{x: c.x, table: c.x.r.broker.table(name)}, name: name}, nil
	}
	return &sink{x: c.x, table: c.x.r.broker.table(t.Name)}, nil
}

type source struct {
	x *process
	t *topic
}

func (s source) Partitions(context.Context) ([]int32, error) {
	parts := make([]int32, len(s.t.Partitions))
	for i := range parts {
		parts[i] = int32(i)
	}
	return parts, s.x.request("partitions of " + s.t.Name)
}

func (s source) Open(_ context.Context, part int32, from int64, ready func()) (connectors.Reader, error) {
	r := &reader{x: s.x, t: s.t, part: int(part), records: s.t.Partitions[part], at: max(from, 0), ready: ready}
	for r.next < len(r.records) && r.records[r.next].Offset < r.at {
		r.next++
	}
	return r, s.x.request("open " + s.t.Name)
}

func (s source) Replayable() bool { return !s.x.r.sc.Forgetful }
func (s source) Bounded() bool    { return true }
func (s source) Close() error     { return nil }

// reader reads a partition.
type reader struct {
	x       *process
	t       *topic
	part    int
	records []Record
	next    int   // of records
	at      int64 // offset
	ready   func()
	buf     []byte
	known   int64 // end as last heard
}

func (r *reader) Position() int64 { return r.at }
func (r *reader) Close() error    { return nil }

// End is the offset after the records that had come when the broker was heard.
func (r *reader) End() int64 {
	end := int64(0)
	for _, rec := range r.records {
		if !r.x.calm && rec.At > r.x.r.s.now {
			break
		}
		end = rec.Offset + 1
	}
	if r.Heard() {
		r.known = end
	}
	return r.known
}

// Heard implements connectors.Listener.
func (r *reader) Heard() bool {
	b, now := r.x.r.broker, r.x.r.s.now
	return r.x.calm || b.down <= now && r.t.stalls[r.part] <= now
}

// readable says whether the broker gives a record now.
func (r *reader) readable(rec *Record) bool {
	return r.x.calm || rec.At <= r.x.r.s.now && r.Heard()
}

// Poll gives the next records. It takes the gap before a record at times on its
// own, as the reader of a topic with transactions does.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	dst.Reset()
	if err := r.x.poll(r.t.Name, r.part); err != nil {
		return err
	}
	dst.Topic, dst.Part = r.t.Name, int32(r.part)
	if !r.x.calm {
		limit = min(limit, 1+r.x.lot(r.x.r.sc.Poll))
	}
	r.buf = r.buf[:0]
	for r.next < len(r.records) && dst.N() < limit && r.take(until, dst) {
	}
	dst.Buf, dst.Next = r.buf, r.at
	if dst.N() == 0 && until >= 0 {
		r.ready() // a replay waits: it may ask again
		if !r.x.sleep("wait for records", 1000) {
			return errDead
		}
	}
	if r.next == len(r.records) && dst.N() == 0 && (r.x.calm || r.x.r.s.now >= r.t.end) {
		return io.EOF
	}
	return nil
}

// take takes the next record, or the gap before it; false when there is none.
func (r *reader) take(until int64, dst *connectors.RawBatch) bool {
	rec := &r.records[r.next]
	if !r.readable(rec) || until >= 0 && r.at >= until {
		return false
	}
	if rec.Offset > r.at && (until >= 0 && rec.Offset >= until || r.x.lot(3) == 0) {
		r.at = rec.Offset
		if until >= 0 {
			r.at = min(r.at, until)
		}
		return false
	}
	if until >= 0 && rec.Offset >= until {
		return false
	}
	dst.Append(event.Span{Off: uint32(len(r.buf)), Len: uint32(len(rec.Value))}, rec.Offset)
	dst.Headers = append(dst.Headers, event.Span{})
	r.buf = append(r.buf, rec.Value...)
	r.at = rec.Offset + 1
	r.next++
	return true
}
