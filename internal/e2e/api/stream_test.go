package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/api/client"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/cepdtest"
)

// live is a server that listens, and its client.
type live struct {
	*client.Client
	store   *memory.Store
	address string
	stop    func() error // what api.Serve returns
}

const padded = "CREATE TABLE src (x BIGINT, pad STRING) WITH ('connector' = 'memory'); CREATE TABLE dst (x BIGINT, pad STRING) WITH ('connector' = 'blackhole'); INSERT INTO dst /*+ NAME('q') */ SELECT x, pad FROM src"

func newLive(t *testing.T, dir string, encryption *tls.Config, transport *http.Client) *live {
	t.Helper()
	l := &live{store: memory.NewStore(1_000_000)}
	e, err := engine.New(engine.Options{Registry: all.New(memory.New(l.store)), Workers: 1, CommitInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := api.NewService(dir, api.EngineRunner{Engine: e}, log)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- api.Serve(ctx, listener, api.NewHandler(s, prometheus.NewRegistry(), "test", api.Protection{}), encryption, log)
	}()
	l.stop = func() error { cancel(); err := <-done; done <- err; return err }
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(l.stop(), s.Close(stopping)); err != nil {
			t.Error(err)
		}
	})
	l.address = "http://" + listener.Addr().String()
	if encryption != nil {
		l.address = "https://" + listener.Addr().String()
	}
	if l.Client, err = client.New(l.address, client.Options{HTTP: transport}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Submit(t.Context(), &api.Submission{SQL: padded}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *live) append(t *testing.T, from, n int, pad string) {
	t.Helper()
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"x":%d,"pad":"%s"}`, from+i, pad)
	}
	if err := l.store.Table("src").AppendJSON(rows...); err != nil {
		t.Fatal(err)
	}
}

// cutting is a transport whose answers end, now and then, in the middle.
type cutting struct {
	http.RoundTripper
	rng *rand.Rand // of one request at a time
}

func (c cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/stream") {
		resp.Body = &cutBody{resp.Body, 1 + c.rng.IntN(20_000)}
	}
	return resp, err
}

type cutBody struct {
	body io.ReadCloser
	left int
}

func (b *cutBody) Close() error { return b.body.Close() }

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("the cable was pulled")
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Through connections that are cut at any byte, every row comes once, in order,
// with and without encryption, of one query and of all.
func TestStreamResumes(t *testing.T) {
	seed := seedOf(t)
	certified := httptest.NewUnstartedServer(http.NotFoundHandler())
	certified.StartTLS()
	defer certified.Close()
	for name, encryption := range map[string]*tls.Config{"plain": nil, "tls": {Certificates: certified.TLS.Certificates}} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			transport := http.DefaultTransport.(*http.Transport).Clone()
			transport.TLSClientConfig = certified.Client().Transport.(*http.Transport).TLSClientConfig
			defer transport.CloseIdleConnections()
			l := newLive(t, "", encryption, &http.Client{Transport: cutting{transport, rng}})
			const rows = 400
			l.append(t, 0, rows/2, "x")
			for _, stream := range []func() []string{
				func() []string { return collect(t, l, rows, true) },
				func() []string { return collect(t, l, rows, false) },
			} {
				if got := l.store.Table("src").Len(); got < rows {
					l.append(t, got, rows-got, "y")
				}
				got := stream()
				for i, text := range got {
					if !strings.HasPrefix(text, fmt.Sprintf(`{"x":%d,`, i)) {
						t.Fatalf("row %d is %s", i, text)
					}
				}
			}
		})
	}
}

// collect reads a stream until it has so many rows.
func collect(t *testing.T, l *live, rows int, one bool) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seq := l.StreamAllDetections(ctx, client.StreamOptions{After: engine.FromOldest})
	if one {
		seq = l.StreamDetections(ctx, "q", client.StreamOptions{After: engine.FromOldest})
	}
	for e, err := range seq {
		if err != nil || e.Gap != nil {
			t.Fatal(err, e.Gap)
		}
		if got = append(got, string(e.Detection.Columns)); len(got) == rows {
			return got
		}
	}
	t.Fatalf("%d of %d rows came", len(got), rows)
	return nil
}

// A reader that does not read holds nobody up; then it is told what it has missed.
func TestStreamIsSlow(t *testing.T) {
	l := newLive(t, "", nil, nil)
	l.append(t, 0, 1, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const rows = 120_001
	seen, missed := 0, int64(0)
	for e, err := range l.StreamDetections(ctx, "q", client.StreamOptions{After: engine.FromOldest}) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Gap != nil:
			missed += e.Gap.Missed
		default:
			if seen++; seen == 1 { // now there is much more than fits into what is on its way
				l.append(t, 1, rows-1, strings.Repeat("x", 300))
				cepdtest.Await(t, func() bool {
					s, err := l.Status(t.Context(), "q")
					return err == nil && s.Sinks[0].Acknowledged == rows
				})
			}
		}
		if int64(seen)+missed == rows {
			break
		}
	}
	if missed == 0 || int64(seen)+missed != rows {
		t.Errorf("%d rows seen, %d missed, of %d", seen, missed, rows)
	}
}

// Streams do not hold up the end of a server.
func TestStreamEndsWithTheServer(t *testing.T) {
	l := newLive(t, "", nil, nil)
	resp, err := http.Get(l.address + "/v1/detections/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(text), "event: end\ndata: {\"reason\":\"stopping\"}") {
		t.Errorf("%q, %v", text, err)
	}
}

// More streams than are served are refused, and those that end make room.
func TestStreamsAreLimited(t *testing.T) {
	l := newLive(t, "", nil, nil)
	var closers []func() error
	for range 64 {
		resp, err := http.Get(l.address + "/v1/detections/stream")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		defer resp.Body.Close()
		closers = append(closers, resp.Body.Close)
	}
	refused := func() bool {
		resp, err := http.Get(l.address + "/v1/queries/q/detections/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	}
	if !refused() {
		t.Error("the 65th was let in")
	}
	for _, end := range closers {
		_ = end()
	}
	cepdtest.Await(t, func() bool { return !refused() })
}

// TestClientHasEveryOperation compares the client with the description.
func TestClientHasEveryOperation(t *testing.T) {
	var text strings.Builder
	files, err := filepath.Glob("../../../api/client/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		part, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(part)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`"((?:GET|POST|PUT|PATCH|DELETE) /v1/[^"]*)"`).FindAllStringSubmatch(text.String(), -1) {
		got = append(got, m[1])
	}
	for _, o := range describe(t, newServer(t)).operations {
		want = append(want, o.method+" "+o.path)
	}
	slices.Sort(got)
	slices.Sort(want)
	got = slices.Compact(got)
	for _, o := range want {
		if !slices.Contains(got, o) {
			t.Errorf("package client has no method for %s", o)
		}
	}
	for _, o := range got {
		if !slices.Contains(want, o) {
			t.Errorf("package client has a method for %s, which the server does not describe", o)
		}
	}
}

