package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	segment "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/kafkatest"
)

func TestStartupAndBoundedModes(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		s := openSink(t, b.bootstrap, topic, "properties.batch.size", "1")
		for n := range 10 { // record n has time recordMillis + n seconds
			batch := rows(n, n+1)
			batch.Cols[2].I64[0] += int64(n) * 1e6
			if err := s.Write(testContext(t), batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
		group := "group-" + topic
		commit := openSource(t, table(b.bootstrap, topic, "properties.group.id", group)).(connectors.Committer)
		if err := commit.CommitOffsets(testContext(t), map[int32]int64{0: 6}); err != nil {
			t.Fatal(err)
		}
		at := func(n int) string { return fmt.Sprint(recordMillis + 1000*n) }
		for _, c := range []struct {
			from, to int
			options  []string
		}{
			{0, 10, nil},
			{0, 10, []string{"scan.startup.mode", "earliest-offset"}},
			{10, 10, []string{"scan.startup.mode", "latest-offset"}},
			{6, 10, []string{"scan.startup.mode", "group-offsets", "properties.group.id", group}},
			{6, 10, []string{"properties.group.id", group}},
			{0, 10, []string{"properties.group.id", group + "-new"}},
			{10, 10, []string{"properties.group.id", group + "-new", "properties.auto.offset.reset", "latest"}},
			{4, 10, []string{"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", at(4)}},
			{10, 10, []string{"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", at(50)}},
			{3, 10, []string{"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "partition:0,offset:3"}},
			{0, 3, []string{"scan.bounded.mode", "specific-offsets", "scan.bounded.specific-offsets", "partition:0,offset:3"}},
			{0, 4, []string{"scan.bounded.mode", "timestamp", "scan.bounded.timestamp-millis", at(4)}},
			{0, 6, []string{"scan.bounded.mode", "group-offsets", "scan.startup.mode", "earliest-offset", "properties.group.id", group}},
		} {
			options := c.options
			if !slices.Contains(options, "scan.bounded.mode") {
				options = append(options, "scan.bounded.mode", "latest-offset")
			}
			p := openPartition(t, openSource(t, table(b.bootstrap, topic, options...)), 0, connectors.Start)
			if got, want := p.values(-1), wantRows(c.from, c.to, func(int) bool { return true }); !slices.Equal(got, want) {
				t.Errorf("%q: got %q, want %q", c.options, got, want)
			}
		}
	})
}

func TestGroupWithoutOffsets(t *testing.T) {
	b := kafkatest.Broker(t)
	s := openSource(t, table(b.Bootstrap, b.Topic(t, 1), "properties.group.id", "nobody", "properties.auto.offset.reset", "none"))
	if _, err := s.Open(testContext(t), 0, connectors.Start, func() {}); err == nil || !strings.Contains(err.Error(), "no committed offset") {
		t.Errorf("error %v", err)
	}
}

// Reading stops exactly at until and goes on there; no batch boundary matters.
func TestPollUntil(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		for _, codec := range []compress.Compression{compress.None, compress.Lz4} {
			topic := b.topic(t, 1)
			want := numbered(0, 1000)
			write(t, b.bootstrap, topic, codec, 70, want)
			p := openPartition(t, openSource(t, table(b.bootstrap, topic)), 0, 5)
			var got []string
			for until := int64(8); until <= 1000; until += 31 {
				for p.r.Position() < until {
					if err := p.next(17, until); err != nil {
						t.Fatal(err)
					}
					if p.raw.N() > 17 || p.raw.Next > until || p.raw.Next != p.r.Position() {
						t.Fatalf("until %d: %d records, next %d", until, p.raw.N(), p.raw.Next)
					}
					for _, v := range p.raw.Value {
						got = append(got, string(p.raw.Buf[v.Off:v.Off+v.Len]))
					}
				}
			}
			if end := int(p.r.Position()); !slices.Equal(got, want[5:end]) || p.r.End() != 1000 {
				t.Errorf("%v: got %d values to offset %d, end %d", codec, len(got), end, p.r.End())
			}
		}
	})
}

func TestOffsetOutOfRange(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		write(t, b.bootstrap, topic, compress.None, 10, numbered(0, 10))
		p := openPartition(t, openSource(t, table(b.bootstrap, topic)), 0, 500)
		if err := p.next(10, -1); err == nil || !strings.Contains(err.Error(), "offset 500 is out of range, the broker has 0 to 10") {
			t.Errorf("error %v", err)
		}
		p = openPartition(t, openSource(t, table(b.bootstrap, topic, "properties.auto.offset.reset", "earliest")), 0, 500)
		if got := p.values(10); !slices.Equal(got, numbered(0, 10)) {
			t.Errorf("after the reset: %q", got)
		}
	})
}

