package avro

import (
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
)

// The names of the formats.
const (
	Plain     = "avro"
	Confluent = "avro-confluent"
)

// Specs lists the options of a format.
func Specs(format string) []connectors.OptionSpec {
	specs := []connectors.OptionSpec{
		{Name: format + ".schema", Check: checkSchema, Doc: "Avro schema as JSON text; without it the table's columns make one. Of avro, records are as it says; of avro-confluent, it is the reader's schema, with aliases and defaults, and the one that a sink registers."},
		{Name: format + ".timestamp_mapping.legacy", Default: "true", Values: connectors.Booleans, Doc: "In the schema that columns make, TIMESTAMP is a timestamp-…; false makes it a local-timestamp-…."},
	}
	if format == Confluent {
		return append(specs, confluent.Specs(Confluent)...)
	}
	specs = append(specs, connectors.OptionSpec{Name: OptCodec, Default: codecSnappy, Values: []string{codecNull, codecDeflate, codecSnappy, codecZstd},
		Doc: "How blocks of container files, which are written with 'connector' = 'filesystem', are compressed. To read, each file says it."})
	return append(specs, connectors.OptionSpec{Name: "avro.encoding", Default: "binary", Values: []string{"binary"}, Doc: "Encoding of records; JSON is not supported yet."})
}

func checkSchema(text string) error {
	_, err := parse(text)
	return err
}

// schemaOf is the schema that the options give; nil: none.
func schemaOf(format string, get func(string) string) (*schema, error) {
	text := get(format + ".schema")
	if text == "" {
		return nil, nil
	}
	return parse(text)
}
