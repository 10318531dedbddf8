package crash

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/examples/fraud"
	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/demo"
	"github.com/cepd/cepd/internal/kafkatest"
)

var (
	seed  = flag.Uint64("crash.seed", uint64(time.Now().UnixNano()), "seed of the moments of the kills")
	kills = flag.Int("crash.kills", 20, "number of kills")
	rate  = flag.Int("crash.rate", 5000, "payments per second")
)

const (
	partitions = 4
	longestRun = 4 * time.Second
	catchUp    = 90 * time.Second
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(kafkatest.Main(m))
}

// bed is what a run works on.
type bed struct {
	t             *testing.T
	dir           string
	broker        *kafkatest.Kafka
	payments, out string // topics
	history       *demo.History
	stderr        bytes.Buffer
}

func TestKillLosesNoDetection(t *testing.T) {
	if testing.Short() {
		t.Skip("two minutes with a real Kafka broker; not with -short")
	}
	t.Logf("seed %d: repeat with -crash.seed=%d", *seed, *seed)
	b := newBed(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	fed := b.feed(ctx)
	b.killAgainAndAgain(rand.New(rand.NewPCG(*seed, 1)))
	stop()
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	b.finish()
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, dir: t.TempDir(), broker: kafkatest.Broker(t)}
	b.payments, b.out = b.broker.Topic(t, partitions), b.broker.Topic(t, partitions)
	sql := fraud.SQLFor(b.broker.Bootstrap, b.payments, b.out)
	if err := os.WriteFile(b.file("fraud.sql"), []byte(sql), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) file(name string) string { return filepath.Join(b.dir, name) }

// feed plays payments until the context ends; the channel tells how it went.
func (b *bed) feed(ctx context.Context) <-chan error {
	config := demo.Paced(*seed, *rate)
	config.PlantGap = time.Minute // of the world's time: ten a second
	b.history = demo.NewHistory(config.Cards, 1<<16)
	feed, err := demo.NewFeed(b.broker.Bootstrap, b.payments, partitions, demo.NewWorld(config), b.history)
	if err != nil {
		b.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		defer feed.Close()
		done <- feed.Play(ctx)
	}()
	return done
}

// start starts cepd; the channel tells how it ended.
func (b *bed) start() (*os.Process, <-chan error) {
	cmd := exec.Command(cepdtest.Program(b.t), "run", b.file("fraud.sql"), "--data-dir", b.file("state"), "--log-level", "info")
	b.stderr.Reset()
	cmd.Stderr = &b.stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return cmd.Process, done
}

// killAgainAndAgain kills at random moments: half of them while it starts and
// recovers, half of them later.
func (b *bed) killAgainAndAgain(rnd *rand.Rand) {
	for i := range *kills {
		longest := longestRun
		if i%2 == 1 {
			longest /= 10
		}
		moment := time.Duration(rnd.Int64N(int64(longest)))
		process, done := b.start()
		select {
		case err := <-done:
			b.t.Fatalf("run %d ended by itself: %v\n%s", i, err, &b.stderr)
		case <-time.After(moment):
			_ = process.Kill()
			<-done
		}
	}
}

// finish lets cepd catch up, stops it orderly, and checks the alerts.
func (b *bed) finish() {
	process, done := b.start()
	seen := b.readAll()
	if err := process.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	if err := <-done; err != nil {
		b.t.Errorf("after SIGTERM: %v\n%s", err, &b.stderr)
	}
	tally := b.history.Tally()
	b.t.Logf("%d kills: %d planted, %d found, %d of them repeated", *kills, tally.Planted, tally.Found, tally.Repeated)
	if tally.Missed > 0 || tally.FalseAlarms > 0 || tally.Planted < *kills {
		b.t.Errorf("%d planted, %d missed, %d false alarms", tally.Planted, tally.Missed, tally.FalseAlarms)
	}
	b.checkIDs(seen)
}

// readAll reads the alerts until all planted frauds are there, or time is up.
func (b *bed) readAll() []demo.Detection {
	alerts, err := demo.NewAlerts(b.broker.Bootstrap, b.out, partitions)
	if err != nil {
		b.t.Fatal(err)
	}
	defer alerts.Close()
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	var seen []demo.Detection
	err = alerts.Follow(ctx, func(d demo.Detection) {
		seen = append(seen, d)
		b.history.Judge(d, time.Now())
		if b.history.Tally().Missed == 0 {
			cancel()
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		b.t.Fatal(err)
	}
	return seen
}

// checkIDs checks that an id stands for one detection, and a detection has one
// id.
func (b *bed) checkIDs(seen []demo.Detection) {
	byID, ids := map[string]demo.Detection{}, map[demo.Detection]string{}
	for _, d := range seen {
		id := d.ID
		d.ID = ""
		if strings.TrimSpace(id) == "" {
			b.t.Errorf("detection %+v has no cepd-id", d)
		}
		if other, ok := byID[id]; ok && other != d {
			b.t.Errorf("id %q stands for %+v and %+v", id, other, d)
		}
		if other, ok := ids[d]; ok && other != id {
			b.t.Errorf("detection %+v has the ids %q and %q", d, other, id)
		}
		byID[id], ids[d] = d, id
	}
}
