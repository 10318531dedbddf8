package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/cepd/cepd/internal/kafkatest"
)

// fault is something that happens to a running round. When do returns, what
// was broken is whole again, and cepd runs.
type fault struct {
	name  string
	arena bool // needs namespaces
	way   way  // to the brokers that it needs
	do    func(r *round)
}

type way int

const (
	anyWay way = iota
	proxied
	straight
)

func (f *fault) possible(arena, viaProxies bool) bool {
	return (arena || !f.arena) && (f.way == anyWay || (f.way == proxied) == viaProxies)
}

// faults are all there are; the names are those of docs/faults.md.
var faults = []fault{
	{"kill cepd", false, anyWay, killCepd},
	{"kill a broker", false, anyWay, func(r *round) { r.killBroker("broker", r.anyBroker()) }},
	{"kill the controller", false, anyWay, func(r *round) { r.killBroker("controller", r.controller()) }},
	{"kill the coordinator", false, anyWay, func(r *round) { r.killBroker("coordinator", r.coordinator()) }},
	{"kill cepd and a broker", false, anyWay, killBoth},
	{"restart brokers in turn", false, anyWay, restartInTurn},
	{"zombie", false, anyWay, zombie},
	{"stop cepd beyond its transaction", false, anyWay, stopCepd},
	{"stop a broker", false, anyWay, stopBroker},
	{"silent broker", false, anyWay, silentBroker},
	{"damaged state", false, anyWay, damage},
	{"full disk", true, anyWay, fullDisk},
	{"part a broker from the others", true, anyWay, partBroker},
	{"a broker's packets to the others lost", true, anyWay, muteBroker},
	{"part cepd from a broker", true, straight, partCepd},
	{"cepd's packets lost", true, straight, muteCepd},
	{"brokers' packets to cepd lost", true, straight, deafCepd},
	{"slow and lossy network", true, straight, slowNetwork},
	{"connections reset", false, proxied, resetConnections},
	{"connections refused", false, proxied, refuseConnections},
	{"requests held", false, proxied, func(r *round) { r.hold(weather{holdRequests: true}) }},
	{"answers held", false, proxied, func(r *round) { r.hold(weather{holdAnswers: true}) }},
	{"slow proxies", false, proxied, slowProxies},
}

// killCepd kills it four to twelve times, the later ones while it starts and
// recovers, or when something has just become visible: its transaction is
// committed, the journal does not know of it yet, and the next one is open.
func killCepd(r *round) {
	for range 4 + r.rng.IntN(9) {
		switch r.rng.IntN(3) {
		case 0:
			r.while(0, 2*time.Second)
		case 1:
			r.while(0, 500*time.Millisecond)
		default:
			r.sight()
		}
		r.kill()
		r.say("killed cepd (%d)", r.tally.kills)
		r.c = r.start(r.state)
	}
}

// sight waits for something new.
func (r *round) sight() {
	r.t.Helper()
	if err := r.await(r.once, r.once.Distinct()+1); err != nil {
		r.t.Fatalf("nothing new is committed: %v\n%s", err, r.c.tail())
	}
}

func (r *round) anyBroker() int { return 1 + r.rng.IntN(kafkatest.Nodes) }

// killBroker kills a broker and starts it again when delivery has gone on
// without it.
func (r *round) killBroker(role string, id int) {
	r.t.Helper()
	r.cluster.KillNode(r.t, id)
	r.tally.brokerKills++
	r.say("killed broker %d, the %s", id, role)
	r.level()
	r.say("delivery goes on without it")
	r.cluster.UpNode(r.t, id)
}

func killBoth(r *round) {
	id := r.anyBroker()
	r.cluster.KillNode(r.t, id)
	r.kill()
	r.tally.brokerKills++
	r.say("killed broker %d and cepd", id)
	r.c = r.start(r.state)
	r.while(0, time.Second)
	r.kill()
	r.c = r.start(r.state)
	r.level()
	r.cluster.UpNode(r.t, id)
}

func restartInTurn(r *round) {
	for id := 1; id <= kafkatest.Nodes; id++ {
		r.cluster.StopNode(r.t, id)
		r.say("broker %d has ended in order", id)
		r.cluster.UpNode(r.t, id)
	}
}

