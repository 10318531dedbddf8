package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/listentest"
	"github.com/cepd/cepd/internal/s3test"
)

// store is a server that speaks S3, with an empty bucket.
func store(t *testing.T, wrap func(http.Handler) http.Handler) (endpoint string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wrap(gofakes3.New(backend).Server()))
	t.Cleanup(server.Close)
	return server.URL
}

func plain(h http.Handler) http.Handler { return h }

// where is a bucket.
type where struct{ endpoint, bucket string }

// inStores runs a test with a store in the process, and with a gateway that keeps
// buckets on the disk. empty makes an empty bucket.
func inStores(t *testing.T, test func(t *testing.T, empty func() where)) {
	t.Helper()
	t.Run("in memory", func(t *testing.T) {
		test(t, func() where { return where{store(t, plain), "bucket"} })
	})
	t.Run("gateway", func(t *testing.T) {
		g, n := s3test.Start(t), 0
		test(t, func() where {
			n++
			w := where{g.URL, fmt.Sprint("bucket-", n)}
			g.Bucket(w.bucket)
			return w
		})
	})
}

// startIn opens a sink as the next process.
func startIn(t *testing.T, w where) *transactional {
	t.Helper()
	s := newTransactional(t, table("", "path", "s3://"+w.bucket+"/deep/lake", optEndpoint, w.endpoint, optRegion, "us-east-1", optAccessKey, s3test.AccessKey, optSecretKey, s3test.SecretKey))
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.place.(*bucket).idle)
	return s
}