// transaction writes values as one transaction of another client's producer.
func transaction(t *testing.T, bootstrap, topic string, commit bool, values []string) {
	t.Helper()
	ctx := testContext(t)
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.DefaultProduceTopic(topic),
		kgo.TransactionalID(fmt.Sprintf("%s-%v-%s", topic, commit, values[0])), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		c.Produce(ctx, kgo.StringRecord(v), nil)
	}
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
	awaitMarkers(t, bootstrap)
}

func eventually(t testing.TB, op func() error) {
	t.Helper()
	var err error
	for range 400 {
		if err = op(); err == nil {
			return
		}
		var network net.Error
		if code := segment.Error(0); !errors.As(err, &code) && !errors.As(err, &network) {
			break
		}
		pause(25 * time.Millisecond)
	}
	t.Fatal(err)
}

func pause(d time.Duration) { <-time.After(d) }

func TestAbortedTransactions(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		var all, committed []string
		for i := range 6 {
			values := numbered(100*i, 100*i+20)
			transaction(t, b.bootstrap, topic, i%2 == 0, values)
			all = append(all, values...)
			if i%2 == 0 {
				committed = append(committed, values...)
			}
		}
		for level, want := range map[string][]string{"read_committed": committed, "read_uncommitted": all} {
			s := openSource(t, table(b.bootstrap, topic, "scan.bounded.mode", "latest-offset", "properties.isolation.level", level))
			p := openPartition(t, s, 0, connectors.Start)
			if got := p.values(-1); !slices.Equal(got, want) {
				t.Errorf("%s: got %d values, want %d", level, len(got), len(want))
			}
			if err := p.r.Poll(10, -1, &p.raw); !errors.Is(err, io.EOF) || p.raw.Next != 126 {
				t.Errorf("%s: at the end: %v, offset %d", level, err, p.raw.Next)
			}
		}
	})
}

func TestTLSAndSASL(t *testing.T) {
	b := kafkatest.Secure(t)
	topic := b.Topic(t, 2)
	for mechanism, module := range map[string]string{"SCRAM-SHA-256": "scram.Scram", "SCRAM-SHA-512": "scram.Scram", "PLAIN": "plain.Plain"} {
		options := []string{"properties.security.protocol", "SASL_SSL", "properties.ssl.truststore.location", b.CA, "properties.sasl.mechanism", mechanism,
			"properties.sasl.jaas.config", fmt.Sprintf(`org.apache.kafka.common.security.%sLoginModule required username="%s" password="%s";`, module, b.User, b.Password)}
		writeRows(t, openSink(t, b.SASLBootstrap, topic, append(options, "key.fields", "user")...), 0, 100)
		s := openSource(t, table(b.SASLBootstrap, topic, append(options, "scan.bounded.mode", "latest-offset")...))
		got := len(openPartition(t, s, 0, connectors.Start).values(-1)) + len(openPartition(t, s, 1, connectors.Start).values(-1))
		if got%100 != 0 || got == 0 {
			t.Errorf("%s: %d records", mechanism, got)
		}
		listsTransactions(t, b.SASLBootstrap, options...)
	}
	for name, options := range map[string][]string{
		"wrong password in the clear": {"properties.security.protocol", "SASL_SSL", "properties.ssl.ca", b.CA, "properties.sasl.mechanism", "PLAIN",
			"properties.sasl.username", b.User, "properties.sasl.password", "wrong"},
		"wrong password": {"properties.security.protocol", "SASL_SSL", "properties.ssl.ca", b.CA, "properties.sasl.mechanism", "SCRAM-SHA-256",
			"properties.sasl.username", b.User, "properties.sasl.password", "wrong"},
		"unknown authority": {"properties.security.protocol", "SASL_SSL", "properties.sasl.mechanism", "SCRAM-SHA-256",
			"properties.sasl.username", b.User, "properties.sasl.password", b.Password},
	} {
		begun := time.Now()
		_, err := openSource(t, table(b.SASLBootstrap, topic, options...)).Partitions(testContext(t))
		if err == nil || time.Since(begun) > 10*time.Second {
			t.Errorf("%s: error %v after %v", name, err, time.Since(begun))
		}
		t.Logf("%s: %v", name, err)
	}
}

