package operators

import "github.com/cepd/cepd/internal/event"

// Asker is a Stateful whose results depend on what something outside the process
// answers. It does no I/O itself: the engine asks for it, and keeps the answers in
// the journal, so that a replay gets the same ones whatever they would be by then.
type Asker interface {
	Stateful
	// Ask says who answers. Called once, before all else but Restore.
	Ask(a Answerer)
	// Settle says that the step has ended. A key is asked for once in a step,
	// however its rows are cut into batches.
	Settle()
	// Asked counts what was asked for.
	Asked() Asked
}

// Answerer gives the rows of keys.
type Answerer interface {
	// Answer gives an answer per key. The keys are distinct; columns has their
	// values, a row per key. The answers belong to the caller.
	Answer(keys [][]byte, columns *event.Batch) ([]Answer, error)
}

// Answer is the rows of a key, in the columns that are read of the table.
type Answer struct {
	Rows   [][]event.Value
	Failed string // why there is no answer; "" when there is one
}

// Asked is counts since the process started.
type Asked struct {
	Hits, Misses int64 // keys of rows that were known, and that were asked for
	Failed       int64 // keys without an answer
}
