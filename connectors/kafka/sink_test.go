package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/kafkatest"
	"github.com/cepd/cepd/internal/murmur2"
)

// lines is an encoder for tests: the columns as text, separated by commas.
type lines struct{ t connectors.Table }

func newLines(t connectors.Table) (connectors.Encoder, error) { return lines{t}, nil }

func (l lines) Encode(b *event.Batch, dst *connectors.Encoded) error {
	rows := b.Sel
	if rows == nil {
		for i := range b.N {
			rows = append(rows, int32(i))
		}
	}
	for _, i := range rows {
		start := len(dst.Buf)
		for c := range l.t.Columns {
			if c > 0 {
				dst.Buf = append(dst.Buf, ',')
			}
			v := b.Cols[c].Value(int(i))
			if b.Cols[c].Type.Physical() == event.PhysStr {
				dst.Buf = append(dst.Buf, v.S...)
			} else {
				dst.Buf = fmt.Append(dst.Buf, v.I)
			}
		}
		dst.Value = append(dst.Value, event.Span{Off: uint32(start), Len: uint32(len(dst.Buf) - start)})
	}
	return nil
}

var sinkColumns = []connectors.Column{
	{Name: "user", Type: event.TString},
	{Name: "n", Type: event.TInt64},
	{Name: "at", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}, Metadata: "timestamp"},
}

const recordMillis = 1_700_000_000_123

// rows is a batch for sinkColumns with the numbers from to to; user is n % 10.
func rows(from, to int) *event.Batch {
	var fields []event.Field
	for _, c := range sinkColumns {
		fields = append(fields, event.Field{Name: c.Name, Type: c.Type})
	}
	b := event.NewBatch(event.NewSchema(fields...))
	b.Reset(to - from)
	for i := range to - from {
		n := from + i
		b.Cols[0].SetBytes(i, fmt.Appendf(nil, "user-%d", n%10))
		b.Cols[1].I64[i] = int64(n)
		b.Cols[2].I64[i] = recordMillis * 1000
		b.ID[i] = event.ID{Hi: 0xabc, Lo: uint64(n)}
	}
	return b
}

func openSink(t testing.TB, bootstrap, topic string, options ...string) connectors.Sink {
	t.Helper()
	tab := table(bootstrap, topic, options...)
	tab.Columns = sinkColumns
	s, err := kafka.New(newLines).Sink(tab)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Open(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func writeRows(t testing.TB, s connectors.Sink, from, to int) {
	t.Helper()
	const batch = 1000
	for ; from < to; from += batch {
		if err := s.Write(testContext(t), rows(from, min(from+batch, to))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// readAll reads a topic to its end: the values by partition.
func readAll(t testing.TB, bootstrap, topic string, partitions int) [][]string {
	t.Helper()
	s := openSource(t, table(bootstrap, topic, "scan.bounded.mode", "latest-offset"))
	out := make([][]string, partitions)
	for p := range partitions {
		out[p] = openPartition(t, s, int32(p), connectors.Start).values(-1)
	}
	return out
}

func wantRows(from, to int, keep func(n int) bool) (out []string) {
	for n := from; n < to; n++ {
		if keep(n) {
			out = append(out, fmt.Sprintf("user-%d,%d", n%10, n))
		}
	}
	return out
}

func TestWriteCompressions(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			t.Run(codec, func(t *testing.T) {
				topic := b.topic(t, 3)
				s := openSink(t, b.bootstrap, topic, "key.fields", "user", "properties.compression.type", codec, "properties.batch.size", "5000")
				writeRows(t, s, 0, 2500)
				for part, got := range readAll(t, b.bootstrap, topic, 3) {
					want := wantRows(0, 2500, func(n int) bool {
						return murmur2.Partition(fmt.Appendf(nil, "user-%d", n%10), 3) == int32(part)
					})
					if !slices.Equal(got, want) {
						t.Errorf("partition %d: got %d records, want %d in order", part, len(got), len(want))
					}
				}
			})
		}
	})
}

// Java's own reader has to accept what we write, and Java's partitioner has to
// agree with ours.
func TestJavaReadsWhatIsWritten(t *testing.T) {
	b := kafkatest.Broker(t)
	topic := b.Topic(t, 4)
	writeRows(t, openSink(t, b.Bootstrap, topic, "key.fields", "user", "properties.compression.type", "snappy"), 0, 10)
	out := b.Tool(t, "", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", b.Bootstrap, "--topic", topic,
		"--from-beginning", "--max-messages", "10", "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true",
		"--formatter-property", "print.partition=true", "--formatter-property", "print.timestamp=true")
	for n := range 10 {
		key := fmt.Sprintf("user-%d", n)
		want := fmt.Sprintf("CreateTime:%d\tPartition:%d\tcepd-id:%032x\t%s\t%s,%d", recordMillis, murmur2.Partition([]byte(key), 4), n, key, key, n)
		want = strings.Replace(want, fmt.Sprintf("%032x", n), fmt.Sprintf("%016x%016x", 0xabc, n), 1)
		if !strings.Contains(out, want) {
			t.Errorf("record %d: want %q in\n%s", n, want, out)
		}
	}
}

func TestRecordParts(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		writeRows(t, openSink(t, b.bootstrap, topic, "key.fields", "n", "key.format", "raw", "value.fields-include", "EXCEPT_KEY"), 7, 8)
		tab := table(b.bootstrap, topic)
		tab.Columns = []connectors.Column{{Name: "h", Metadata: "headers"}}
		p := openPartition(t, openSource(t, tab), 0, connectors.Start)
		if err := p.next(10, -1); err != nil {
			t.Fatal(err)
		}
		raw := &p.raw
		text := func(s event.Span) string { return string(raw.Buf[s.Off : s.Off+s.Len]) }
		if got, want := text(raw.Key[0]), "\x00\x00\x00\x00\x00\x00\x00\x07"; got != want {
			t.Errorf("key %q, want %q", got, want)
		}
		if got, want := text(raw.Value[0]), "user-7"; got != want {
			t.Errorf("value %q, want %q", got, want)
		}
		if got, want := raw.Time[0], int64(recordMillis*1000); got != want {
			t.Errorf("time %d, want %d", got, want)
		}
		headers, err := recordbatch.Headers([]byte(text(raw.Headers[0])), nil)
		if err != nil || len(headers) != 1 || string(headers[0].Key) != "cepd-id" || string(headers[0].Value) != "0000000000000abc0000000000000007" {
			t.Errorf("headers %q, %v", headers, err)
		}
		if raw.Topic != topic || raw.Part != 0 || raw.Offset[0] != 0 || raw.Next != 1 || raw.Flags[0] != 0 {
			t.Errorf("record %+v", raw)
		}
	})
}

