package operators

import "github.com/cepd/cepd/internal/event"

// Instance is a match that has begun and is not decided: what a process is in
// the eyes of who runs it.
type Instance struct {
	Pattern  string        // where several run together, the name of its query
	Key      []event.Value // of the partition
	Since    event.Time    // of its first row
	Expires  event.Time    // when time decides it; MaxTime: never
	Rows     []BoundRow    // in order of time
	Waits    []string      // for a row of one of these variables …
	Absent   []string      // … or that none of these comes until Expires
	Complete bool          // it is a match already: it may grow, or others come first
	Measures []event.Value // the output columns as of now; those that cannot be computed are NULL
	Out      []event.Field // the output columns
	ID       uint64        // of its first row and, where several have that, of the others
	Name     []byte        // of its key, for InspectKey and End
}

// BoundRow is a row of a match as a variable.
type BoundRow struct {
	Variable string
	ID       event.ID
	Time     event.Time
}

// Look is how far a look at the open matches has come. The zero Look is at the
// beginning, and is for all keys.
type Look struct {
	Keys func(key []event.Value) bool // those to look at; nil: all
	Slot int32                        // the last place in memory that was looked at
	Cold []byte                       // … and then the last key in the store
	Done bool                         // there is no more
	Cut  int                          // keys with more open matches than MaxPerKey: the others were passed over
}

// MaxPerKey is how many open matches of one key are shown.
const MaxPerKey = 10_000

// Inspector is an operator whose open matches can be looked at, and ended,
// between two calls of it.
type Inspector interface {
	// Inspect visits the open matches of the next keys, about so many, and notes
	// in at how far it came; keys that change places between two calls may be
	// missed, or come twice. It ends when yield says no. The instance is the
	// callee's again when yield returns; Measures is empty until Measure fills it.
	Inspect(at *Look, matches int, yield func(x *Instance) bool)
	// InspectKey visits the open matches of one key.
	InspectKey(name []byte, yield func(x *Instance) bool)
	// End ends an open match, with those that began with the same row, and says
	// whether it was there. What had waited for it is emitted.
	End(ctx *Context, name []byte, id uint64, out Collector) (bool, error)
	// KeyFields are the columns of the Key.
	KeyFields() []event.Field
	// Measure computes the Measures of the instance that is being visited.
	Measure(x *Instance)
}