// A connection that fails is tried again where that changes nothing.
func TestClientTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		call func(c *client.Client) error
		want int
	}{
		"read":   {func(c *client.Client) error { _, err := c.Query(t.Context(), "q"); return err }, 3},
		"change": {func(c *client.Client) error { return c.Pause(t.Context(), "q") }, 1},
		"keyed change": {func(c *client.Client) error {
			_, err := c.SubmitOnce(t.Context(), &api.Submission{SQL: "x"}, "k")
			return err
		}, 3},
		"single change": {func(c *client.Client) error { _, err := c.Submit(t.Context(), &api.Submission{SQL: "x"}); return err }, 1},
	} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		cl, err := client.New(s.URL, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var refused *client.Error
		if err := c.call(cl); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || asked != c.want {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
		s.Close()
	}
}

// An error about a text has the language's findings.
func TestClientDiagnostics(t *testing.T) {
	l := newLive(t, "", nil, nil)
	_, err := l.Submit(t.Context(), &api.Submission{SQL: "INSERT INTO dst\nSELECT y, pad FROM src"})
	found := client.Diagnostics(err)
	if len(found) != 1 || found[0].Code != "unknown-column" || found[0].Line != 2 || found[0].Column != 8 {
		t.Errorf("%v: %+v", err, found)
	}
	for _, bad := range []string{"127.0.0.1", "ftp://x", "http://", "://"} {
		if _, err := client.New(bad, client.Options{}); err == nil {
			t.Errorf("%q is taken as an address", bad)
		}
	}
	if _, err := client.New("http://192.0.2.1", client.Options{Token: "x"}); err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("a token over http: %v", err)
	}
}
