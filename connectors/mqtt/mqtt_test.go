package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
	"github.com/cepd/cepd/internal/listentest"
	"github.com/cepd/cepd/state/intake"
)

// patience bounds every wait of a test.
const patience = 2 * time.Minute

// testBroker is a broker in the process, which can be restarted on its port.
type testBroker struct {
	t      *testing.T
	server *mochi.Server
	door   *door
	port   int
	subs   chan string // filters as they are subscribed to

	mu  sync.Mutex
	got map[string]bool // values that clients published
	all chan struct{}   // has one when there are more
}

func startBroker(t *testing.T) *testBroker {
	t.Helper()
	b := &testBroker{t: t, subs: make(chan string, 100), got: map[string]bool{}, all: make(chan struct{}, 1)}
	b.up()
	t.Cleanup(b.down)
	return b
}

func (b *testBroker) up() {
	b.t.Helper()
	b.server = mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := errors.Join(b.server.AddHook(&auth.AllowHook{}, nil), b.server.AddHook(&watcher{b: b}, nil)); err != nil {
		b.t.Fatal(err)
	}
	l := listentest.Again(b.t, fmt.Sprintf("127.0.0.1:%d", b.port))
	b.port, b.door = l.Addr().(*net.TCPAddr).Port, &door{Listener: l, locked: make(chan struct{})}
	if err := b.server.AddListener(listeners.NewNet("t", b.door)); err != nil {
		b.t.Fatal(err)
	}
	if err := b.server.Serve(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *testBroker) restart() {
	b.t.Helper()
	b.down()
	b.up()
}

func (b *testBroker) down() {
	b.door.lock()
	_ = b.server.Close()
	b.door.slam()
}

// door knows the connections of a listener: the broker must not close while it takes
// one in, and forgets those whose client it does not know yet.
type door struct {
	net.Listener
	locked chan struct{} // closed when nobody comes any more
	coming sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// visitor is a connection, which the broker has taken in when it reads.
type visitor struct {
	net.Conn
	in func()
}

func (v *visitor) Read(p []byte) (int, error) {
	v.in()
	return v.Conn.Read(p)
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		close(d.locked)
		return nil, err
	}
	d.coming.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, c)
	return &visitor{c, sync.OnceFunc(d.coming.Done)}, nil
}

// lock has nobody come any more, and waits until those who came are in.
func (d *door) lock() {
	_ = d.Listener.Close()
	<-d.locked
	d.coming.Wait()
}

func (d *door) slam() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		_ = c.Close()
	}
}

// watcher tells of subscriptions, and of what clients publish.
type watcher struct {
	mochi.HookBase
	b *testBroker
}

func (h *watcher) Provides(what byte) bool {
	return what == mochi.OnSubscribed || what == mochi.OnPublish
}

func (h *watcher) OnPublish(_ *mochi.Client, p packets.Packet) (packets.Packet, error) {
	h.b.mu.Lock()
	h.b.got[string(p.Payload)] = true
	h.b.mu.Unlock()
	select {
	case h.b.all <- struct{}{}:
	default:
	}
	return p, nil
}

func (h *watcher) OnSubscribed(_ *mochi.Client, p packets.Packet, _ []byte) {
	for _, f := range p.Filters {
		h.b.subs <- f.Filter
	}
}

func (b *testBroker) has(value string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[value]
}

// reached waits until clients have published n values.
func (b *testBroker) reached(n int) {
	b.t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		got := len(b.got)
		b.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-b.all:
		case <-late:
			b.t.Fatalf("%d values have come", got)
		}
	}
}

// subscribed waits for so many subscriptions.
func (b *testBroker) subscribed(n int) {
	b.t.Helper()
	for range n {
		select {
		case <-b.subs:
		case <-time.After(patience):
			b.t.Fatal("nobody subscribes")
		}
	}
}

func (b *testBroker) publish(topic, value string, qos byte) {
	b.t.Helper()
	if err := b.server.Publish(topic, []byte(value), false, qos); err != nil {
		b.t.Fatal(err)
	}
}

