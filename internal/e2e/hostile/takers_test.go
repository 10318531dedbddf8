package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
)

// taker is who a connector writes to. It says the options of the table and, when the
// query has ended, the records that came.
type taker struct {
	take func(t *testing.T) (options map[string]string, came func() []string)
	why  string // it is not here
}

// takers are by connector. One that is not here fails the test: say who takes what it
// writes, or why nobody does.
var takers = map[string]taker{
	"kafka":        {take: topicTaker(nil)},
	"upsert-kafka": {take: topicTaker(map[string]string{"key.format": "json"})},
	"nats":         {take: streamTaker},
	"mqtt":         {take: brokerTaker},
	"http":         {take: serviceTaker(map[string]string{"format": "json"}, "url")},
	"slack":        {take: serviceTaker(map[string]string{"slack.text": "{{s}}", "digest.messages": "1000"}, "slack.webhook-url")},
	"file":         {take: folderTaker("out", "out")},
	"filesystem":   {take: folderTaker("", "[^_]*")},
	"email":        {why: "a mail has lines of its own; connectors/email reads what came as a mail program does"},
	"jdbc":         {why: "it takes tables that are there; connectors/jdbc has them"},
	"stream":       {why: "it is read over a server; connectors/stream reads it"},
	"stdout":       {why: "as 'file', whose lines it writes"},
	"memory":       {why: "its rows are not encoded"},
	"blackhole":    {why: "it keeps nothing"},
	"datagen":      {why: "it is only read"},
	"stdin":        {why: "it is only read"},
	"syslog":       {why: "it is only read"},
	"postgres-cdc": {why: "it is only read"},
	"parameters":   {why: "it is only read"},
}

func topicTaker(more map[string]string) func(t *testing.T) (map[string]string, func() []string) {
	return func(t *testing.T) (map[string]string, func() []string) {
		addr, stop, err := broker.Start([]string{"out"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		options := map[string]string{"topic": "out", "properties.bootstrap.servers": addr, "format": "json"}
		if more != nil {
			delete(options, "format")
			options["value.format"] = "json"
		}
		maps.Copy(options, more)
		return options, func() (list []string) {
			client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("out"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for len(list) < len(texts(t)) {
				fetches := client.PollFetches(t.Context())
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				fetches.EachRecord(func(r *kgo.Record) { list = append(list, string(r.Value)) })
			}
			return list
		}
	}
}

func streamTaker(t *testing.T) (map[string]string, func() []string) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	options := streamOf(t, s, "out")
	options["subject"], options["format"] = "out", "json"
	return options, func() (list []string) {
		c, err := nats.Connect(s.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		js, err := jetstream.New(c)
		if err != nil {
			t.Fatal(err)
		}
		out, err := js.Stream(t.Context(), "out")
		if err != nil {
			t.Fatal(err)
		}
		for n := range out.CachedInfo().State.LastSeq {
			m, err := out.GetMsg(t.Context(), n+1)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, string(m.Data))
		}
		return list
	}
}

// keeper keeps what comes.
type keeper struct {
	mochi.HookBase
	mu   sync.Mutex
	list []string
}

func (k *keeper) add(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, text)
}

func (k *keeper) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.list)
}

func (k *keeper) Provides(what byte) bool { return what == mochi.OnPublish }

func (k *keeper) OnPublish(_ *mochi.Client, p packets.Packet) (packets.Packet, error) {
	k.add(string(p.Payload))
	return p, nil
}

func brokerTaker(t *testing.T) (map[string]string, func() []string) {
	b, k := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)}), &keeper{}
	l := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	for _, err := range []error{b.AddHook(&auth.AllowHook{}, nil), b.AddHook(k, nil), b.AddListener(l), b.Serve()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = b.Close() })
	return map[string]string{"url": "mqtt://" + l.Address(), "topic": "out", "format": "json"}, k.all
}

// serviceTaker takes what is posted.
func serviceTaker(options map[string]string, address string) func(t *testing.T) (map[string]string, func() []string) {
	return func(t *testing.T) (map[string]string, func() []string) {
		k := &keeper{}
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if text, err := io.ReadAll(r.Body); err == nil {
				k.add(string(text))
			}
		}))
		t.Cleanup(s.Close)
		all := maps.Clone(options)
		all[address] = s.URL
		return all, k.all
	}
}

func folderTaker(name, pattern string) func(t *testing.T) (map[string]string, func() []string) {
	return func(t *testing.T) (map[string]string, func() []string) {
		dir := t.TempDir()
		return map[string]string{"path": filepath.Join(dir, name), "format": "json"}, func() (list []string) {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(names) == 0 {
				t.Fatal(names, err)
			}
			for _, n := range names {
				text, err := os.ReadFile(n)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
			}
			return list
		}
	}
}

