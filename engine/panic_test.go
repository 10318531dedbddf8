package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// mine panics at one place.
type mine struct{ at atomic.Value }

func newMine(at string) *mine {
	m := &mine{}
	m.at.Store(at)
	return m
}

func (m *mine) step(at string) {
	if m.at.Load() == at {
		panic("mine at " + at)
	}
}

// minefield is the connector 'mines': a table that never ends and a sink, which
// panic where the mine is.
type minefield struct{ m *mine }

func (minefield) Name() string                        { return "mines" }
func (minefield) Options() []connectors.OptionSpec    { return []connectors.OptionSpec{{Name: "format"}} }
func (minefield) Metadata() []connectors.MetadataSpec { return nil }
func (c minefield) Sink(connectors.Table) (connectors.Sink, error) {
	c.m.step("make the sink")
	return c, nil
}

func (c minefield) Source(connectors.Table) (connectors.Source, error) {
	c.m.step("make the source")
	return mineSource(c), nil
}
func (c minefield) Open(context.Context) error                { c.m.step("open the sink"); return nil }
func (c minefield) Write(context.Context, *event.Batch) error { c.m.step("write"); return nil }
func (c minefield) Flush(context.Context) error               { c.m.step("flush"); return nil }
func (c minefield) Close() error                              { c.m.step("close the sink"); return nil }

type mineSource struct{ m *mine }

func (s mineSource) Partitions(context.Context) ([]int32, error) {
	s.m.step("partitions")
	return []int32{7}, nil
}

func (s mineSource) Open(_ context.Context, _ int32, from int64, _ func()) (connectors.Reader, error) {
	s.m.step("open the source")
	return &mineReader{m: s.m, at: max(from, 0)}, nil
}
func (s mineSource) Replayable() bool { return true }
func (s mineSource) Bounded() bool    { return false }
func (s mineSource) Close() error     { s.m.step("close the source"); return nil }

type mineReader struct {
	m  *mine
	at int64
}

func (r *mineReader) Position() int64 { return r.at }
func (r *mineReader) End() int64      { r.m.step("end"); return -1 }
func (r *mineReader) Close() error    { r.m.step("close the reader"); return nil }

// Poll gives ten records, one a second.
func (r *mineReader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	r.m.step("poll")
	dst.Reset()
	for n := 0; n < limit && (until < 0 || r.at < until) && r.at < 10; n++ {
		text := fmt.Sprintf(`{"card":1,"amount":1,"ts":"2026-01-01 00:00:%02d"}`, r.at)
		dst.Append(event.Span{Off: uint32(len(dst.Buf)), Len: uint32(len(text))}, r.at)
		dst.Buf = append(dst.Buf, text...)
		r.at++
	}
	dst.Next = r.at
	return nil
}

type mineDecoder struct {
	connectors.Decoder
	m *mine
}

func (d mineDecoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	d.m.step("decode")
	return d.Decoder.Decode(raw, dst, rejects)
}

type mineOperator struct {
	operators.Stateful
	m *mine
}

func (o mineOperator) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	o.m.step("process")
	return o.Stateful.Process(ctx, b, out)
}

func (o mineOperator) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	o.m.step("advance")
	return o.Stateful.Advance(ctx, wm, out)
}

func (o mineOperator) Snapshot(w state.Writer) error {
	o.m.step("snapshot")
	return o.Stateful.Snapshot(w)
}

func (o mineOperator) Restore(r state.Reader) error {
	o.m.step("restore")
	return o.Stateful.Restore(r)
}

type mineStore struct {
	state.Store
	m *mine
}

func (s mineStore) NewBatch() state.Batch { return mineBatch{s.Store.NewBatch(), s.m} }

type mineBatch struct {
	state.Batch
	m *mine
}

func (b mineBatch) Commit(sync bool) error {
	b.m.step("commit to the store")
	return b.Batch.Commit(sync)
}

func (m *mine) engine(t *testing.T) *engine.Engine {
	w := enginetest.NewWorld()
	return newEngine(t, w, func(o *engine.Options) {
		o.Registry = w.Registry(formats.Specs(), minefield{m})
		o.Store, o.SnapshotInterval, o.CommitInterval = mineStore{memstore.New(), m}, time.Millisecond, time.Millisecond
		o.NewDecoder = func(t connectors.Table) (connectors.Decoder, error) {
			m.step("make the decoder")
			d, err := formats.NewDecoder(t)
			return mineDecoder{d, m}, err
		}
		o.Trace = func(_, _ int, p *pattern.Program) operators.Stateful { return mineOperator{p.NewMatcher(0), m} }
	})
}

const mined = `CREATE TABLE payments (card BIGINT, amount BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='mines','format'='json');
CREATE TABLE o (card BIGINT, n BIGINT) WITH ('connector'='mines');
INSERT INTO o SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(*) AS n PATTERN (A A) DEFINE A AS A.amount > 0);`

// TestPanicFailsTheQuery plants a panic in everything that works for a query:
// the process goes on, and says where it was.
func TestPanicFailsTheQuery(t *testing.T) {
	opening := "the opening of the query"
	for at, where := range map[string]string{
		"make the source": "", "make the sink": "", "make the decoder": opening, "partitions": opening, "open the source": opening, "open the sink": opening,
		"restore": opening, "end": opening, "commit to the store": opening,
		"poll":     "payments partition 7 at offset 0",
		"decode":   "payments partition 7, offsets 0 to 9",
		"process":  "(match), rows of payments partition 7 offsets 0 to 8",
		"advance":  "(match) at the watermark 2026-01-01 00:00:08.999",
		"snapshot": opening, "write": "the delivery to o", "flush": "the delivery to o",
	} {
		t.Run(at, func(t *testing.T) {
			m := newMine(at)
			c, err := enginetest.Compile(mined)
			if err != nil {
				t.Fatal(err)
			}
			e := m.engine(t)
			q, err := e.Start(context.Background(), c.Root, c.Catalog)
			if err == nil {
				err = q.Wait()
			}
			var p *engine.PanicError
			if !errors.As(err, &p) || p.Value != "mine at "+at || !strings.Contains(string(p.Stack), "step") {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(p.Where, where) {
				t.Errorf("it was at %q, not %q", p.Where, where)
			}
			if q != nil {
				if s := q.Status(); s.State != engine.StateFailed || s.Failure == nil || !s.Failure.Panic || s.Failure.Where != p.Where || s.Failure.At == "" {
					t.Errorf("%+v", s.Failure)
				}
			}
			m.at.Store("") // the query can be started again
			if q, err = e.Start(context.Background(), c.Root, c.Catalog); err != nil {
				t.Fatal(err)
			}
			if err := q.Stop(context.Background()); err != nil || q.Status().State != engine.StateStopped {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestPanicAtTheEnd plants panics in what an orderly end does.
func TestPanicAtTheEnd(t *testing.T) {
	for _, at := range []string{"close the sink", "close the source", "close the reader", "snapshot"} {
		t.Run(at, func(t *testing.T) {
			m := newMine("")
			e := m.engine(t)
			c, err := enginetest.Compile(mined)
			if err != nil {
				t.Fatal(err)
			}
			q, err := e.Start(context.Background(), c.Root, c.Catalog)
			if err != nil {
				t.Fatal(err)
			}
			if err := q.Inspect(func() { m.at.Store(at) }); err != nil {
				t.Fatal(err)
			}
			var p *engine.PanicError
			if err := q.Stop(context.Background()); !errors.As(err, &p) || p.Value != "mine at "+at {
				t.Error(err)
			}
			m.at.Store("")
		})
	}
}