var columns = []connectors.Column{{Name: "i", Type: event.TInt64}}

func (b *testBroker) table(options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns,
		Options: map[string]string{optURL: fmt.Sprintf("mqtt://127.0.0.1:%d", b.port), "format": "json", "connector": "mqtt"}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

func newLogs(t *testing.T) *intake.Logs {
	t.Helper()
	logs := intake.New(clock.Wall{})
	if err := logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	return logs
}

// reading is a table that is read.
type reading struct {
	t    *testing.T
	r    connectors.RawReader
	wake chan struct{}
}

func read(t *testing.T, c connectors.Connector, table connectors.Table, from int64) *reading {
	t.Helper()
	s, err := c.Source(table)
	if err != nil {
		t.Fatal(err)
	}
	x := &reading{t: t, wake: make(chan struct{}, 1)}
	r, err := s.Open(t.Context(), 0, from, func() {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	x.r = r.(connectors.RawReader)
	t.Cleanup(func() { _ = r.Close() })
	return x
}

// next waits for n records; the text has their offsets and values, and headers
// where they are asked for.
func (x *reading) next(n int, headers bool) string {
	x.t.Helper()
	var got []string
	deadline := time.After(patience)
	for len(got) < n {
		var raw connectors.RawBatch
		if err := x.r.Poll(n-len(got), -1, &raw); err != nil {
			x.t.Fatal(err)
		}
		for i, s := range raw.Value {
			text := fmt.Sprintf("%d:%s", raw.Offset[i], raw.Buf[s.Off:s.Off+s.Len])
			if headers {
				h := raw.Headers[i]
				text += fmt.Sprintf(" %q", raw.Buf[h.Off:h.Off+h.Len])
			}
			got = append(got, text)
		}
		if raw.N() > 0 {
			continue
		}
		select {
		case <-x.wake:
		case <-deadline:
			x.t.Fatalf("only %v", got)
		}
	}
	return strings.Join(got, " ")
}

var versions = []string{version5, version311}

// TestReadRestart reads while the broker is restarted.
func TestReadRestart(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := startBroker(t)
			x := read(t, New(newLogs(t)), b.table(optTopic, "plant/+/temperature, other/#", optVersion, version), connectors.Start)
			for round := range 3 {
				b.subscribed(2)
				b.publish("plant/a/temperature", fmt.Sprint(3*round), 1)
				b.publish("plant/a/humidity", "no", 1)
				b.publish("other/a/b", fmt.Sprint(3*round+1), 2)
				b.publish("other", fmt.Sprint(3*round+2), 0)
				got := strings.Fields(x.next(3, false))
				for i := range got {
					_, got[i], _ = strings.Cut(got[i], ":")
				}
				slices.Sort(got)
				if want := fmt.Sprint([]int{3 * round, 3*round + 1, 3*round + 2}); fmt.Sprint(got) != want {
					t.Fatalf("round %d: %v", round, got)
				}
				b.restart()
			}
		})
	}
}

// TestSession: what comes while nobody reads is kept by the broker, and what was
// acknowledged does not come again.
func TestSession(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := startBroker(t)
			logs := newLogs(t)
			c := New(logs)
			table := b.table(optTopic, "a", optVersion, version)
			x := read(t, c, table, connectors.Start)
			b.subscribed(1)
			b.publish("a", "1", 1)
			if got := x.next(1, false); got != "0:1" {
				t.Fatal(got)
			}
			settled(t, b)
			if err := x.r.Close(); err != nil {
				t.Fatal(err)
			}
			b.publish("a", "2", 1)
			b.publish("a", "lost", 0)
			x = read(t, New(logs), table, 1) // as after a restart with the same logs
			if got := x.next(1, false); got != "1:2" {
				t.Fatal(got)
			}
			b.publish("a", "3", 1)
			if got := x.next(1, false); got != "2:3" {
				t.Fatal(got)
			}
		})
	}
}

