package connectors

import "github.com/cepd/cepd/internal/event"

// FieldLister is a Decoder whose records name their fields.
type FieldLister interface {
	// Fields calls each for the fields at the top of a record, with the type that the
	// value has by itself (NULL for none), until one of them cannot be read.
	Fields(record []byte, each func(name string, kind event.Kind))
}

// The option of how records may change.
const (
	OptEvolution    = "schema.evolution"
	EvolutionIgnore = "ignore" // fields that are no column are passed over, and told of in the status
	EvolutionFail   = "fail"   // a record with such a field is rejected
)
