package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

// process is an engine with one query, from its start to its end. What
// engine.Query does in goroutines, it does in tasks.
type process struct {
	r    *run
	id   int
	calm bool // the run that everything is compared with: no waits, no faults
	disk *disk
	p    *engine.Pipeline

	dead    bool  // whatever it does fails
	stopped int64 // its tasks stand still until then, µs
	jump    int64 // of its clock, µs
	slow    int64 // the disk is slow until then, µs
	moved   bool  // another process has its disk: what it writes does not come back
	open    bool  // recovery has begun
	stop    bool  // an orderly end is asked for
	ending  bool  // helpers end
	helpers int
	busy    bool         // a write to the store is under way
	write   func() error // the snapshot to be written
	pressed int64        // keys let go of before a snapshot that is in the store, and shows which can be; -1: none is
	err     error        // why it failed
	done    bool         // all input is processed, delivered and kept
	ended   bool

	store state.Store
}

var errDead = errors.New("the process is dead")

// start begins a process on a disk.
func (r *run) start(fs *vfs.MemFS) {
	x := &process{r: r, id: len(r.processes) + 1, disk: &disk{fs: fs}, jump: r.jump, pressed: -1}
	r.processes = append(r.processes, x)
	r.current = x
	r.s.spawn(x, "query", x.main)
}

// main is Query.run.
func (x *process) main() {
	err := x.guard(x.begin)
	if err == nil {
		err = x.guard(x.steps)
	}
	x.ending = true
	if err == nil {
		for x.helpers > 0 && x.sleep("wait for the helpers", 1000) {
		}
		if err = x.err; err == nil {
			err = x.guard(x.last)
		}
	}
	x.end(err)
}

// guard makes an error of a panic, as the engine does: Pebble panics when it
// cannot go on.
func (x *process) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if !x.disk.full {
				panic(v)
			}
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

func (x *process) end(err error) {
	if x.ended = true; x.err == nil {
		x.err = err
	}
	x.done = x.err == nil && x.p.Done()
}

