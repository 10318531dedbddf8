package kernel

import (
	"fmt"
	"time"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
)

// Context is what evaluation knows beside the rows, and where it reports rows
// that fail.
type Context struct {
	Now  event.Time     // processing time, µs since the epoch
	Zone *time.Location // of the session; nil is UTC
	Errs []RowError     // at most one per row, until Reset

	failed event.Bitmap
}

// RowError says why a row could not be evaluated.
type RowError struct {
	Row  int32
	Err  error
	Span diag.Span // of the failing part of the expression
}

// Error is a failed evaluation with its place in the source text.
type Error struct {
	Err  error
	Span diag.Span
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Reset forgets the errors; call it for each new batch.
func (c *Context) Reset() {
	if len(c.Errs) > 0 {
		c.Errs = c.Errs[:0]
		clear(c.failed)
	}
}

// Failed says whether the row has an error.
func (c *Context) Failed(row int32) bool {
	return len(c.Errs) > 0 && int(row)>>6 < len(c.failed) && c.failed.Get(int(row))
}

func (c *Context) fail(row, n int, err error, span diag.Span) {
	if words := (n + 63) >> 6; len(c.failed) < words {
		c.failed = append(c.failed, make(event.Bitmap, words-len(c.failed))...)
	}
	if !c.failed.Get(row) {
		c.failed.Set(row)
		c.Errs = append(c.Errs, RowError{int32(row), err, span})
	}
}

// dropFailed removes rows with an error from a selection, in place.
func (c *Context) dropFailed(sel []int32) []int32 {
	if len(c.Errs) == 0 {
		return sel
	}
	out := sel[:0]
	for _, row := range sel {
		if !c.Failed(row) {
			out = append(out, row)
		}
	}
	return out
}

func unsupported(what any) error { return fmt.Errorf("kernel: no evaluation of %T", what) }
