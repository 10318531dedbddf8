package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Scenario is everything a run depends on.
type Scenario struct {
	Seed          uint64 // of the order of turns, and of waits
	Workload      string
	Topics        []Topic
	Faults        []Fault
	Poll          int  // records of a poll at most
	SnapshotEvery int  // steps, on average
	Exactly       bool // exactly once; else at least once
	Forgetful     bool // the source cannot replay
	Idle          bool // some partitions are silent and turn idle
	Again         bool // a finished query is started once more
	Tiny          bool // the budget of the state is a few bytes: all that can be is let go of
	Report        int  // groups of a window that a shard reports in a step; 0: as ever
}

// Topic is the records of a table.
type Topic struct {
	Name       string
	Partitions [][]Record
}

// Record is one of a partition's.
type Record struct {
	At     int64 // when the broker has it, simulated µs
	Offset int64
	Value  string
}

// Records counts them.
func (sc *Scenario) Records() (n int) {
	for _, t := range sc.Topics {
		for _, p := range t.Partitions {
			n += len(p)
		}
	}
	return n
}

// idleTimeout is that of tables with silent partitions, µs.
const idleTimeout = 500_000

// New draws a scenario.
func New(seed uint64) *Scenario {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &workloads[rng.IntN(len(workloads))]
	sc := &Scenario{Seed: seed, Workload: w.name, Poll: 1 + rng.IntN(8), SnapshotEvery: 2 + rng.IntN(20),
		Exactly: rng.IntN(3) > 0, Forgetful: rng.IntN(6) == 0, Again: rng.IntN(4) == 0}
	partitions := 1 + rng.IntN(4)
	if w.alone {
		partitions = 1
	}
	sc.Idle = partitions > 1 && rng.IntN(4) == 0
	for _, name := range w.topics {
		sc.Topics = append(sc.Topics, sc.topic(rng, w, name, partitions))
	}
	for range rng.IntN(8) {
		f := sc.fault(rng)
		if sc.Idle && f.Kind == ClockAhead {
			f.Kind = ClockBack // an hour without records would make partitions idle
		}
		sc.Faults = append(sc.Faults, f)
	}
	sc.Tiny = rng.IntN(2) == 0
	if rng.IntN(2) == 0 {
		sc.Report = 1 + rng.IntN(4)
	}
	return sc
}

// topic draws records.
func (sc *Scenario) topic(rng *rand.Rand, w *workload, name string, partitions int) Topic {
	t := Topic{Name: name}
	for p := range partitions {
		var records []Record
		at, offset := int64(0), int64(rng.IntN(3))
		n := 10 + rng.IntN(50)
		if sc.Idle && p > 0 && (p == 1 || rng.IntN(2) == 0) {
			n = 0
		}
		for i := range n {
			at += int64(rng.IntN(20_000))
			records = append(records, Record{At: at, Offset: offset, Value: w.record(rng, i)})
			if offset++; rng.IntN(8) == 0 {
				offset += int64(1 + rng.IntN(3))
			}
		}
		t.Partitions = append(t.Partitions, records)
	}
	return t
}

// String describes the scenario, records and all.
func (sc *Scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "workload %s, seed %d: exactly once %v, forgetful %v, idle %v, polls of %d, snapshots every %d, again %v, tiny %v, reports of %d\n",
		sc.Workload, sc.Seed, sc.Exactly, sc.Forgetful, sc.Idle, sc.Poll, sc.SnapshotEvery, sc.Again, sc.Tiny, sc.Report)
	for _, f := range sc.Faults {
		fmt.Fprintf(&b, "  turn %d: %s\n", f.Turn, f)
	}
	for _, t := range sc.Topics {
		for p, records := range t.Partitions {
			for _, r := range records {
				fmt.Fprintf(&b, "  %s-%d@%d %d µs %s\n", t.Name, p, r.Offset, r.At, r.Value)
			}
		}
	}
	return b.String()
}
