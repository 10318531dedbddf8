package operators

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Transfer carries the state of one version of an operator over to another.
type Transfer interface {
	// Waiting makes rows that wait for the operator rows of its new version.
	Waiting(b *event.Batch) *event.Batch
	// Copy writes the state of a shard as that of the new version.
	Copy(r state.Reader, w state.Writer) error
}

// Reason is why state cannot be carried over.
type Reason struct {
	Text     string
	Variable string    // of a pattern; "" where it is not about one
	At       diag.Span // in the new text; zero: nowhere in particular
	Remedy   string
}
