package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/e2e/rises"
	"github.com/cepd/cepd/internal/kafkatest"
)

// query delivers the rises twice, exactly once and at least once. %[3]s and
// %[4]s are the topics, %[5]s is the prefix of the transactional id.
const query = rises.Source + `CREATE TABLE once (meter BIGINT, a BIGINT, b BIGINT)
  WITH ('connector'='kafka', 'topic'='%[3]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json', 'key.fields'='meter',
        'properties.delivery.timeout.ms'='600000', 'properties.transaction.timeout.ms'='8000',
        'sink.delivery-guarantee'='exactly-once', 'sink.transactional-id-prefix'='%[5]s');
CREATE TABLE often (meter BIGINT, a BIGINT, b BIGINT)
  WITH ('connector'='kafka', 'topic'='%[4]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json', 'key.fields'='meter',
        'properties.delivery.timeout.ms'='600000');
INSERT INTO once ` + rises.Match + "INSERT INTO often " + rises.Match

// bed is what all rounds of a run work on.
type bed struct {
	dir     string
	program string // cepd
	cluster *kafkatest.Cluster
	proxies []*proxy // of each broker
	arena   bool
	rng     *rand.Rand
	begin   time.Time
	log     io.Writer
	tally   *tally
	rounds  int
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{dir: t.TempDir(), arena: os.Getenv(insideArena) != "", rng: rand.New(rand.NewPCG(*seed, 1)), begin: time.Now(), tally: newTally()}
	if b.program = filepath.Join(b.dir, "program"); *overlay == "" {
		b.program = cepdtest.Program(t)
	} else {
		build(t, b.program, *overlay)
	}
	log, err := os.Create(filepath.Join(b.dir, "torture.log"))
	if err != nil {
		t.Fatal(err)
	}
	b.log = log
	t.Cleanup(func() { log.Close() })
	host, options := "127.0.0.1", kafkatest.ClusterOptions{}
	if b.arena {
		host, options.Prefix = bridgeHost, "ip netns exec broker%"
	}
	for id := 1; id <= kafkatest.Nodes; id++ {
		if b.arena {
			options.Hosts = append(options.Hosts, brokerHost(id))
		}
		p := newProxy(t, host, *seed+uint64(id))
		b.proxies = append(b.proxies, p)
		options.Fronts = append(options.Fronts, p.listener.Addr().String())
	}
	b.cluster = kafkatest.StartCluster(t, options)
	t.Cleanup(func() { // before the cluster's logs are gone
		if t.Failed() && *keep != "" {
			b.keepLogs(t)
		}
	})
	for i, p := range b.proxies {
		p.serve(t, b.cluster.Proxied[i])
	}
	return b
}

// build builds cepd; overlay is a file of go build that replaces sources.
func build(t *testing.T, to, overlay string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", to, "-overlay", overlay, "github.com/cepd/cepd/cmd/cepd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// say writes what is done, and when, to the log and to the test's.
func (b *bed) say(t *testing.T, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(b.log, "%s %8.1fs %s\n", time.Now().UTC().Format("15:04:05.000"), time.Since(b.begin).Seconds(), text)
	t.Logf("%6.1fs %s", time.Since(b.begin).Seconds(), text)
}

// keepLogs copies what tells of a failure.
func (b *bed) keepLogs(t *testing.T) {
	to := filepath.Join(*keep, fmt.Sprintf("%s-%d", b.begin.UTC().Format("20060102-150405"), *seed))
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Error(err)
		return
	}
	files, _ := filepath.Glob(filepath.Join(b.dir, "*.log")) // the pattern is right
	for id := 1; id <= kafkatest.Nodes; id++ {
		files = append(files, b.cluster.Log(id))
	}
	for i, from := range files {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, fmt.Sprintf("%03d-%s", i, filepath.Base(from))), text, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("logs are in %s", to)
}

// round is one query from its begin to its end, through some faults.
type round struct {
	*bed
	t           *testing.T
	number      int
	proxied     bool // cepd reaches the brokers through the proxies
	network     network
	sql         string
	state       string // directory
	world       *rises.World
	once, often *rises.Reader
	stopFeed    context.CancelFunc
	fed         chan error
	c           *cepd
	processes   int
}

