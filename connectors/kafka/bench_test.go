package kafka_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	segment "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/kafkatest"
)

func cpuTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRead is fetching and cutting 120-byte records of 4 partitions. The
// result is the CPU time of this process per million records; CEPD_BENCH_RECORDS
// says how many (default 500000).
func BenchmarkRead(b *testing.B) {
	const partitions = 4
	n, _ := strconv.Atoi(os.Getenv("CEPD_BENCH_RECORDS"))
	if n == 0 {
		n = 500_000
	}
	for _, codec := range []compress.Compression{compress.None, compress.Lz4} {
		b.Run(codec.String(), func(b *testing.B) {
			k := kafkatest.Broker(b)
			topic := k.Topic(b, partitions)
			fill(b, k.Bootstrap, topic, codec, n)
			for b.Loop() {
				s := openSource(b, table(k.Bootstrap, topic, "scan.bounded.mode", "latest-offset"))
				start, begun := cpuTime(), time.Now()
				got := 0
				var wg sync.WaitGroup
				var mu sync.Mutex
				for part := range int32(partitions) {
					p := openPartition(b, s, part, connectors.Start)
					wg.Go(func() {
						c := count(p)
						mu.Lock()
						got += c
						mu.Unlock()
					})
				}
				wg.Wait()
				if got != n {
					b.Fatalf("%d records, want %d", got, n)
				}
				b.ReportMetric((cpuTime()-start).Seconds()*1e6/float64(n), "cpu-s/Mrec")
				b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "rec/s")
				s.Close()
			}
		})
	}
}

// BenchmarkWrite is encoding and sending records of about 120 bytes with a key
// to 4 partitions, acks=all.
func BenchmarkWrite(b *testing.B) {
	for _, codec := range []string{"none", "lz4"} {
		b.Run(codec, func(b *testing.B) {
			k := kafkatest.Broker(b)
			s := openSink(b, k.Bootstrap, k.Topic(b, 4), "key.fields", "user", "properties.compression.type", codec)
			batch := rows(0, 1000)
			for i := range batch.N {
				batch.Cols[0].SetBytes(i, fmt.Appendf(nil, "user-%04d-%060d", i, i))
			}
			start, n := cpuTime(), 0
			for b.Loop() {
				for range 100 {
					if err := s.Write(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
					n += batch.N
				}
				if err := s.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime()-start).Seconds()*1e6/float64(n), "cpu-s/Mrec")
		})
	}
}

func count(p *partition) (n int) {
	for {
		err := p.next(event.MaxRows, -1)
		n += p.raw.N()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

func fill(b *testing.B, bootstrap, topic string, codec compress.Compression, n int) {
	b.Helper()
	transport := &segment.Transport{} // the shared one may have cached metadata from before the topic
	defer transport.CloseIdleConnections()
	w := &segment.Writer{Addr: segment.TCP(bootstrap), Topic: topic, BatchSize: 1000, BatchBytes: 1 << 20, Transport: transport,
		BatchTimeout: 5 * time.Millisecond, Compression: codec, RequiredAcks: segment.RequireAll, Balancer: &segment.RoundRobin{}}
	defer w.Close()
	const chunk = 40_000
	msgs := make([]segment.Message, 0, chunk)
	for i := range n {
		msgs = append(msgs, segment.Message{Key: fmt.Appendf(nil, "u%06d", i*7919%200000), Value: fmt.Appendf(nil,
			`{"ts":%d,"user":"u%06d","type":"transfer","amount":%d.%02d,"ip":"10.%d.%d.%d","session":"s%08x"}`,
			1763900000000+int64(i), i*7919%200000, i%1000, i%100, i&255, i>>8&255, i%251, uint32(i)*2654435761)})
		if len(msgs) == chunk || i == n-1 {
			if err := w.WriteMessages(testContext(b), msgs...); err != nil {
				b.Fatal(err)
			}
			msgs = msgs[:0]
		}
	}
}
