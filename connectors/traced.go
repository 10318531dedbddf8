package connectors

import (
	"context"

	"github.com/cepd/cepd/internal/trace"
)

// Traced is a row of a batch that is part of a trace: where the sink has a place
// for it, the header traceparent, Context goes with the row.
type Traced struct {
	Row     int // of the batch
	Context trace.Context
}

type tracedKey struct{}

// WithTraced tells a Sink.Write of rows that are part of a trace, ascending.
func WithTraced(ctx context.Context, rows []Traced) context.Context {
	return context.WithValue(ctx, tracedKey{}, rows)
}

// Trail is the rows of a batch that are part of a trace, ascending.
type Trail []Traced

// TracedOf is what WithTraced told.
func TracedOf(ctx context.Context) Trail {
	rows, _ := ctx.Value(tracedKey{}).([]Traced)
	return rows
}

// Headers appends the headers of a row's trace, if it is part of one. Rows have to
// be asked for ascending.
func (t *Trail) Headers(list []Header, row int) []Header {
	for len(*t) > 0 && (*t)[0].Row < row {
		*t = (*t)[1:]
	}
	if len(*t) == 0 || (*t)[0].Row > row {
		return list
	}
	parent, state := trace.Format((*t)[0].Context)
	list = append(list, Header{trace.Header, []byte(parent)})
	if state != "" {
		list = append(list, Header{trace.StateHeader, []byte(state)})
	}
	return list
}
