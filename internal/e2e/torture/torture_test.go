package torture

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/kafkatest"
)

var (
	seed    = flag.Uint64("torture.seed", uint64(time.Now().UnixNano()), "seed of the readings, the faults, their moments")
	minutes = flag.Int("torture.minutes", 0, "how long the long form takes at least; 0: the short form")
	kills   = flag.Int("torture.kills", 0, "how often the long form kills cepd at least")
	rate    = flag.Int("torture.rate", 1000, "readings per second")
	only    = flag.String("torture.fault", "", "only the faults, or planted bugs, whose name has this text")
	keep    = flag.String("torture.keep", "", "directory for the logs of a run that fails")
	bugs    = flag.Bool("torture.bugs", false, "plant bugs, one after the other, and see that each is found")
	overlay = flag.String("torture.overlay", "", "file of go build that replaces sources of cepd")
	// Nothing here is expected to take long, but the machine may be busy.
	patience = flag.Duration("torture.patience", 4*time.Minute, "bounds every wait")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, done := enter()
	if !done {
		code = kafkatest.Main(m)
	}
	os.Exit(code)
}

// tally is what a run has come to.
type tally struct {
	kills, brokerKills int
	readings           int64
	rises, repeated    int
	times              map[string][]spell
}

// spell is what one fault did: the longest time without a rise at one of the
// readers, and the time from when all was whole again until nothing was due.
type spell struct{ silence, recovery time.Duration }

func newTally() *tally { return &tally{times: map[string][]spell{}} }

// carryOut has a fault happen and waits until delivery is level with the
// readings.
func (r *round) carryOut(f *fault) {
	r.t.Helper()
	r.say("%s", f.name)
	r.silence()
	f.do(r)
	whole := time.Now()
	r.level()
	s := spell{r.silence(), time.Since(whole)}
	r.tally.times[f.name] = append(r.tally.times[f.name], s)
	r.say("%s: longest silence %.1f s, level again after %.1f s", f.name, s.silence.Seconds(), s.recovery.Seconds())
}

// silence is the longest time without a record at one of the readers, since it
// was asked last.
func (r *round) silence() time.Duration { return max(r.once.Silence(), r.often.Silence()) }

func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d readings, %d rises committed once, %d repeated at least once; %d kills of cepd, %d of brokers\n",
		t.readings, t.rises, t.repeated, t.kills, t.brokerKills)
	fmt.Fprintf(&b, "%-40s %5s %14s %14s\n", "fault", "times", "silence, worst", "recovery, worst")
	for _, name := range slices.Sorted(maps.Keys(t.times)) {
		var worst spell
		for _, s := range t.times[name] {
			worst.silence, worst.recovery = max(worst.silence, s.silence), max(worst.recovery, s.recovery)
		}
		fmt.Fprintf(&b, "%-40s %5d %12.1f s %12.1f s\n", name, len(t.times[name]), worst.silence.Seconds(), worst.recovery.Seconds())
	}
	return b.String()
}

// short are the faults of the short form, in this order.
var short = []string{"kill cepd", "kill the coordinator", "zombie", "requests held", "answers held", "connections reset", "damaged state", "full disk"}

// TestFaults is the short form: some faults, once each.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute with three brokers; not with -short")
	}
	if *minutes > 0 || *kills > 0 || *bugs {
		t.Skip("another form is wanted")
	}
	t.Logf("seed %d: repeat with -torture.seed=%d", *seed, *seed)
	b := newBed(t)
	r := b.newRound(t, true)
	for _, f := range chosen(b.arena, true) {
		if slices.Contains(short, f.name) || *only != "" {
			r.carryOut(&f)
		}
	}
	r.finish()
	t.Log(b.tally)
}

// chosen are the faults that are possible and wanted.
func chosen(arena, viaProxies bool) (list []fault) {
	for _, f := range faults {
		if f.possible(arena, viaProxies) && strings.Contains(f.name, *only) {
			list = append(list, f)
		}
	}
	return list
}

// TestTorture is the long form: rounds with all faults in random order, until
// time is up and cepd has been killed often enough.
func TestTorture(t *testing.T) {
	if *minutes == 0 && *kills == 0 {
		t.Skip("the long form: make torture")
	}
	b := newBed(t)
	b.say(t, "seed %d; namespaces: %v", *seed, b.arena)
	end := time.Now().Add(time.Duration(*minutes) * time.Minute)
	for more := true; more; more = !t.Failed() && (time.Now().Before(end) || b.tally.kills < *kills) {
		// A test of its own, so that its processes and clients end with it.
		t.Run(fmt.Sprintf("round%d", b.rounds+1), func(t *testing.T) { b.play(t, end) })
	}
	b.say(t, "seed %d:\n%s", *seed, b.tally)
}

// roundFaults is the number of faults in a round; half of them are kills.
const roundFaults = 12

func (b *bed) play(t *testing.T, end time.Time) {
	r := b.newRound(t, b.rounds%2 == 0)
	list := chosen(b.arena, r.proxied)
	if len(list) == 0 {
		t.Skip("no such fault here")
	}
	for i, at := range b.deal(len(list)) {
		if i%2 == 1 && *only == "" {
			r.carryOut(&faults[0])
		}
		if time.Now().After(end) && b.tally.kills >= *kills {
			break
		}
		r.carryOut(&list[at])
	}
	r.finish()
}

// deal gives the faults of a round.
func (b *bed) deal(n int) []int { return b.rng.Perm(n)[:min(n, roundFaults)] }
