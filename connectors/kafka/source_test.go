package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	segment "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// testTimeout ends what would hang.
const testTimeout = 60 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// table is a Kafka table with the options given, name and value in turn.
func table(bootstrap, topic string, options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "test", Options: map[string]string{
		"topic": topic, "properties.bootstrap.servers": bootstrap}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

func openSource(t testing.TB, tab connectors.Table) connectors.Source {
	t.Helper()
	s, err := kafka.New(nil).Source(tab)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// partition reads one partition in a test.
type partition struct {
	t     testing.TB
	r     connectors.RawReader
	ready chan struct{}
	raw   connectors.RawBatch
}

func openPartition(t testing.TB, s connectors.Source, part int32, from int64) *partition {
	t.Helper()
	p := &partition{t: t, ready: make(chan struct{}, 1)}
	r, err := s.Open(testContext(t), part, from, func() {
		select {
		case p.ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.r = r.(connectors.RawReader)
	return p
}

// next waits for records.
func (p *partition) next(max int, until int64) error {
	p.t.Helper()
	deadline := time.NewTimer(testTimeout)
	defer deadline.Stop()
	for {
		if err := p.r.Poll(max, until, &p.raw); err != nil || p.raw.N() > 0 {
			return err
		}
		select {
		case <-p.ready:
		case <-deadline.C:
			p.t.Fatalf("no records at offset %d (end %d)", p.r.Position(), p.r.End())
		}
	}
}

// values reads n values, or all up to the end of a bounded source when n < 0.
func (p *partition) values(n int) (out []string) {
	p.t.Helper()
	for n < 0 || len(out) < n {
		err := p.next(event.MaxRows, -1)
		if errors.Is(err, io.EOF) && n < 0 {
			return out
		}
		if err != nil {
			p.t.Fatal(err)
		}
		for _, v := range p.raw.Value {
			out = append(out, string(p.raw.Buf[v.Off:v.Off+v.Len]))
		}
	}
	return out
}

func numbered(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf(`{"n":%d,"text":"the quick brown fox jumps over the lazy dog"}`, i))
	}
	return out
}

// write produces values with the library's Writer, in batches.
func write(t testing.TB, bootstrap, topic string, codec compress.Compression, batch int, values []string) {
	t.Helper()
	transport := &segment.Transport{}
	defer transport.CloseIdleConnections()
	w := &segment.Writer{Addr: segment.TCP(bootstrap), Topic: topic, BatchSize: batch, BatchTimeout: time.Millisecond,
		RequiredAcks: segment.RequireAll, Compression: codec, Transport: transport}
	msgs := make([]segment.Message, len(values))
	for i, v := range values {
		msgs[i].Value = []byte(v)
	}
	if err := w.WriteMessages(testContext(t), msgs...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadCompressions(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		want := numbered(0, 5000)
		for _, codec := range []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
			t.Run(codec.String(), func(t *testing.T) {
				topic := b.topic(t, 1)
				write(t, b.bootstrap, topic, codec, 700, want)
				if got := readAll(t, b.bootstrap, topic, 1)[0]; !slices.Equal(got, want) {
					t.Errorf("got %d values, want %d", len(got), len(want))
				}
			})
		}
	})
}
