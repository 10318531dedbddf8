package kafka

import (
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/event"
)

// The headers of CloudEvents, by the Kafka binding of the specification.
const (
	attributePrefix = "ce_"
	contentHeader   = "content-type"
)

// attributes are headers that each record has values of its own for.
type attributes struct {
	from connectors.Attributed
	keys [][]byte // in the order of the attributes
}

// attributed has the attributes of values travel as headers, if they have any.
func (s *sink) attributed() {
	from, ok := s.encoder.(connectors.Attributed)
	if !ok {
		return
	}
	s.headers = append(s.headers, recordbatch.RecordHeader{Key: []byte(contentHeader), Value: []byte(from.ContentType())})
	names := from.Attributes()
	if len(names) == 0 {
		return
	}
	s.events = &attributes{from: from}
	for _, name := range names {
		s.events.keys = append(s.events.keys, []byte(attributePrefix+name))
	}
}

// append appends the headers of a row.
func (a *attributes) append(list []recordbatch.RecordHeader, b *event.Batch, row int) []recordbatch.RecordHeader {
	for i, value := range a.from.AttributesOf(b, row) {
		if value != nil {
			list = append(list, recordbatch.RecordHeader{Key: a.keys[i], Value: value})
		}
	}
	return list
}
