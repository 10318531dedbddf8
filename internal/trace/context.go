package trace

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Context names a span, of this process or of another.
type Context = trace.SpanContext

// The headers of W3C Trace Context.
const (
	Header      = "traceparent"
	StateHeader = "tracestate"
)

// Parse reads the headers of a record; ok says that it is part of a trace that
// is sampled. Others cost no allocation.
func Parse(parent, state []byte) (c Context, ok bool) {
	if !sampled(parent) {
		return c, false
	}
	h := propagation.MapCarrier{Header: string(parent), StateHeader: string(state)}
	c = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), h))
	return c, c.IsValid() && c.IsSampled()
}

// parentLen is the length of a traceparent of version 00, and the least of others:
//
//	00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
const parentLen = 55

func sampled(parent []byte) bool {
	if len(parent) < parentLen {
		return false
	}
	switch c := parent[parentLen-1]; {
	case c >= '0' && c <= '9':
		return c&1 != 0
	case c >= 'a' && c <= 'f':
		return (c-'a')&1 != 0
	}
	return false
}

// Format is the two headers for a context; the second is empty where there is
// nothing to say.
func Format(c Context) (parent, state string) {
	h := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), c), h)
	return h[Header], h[StateHeader]
}