// settled waits until everything sent has been acknowledged.
func settled(t *testing.T, b *testBroker) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		waiting := 0
		for _, c := range b.server.Clients.GetAll() {
			waiting += c.State.Inflight.Len()
		}
		if waiting == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d messages are not acknowledged", waiting)
		}
	}
}

// TestNotAcknowledgedBeforeTheLog: a message stays with the broker while the log
// takes nothing.
func TestNotAcknowledgedBeforeTheLog(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := startBroker(t)
			logs := newLogs(t)
			table := b.table(optTopic, "a", optVersion, version, "retention.bytes", "1048576")
			x := read(t, New(logs), table, connectors.Start)
			b.subscribed(1)
			l := logs.Find("t")
			l.Limit(intake.Limits{Bytes: 1})
			b.publish("a", "1", 1)
			deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
			defer tick.Stop()
			for l.Refused()["full"] == 0 {
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatal("the log is not full")
				}
			}
			held := 0
			for _, c := range b.server.Clients.GetAll() {
				held += c.State.Inflight.Len()
			}
			if held != 1 {
				t.Errorf("%d messages with the broker", held)
			}
			l.Limit(intake.Limits{})
			if got := x.next(1, false); got != "0:1" {
				t.Error(got)
			}
			settled(t, b)
		})
	}
}

// TestOneReceiver: two queries share a subscription, and the log.
func TestOneReceiver(t *testing.T) {
	b := startBroker(t)
	c := New(nil)
	table := b.table(optTopic, "a")
	x := read(t, c, table, connectors.Start)
	b.subscribed(1)
	table.Query = "other"
	y := read(t, c, table, connectors.Start)
	b.publish("a", "1", 1)
	if got := x.next(1, false) + " " + y.next(1, false); got != "0:1 0:1" {
		t.Error(got)
	}
	if err := x.r.Close(); err != nil {
		t.Fatal(err)
	}
	b.publish("a", "2", 1)
	if got := y.next(1, false); got != "1:2" {
		t.Error(got)
	}
	table.Durable = true
	s, err := c.Source(table)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), 0, 0, func() {}); err == nil || !strings.Contains(err.Error(), "kept in memory") {
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

// TestWriteRestart writes through restarts of the broker.
func TestWriteRestart(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := startBroker(t)
			s, err := New(nil).Sink(b.table(optTopic, "to/{i}", optVersion, version, optRetain, "true", optQoS, "2"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			for round := range 3 {
				write(t, s, 10*round, 10*round+10)
				for i := 10 * round; i < 10*round+10; i++ {
					list := b.server.Topics.Messages(fmt.Sprintf("to/%d", i)) // retained
					if len(list) != 1 || string(list[0].Payload) != fmt.Sprintf(`{"i":%d}`, i) {
						t.Fatalf("row %d: %v", i, list)
					}
					user := list[0].Properties.User
					if version == version5 && (len(user) != 1 || user[0].Val != (event.ID{Hi: 1, Lo: uint64(i)}).Hex()) {
						t.Errorf("row %d: properties %v", i, user)
					}
				}
				b.restart()
			}
		})
	}
}

// TestRestartInFlight restarts the broker while rows are under way: it gets each.
func TestRestartInFlight(t *testing.T) {
	const rows, restarts = 3000, 3
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := startBroker(t)
			s, err := New(nil).Sink(b.table(optTopic, "to/{i}", optVersion, version))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for from := 0; from < rows; from += 100 {
					write(t, s, from, from+100)
				}
			}()
			for round := range restarts {
				b.reached(rows * (round + 1) / (restarts + 1))
				b.restart()
			}
			<-done
			for i := range rows {
				if !b.has(fmt.Sprintf(`{"i":%d}`, i)) {
					t.Fatalf("the broker has not got row %d", i)
				}
			}
		})
	}
}

