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
}

// BoundRow is a row of a match as a variable.
type BoundRow struct {
	Variable string
	ID       event.ID
	Time     event.Time
}

// Inspector is an operator whose open matches can be looked at, between two
// calls of it.
type Inspector interface {
	// Inspect visits the open matches until yield says no. The instance is the
	// callee's again when yield returns; Measures is empty until Measure fills it.
	Inspect(yield func(x *Instance) bool)
	// KeyFields are the columns of the Key.
	KeyFields() []event.Field
	// Measure computes the Measures of the instance that is being visited.
	Measure(x *Instance)
}