func (b *bed) newRound(t *testing.T, proxied bool) *round {
	t.Helper()
	b.rounds++
	r := &round{bed: b, t: t, number: b.rounds, proxied: proxied, network: network{t: t}, fed: make(chan error, 1)}
	in, once, often := b.cluster.Topic(t, rises.Partitions), b.cluster.Topic(t, rises.Partitions), b.cluster.Topic(t, rises.Partitions)
	bootstrap := b.cluster.Bootstrap
	if proxied {
		bootstrap = b.fronts()
	}
	r.sql, r.state = r.path("query.sql"), r.path("state")
	text := fmt.Sprintf(query, bootstrap, in, once, often, r.prefix())
	if err := os.WriteFile(r.sql, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.world, err = rises.New(b.cluster.Bootstrap, in, b.rng.Uint64()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.world.Close)
	r.once, r.often = r.reader(once), r.reader(often)
	ctx, stop := context.WithCancel(context.Background())
	r.stopFeed = stop
	t.Cleanup(stop)
	go func() {
		var noise sync.WaitGroup
		noise.Go(func() { r.world.Noise(ctx, 500*time.Millisecond) })
		err := r.world.Play(ctx, *rate)
		noise.Wait()
		r.fed <- err
	}()
	r.say("round %d: %s", r.number, map[bool]string{true: "through proxies", false: "straight to the brokers"}[proxied])
	r.c = r.start(r.state)
	r.level()
	return r
}

func (b *bed) fronts() string {
	var list []string
	for _, p := range b.proxies {
		list = append(list, p.listener.Addr().String())
	}
	return strings.Join(list, ",")
}

func (r *round) reader(topic string) *rises.Reader {
	r.t.Helper()
	reader, err := rises.NewReader(r.cluster.Bootstrap, topic)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(reader.Close)
	return reader
}

func (r *round) say(format string, args ...any) { r.t.Helper(); r.bed.say(r.t, format, args...) }

func (r *round) path(name string) string {
	return filepath.Join(r.dir, fmt.Sprintf("round%d-%s", r.number, name))
}

func (r *round) prefix() string { return fmt.Sprintf("round%d", r.number) }

// cepd is a running process.
type cepd struct {
	*os.Process
	done   chan error // closed after the end
	err    error      // how it ended
	stderr string     // file
}

// text is all it has said.
func (c *cepd) text() string {
	text, err := os.ReadFile(c.stderr)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail is the last it has said.
func (c *cepd) tail() string {
	text := c.text()
	return text[max(0, len(text)-4000):]
}

func (r *round) start(state string) *cepd {
	r.t.Helper()
	r.processes++
	c := &cepd{done: make(chan error), stderr: r.path(fmt.Sprintf("cepd%d.log", r.processes))}
	stderr, err := os.Create(c.stderr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer stderr.Close()
	args := []string{r.program, "run", r.sql, "--data-dir", state, "--log-level", "info"}
	if r.arena {
		args = append([]string{"ip", "netns", "exec", cepdNS}, args...) // it becomes cepd
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	c.Process = cmd.Process
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	r.t.Cleanup(func() {
		_ = c.Signal(syscall.SIGCONT)
		_ = c.Kill()
		<-c.done
	})
	return c
}

// kill kills cepd.
func (r *round) kill() {
	r.t.Helper()
	select {
	case <-r.c.done:
		r.t.Fatalf("cepd has ended by itself: %v\n%s", r.c.err, r.c.tail())
	default:
	}
	_ = r.c.Kill()
	<-r.c.done
	r.tally.kills++
}

// ended waits for the end of a process that has to end.
func (r *round) ended(c *cepd) error {
	r.t.Helper()
	select {
	case <-c.done:
	case <-time.After(*patience):
		r.t.Fatalf("cepd goes on for %v\n%s", *patience, c.tail())
	}
	return c.err
}

// more is how many rises after now show that delivery goes on.
const more = 50

// level waits until what is due now has been delivered, and something of what
// comes after now.
func (r *round) level() {
	r.t.Helper()
	due := r.world.Wanted() + more
	for _, reader := range []*rises.Reader{r.once, r.often} {
		if err := r.await(reader, due); err != nil {
			r.t.Fatalf("delivery does not go on: %v\n%s", err, r.c.tail())
		}
	}
}

// await waits until a reader has n rises, or cepd has ended.
func (r *round) await(reader *rises.Reader, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	over := make(chan error, 1)
	go func() { over <- reader.Until(ctx, n) }()
	select {
	case err := <-over:
		return err
	case <-r.c.done:
		cancel()
		return errors.Join(fmt.Errorf("cepd has ended by itself: %w", r.c.err), <-over)
	}
}

// while lets a fault last; it comes from the seed.
func (r *round) while(least, most time.Duration) {
	<-time.After(least + time.Duration(r.rng.Int64N(int64(most-least))))
}

const quiet = 2 * time.Second // in which more would come, if there were more

// finish ends the feed, lets cepd catch up, stops it in order, and compares.
func (r *round) finish() {
	r.t.Helper()
	r.stopFeed()
	if err := <-r.fed; err != nil {
		r.t.Fatal(err)
	}
	due := r.world.Wanted()
	if err := errors.Join(r.await(r.once, due), r.await(r.often, due)); err != nil {
		r.t.Errorf("after the end of the readings: %v\n%s", err, r.c.tail())
	}
	_ = r.c.Signal(syscall.SIGTERM) // it may have ended
	if err := r.ended(r.c); err != nil {
		r.t.Errorf("after SIGTERM: %v\n%s", err, r.c.tail())
	}
	r.once.Quiet(quiet)
	r.often.Quiet(quiet)
	once, often := r.once.Compare(r.world, true), r.often.Compare(r.world, false)
	if once.Difference != "" {
		r.t.Errorf("exactly once: %s", once.Difference)
	}
	if often.Difference != "" {
		r.t.Errorf("at least once: %s", often.Difference)
	}
	if r.t.Failed() {
		return
	}
	r.tally.readings += r.world.Readings()
	r.tally.rises += once.Wanted
	r.tally.repeated += often.Repeated
	r.say("round %d: %d readings, %d rises, each committed once; at least once: %d repeated", r.number, r.world.Readings(), once.Wanted, often.Repeated)
}