// TestMetadata reads the properties of what was written, through a shared
// subscription.
func TestMetadata(t *testing.T) {
	b := startBroker(t)
	c := New(nil)
	x := read(t, c, b.table(optTopic, "$share/g/a/#"), connectors.Start)
	b.subscribed(1)
	s, err := c.Sink(b.table(optTopic, "a/{i}", optExpiry, "100 s"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, s, 7, 8)
	want := string(connectors.AppendHeaders(nil, []connectors.Header{connectors.Hidden("topic", []byte("a/7")), connectors.Hidden("qos", []byte("1")), connectors.Hidden("retained", []byte("false")),
		connectors.Hidden("message-expiry", []byte("100")), {Key: "cepd-id", Value: []byte((event.ID{Hi: 1, Lo: 7}).Hex())}}))
	if got := x.next(1, true); got != fmt.Sprintf(`0:{"i":7} %q`, want) {
		t.Errorf("%s, want %q", got, want)
	}
}

// TestLarge: a message that is too large is left out, and holds nothing back.
func TestLarge(t *testing.T) {
	b := startBroker(t)
	logs := newLogs(t)
	x := read(t, New(logs), b.table(optTopic, "a"), connectors.Start)
	b.subscribed(1)
	b.publish("a", strings.Repeat("x", 2<<20), 1)
	b.publish("a", "1", 1)
	if got := x.next(1, false); got != "0:1" || logs.Find("t").Refused()["large"] != 1 {
		t.Errorf("%.100s, %v", got, logs.Find("t").Refused())
	}
	settled(t, b)
}

// TestHostile: whatever bytes come, they are the record.
func TestHostile(t *testing.T) {
	records, err := hostile.Records([]byte(`{"i":1}`))
	if err != nil {
		t.Fatal(err)
	}
	b := startBroker(t)
	x := read(t, New(nil), b.table(optTopic, "a"), connectors.Start)
	b.subscribed(1)
	n := 0
	for _, r := range records {
		if len(r.Data) > 1<<19 {
			continue
		}
		b.publish("a", string(r.Data), 1)
		if got, want := x.next(1, false), fmt.Sprintf("%d:%s", n, r.Data); got != want {
			t.Fatalf("%s: %.100q", r.Name, got)
		}
		n++
	}
	settled(t, b)
}

func TestConfined(t *testing.T) {
	p, err := access.New(access.Config{Network: []string{"elsewhere.example:1883"}})
	if err != nil {
		t.Fatal(err)
	}
	b := &testBroker{port: 1883}
	table := b.table(optTopic, "a")
	table.Access = p
	if _, err := New(nil).Source(table); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
	if _, err := New(nil).Sink(table); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for text, want := range map[string]string{
		"mqtt://h": "h:1883", "mqtts://h": "h:8883", "tcp://h:9": "h:9", "http://h": "expected mqtt://", "mqtt://u:p@h": "no place in it", "mqtt://": "expected mqtt://",
	} {
		u, _, err := broker(text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = u.Host
		}
		if !strings.Contains(got, want) || strings.Contains(got, "u:p") {
			t.Errorf("%q: %s", text, got)
		}
	}
	b := &testBroker{port: 1883}
	for topic, want := range map[string]string{"": "names no topic", "a/#/b": "whole level", "a+/b": "whole level", "$share/g": "$share/GROUP", "$share/+/a": "$share/GROUP", "a#": "whole level"} {
		if _, err := New(nil).Source(b.table(optTopic, topic)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", topic, err)
		}
	}
	for topic, want := range map[string]string{"": "one topic", "a/#": "one topic", "$SYS/x": "one topic", "a/{nope}": "no column"} {
		if _, err := New(nil).Sink(b.table(optTopic, topic)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", topic, err)
		}
	}
	if _, err := New(nil).Sink(b.table(optTopic, "a", optVersion, version311, optExpiry, "1 min")); err == nil || !strings.Contains(err.Error(), "takes 'mqtt.version'") {
		t.Error(err)
	}
	if _, err := New(nil).Source(b.table(optTopic, "a", optRetain, "true")); err == nil || !strings.Contains(err.Error(), "that are written") {
		t.Error(err)
	}
}
