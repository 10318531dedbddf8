// Package operators is the contract of the operators: single-threaded, no
// I/O, no clock, no randomness, the same input in the same order gives the
// same bytes out.
//
//	           stage of a source partition              stage of a shard
//	scan -> filter -> project -> pattern.Prepare  ==>  order -> pattern.Matcher -> project -> sink
//	        (stateless, row positions kept)      hash        (stateful)
package operators

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Collector takes the output of an operator. The batch is valid only during
// the call.
type Collector interface{ Emit(b *event.Batch) error }

// Outputs is the Collector of an operator whose rows go several ways. The answer
// is valid during the call that got it.
type Outputs interface {
	Collector
	Output(i int) Collector
}

// Operator transforms batches. It never keeps a reference into a batch after
// Process returns: what it needs later it copies.
type Operator interface {
	// Process takes the live rows of b.
	Process(ctx *Context, b *event.Batch, out Collector) error
	// Advance says that no row with a time of wm or less comes any more
	// (MaxTime: the input has ended). It may emit. Never called with an earlier
	// time than before.
	Advance(ctx *Context, wm event.Time, out Collector) error
}

// Stateful is an operator that a snapshot has to hold.
type Stateful interface {
	Operator
	// Snapshot writes what changed since the last Snapshot (or Restore).
	Snapshot(w state.Writer) error
	// Restore reads what the Snapshots so far have left. Called once, first.
	Restore(r state.Reader) error
	// Size is what the operator holds now.
	Size() Size
}

// Spiller is a Stateful that need not hold all its state: what the store has,
// unchanged, it can let go of, and reads again when a row or a deadline asks for
// it. What comes out does not depend on what was let go of.
type Spiller interface {
	Stateful
	// Spills says whether it does: of some operators it depends on the query.
	Spills() bool
	// Spill lets go of what was not used for longest, until the state takes no
	// more than most bytes or all that is left has changed since the last
	// Snapshot. It also says that the writes of all Snapshots are in the store.
	Spill(most int64)
}

// Lasting is a Stateful that may have more to report than is good for one step:
// then Advance reports a part of it, and goes on when it is called again, with the
// same watermark or a later one.
type Lasting interface {
	Stateful
	// Unfinished says that there is more. How much a call reports does not depend
	// on anything but the state.
	Unfinished() bool
}

// Holder is a Stateful whose output may be older than the watermark it was
// told, and that knows how much: needed where its output is ordered again.
type Holder interface {
	// Hold is the watermark of the output: no row with a time of that or less
	// will be emitted after the operator was advanced to wm.
	Hold(wm event.Time) event.Time
}

// Clocked is a Stateful that also does something at times of the clock.
type Clocked interface {
	Stateful
	// Wake is the processing time at which Advance is to be called, although the
	// watermark may be where it was; MaxTime: there is none.
	Wake() event.Time
}

// Timed is a Stateful in which time alone decides something, without a row.
type Timed interface {
	Stateful
	// Due is a watermark before which it decides nothing of what is held: mostly
	// the very one at which it does. MaxTime: nothing waits for time.
	Due() event.Time
}

// Reloader is a Stateful that looks rows up in a table which is read again.
type Reloader interface {
	// Reload says that the rows of the table which come next are all there are.
	Reload()
}

// Size is a stateful operator's holdings.
type Size struct {
	Keys  int64 // partition keys with state
	Rows  int64 // rows held
	Items int64 // partial matches
	Bytes int64

	Cold    int64 // partition keys known to be in the store only
	Spilled int64 // times a key was let go of
	Reads   int64 // keys looked for in the store
	Loaded  int64 // keys found there, and read
}

// Plus is the holdings of two.
func (s Size) Plus(o Size) Size {
	return Size{
		Keys: s.Keys + o.Keys, Rows: s.Rows + o.Rows, Items: s.Items + o.Items, Bytes: s.Bytes + o.Bytes,
		Cold: s.Cold + o.Cold, Spilled: s.Spilled + o.Spilled, Reads: s.Reads + o.Reads, Loaded: s.Loaded + o.Loaded,
	}
}

// Context is what an operator may know of the step it runs in. One per task.
type Context struct {
	Now     event.Time // processing time of the step, µs: from the journal in a replay
	AtOnce  bool       // Lasting operators report all at once, as an earlier cepd did whose journal is replayed
	Rejects []Reject   // rows dropped with a reason; taken by the engine after each call
	Lineage *Lineage   // takes what detections are made of; nil: nobody wants to know
}

// Reject is a row that was dropped: late, or an expression failed on it.
type Reject struct {
	Kind   RejectKind
	ID     event.ID
	Time   event.Time
	Reason string
}

// RejectKind says why a row was dropped.
type RejectKind uint8

// The kinds.
const (
	RejectParse RejectKind = iota // the record did not decode
	RejectLate                    // came after the watermark had passed it
	RejectError                   // an expression failed
	RejectLimit                   // a declared limit dropped it
	RejectTime                    // has no event time: there is no place for it
)

func (k RejectKind) String() string { return [...]string{"parse", "late", "error", "limit", "time"}[k] }
