package exactlyonce

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/kafkatest"
)

var (
	seed  = flag.Uint64("exactly.seed", uint64(time.Now().UnixNano()), "seed of the readings and of the moments of the kills")
	kills = flag.Int("exactly.kills", 24, "number of kills")
	rate  = flag.Int("exactly.rate", 2000, "readings per second")
)

const longestRun = 3 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(kafkatest.Main(m))
}

// Killed again and again under load, cepd delivers each rise once. A third of
// the kills come at random, a third while it starts and recovers, and a third
// when the first rise of a burst has become visible: its transaction is
// committed, the journal does not know of it yet, and the next one is open.
func TestKillsUnderLoad(t *testing.T) {
	t.Logf("seed %d: repeat with -exactly.seed=%d", *seed, *seed)
	b := newBed(t, kafkatest.Broker(t))
	rnd := rand.New(rand.NewPCG(*seed, 1))
	sight := b.reader()
	for i := range *kills {
		switch c := b.start("state"); i % 3 {
		case 0:
			b.kill(c, time.Duration(rnd.Int64N(int64(longestRun))))
		case 1:
			b.kill(c, time.Duration(rnd.Int64N(int64(longestRun/4))))
		default:
			b.killAtSight(c, sight)
		}
	}
	b.finish(b.start("state"))
}

// A process that was stopped and wakes up after another has taken over on a
// copy of its state can do nothing any more.
func TestZombie(t *testing.T) {
	b := newBed(t, kafkatest.Broker(t))
	old := b.start("state")
	b.await(1000)
	if err := old.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-r", b.file("state"), b.file("copy")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	young := b.start("copy")
	b.await(b.world.Wanted() + 1000)
	if err := old.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var err error
	select {
	case err = <-old.done:
	case <-time.After(catchUp):
		t.Errorf("the zombie goes on\n%s", &old.stderr)
	}
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(old.stderr.String(), "fenced: another process has taken over") {
		t.Errorf("the zombie ends with %v\n%s", err, &old.stderr)
	}
	b.finish(young)
}

// The broker, which is the coordinator too, dies and comes back.
func TestBrokerRestarts(t *testing.T) {
	b := newBed(t, kafkatest.Broker(t))
	if !b.broker.Own() {
		t.Skip("the broker is not ours to kill")
	}
	c := b.start("state")
	for i := range 3 {
		b.await(1000 * (i + 1))
		b.broker.Kill(t)
		b.broker.Up(t)
	}
	b.await(4000)
	b.finish(c)
}

// An old copy of the state does not know of what was delivered since: it is
// refused.
func TestOldCopyIsRefused(t *testing.T) {
	b := newBed(t, kafkatest.Broker(t))
	c := b.start("state")
	b.await(500)
	b.kill(c, 0)
	if out, err := exec.Command("cp", "-r", b.file("state"), b.file("old")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c = b.start("state")
	b.await(b.world.Wanted() + 1000)
	b.kill(c, 0)
	c = b.start("old")
	if err := <-c.done; err == nil || !strings.Contains(c.stderr.String(), "it is an old copy") {
		t.Errorf("the old copy: %v\n%s", err, &c.stderr)
	}
	b.finish(b.start("state"))
}
