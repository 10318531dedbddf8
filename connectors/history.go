package connectors

import "time"

// Historian is a Connector that can read again what a table has had, without a
// trace of it: no offsets are committed.
type Historian interface {
	// History changes a table's options so that reading begins at from (the zero
	// time: at the beginning) and ends at to (zero: at the end as it is found).
	History(options map[string]string, from, to time.Time)
}

// Rewinder is a Connector whose tables can be read from a time on.
type Rewinder interface {
	// Rewind changes a table's options so that reading begins at a time.
	Rewind(options map[string]string, from time.Time)
}