func TestRecordsWithoutKeySpread(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 3)
		s := openSink(t, b.bootstrap, topic, "properties.batch.size", "1000")
		writeRows(t, s, 0, 900)
		total := 0
		for part, got := range readAll(t, b.bootstrap, topic, 3) {
			total += len(got)
			if len(got) < 200 {
				t.Errorf("partition %d has %d of 900 records", part, len(got))
			}
		}
		if total != 900 {
			t.Errorf("%d records, want 900", total)
		}
	})
}

func TestOversizeRecord(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		s := openSink(t, b.bootstrap, b.topic(t, 1), "properties.max.request.size", "2000")
		batch := rows(0, 1)
		batch.Cols[0].SetBytes(0, make([]byte, 3000))
		err := s.Write(testContext(t), batch)
		if err == nil || !strings.Contains(err.Error(), "properties.max.request.size") {
			t.Errorf("error %v", err)
		}
	})
}

func TestBrokerRefusesBatch(t *testing.T) {
	b := kafkatest.Broker(t)
	topic := b.Topic(t, 1, "max.message.bytes", "1000")
	s := openSink(t, b.Bootstrap, topic)
	batch := rows(0, 1)
	batch.Cols[0].SetBytes(0, make([]byte, 3000))
	if err := s.Write(testContext(t), batch); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(testContext(t)); err == nil || !strings.Contains(err.Error(), "max.message.bytes") {
		t.Errorf("error %v", err)
	}
}

func TestGuaranteeNone(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		for _, acks := range []string{"0", "1"} {
			topic := b.topic(t, 1)
			s := openSink(t, b.bootstrap, topic, "sink.delivery-guarantee", "none", "properties.acks", acks)
			writeRows(t, s, 0, 100)
			p := openPartition(t, openSource(t, table(b.bootstrap, topic)), 0, connectors.Start)
			if got := p.values(100); len(got) != 100 {
				t.Errorf("acks %s: %d records", acks, len(got))
			}
		}
	})
}

// Records leave after the linger time also when nobody flushes.
func TestLinger(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		s := openSink(t, b.bootstrap, topic)
		if err := s.Write(testContext(t), rows(0, 5)); err != nil {
			t.Fatal(err)
		}
		p := openPartition(t, openSource(t, table(b.bootstrap, topic)), 0, connectors.Start)
		if got := p.values(5); len(got) != 5 {
			t.Errorf("%d records", len(got))
		}
	})
}
