package connectors

import "github.com/cepd/cepd/internal/event"

// Attributed is an Encoder whose rows have attributes beside their values, as
// CloudEvents do. A sink has them travel with the value: in headers of a record,
// of a request, in properties of a message.
type Attributed interface {
	Encoder
	// ContentType is the media type of each value.
	ContentType() string
	// Attributes are the names, in order; none where they are within the value.
	Attributes() []string
	// AttributesOf are the values for a row, in the order of the names; nil: the
	// row has no such attribute. They are valid until the next call.
	AttributesOf(b *event.Batch, row int) [][]byte
}
