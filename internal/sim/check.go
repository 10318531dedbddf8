package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
)

// outputs are the visible rows, by table.
type outputs map[string]map[enginetest.Row]int

func (r *run) outputs() outputs {
	o := outputs{}
	for name, t := range r.broker.tables {
		rows := map[enginetest.Row]int{}
		for _, row := range t.rows {
			rows[row]++
		}
		o[name] = rows
	}
	return o
}

func (o outputs) count() (n int) {
	for _, rows := range o {
		for _, k := range rows {
			n += k
		}
	}
	return n
}

// check compares what was delivered with the run without faults. Exactly once:
// the same rows, with the same ids, as often. At least once: the same rows with
// the same ids, some of them perhaps more often.
func (r *run) check(want outputs) error {
	if r.err != nil {
		return r.err
	}
	got := r.outputs()
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		faults = append(faults, r.compare(name, want[name], got[name])...)
	}
	for name := range got {
		if want[name] == nil {
			faults = append(faults, fmt.Sprintf("%s is not written without faults", name))
		}
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults[:min(len(faults), 10)], "\n"))
	}
	return r.checkMarks()
}

func (r *run) compare(table string, want, got map[enginetest.Row]int) (faults []string) {
	tell := func(row enginetest.Row, what string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: row %x-%x %s: ", table, row.ID.Hi, row.ID.Lo, row.Text)+fmt.Sprintf(what, args...))
	}
	for row, n := range want {
		switch k := got[row]; {
		case k < n:
			tell(row, "lost: %d instead of %d", k, n)
		case k > n && r.sc.Exactly:
			tell(row, "doubled: %d instead of %d", k, n)
		}
	}
	for row := range got {
		if want[row] == 0 {
			tell(row, "is not there without faults")
		}
	}
	slices.Sort(faults)
	return faults
}

// checkMarks compares marks with rows, and what was told of the sources with
// their ends.
func (r *run) checkMarks() error {
	if !r.sc.Exactly {
		return nil
	}
	for name, t := range r.broker.tables {
		if t.mark == nil || int(t.mark.Rows) != len(t.rows) {
			return fmt.Errorf("%s has %d rows, and the mark %+v", name, len(t.rows), t.mark)
		}
	}
	if len(r.broker.tables) > 1 || r.fired[LostRequest]+r.fired[Election] > 0 {
		return nil // none of several sinks tells of the sources; or the last to tell was not heard
	}
	for name, k := range r.broker.topics {
		for p, records := range k.Partitions {
			if n := len(records); n > 0 && k.told[p] != records[n-1].Offset+1 {
				return fmt.Errorf("%s-%d ends at %d, but %d was told", name, p, records[n-1].Offset+1, k.told[p])
			}
		}
	}
	return nil
}

// tell notes how far sources have been read; that never goes back.
func (r *run) tell(read []connectors.Progress) {
	for _, p := range read {
		t := p.Source.(source).t
		for part, at := range p.Offsets {
			if at < t.told[part] && r.err == nil {
				r.err = fmt.Errorf("%s-%d was told to be read up to %d, then up to %d", t.Name, part, t.told[part], at)
			}
			t.told[part] = at
		}
	}
}

// sinkLimit is the bytes that a queue to a sink may hold before a step.
const sinkLimit = 1500

// full says whether a queue to a sink has reached its limit.
func (x *process) full() bool {
	return slices.ContainsFunc(x.p.Status().Sinks, func(k engine.SinkStatus) bool { return k.QueuedBytes >= sinkLimit })
}

// checkMemory compares what waits for the watermark with what there is to wait.
func (x *process) checkMemory() error {
	if x.r.err != nil {
		return x.r.err
	}
	limit := int64(inputs * x.r.sc.Records())
	for _, o := range x.p.Status().Operators {
		if o.Waiting > limit {
			return fmt.Errorf("memory: %d rows wait in stage %d, more than %d", o.Waiting, o.Stage, limit)
		}
	}
	return nil
}

// checkSpilled demands that a step lets go of keys when the state is above its
// budget and the store has some of it as it is.
func (x *process) checkSpilled() error {
	before := x.pressed
	x.pressed = -1
	if before < 0 || findWorkload(x.r.sc.Workload).stays || x.letGo() != before {
		return nil
	}
	return fmt.Errorf("memory: the state is above its budget, the store has it, and no key was let go of")
}

// inputs is how often a workload brings a record to one stage at most.
const inputs = 2
