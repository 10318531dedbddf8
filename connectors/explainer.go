package connectors

import "github.com/cepd/cepd/internal/event"

// Explainer is a Sink with a place for what a row was made of (Kafka: the header
// cepd-detection).
type Explainer interface {
	Sink
	// Explain tells of the rows of the next Write, by their positions, as JSON; nil:
	// they do not tell. What is empty is not told.
	Explain(made *event.Vec)
}
