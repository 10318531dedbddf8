package sim

import (
	"fmt"
	"math/rand/v2"
)

// Kind is a kind of fault.
type Kind int

// The kinds.
const (
	Crash       Kind = iota // the process dies; what was not synced is lost
	TornCrash               // the process dies; a part of what was not synced survives
	CrashInSync             // the process dies in a sync of the log, before the disk has it
	CrashInOpen             // the process dies, and the next one while Pebble recovers
	DiskFull                // writes to the disk fail until a restart
	SlowDisk                // writes to the store take long
	BrokerDown              // the broker does not answer for a while
	Stall                   // one partition is not fetched for a while: others overtake it
	LostRequest             // a commit is in doubt: it has not happened
	LostAnswer              // a commit is in doubt: it has happened
	Election                // a request within a transaction fails
	SinkFails               // a flush fails half-way, and with it the query
	Zombie                  // another process takes over; the first goes on unaware
	Frozen                  // the same, but the first stands still before it goes on
	Rebalance               // an orderly stop, and a start elsewhere
	ClockAhead              // the clock jumps forward
	ClockBack               // the clock jumps back
	KindCount
)

var kindNames = [KindCount]string{"crash", "torn crash", "crash in a sync", "crash in opening", "disk full", "slow disk", "broker down", "partition stalls",
	"commit request lost", "commit answer lost", "election", "sink fails half-way", "zombie", "frozen zombie", "rebalance", "clock ahead", "clock back"}

func (k Kind) String() string { return kindNames[k] }

// Fault happens at a turn, or as soon as it can afterwards.
type Fault struct {
	Kind Kind
	Turn int
	Arg  int // percent that survives; ms; the partition and ms
}

func (f Fault) String() string { return fmt.Sprintf("%s (%d)", f.Kind, f.Arg) }

func (sc *Scenario) fault(rng *rand.Rand) Fault {
	f := Fault{Kind: Kind(rng.IntN(int(KindCount))), Turn: 1 + rng.IntN(10*sc.Records()+1)}
	switch f.Kind {
	case TornCrash, CrashInSync, CrashInOpen:
		f.Arg = 1 + rng.IntN(100)
	case SlowDisk, BrokerDown, Stall, Frozen:
		f.Arg = 10 + rng.IntN(2000)
	case ClockAhead, ClockBack:
		f.Arg = 1 + rng.IntN(3_600_000)
	}
	return f
}

// inject brings about the faults whose turn has come.
func (r *run) inject() {
	if r.current.ended || len(r.faults) == 0 {
		return
	}
	left := r.faults[:0]
	for _, f := range r.faults {
		if f.Turn > r.s.turn || r.current.dying() || !r.apply(f) {
			left = append(left, f)
			continue
		}
		r.fired[f.Kind]++
		r.s.trace.add("    fault: %s", f)
	}
	r.faults = left
}

// apply is false when the fault cannot happen now.
func (r *run) apply(f Fault) bool {
	x, ms := r.current, int64(f.Arg)*1000
	switch f.Kind {
	case Crash, TornCrash:
		x.disk.crashNow(f.Arg, r.draw())
	case CrashInSync:
		return r.armSync(x, f)
	case CrashInOpen:
		r.reopen = append(r.reopen, f)
		x.disk.crashNow(f.Arg, r.draw())
	case DiskFull:
		x.disk.fill(x.open) // Pebble does not open on a full disk: it waits
		return x.open
	case SlowDisk:
		x.slow = r.s.now + ms
	case BrokerDown:
		r.broker.down = r.s.now + ms
	case Stall:
		r.stall(ms)
	case LostRequest, LostAnswer, Election:
		return r.doubt(f.Kind)
	case SinkFails:
		if r.sc.Exactly {
			return false
		}
		r.broker.broken = true
	case Zombie, Frozen:
		return r.takeOver(x, ms)
	case Rebalance:
		x.stop = x.open
		return x.open
	case ClockAhead:
		x.jump += ms
		r.jump = x.jump
	case ClockBack:
		x.jump -= ms
		r.jump = x.jump
	}
	return true
}

func (r *run) draw() uint64 { return r.s.rng.Uint64() }

func (r *run) armSync(x *process, f Fault) bool {
	if x.open && !x.disk.armed {
		x.disk.arm(isLog, f.Arg, r.draw())
		return true
	}
	return false
}

func (r *run) stall(ms int64) {
	t := r.broker.topics[r.sc.Topics[0].Name]
	t.stalls[r.s.rng.IntN(len(t.stalls))] = r.s.now + ms
}

func (r *run) doubt(k Kind) bool {
	if !r.sc.Exactly {
		return false
	}
	switch b := r.broker; k {
	case LostRequest:
		b.outcome = inDoubtAborted
	case LostAnswer:
		b.outcome = inDoubtCommitted
	default:
		b.elected = true
	}
	return true
}

// takeOver moves the disk to another process, as it would be after a crash. The
// first goes on without it. It has to be past its own take-over: of two that
// open at once, the last to ask is the writer.
func (r *run) takeOver(x *process, frozen int64) bool {
	if !x.open || x.ending {
		return false
	}
	x.stopped, x.moved = r.s.now+frozen, true
	r.start((&disk{fs: x.disk.fs}).crashNow(0, 0))
	return true
}

// dying says whether a crash has been brought about already.
func (x *process) dying() bool { return x.disk.crashed() != nil }
