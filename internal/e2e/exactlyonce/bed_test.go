package exactlyonce

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/e2e/rises"
	"github.com/cepd/cepd/internal/kafkatest"
)

// query delivers the rises; %[3]s is their topic, %[4]s the guarantee.
const query = rises.Source + `CREATE TABLE rises (meter BIGINT, a BIGINT, b BIGINT)
  WITH ('connector'='kafka', 'topic'='%[3]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json', 'key.fields'='meter',
        'sink.delivery-guarantee'='%[4]s');
INSERT INTO rises ` + rises.Match

const (
	catchUp = 60 * time.Second
	extra   = 2 * time.Second // in which more would come, if there were more
)

// bed is what a test works on.
type bed struct {
	t       testing.TB
	dir     string
	broker  *kafkatest.Kafka
	in, out string // topics
	world   *rises.World
	fed     chan error
	stopFed context.CancelFunc
}

func newBed(t testing.TB, k *kafkatest.Kafka) *bed {
	t.Helper()
	return newBedOf(t, k, query)
}

// newBedOf is a bed for a query, which is being fed.
func newBedOf(t testing.TB, k *kafkatest.Kafka, query string) *bed {
	t.Helper()
	b := prepare(t, k, "exactly-once", query)
	var err error
	if b.world, err = rises.New(b.broker.Bootstrap, b.in, *seed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.world.Close)
	ctx, stop := context.WithCancel(context.Background())
	b.stopFed = stop
	t.Cleanup(stop)
	go func() { b.fed <- b.world.Play(ctx, *rate) }()
	return b
}

// prepare makes topics and the file with the query.
func prepare(t testing.TB, k *kafkatest.Kafka, guarantee, query string) *bed {
	t.Helper()
	b := &bed{t: t, dir: t.TempDir(), broker: k, fed: make(chan error, 1)}
	b.in, b.out = b.broker.Topic(t, rises.Partitions), b.broker.Topic(t, rises.Partitions)
	sql := fmt.Sprintf(query, b.broker.Bootstrap, b.in, b.out, guarantee)
	if err := os.WriteFile(b.file("query.sql"), []byte(sql), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) file(name string) string { return filepath.Join(b.dir, name) }

// cepd is a running process.
type cepd struct {
	*os.Process
	done   chan error
	stderr safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (b *bed) start(state string) *cepd {
	b.t.Helper()
	cmd := exec.Command(cepdtest.Program(b.t), "run", b.file("query.sql"), "--data-dir", b.file(state), "--log-level", "info")
	c := &cepd{done: make(chan error, 1)}
	cmd.Stderr = &c.stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	c.Process = cmd.Process
	go func() { c.done <- cmd.Wait() }()
	b.t.Cleanup(func() {
		_ = c.Signal(syscall.SIGCONT)
		_ = c.Kill()
	})
	return c
}

// kill waits and kills.
func (b *bed) kill(c *cepd, after time.Duration) {
	b.t.Helper()
	select {
	case err := <-c.done:
		b.t.Fatalf("ended by itself: %v\n%s", err, &c.stderr)
	case <-time.After(after):
		_ = c.Kill()
		<-c.done
	}
}

// killAtSight kills when something new is committed after all that could be
// seen.
func (b *bed) killAtSight(c *cepd, r *rises.Reader) {
	b.t.Helper()
	r.Quiet(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	if err := r.Until(ctx, r.Distinct()+1); err != nil {
		b.t.Fatalf("nothing new is committed: %v\n%s", err, &c.stderr)
	}
	b.kill(c, 0)
}

// reader reads the rises until the test ends.
func (b *bed) reader() *rises.Reader {
	b.t.Helper()
	r, err := rises.NewReader(b.broker.Bootstrap, b.out)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(r.Close)
	return r
}

// finish ends the feed, lets cepd catch up, stops it in order, and compares.
func (b *bed) finish(c *cepd) {
	b.t.Helper()
	b.compare(c, true)
}

// compare is finish; unless exact, a rise may come more than once.
func (b *bed) compare(c *cepd, exact bool) {
	b.t.Helper()
	b.stopFed()
	if err := <-b.fed; err != nil {
		b.t.Fatal(err)
	}
	r := b.reader()
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	late := r.Until(ctx, b.world.Wanted())
	if err := c.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	if err := <-c.done; err != nil {
		b.t.Errorf("after SIGTERM: %v\n%s", err, &c.stderr)
	}
	r.Quiet(extra)
	if v := r.Compare(b.world, exact); v.Difference != "" || late != nil {
		b.t.Errorf("%s %v\n%s", v.Difference, late, &c.stderr)
	}
	b.t.Logf("%d readings, %d rises", b.world.Readings(), b.world.Wanted())
}

// await waits until so many rises are committed.
func (b *bed) await(n int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	if err := b.reader().Until(ctx, n); err != nil {
		b.t.Fatalf("within %v: %v", catchUp, err)
	}
}
