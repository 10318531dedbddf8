package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
)

// patience bounds every wait of a test.
const patience = 2 * time.Minute

// broker is a NATS server of the test's own, with JetStream, which can be
// restarted on its port.
type broker struct {
	t       *testing.T
	options *server.Options
	server  *server.Server
	client  *nats.Conn
	js      jetstream.JetStream
}

func start(t *testing.T, change func(*server.Options)) *broker {
	t.Helper()
	b := &broker{t: t, options: &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}}
	if change != nil {
		change(b.options)
	}
	b.up()
	t.Cleanup(func() {
		b.down()
		if b.client != nil {
			b.client.Close()
		}
	})
	return b
}

func (b *broker) up() {
	b.t.Helper()
	s, err := server.NewServer(b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(patience) {
		b.t.Fatal("the server does not start")
	}
	b.server = s
	b.options.Port = s.Addr().(*net.TCPAddr).Port
}

func (b *broker) down() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b *broker) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.options.Port) }

// stream makes the stream s over s.>.
func (b *broker) stream(change func(*jetstream.StreamConfig)) {
	b.t.Helper()
	var err error
	if b.client == nil {
		if b.client, err = nats.Connect(b.url(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.UserInfo("tester", "hidden")); err != nil {
			b.t.Fatal(err)
		}
	}
	if b.js, err = jetstream.New(b.client); err != nil {
		b.t.Fatal(err)
	}
	c := jetstream.StreamConfig{Name: "s", Subjects: []string{"s.>"}}
	if change != nil {
		change(&c)
	}
	if _, err := b.js.CreateStream(b.t.Context(), c); err != nil {
		b.t.Fatal(err)
	}
}

// publish sends messages numbered from to to-1, those of odd numbers to s.odd.
func (b *broker) publish(from, to int) {
	b.t.Helper()
	for i := from; i < to; i++ {
		m := nats.NewMsg(map[bool]string{true: "s.even", false: "s.odd"}[i%2 == 0])
		m.Data, m.Header = fmt.Appendf(nil, `{"i":%d}`, i), nats.Header{"number": {fmt.Sprint(i)}}
		for {
			ctx, cancel := context.WithTimeout(b.t.Context(), patience)
			_, err := b.js.PublishMsg(ctx, m)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(err, nats.ErrNoResponders) { // it has just started
				b.t.Fatal(err)
			}
		}
	}
}

var columns = []connectors.Column{{Name: "i", Type: event.TInt64}}

func (b *broker) table(options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns,
		Options: map[string]string{optURL: b.url(), optStream: "s", "format": "json"}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

// read opens a table and reads n records, or to its end (n < 0); the text has their offsets and values.
func read(t *testing.T, table connectors.Table, from, until int64, n int) (string, error) {
	t.Helper()
	s, err := New().Source(table)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wake := make(chan struct{}, 1)
	r, err := s.Open(t.Context(), 0, from, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return "", err
	}
	defer r.Close()
	return drain(t, r.(connectors.RawReader), wake, until, n)
}

func drain(t *testing.T, r connectors.RawReader, wake chan struct{}, until int64, n int) (string, error) {
	t.Helper()
	var got []string
	deadline := time.After(patience)
	for n < 0 || len(got) < n {
		var raw connectors.RawBatch
		if err := r.Poll(3, until, &raw); err != nil {
			return strings.Join(got, " "), err
		}
		for i, s := range raw.Value {
			got = append(got, fmt.Sprintf("%d:%s", raw.Offset[i], raw.Buf[s.Off:s.Off+s.Len]))
		}
		if raw.N() > 0 {
			continue
		}
		if until >= 0 && r.Position() >= until {
			break
		}
		select {
		case <-wake:
		case <-deadline:
			t.Fatalf("only %d records: %v", len(got), got)
		}
	}
	return strings.Join(got, " "), nil
}

func TestRead(t *testing.T) {
	b := start(t, nil)
	b.stream(nil)
	b.publish(0, 6)
	for _, c := range []struct {
		options     []string
		from, until int64
		want        string
	}{
		{[]string{optBounded, modeLatest}, connectors.Start, -1, `1:{"i":0} 2:{"i":1} 3:{"i":2} 4:{"i":3} 5:{"i":4} 6:{"i":5}`},
		{[]string{optBounded, modeLatest, optSubject, "s.odd"}, connectors.Start, -1, `2:{"i":1} 4:{"i":3} 6:{"i":5}`},
		{[]string{optBounded, modeLatest, optSubject, "s.even, s.other"}, 3, -1, `3:{"i":2} 5:{"i":4}`},
		{[]string{optBounded, modeLatest, optSubject, "s.other"}, connectors.Start, -1, ``},
		{[]string{optStartup, modeSpecific, optSequence, "5", optBounded, modeLatest}, connectors.Start, -1, `5:{"i":4} 6:{"i":5}`},
		{[]string{optStartup, modeTimestamp, optStartAt, "1", optBounded, modeLatest}, connectors.Start, -1, `1:{"i":0} 2:{"i":1} 3:{"i":2} 4:{"i":3} 5:{"i":4} 6:{"i":5}`},
		{[]string{optStartup, modeTimestamp, optStartAt, "4000000000000", optBounded, modeLatest}, connectors.Start, -1, ``},
		{[]string{optStartup, modeLatest, optBounded, modeLatest}, connectors.Start, -1, ``},
		{nil, 2, 5, `2:{"i":1} 3:{"i":2} 4:{"i":3}`},
	} {
		got, err := read(t, b.table(c.options...), c.from, c.until, -1)
		if got != c.want || err != nil && err != io.EOF {
			t.Errorf("%v from %d until %d: %s, %v; want %s", c.options, c.from, c.until, got, err, c.want)
		}
	}
}

// follow reads a table from the start; wake says that there may be more.
func follow(t *testing.T, table connectors.Table) (r connectors.RawReader, wake chan struct{}) {
	t.Helper()
	s, err := New().Source(table)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	wake = make(chan struct{}, 1)
	opened, err := s.Open(t.Context(), 0, connectors.Start, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened.(connectors.RawReader), wake
}

// TestReadRestart reads on while the server is restarted.
func TestReadRestart(t *testing.T) {
	b := start(t, nil)
	b.stream(nil)
	r, wake := follow(t, b.table())
	for round := range 2 {
		b.publish(2*round, 2*round+2)
		got, err := drain(t, r, wake, -1, 2)
		want := fmt.Sprintf(`%d:{"i":%d} %d:{"i":%d}`, 2*round+1, 2*round, 2*round+2, 2*round+1)
		if got != want || err != nil {
			t.Fatalf("round %d: %s, %v", round, got, err)
		}
		b.down()
		b.up()
	}
}

// TestRestartUnderLoad writes and reads while the server goes and comes back: nothing is
// lost and, within the stream's duplicate window, nothing there twice.
func TestRestartUnderLoad(t *testing.T) {
	const rows, batch, restarts = 6000, 20, 2
	b := start(t, nil)
	b.stream(nil)
	s, err := New().Sink(b.table(optSubject, "s.x", optInFlight, "64"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		for from := 0; from < rows; from += batch {
			write(t, s, from, from+batch)
		}
	}()
	r, wake := follow(t, b.table())
	seen := map[string]int{}
	for round := range restarts + 1 {
		got, err := drain(t, r, wake, -1, rows*(round+1)/(restarts+1)-len(seen))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range strings.Fields(got) {
			_, value, _ := strings.Cut(text, ":")
			seen[value]++
		}
		if round < restarts {
			b.down()
			b.up()
		}
	}
	<-written
	for i := range rows {
		if n := seen[fmt.Sprintf(`{"i":%d}`, i)]; n != 1 {
			t.Fatalf("row %d is there %d times", i, n)
		}
	}
}

// TestGone: messages that the stream has dropped are an error, or passed over.
func TestGone(t *testing.T) {
	b := start(t, nil)
	b.stream(func(c *jetstream.StreamConfig) { c.MaxMsgs = 3 })
	b.publish(0, 10)
	got, err := read(t, b.table(), 2, -1, 3)
	if err == nil || !strings.Contains(err.Error(), "messages 2 to 7") {
		t.Errorf("%s, %v", got, err)
	}
	got, err = read(t, b.table(optReset, "earliest"), 2, -1, 3)
	if want := `8:{"i":7} 9:{"i":8} 10:{"i":9}`; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	got, err = read(t, b.table(optReset, "earliest"), 2, 5, 3) // a replay may not pass over what it has read
	if err == nil || !strings.Contains(err.Error(), "message 4, which has been read") {
		t.Errorf("%s, %v", got, err)
	}
}

func TestStreamsThatCannotBeReadAgain(t *testing.T) {
	b := start(t, nil)
	b.stream(func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy })
	if _, err := read(t, b.table(), connectors.Start, -1, 0); err == nil || !strings.Contains(err.Error(), "retention") {
		t.Error(err)
	}
	if err := b.js.DeleteStream(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	b.stream(func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 })
	table := b.table()
	if _, err := read(t, table, connectors.Start, -1, 0); err != nil {
		t.Error(err)
	}
	table.Durable = true
	if _, err := read(t, table, connectors.Start, -1, 0); err == nil || !strings.Contains(err.Error(), "max_msgs_per_subject") {
		t.Error(err)
	}
	table.Options[optStream] = "other"
	if _, err := read(t, table, connectors.Start, -1, 0); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Error(err)
	}
}

// write writes rows numbered from to to-1 and flushes them.
func write(t *testing.T, s connectors.Sink, from, to int) {
	t.Helper()
	rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}))
	rows.Reset(to - from)
	for i := range to - from {
		rows.Cols[0].Set(i, to-from, event.IntValue(int64(from+i)))
		rows.ID[i] = event.ID{Hi: 1, Lo: uint64(from + i)}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Write(ctx, rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestWrite writes through a restart, and what comes again is dropped.
func TestWrite(t *testing.T) {
	b := start(t, nil)
	b.stream(nil)
	s, err := New().Sink(b.table(optSubject, "s.to.{i}", optInFlight, "4"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, s, 0, 10)
	b.down()
	b.up()
	write(t, s, 5, 15) // a crash would have it write those of before again
	got, err := read(t, b.table(optBounded, modeLatest, optSubject, "s.to.*"), connectors.Start, -1, -1)
	if err != io.EOF {
		t.Fatal(err)
	}
	var want []string
	for i := range 15 {
		want = append(want, fmt.Sprintf(`%d:{"i":%d}`, i+1, i))
	}
	if got != strings.Join(want, " ") {
		t.Error(got)
	}
	m, err := b.js.Stream(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.GetMsg(t.Context(), 1)
	if err != nil || first.Subject != "s.to.0" || first.Header.Get(idHeader) != (event.ID{Hi: 1}).Hex() || first.Header.Get("Nats-Msg-Id") != "q/t/"+(event.ID{Hi: 1}).Hex() {
		t.Errorf("%v %v", first, err)
	}
}

// TestRefused: what no stream takes ends the query, it is not sent for ever.
func TestRefused(t *testing.T) {
	b := start(t, nil)
	b.stream(nil)
	s, err := New().Sink(b.table(optSubject, "nobody.listens", optTimeout, "1 s"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}))
	rows.Reset(1)
	rows.Cols[0].Set(0, 1, event.IntValue(1))
	if err := s.Write(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody.listens") {
		t.Error(err)
	}
}

func TestLogIn(t *testing.T) {
	b := start(t, func(o *server.Options) { o.Username, o.Password = "tester", "hidden" })
	b.stream(nil)
	b.publish(0, 1)
	got, err := read(t, b.table(optUser, "tester", optPassword, "hidden"), connectors.Start, -1, 1)
	if got != `1:{"i":0}` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := read(t, b.table(optUser, "tester", optPassword, "wrong"), connectors.Start, -1, 1); !errors.Is(err, nats.ErrAuthorization) {
		t.Error(err)
	}
}

func TestConfined(t *testing.T) {
	p, err := access.New(access.Config{Network: []string{"elsewhere.example:4222"}})
	if err != nil {
		t.Fatal(err)
	}
	table := connectors.Table{Columns: columns, Physical: columns, Access: p, Options: map[string]string{optURL: "nats://127.0.0.1:4222", optStream: "s", "format": "json"}}
	if _, err := New().Source(table); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for text, want := range map[string]string{
		"nats://h":                  "nats://h:4222",
		"nats://h:1, tls://i":       "nats://h:1 tls://i:4222",
		"http://h":                  "expected nats://",
		"nats://u:p@h":              "no place in it",
		"":                          "expected nats://",
		"nats://[::1]:4,nats://%zz": "expected nats://",
	} {
		list, err := servers(text)
		got := strings.Join(texts(list), " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) && !strings.Contains(got, want) || strings.Contains(got, "u:p") {
			t.Errorf("%q: %s", text, got)
		}
	}
	b := &broker{options: &server.Options{Port: 4222}}
	for _, c := range []struct {
		options []string
		want    string
	}{
		{[]string{optStream, ""}, "'stream' is missing"},
		{[]string{optStartup, modeTimestamp}, "go together"},
		{[]string{optSequence, "4"}, "go together"},
		{[]string{"tls.ca.location", "x"}, "asks for none"},
		{[]string{"format", "what"}, "unknown format"},
	} {
		if _, err := New().Source(b.table(c.options...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.options, err)
		}
	}
	for subject, want := range map[string]string{"": "one subject", "a.*": "one subject", "a.{nope}": "no column", "a.{i": "not closed"} {
		if _, err := New().Sink(b.table(optSubject, subject)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

func texts(list []*url.URL) (out []string) {
	for _, u := range list {
		out = append(out, u.String())
	}
	return out
}
