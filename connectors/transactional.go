package connectors

import (
	"context"
	"errors"

	"github.com/cepd/cepd/internal/event"
)

// Transactional is a Sink that delivers exactly once: rows become visible in
// transactions, and each of them records how far the table then is.
//
//	Open, Recover, { Write..., Flush, Commit }..., Close
type Transactional interface {
	Sink
	// Identity names the writer: of all that share it, the last to Recover
	// may write.
	Identity() string
	// Recover makes this sink the writer: whoever was it before is fenced, its
	// open transaction aborted, and what has been written here since the last
	// Commit is forgotten. It gives the mark of the last transaction that was
	// committed; found is false when there is none. A mark of another state is
	// an error, and then nobody is fenced. Commit has to follow soon, if only of
	// the mark: it shows that the writer lives.
	Recover(ctx context.Context, state int64) (m Mark, found bool, err error)
	// Commit makes everything written since the last Commit visible, together
	// with the mark and how far sources have been read; or nothing of it.
	//
	// ErrInDoubt of Write, Flush and Commit asks for Recover, which tells what
	// has become of the transaction. Other errors are final.
	Commit(ctx context.Context, m Mark, read []Progress) error
	// Forget deletes the mark. The sink must not be writing; it may be closed.
	Forget(ctx context.Context) error
	// Carries says whether Commit can tell how far s has been read.
	Carries(s Source) bool
}

// Recaller is a Transactional that can tell which rows it has delivered: what a
// state needs that is older than the table (a backup).
type Recaller interface {
	// Place is, by partition, what lies behind the rows that the last Commit made
	// visible. Partitions that were not written since Recover are left out.
	Place() map[int32]int64
	// Recall calls fn with the ID of each visible row from a place on; partitions
	// that it leaves out are read from their beginning.
	Recall(ctx context.Context, place map[int32]int64, fn func(event.ID) error) error
}

// Mark is where a table stands after a transaction.
type Mark struct {
	State int64  // which state numbered the rows: when it was begun, µs since 1970
	Rows  uint64 // number of the last row delivered
}

// Progress is how far a source has been read: the offset after the last record
// processed, by partition.
type Progress struct {
	Source  Source
	Offsets map[int32]int64
}

// What a Transactional answers.
var (
	ErrInDoubt = errors.New("the transaction may or may not have been committed")
	ErrFenced  = errors.New("fenced: another process has taken over and writes under the same identity")
)