// listsTransactions looks at transactions, which has connections of its own.
func listsTransactions(t *testing.T, bootstrap string, options ...string) {
	t.Helper()
	values := table(bootstrap, "", options...).Options
	a, err := kafka.NewAdmin(values, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.List(testContext(t), ""); err != nil {
		t.Errorf("%q: %v", options, err)
	}
}

func TestClientCertificates(t *testing.T) {
	b := kafkatest.Secure(t)
	topic := b.Topic(t, 1)
	trust := []string{"properties.security.protocol", "SSL", "properties.ssl.truststore.location", b.CA}
	chain, err := os.ReadFile(b.ClientCert)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(b.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	own := append(slices.Clone(trust), "properties.ssl.keystore.certificate.chain", string(chain), "properties.ssl.keystore.key", string(key))
	writeRows(t, openSink(t, b.SSLBootstrap, topic, own...), 0, 20)
	if got := openPartition(t, openSource(t, table(b.SSLBootstrap, topic, own...)), 0, connectors.Start).values(20); len(got) != 20 {
		t.Errorf("%d records", len(got))
	}
	listsTransactions(t, b.SSLBootstrap, own...)
	if _, err := openSource(t, table(b.SSLBootstrap, topic, trust...)).Partitions(testContext(t)); err == nil {
		t.Error("the broker lets in who has no certificate")
	}
}

// What Java writes is read: each compression, and a transaction.
func TestReadsWhatJavaWrites(t *testing.T) {
	b := kafkatest.Broker(t)
	lines := strings.Join(numbered(0, 500), "\n")
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd"} {
		topic := b.Topic(t, 1)
		b.Tool(t, lines, "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", b.Bootstrap, "--topic", topic, "--compression-codec", codec, "--batch-size", "200")
		if got := readAll(t, b.Bootstrap, topic, 1)[0]; !slices.Equal(got, numbered(0, 500)) {
			t.Errorf("%s: %d records", codec, len(got))
		}
	}
	topic := b.Topic(t, 1)
	b.Tool(t, "", "org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", "700", "--record-size", "50", "--throughput", "-1",
		"--transactional-id", topic, "--transaction-duration-ms", "20", "--producer-props", "bootstrap.servers="+b.Bootstrap)
	if got := readAll(t, b.Bootstrap, topic, 1)[0]; len(got) != 700 {
		t.Errorf("in transactions: %d records", len(got))
	}
}

func TestMissingTopic(t *testing.T) {
	b := kafkatest.Broker(t)
	_, err := openSource(t, table(b.Bootstrap, "no-such-topic")).Partitions(testContext(t))
	if !errors.Is(err, segment.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "no-such-topic") {
		t.Errorf("error %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	s, err := kafka.New(newLines).Source(table("127.0.0.1:1", "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Partitions(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// A broker that dies and comes back loses and repeats nothing for the reader,
// and loses nothing of the writer's.
func TestBrokerRestart(t *testing.T) {
	b := kafkatest.Broker(t)
	if !b.Own() {
		t.Skip("the broker of CEPD_TEST_KAFKA is not ours to kill")
	}
	topic := b.Topic(t, 1)
	const n, batch = 60_000, 500
	written := make(chan error, 1)
	halfway := make(chan struct{})
	sink := openSink(t, b.Bootstrap, topic)
	go func() {
		for from := 0; from < n; from += batch {
			if from == n/2 {
				close(halfway)
			}
			err := sink.Write(context.Background(), rows(from, from+batch))
			if err == nil && from%(10*batch) == 0 {
				err = sink.Flush(context.Background())
			}
			if err != nil {
				written <- err
				return
			}
		}
		written <- sink.Flush(context.Background())
	}()
	p := openPartition(t, openSource(t, table(b.Bootstrap, topic)), 0, connectors.Start)
	up := make(chan struct{})
	upserted := writeUpserts(t, b, up)
	<-halfway
	b.Kill(t)
	b.Up(t)
	close(up)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	upserted()
	seen := map[string]bool{}
	for at := int64(0); len(seen) < n; at = p.raw.Next {
		if err := p.next(4096, -1); err != nil {
			t.Fatal(err)
		}
		for i, v := range p.raw.Value {
			if p.raw.Offset[i] < at {
				t.Fatalf("offset %d after %d", p.raw.Offset[i], at)
			}
			seen[string(p.raw.Buf[v.Off:v.Off+v.Len])] = true
		}
	}
	for _, v := range wantRows(0, n, func(int) bool { return true }) {
		if !seen[v] {
			t.Fatalf("%s is lost", v)
		}
	}
}

// TestHistory: what a table with a group has had is read again, to its end or
// between two times, without the group.
func TestHistory(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		writeRows(t, openSink(t, b.bootstrap, topic), 0, 30)
		grouped := table(b.bootstrap, topic, "properties.group.id", topic+"-group", "scan.startup.mode", "latest-offset")
		at, after := time.UnixMilli(recordMillis), time.UnixMilli(recordMillis+1)
		for name, c := range map[string]struct {
			from, to time.Time
			want     int
		}{"all": {want: 30}, "from": {from: at, want: 30}, "from later": {from: after}, "to": {to: at}, "to later": {to: after, want: 30}, "between": {at, after, 30}} {
			past := grouped
			past.Options = maps.Clone(grouped.Options)
			kafka.New(newLines).(connectors.Historian).History(past.Options, c.from, c.to)
			s := openSource(t, past)
			if _, commits := past.Options["properties.group.id"]; commits || !s.Bounded() {
				t.Errorf("%s: the group is still there, or it does not end", name)
			}
			if got := openPartition(t, s, 0, connectors.Start).values(-1); len(got) != c.want {
				t.Errorf("%s: %d records, want %d", name, len(got), c.want)
			}
		}
	})
}