// begin opens the store and the query.
func (x *process) begin() error {
	s, err := pebblestore.Open(stateDir, pebblestore.Options{FS: x.disk.wrapped(), CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		return err
	}
	x.store = s
	x.disk.disarm()
	if x.disk.crashed() != nil || !x.sleep("the store is open", 0) {
		return errDead
	}
	return x.openPipeline(&store{s, x})
}

func (x *process) openPipeline(s state.Store) error {
	c, err := x.r.compiler.compile(x.r.sc)
	if err != nil {
		return err
	}
	o := engine.Options{Registry: connectors.NewRegistry(formats.Specs(), connector{x}), Clock: x, Workers: 1}
	if !x.calm {
		o.ReportGroups = x.r.sc.Report
		if x.r.sc.Tiny {
			o.MemoryBudget = 16 // a byte or more of each shard
		}
	}
	x.p, err = engine.OpenPipeline(context.Background(), o, c.Root, c.Catalog, s)
	x.open = err == nil
	return err
}

// Now implements clock.Clock.
func (x *process) Now() event.Time { return int64(time.Hour/time.Microsecond) + x.r.s.now + x.jump }

// After implements clock.Clock. A Pipeline does not wait by the clock.
func (x *process) After(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

// steps is Query.loop, and what drains it.
func (x *process) steps() error {
	x.helper("commit", x.commits)
	x.helper("snapshot", x.snapshots)
	for i := range x.p.Sinks() {
		x.helper(fmt.Sprintf("deliver %d", i), func() error { return x.deliveries(i) })
	}
	for !x.stop && !x.p.Done() {
		if x.err != nil {
			return x.err
		}
		full := x.full()
		idle, err := x.p.Step(context.Background())
		if err == nil && full && !idle {
			err = errors.New("memory: a step was taken while a queue to a sink was full")
		}
		if err == nil && !idle {
			err = x.checkSpilled()
		}
		if err == nil {
			err = x.between()
		}
		if err != nil {
			return err
		}
		if idle && !x.sleep("idle", int64(x.lot(20_000))) {
			return errDead
		}
	}
	for !x.p.Drained() {
		if x.err != nil {
			return x.err
		}
		if !x.sleep("drain", 1000) {
			return errDead
		}
	}
	return nil
}

// between is what is due between two steps.
func (x *process) between() error {
	if err := x.checkMemory(); err != nil {
		return err
	}
	if x.write != nil || x.p.Status().State == engine.StateRecovering {
		return nil
	}
	pressed := x.p.Pressed()
	if x.lot(x.r.sc.SnapshotEvery) > 0 && !(pressed && x.lot(3) == 0) {
		return nil
	}
	x.pressed = -1 // until the write is done, nothing can be let go of
	write, _, err := x.p.Snapshot()
	if err == nil && pressed && x.lot(2) == 0 { // as for a step that waits for the write
		if err = write(); err == nil {
			x.pressed = x.letGo()
		}
		return err
	}
	x.write = write
	return err
}

// letGo is how often keys were let go of; -1: there are none that could be.
func (x *process) letGo() (n int64) {
	keys := int64(0)
	for _, o := range x.p.Status().Operators {
		if o.Budget > 0 {
			n, keys = n+o.Spilled, keys+o.Keys
		}
	}
	if keys == 0 {
		return -1
	}
	return n
}

func (x *process) helper(name string, body func() error) {
	x.helpers++
	x.r.s.spawn(x, name, func() {
		if err := x.guard(body); err != nil && x.err == nil {
			x.err = err
		}
		x.helpers--
	})
}

func (x *process) commits() error {
	for !x.ending {
		if err := x.p.Commit(); err != nil {
			return err
		}
		if !x.sleep("commit interval", int64(1+x.lot(30_000))) {
			return errDead
		}
	}
	return nil
}

func (x *process) snapshots() error {
	for !x.ending || x.write != nil {
		if x.write != nil {
			if err := x.write(); err != nil {
				return err
			}
			x.write = nil
		}
		if !x.sleep("no snapshot", 5_000) {
			return errDead
		}
	}
	return nil
}

func (x *process) deliveries(sink int) error {
	for !x.ending {
		n, err := x.p.DeliverTo(context.Background(), sink)
		if err == nil && n == 0 && x.lot(20) == 0 {
			err = x.p.Refresh(context.Background(), sink)
		}
		if err != nil {
			return err
		}
		if !x.sleep("delivered", int64(x.lot(15_000))) {
			return errDead
		}
	}
	return nil
}

// last is what an orderly end leaves: a start without replay.
func (x *process) last() error {
	if err := x.p.Commit(); err != nil {
		return err
	}
	write, _, err := x.p.Snapshot()
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	for i := range x.p.Sinks() {
		if err := x.p.Refresh(context.Background(), i); err != nil {
			return err
		}
	}
	return nil
}

// close lets go of what the process holds.
func (x *process) close() error {
	x.disk.fill(false)
	var err error
	if x.p != nil {
		for _, o := range x.p.Status().Operators {
			x.r.spilled, x.r.loaded = x.r.spilled+o.Spilled, x.r.loaded+o.Loaded
		}
		err = x.p.Close()
	}
	if x.store != nil {
		err = errors.Join(err, x.store.Close())
	}
	x.p, x.store = nil, nil
	return err
}

// lot is a number below n; 0 when all is calm.
func (x *process) lot(n int) int {
	if x.calm || n < 2 {
		return 0
	}
	return x.r.s.rng.IntN(n)
}

func (x *process) sleep(op string, d int64) bool { return x.calm || x.r.s.pause(op, d) }

// request is a request to the broker, which takes its time.
func (x *process) request(op string) error {
	wait := int64(x.lot(3_000))
	if down := x.r.broker.down - x.r.s.now; down > 0 {
		wait += down
	}
	if !x.sleep(op, wait) {
		return errDead
	}
	return nil
}

// poll is a look at what has been fetched; one in three gives the turn away.
func (x *process) poll(topic string, part int) error {
	if x.dead {
		return errDead
	}
	if x.lot(3) == 1 && !x.sleep(fmt.Sprintf("poll %s-%d", topic, part), 0) {
		return errDead
	}
	return nil
}

// store is the state with a turn given away before and after each write. Writes
// go one at a time.
type store struct {
	state.Store
	x *process
}

func (s *store) NewBatch() state.Batch { return &batch{s.Store.NewBatch(), s.x} }

type batch struct {
	state.Batch
	x *process
}

func (b *batch) Commit(sync bool) error {
	x := b.x
	for wait := true; wait || x.busy || x.moved; wait = false {
		if !x.sleep("write to the store", x.diskWait()) {
			return errors.Join(errDead, b.Close())
		}
	}
	err := x.commit(b.Batch, sync)
	if err == nil && (x.disk.crashed() != nil || !x.sleep("written", 0)) {
		err = errDead
	}
	return err
}

// commit writes a batch; Pebble panics when it cannot.
func (x *process) commit(b state.Batch, sync bool) error {
	x.busy = true
	defer func() { x.busy = false }()
	return b.Commit(sync)
}

func (x *process) diskWait() int64 {
	if x.moved {
		return maxTime
	}
	if x.slow > x.r.s.now {
		return int64(50_000 + x.lot(200_000))
	}
	return int64(x.lot(1_000))
}
