package nats

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote/remotetest"
	"github.com/cepd/cepd/internal/event"
)

// With the test's authority, a client's certificate and the name in the server's, a
// stream is written and read.
func TestTLS(t *testing.T) {
	ca := remotetest.NewAuthority(t)
	b := start(t, func(o *server.Options) {
		o.TLS, o.TLSVerify, o.TLSConfig, o.TLSTimeout = true, true, ca.Server(t, "broker.example"), 60
	})
	files := ca.Options()
	var err error
	if b.client, err = nats.Connect(b.url(), nats.Secure(), nats.RootCAs(files[1]), nats.ClientCert(files[3], files[5]), serverName("broker.example")); err != nil {
		t.Fatal(err)
	}
	b.stream(nil)
	url := strings.Replace(b.url(), "nats://", "tls://", 1)
	good := append([]string{optURL, url, "tls.server-name", "broker.example", optSubject, "s.x"}, files...)
	sink, err := New().Sink(b.table(good...))
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
	if got, err := read(t, b.table(good...), connectors.Start, -1, 1); err != nil || !strings.Contains(got, `{"i":7}`) {
		t.Error(got, err)
	}
	for name, options := range map[string][]string{
		"another authority": append(remotetest.NewAuthority(t).Options(), "tls.server-name", "broker.example"),
		"another name":      append(files[:6:6], "tls.server-name", "other.example"),
		"no certificate":    append(files[:2:2], "tls.server-name", "broker.example"),
	} {
		sink, err := New().Sink(b.table(append([]string{optURL, url, optSubject, "s.x"}, options...)...))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // it may try for longer
		if err := sink.Open(ctx); err == nil {
			t.Errorf("%s is taken", name)
		}
		cancel()
		_ = sink.Close()
	}
}

// serverName is the name in the certificate of a server that is reached by its address.
func serverName(name string) nats.Option {
	return func(o *nats.Options) error {
		o.TLSConfig.ServerName = name
		return nil
	}
}