// zombie stops cepd, has another take over on a copy of its state, and wakes it
// up: it can do nothing any more.
func zombie(r *round) {
	old := r.c
	r.sight()
	r.signal(old, syscall.SIGSTOP)
	taken := r.path(fmt.Sprintf("state%d", r.processes))
	r.copyState(taken)
	r.state = taken
	r.c = r.start(taken)
	r.say("stopped cepd; another takes over")
	r.level()
	r.signal(old, syscall.SIGCONT)
	r.say("the zombie wakes up")
	err := r.ended(old)
	const fenced = "fenced: another process has taken over"
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(old.tail(), fenced) {
		r.t.Errorf("the zombie ends with %v\n%s", err, old.tail())
	}
}

func (r *round) signal(c *cepd, s syscall.Signal) {
	r.t.Helper()
	if err := c.Signal(s); err != nil {
		r.t.Fatalf("%v: %v\n%s", s, err, c.tail())
	}
}

func (r *round) copyState(to string) {
	r.t.Helper()
	if out, err := exec.Command("cp", "-r", r.state+"/.", to).CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
}

// stopCepd stops it until the coordinator has aborted the transaction that it
// had open, or longer than that would take.
func stopCepd(r *round) {
	r.sight()
	r.signal(r.c, syscall.SIGSTOP)
	r.say("stopped cepd")
	r.while(9*time.Second, 12*time.Second)
	r.signal(r.c, syscall.SIGCONT)
}

// stopBroker stops a broker for longer than its session lasts: it wakes up and
// takes itself for the leader still.
func stopBroker(r *round) {
	id := r.anyBroker()
	r.cluster.SignalNode(r.t, id, syscall.SIGSTOP)
	r.say("stopped broker %d", id)
	r.while(4*time.Second, 8*time.Second)
	r.cluster.SignalNode(r.t, id, syscall.SIGCONT)
}

// silentBroker stops a broker until delivery has gone on without it: what was
// asked of it is asked elsewhere after properties.request.timeout.ms.
func silentBroker(r *round) {
	id := r.anyBroker()
	r.cluster.SignalNode(r.t, id, syscall.SIGSTOP)
	r.say("stopped broker %d", id)
	r.level()
	r.say("delivery goes on without it")
	r.cluster.SignalNode(r.t, id, syscall.SIGCONT)
}

// fullDisk moves the state to a small disk, fills it, and starts cepd there. It
// says what is missing; with room again it goes on where it was.
func fullDisk(r *round) {
	disk := r.path(fmt.Sprintf("disk%d", r.processes))
	if err := os.Mkdir(disk, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=128m"); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) }) // where the test ends half-way
	r.moveState(filepath.Join(disk, "state"))
	r.level()
	ballast := filepath.Join(disk, "ballast")
	if err := fill(ballast); err != nil {
		r.t.Fatal(err)
	}
	r.say("the disk is full")
	r.kill()
	r.c = r.start(r.state)
	if err := r.ended(r.c); err == nil || !strings.Contains(r.c.tail(), syscall.ENOSPC.Error()) {
		r.t.Errorf("on a full disk cepd ends with %v\n%s", err, r.c.tail())
	}
	r.say("cepd has ended and says why")
	if err := os.Remove(ballast); err != nil {
		r.t.Fatal(err)
	}
	r.c = r.start(r.state)
	r.level()
	r.moveState(r.path(fmt.Sprintf("state%d", r.processes)))
	if err := syscall.Unmount(disk, 0); err != nil {
		r.t.Fatal(err)
	}
}

// moveState has cepd killed and started on a copy of its state.
func (r *round) moveState(to string) {
	r.t.Helper()
	r.kill()
	r.copyState(to)
	r.state = to
	r.c = r.start(to)
}

// fill writes until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// damageWords: Pebble takes what follows the damage in its log for something that
// was never written, if it cannot make out more; then the mark of the sink tells
// that the state has lost something.
var damageWords = regexp.MustCompile(`corrupt|damaged|malformed|it is an old copy|by another state of the query`)

// damage flips bits in a kind of file of a copy of the state: cepd must refuse the copy and say so, and go on with the original.
func damage(r *round) {
	r.kill()
	bad := r.path(fmt.Sprintf("damaged%d", r.processes))
	for _, kind := range []string{"*.sst", "MANIFEST-*", "*.log"} {
		r.copyState(bad)
		n := r.flip(bad, kind)
		if n == 0 {
			continue // nothing was flushed yet
		}
		c := r.start(bad)
		if err := r.ended(c); err == nil || !damageWords.MatchString(c.text()) || strings.Contains(c.text(), "goroutine ") {
			r.t.Errorf("with %d damaged files %s cepd ends with %v\n%s", n, kind, err, c.tail())
		}
		r.say("%d files %s damaged: refused", n, kind)
		if err := os.RemoveAll(bad); err != nil {
			r.t.Fatal(err)
		}
	}
	r.c = r.start(r.state)
}

// flip damages the files of a kind and says how many.
func (r *round) flip(dir, kind string) int {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, kind))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			r.t.Fatal(err)
		}
		if kind == "*.log" {
			data[len(data)/4] ^= 1 << r.rng.IntN(8) // a damaged end looks like one that was not written
		} else {
			for at := 16; at < len(data); at += 1024 {
				data[at] ^= 1 << r.rng.IntN(8)
			}
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return len(files)
}