// download copies the objects to a folder, where readers of the tests find them.
func download(t *testing.T, s *transactional) (lake string) {
	t.Helper()
	dir, ctx := t.TempDir(), context.Background()
	b := s.place.(*bucket).objects
	err := b.List(ctx, "", func(name string) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(path.Dir(to), 0o755); err != nil {
			return err
		}
		o, err := b.Get(ctx, name)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(o)
		return errors.Join(err, o.Close(), os.WriteFile(to, text, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCrashInBucket is TestCrashAtEachOperation in a bucket.
func TestCrashInBucket(t *testing.T) {
	inStores(t, func(t *testing.T, empty func() where) {
		step := 1
		if strings.HasSuffix(t.Name(), "gateway") { // each of its requests takes its time
			step = 15
		}
		for i, after := range []bool{false, true} {
			for k := i * step / 2; crashInBucket(t, empty(), k, after); k += step {
			}
		}
	})
}

// crashInBucket has a writer die at its k-th operation, if it comes so far.
func crashInBucket(t *testing.T, w where, k int, after bool) (dead bool) {
	t.Helper()
	first := startIn(t, w)
	m := &mortal{place: first.place, left: k, after: after}
	first.place = m
	if err := life(t, first, rand.New(rand.NewPCG(1, 1)), total); err != nil {
		if dead = m.dead; !dead {
			t.Fatal(err)
		}
	}
	second := startIn(t, w)
	if err := life(t, second, rand.New(rand.NewPCG(2, 2)), total); err != nil {
		t.Fatalf("after operation %d (%v): %v", k, after, err)
	}
	upTo(t, download(t, second), total)
	if left, err := second.place.(*bucket).objects.Uploads(context.Background()); err != nil || len(left) > 0 {
		t.Errorf("uploads under way: %v, %v", left, err)
	}
	return dead
}

// TestStoreRestartsUnderWriter stops the store in the middle of many of its requests, and
// starts it again: the rows are there once.
func TestStoreRestartsUnderWriter(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	x := &mortalStore{inner: gofakes3.New(backend).Server(), hit: make(chan struct{})}
	x.start(listentest.Again(t, "127.0.0.1:0"))
	defer func() { x.stop() }()
	address := x.server.Listener.Addr().String()
	s := startIn(t, where{"http://" + address, "bucket"})
	done := make(chan error, 1)
	go func() { done <- life(t, s, rand.New(rand.NewPCG(1, 1)), 4*total) }()
	for restarts := 0; ; restarts++ {
		select {
		case <-x.hit:
			x.stop()
			x.start(listentest.Again(t, address))
			continue
		case err := <-done:
			if err != nil || restarts < 3 {
				t.Fatalf("%d restarts, %v", restarts, err)
			}
		}
		break
	}
	x.every.Store(0)
	upTo(t, download(t, s), 4*total)
}

// mortalStore is a store that does not answer some of its requests: it is to be stopped
// then.
type mortalStore struct {
	inner    http.Handler
	server   *httptest.Server
	hit      chan struct{}
	every    atomic.Int64 // requests
	requests atomic.Int64
}

func (x *mortalStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n := x.every.Load(); n == 0 || x.requests.Add(1)%n != 0 {
		x.inner.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // until then nobody notices that the client is gone
	select {
	case x.hit <- struct{}{}:
		<-r.Context().Done()
	case <-r.Context().Done():
	}
}

func (x *mortalStore) start(l net.Listener) {
	x.every.Store(13)
	x.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: x}}
	x.server.Start()
}

func (x *mortalStore) stop() {
	x.server.CloseClientConnections()
	x.server.Close()
}

// TestFencedInBucket: a process that was replaced gets nothing in.
func TestFencedInBucket(t *testing.T) {
	inStores(t, func(t *testing.T, empty func() where) {
		w := empty()
		first := startIn(t, w)
		if err := life(t, first, rand.New(rand.NewPCG(1, 1)), 5); err != nil {
			t.Fatal(err)
		}
		second := startIn(t, w)
		if err := life(t, second, rand.New(rand.NewPCG(1, 1)), 10); err != nil {
			t.Fatal(err)
		}
		zombie(t, first, rand.New(rand.NewPCG(1, 1)))
		upTo(t, download(t, second), 10)
	})
}

// TestGatewayRestarts kills the gateway between and under transactions, and starts it
// again: the rows are there once.
func TestGatewayRestarts(t *testing.T) {
	g := s3test.Start(t)
	g.Bucket("bucket")
	s := startIn(t, where{g.URL, "bucket"})
	for n := total; n <= 4*total; n += total {
		done := make(chan error, 1)
		go func() { done <- life(t, s, rand.New(rand.NewPCG(1, uint64(n))), n) }()
		g.Down()
		g.Up()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	upTo(t, download(t, s), 4*total)
}

// TestParts: a file of more than a part is whole.
func TestParts(t *testing.T) {
	inStores(t, func(t *testing.T, empty func() where) {
		ctx := context.Background()
		s := startIn(t, empty())
		f := &file{Name: "p=x/big"}
		out, err := s.place.stage(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		chunk := strings.Repeat("0123456789", 300_000)
		for range 4 {
			if _, err := io.WriteString(out, chunk); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(out.seal(ctx), s.place.publish(ctx, []file{*f}), s.place.publish(ctx, []file{*f})); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(download(t, s), "p=x", "big"))
		if err != nil || string(text) != strings.Repeat(chunk, 4) || len(f.Parts) != 2 {
			t.Errorf("%d bytes in %d parts, %v", len(text), len(f.Parts), err)
		}
		f.Upload = "another"
		f.Name = "p=x/gone"
		if err := s.place.publish(ctx, []file{*f}); err == nil || !strings.Contains(err.Error(), "ended by somebody else") {
			t.Error(err)
		}
	})
}

// TestStoreWithoutConditions: a store that overwrites what it is told not to is
// refused.
func TestStoreWithoutConditions(t *testing.T) {
	endpoint := store(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Match")
			h.ServeHTTP(w, r)
		})
	})
	s := startIn(t, where{endpoint, "bucket"})
	if _, _, err := s.Recover(context.Background(), 7); err == nil || !strings.Contains(err.Error(), "If-None-Match") {
		t.Error(err)
	}
}

// TestBucketRefusals says early what cannot be.
func TestBucketRefusals(t *testing.T) {
	for path, want := range map[string]string{"s3://": "names no bucket", "s3:///x": "names no bucket"} {
		_, err := New(nil).Sink(table("", "path", path))
		if e := (connectors.OptionError{}); !errors.As(err, &e) || e.Key != optPath || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := New(nil).Sink(table("", "path", "s3://b", optEndpoint, "ftp://x")); err == nil || !strings.Contains(fmt.Sprint(err), "endpoint must be") {
		t.Error(err)
	}
}
