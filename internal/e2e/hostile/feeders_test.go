package hostile

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/kafkatest"
	"github.com/cepd/cepd/state/intake"
)

// feeder gives records to a table of a connector.
type feeder struct {
	// feed says the options of the table, besides connector and format.
	feed  func(t *testing.T, b *bed, records [][]byte) map[string]string
	lines bool // a record is a line
	json  bool // it has no formats: records are JSON
	why   string
}

// feeders are by connector. One that is not here fails the test: give it a way
// to be fed, or say why it takes no records.
var feeders = map[string][]feeder{
	"kafka":        {{feed: embedded}, {feed: real}},
	"filesystem":   {{feed: folder, lines: true}, {feed: zippedFolder, lines: true}},
	"file":         {{feed: file, lines: true}, {feed: zipped, lines: true}},
	"stdin":        {{feed: stdin, lines: true}},
	"memory":       {{feed: inMemory, json: true}},
	"datagen":      {{why: "it makes its own rows"}},
	"blackhole":    {{why: "it is only written"}},
	"stream":       {{why: "it is only written"}},
	"stdout":       {{why: "it is only written"}},
	"http":         {{feed: kept}},
	"parameters":   {{why: "its rows are tried by the API before they are kept"}},
	"slack":        {{why: "it is only written"}},
	"email":        {{why: "it is only written"}},
	"jdbc":         {{why: "it is only looked up in"}},
	"nats":         {{feed: stream}},
	"syslog":       {{why: "it has columns of its own; connectors/syslog sends it the corpus by UDP and TCP"}},
	"postgres-cdc": {{why: "PostgreSQL makes the records; connectors/postgres sends it damaged messages, and fuzzes what it makes of them"}},
	"mqtt":         {{feed: received(map[string]string{"url": "mqtt://localhost", "topic": "in"})}},
	"upsert-kafka": {{why: "its values are decoded as those of kafka, and formats tests bad keys"}},
}

func embedded(t *testing.T, _ *bed, records [][]byte) map[string]string {
	addr, stop, err := broker.Start([]string{"in"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return produce(t, addr, "in", records)
}

func real(t *testing.T, _ *bed, records [][]byte) map[string]string {
	b := kafkatest.Broker(t)
	return produce(t, b.Bootstrap, b.Topic(t, 1), records)
}

func produce(t *testing.T, addr, topic string, records [][]byte) map[string]string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	list := make([]*kgo.Record, len(records))
	for i, r := range records {
		list[i] = &kgo.Record{Value: r}
	}
	if err := client.ProduceSync(t.Context(), list...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return readAll(addr, topic)
}

func readAll(addr, topic string) map[string]string {
	return map[string]string{"topic": topic, "properties.bootstrap.servers": addr, "scan.startup.mode": "earliest-offset", "scan.bounded.mode": "latest-offset"}
}

func file(t *testing.T, _ *bed, records [][]byte) map[string]string {
	return write(t, "in", join(records))
}

func zipped(t *testing.T, _ *bed, records [][]byte) map[string]string {
	return write(t, "in.gz", zip(t, join(records)))
}

// folder has the records in files of a folder.
func folder(t *testing.T, _ *bed, records [][]byte) map[string]string {
	options := write(t, "in", join(records))
	options["path"] = filepath.Dir(options["path"])
	return options
}

func zippedFolder(t *testing.T, _ *bed, records [][]byte) map[string]string {
	options := write(t, "in.gz", zip(t, join(records)))
	options["path"] = filepath.Dir(options["path"])
	return options
}

func write(t *testing.T, name string, content []byte) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"path": path}
}

func join(records [][]byte) []byte { return append(bytes.Join(records, []byte("\n")), '\n') }

func stdin(_ *testing.T, b *bed, records [][]byte) map[string]string {
	b.stdin = strings.NewReader(string(join(records)))
	return nil
}

func inMemory(t *testing.T, b *bed, records [][]byte) map[string]string {
	in := b.store.Table("in")
	for _, r := range records {
		if err := in.AppendJSON(string(r)); err != nil {
			t.Fatal(err)
		}
	}
	in.Close()
	return map[string]string{"name": "in"}
}

// kept has the records in the log of the table, as if they had been posted before
// its format was another: a post would be refused.
func kept(t *testing.T, b *bed, records [][]byte) map[string]string {
	b.logs = intake.New(clock.Wall{})
	if err := b.logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.logs.Close)
	l, err := b.logs.Log("t")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if _, err := l.Append(t.Context(), &intake.Post{Records: []intake.Record{{Value: append([]byte{}, r...)}}}); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{"scan.bounded.mode": "latest-offset"}
}

// stream has the records in a stream of an embedded NATS server.
func stream(t *testing.T, _ *bed, records [][]byte) map[string]string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	options := streamOf(t, s, "in")
	c, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if _, err := js.Publish(t.Context(), "in", r); err != nil {
			t.Fatal(err)
		}
	}
	options["scan.bounded.mode"] = "latest-offset"
	return options
}

// streamOf starts a server with a stream, and gives the options of a table of it.
func streamOf(t *testing.T, s *server.Server, name string) map[string]string {
	t.Helper()
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	c, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name}, MaxMsgSize: 8 << 20}); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"url": s.ClientURL(), "stream": name}
}

// received has the records in the log, as they are when they have come.
func received(options map[string]string) func(*testing.T, *bed, [][]byte) map[string]string {
	return func(t *testing.T, b *bed, records [][]byte) map[string]string {
		t.Helper()
		all := kept(t, b, records)
		maps.Copy(all, options)
		return all
	}
}

func newStore() *memory.Store { return memory.NewStore(0) }