func others(id int) (list []int) {
	for other := 1; other <= kafkatest.Nodes; other++ {
		if other != id {
			list = append(list, other)
		}
	}
	return list
}

// partBroker has cepd reach a broker that the other two do not.
func partBroker(r *round) {
	id := r.anyBroker()
	for _, other := range others(id) {
		r.network.lose(brokerNS(id), brokerHost(other))
		r.network.lose(brokerNS(other), brokerHost(id))
	}
	r.parted("broker %d from the others", id)
}

func muteBroker(r *round) {
	id := r.anyBroker()
	for _, other := range others(id) {
		r.network.lose(brokerNS(id), brokerHost(other))
	}
	r.parted("broker %d: the others do not hear it", id)
}

func (r *round) parted(format string, args ...any) {
	r.say(format, args...)
	r.while(3*time.Second, 10*time.Second)
	r.network.heal()
}

func partCepd(r *round) {
	id := r.anyBroker()
	r.network.lose(cepdNS, brokerHost(id))
	r.network.lose(brokerNS(id), cepdHost)
	r.parted("cepd and broker %d do not hear each other", id)
}

func muteCepd(r *round) {
	for id := 1; id <= kafkatest.Nodes; id++ {
		r.network.lose(cepdNS, brokerHost(id))
	}
	r.parted("the brokers do not hear cepd")
}

func deafCepd(r *round) {
	for id := 1; id <= kafkatest.Nodes; id++ {
		r.network.lose(brokerNS(id), cepdHost)
	}
	r.parted("cepd does not hear the brokers")
}

func slowNetwork(r *round) {
	how := r.network.slow(cepdNS)
	for id := 1; id <= kafkatest.Nodes; id++ {
		r.network.slow(brokerNS(id))
	}
	r.parted("slow and lossy: %s", how)
}

// outdoors sets the weather of all proxies for a while.
func (r *round) outdoors(w weather, format string, args ...any) {
	for _, p := range r.proxies {
		p.set(w)
	}
	r.say(format, args...)
	r.while(3*time.Second, 8*time.Second)
	for _, p := range r.proxies {
		p.set(weather{})
	}
}

func resetConnections(r *round) {
	life := int64(1000 + r.rng.IntN(20_000))
	r.outdoors(weather{life: life}, "connections are reset after %d bytes", life)
}

func refuseConnections(r *round) { r.outdoors(weather{refuse: true}, "connections are refused") }

func slowProxies(r *round) {
	delay := time.Duration(20+r.rng.IntN(300)) * time.Millisecond
	r.outdoors(weather{delay: delay}, "each piece takes about %v", delay)
}

// hold holds what goes to one broker, or to all.
func (r *round) hold(w weather) {
	what := "requests"
	if w.holdAnswers {
		what = "answers"
	}
	if r.rng.IntN(2) == 0 {
		r.outdoors(w, "%s of all brokers are held", what)
		return
	}
	id := r.anyBroker()
	r.proxies[id-1].set(w)
	r.say("%s of broker %d are held", what, id)
	r.while(3*time.Second, 8*time.Second)
	r.proxies[id-1].set(weather{})
}
