package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote/remotetest"
	"github.com/cepd/cepd/internal/event"
)

// startTLSBroker is a broker that wants the certificates of clients.
func startTLSBroker(t *testing.T, ca *remotetest.Authority) *testBroker {
	t.Helper()
	b := &testBroker{t: t, subs: make(chan string, 100), got: map[string]bool{}, all: make(chan struct{}, 1)}
	b.server = mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := errors.Join(b.server.AddHook(&auth.AllowHook{}, nil), b.server.AddHook(&watcher{b: b}, nil)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.port, b.door = l.Addr().(*net.TCPAddr).Port, &door{Listener: tls.NewListener(l, ca.Server(t, "broker.example")), locked: make(chan struct{})}
	if err := errors.Join(b.server.AddListener(listeners.NewNet("t", b.door)), b.server.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.down)
	return b
}

// With the test's authority, a client's certificate and the name in the server's, a table
// is read and written, in both versions of the protocol.
func TestTLS(t *testing.T) {
	ca := remotetest.NewAuthority(t)
	b := startTLSBroker(t, ca)
	url := strings.Replace(b.table().Options[optURL], "mqtt://", "mqtts://", 1)
	good := append([]string{optURL, url, "tls.server-name", "broker.example", optTopic, "in"}, ca.Options()...)
	for _, version := range []string{version5, version311} {
		in := b.table(append(good, optVersion, version, optClient, "in-"+version)...)
		x := read(t, New(newLogs(t)), in, connectors.Start)
		b.subscribed(1)
		out := b.table(append(good, optVersion, version, optClient, "out-"+version)...)
		sink, err := New(nil).Sink(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}))
		rows.Reset(1)
		rows.Cols[0].Set(0, 1, event.IntValue(7))
		if err := errors.Join(sink.Write(t.Context(), rows), sink.Flush(t.Context()), sink.Close()); err != nil {
			t.Fatal(err)
		}
		if got := x.next(1, false); got != `0:{"i":7}` {
			t.Errorf("version %s: %s", version, got)
		}
	}
	checkRefused(t, b, url, ca)
}

// checkRefused has the sink not trust a server that it has no reason to, and the server
// not a client.
func checkRefused(t *testing.T, b *testBroker, url string, ca *remotetest.Authority) {
	t.Helper()
	options := ca.Options()
	for name, some := range map[string][]string{
		"another authority": append(remotetest.NewAuthority(t).Options(), "tls.server-name", "broker.example"),
		"another name":      append(options[:6:6], "tls.server-name", "other.example"),
		"no certificate":    append(options[:2:2], "tls.server-name", "broker.example"),
	} {
		sink, err := New(nil).Sink(b.table(append([]string{optURL, url, optTopic, "in"}, some...)...))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // it tries for longer
		if err := sink.Open(ctx); err == nil {
			t.Errorf("%s is taken", name)
		}
		cancel()
		_ = sink.Close()
	}
}
