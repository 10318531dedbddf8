package connectors

import (
	"context"

	"github.com/cepd/cepd/internal/trace"
)

// Traced is a row of a batch that is part of a trace: where the sink has a place
// for it (Kafka: the header traceparent), Context goes with the row.
type Traced struct {
	Row     int // of the batch
	Context trace.Context
}

type tracedKey struct{}

// WithTraced tells a Sink.Write of rows that are part of a trace, ascending.
func WithTraced(ctx context.Context, rows []Traced) context.Context {
	return context.WithValue(ctx, tracedKey{}, rows)
}

// TracedOf is what WithTraced told.
func TracedOf(ctx context.Context) []Traced {
	rows, _ := ctx.Value(tracedKey{}).([]Traced)
	return rows
}