func texts(t *testing.T) []string {
	t.Helper()
	list, err := hostile.Texts()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestEveryConnectorWrites writes the corpus through each connector: what comes is what
// was written, in rows that whoever takes them can read.
func TestEveryConnectorWrites(t *testing.T) {
	for _, name := range all.New().Names() {
		way, ok := takers[name]
		switch {
		case !ok:
			t.Errorf("connector %s: say in takers who takes what it writes, or why nobody does", name)
		case way.take != nil:
			t.Run(name, func(t *testing.T) { checkWritten(t, name, way) })
		}
	}
}

func checkWritten(t *testing.T, connector string, way taker) {
	b := newBed(t, "json")
	want := map[string]bool{}
	for _, text := range b.give(t) {
		want[text] = true
	}
	options, came := way.take(t)
	if err := b.write(t, connector, options); err != nil {
		t.Fatal(err)
	}
	for _, record := range came() {
		var row struct{ S, Text *string }
		if err := json.Unmarshal([]byte(record), &row); err != nil || row.S == nil && row.Text == nil {
			t.Fatalf("%.100q: %v", record, err)
		}
		if row.S == nil {
			row.S = row.Text
		}
		if !want[*row.S] {
			t.Errorf("%.100q came, which nobody wrote, or twice", *row.S)
		}
		delete(want, *row.S)
	}
	for text := range want {
		t.Errorf("%.100q did not come", text)
	}
}

// give puts the texts of the corpus into the table given, with numbers.
func (b *bed) give(t *testing.T) []string {
	t.Helper()
	list := texts(t)
	rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}, event.Field{Name: "s", Type: event.TString}))
	rows.Reset(len(list))
	for i, text := range list {
		rows.Cols[0].Set(i, len(list), event.IntValue(int64(i)))
		rows.Cols[1].Set(i, len(list), event.StringValue(text))
	}
	given := b.store.Table("given")
	if err := given.Append(rows); err != nil {
		t.Fatal(err)
	}
	given.Close()
	return list
}

// TestEveryFormatWrites writes the corpus in each format, and reads it: the rows are
// those that were written.
func TestEveryFormatWrites(t *testing.T) {
	for _, format := range all.New().Formats() {
		t.Run(format, func(t *testing.T) {
			b := newBed(t, format)
			list := b.give(t)
			connector, options := "kafka", map[string]string{}
			if format == "parquet" {
				connector, options["path"] = "filesystem", t.TempDir()
			} else {
				options, _ = takers["kafka"].take(t)
			}
			maps.Copy(options, b.options)
			if err := b.write(t, connector, options); err != nil {
				t.Fatal(err)
			}
			if connector == "kafka" {
				options["scan.startup.mode"], options["scan.bounded.mode"] = "earliest-offset", "latest-offset"
			}
			q, err := b.start(t, connector, options)
			if err == nil {
				err = q.Wait()
			}
			_, seen := b.store.Table("seen").Rows()
			if err != nil || len(seen) != len(list) {
				t.Fatalf("%d rows of %d, %v", len(seen), len(list), err)
			}
			for i, row := range seen {
				if text := row[len(row)-1]; string(text.S) != list[i] || len(row) > 1 && row[0].I != int64(i) {
					t.Errorf("%.100q came as %v %.100q", list[i], row[0].I, text.S)
				}
			}
		})
	}
}

// write runs a query that copies the given rows to a table.
func (b *bed) write(t *testing.T, connector string, options map[string]string) error {
	t.Helper()
	with := []string{fmt.Sprintf("'connector' = '%s'", connector)}
	for _, k := range slices.Sorted(maps.Keys(options)) {
		with = append(with, fmt.Sprintf("'%s' = '%s'", k, options[k]))
	}
	key := ""
	if connector == "upsert-kafka" {
		key = ", PRIMARY KEY (i) NOT ENFORCED"
	}
	columns, values := "i BIGINT, f DOUBLE, s STRING", "i, CAST(i AS DOUBLE), s"
	if len(b.columns) == 1 {
		columns, values = "s STRING", "s"
	}
	q, err := b.run(t, fmt.Sprintf(`CREATE TABLE given (i BIGINT, s STRING) WITH ('connector' = 'memory');
CREATE TABLE taken (%s%s) WITH (%s);
INSERT INTO taken SELECT %s FROM given`, columns, key, strings.Join(with, ", "), values))
	if err != nil {
		return err
	}
	return q.Wait()
}
