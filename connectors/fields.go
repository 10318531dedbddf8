package connectors

import "github.com/cepd/cepd/internal/event"

// FieldLister is a Decoder whose records show their fields.
type FieldLister interface {
	// Fields calls each for the fields at the top of a record, with the type that the
	// value has by itself (NULL: none; of ROW and ARRAY no more than that), until one of
	// them cannot be read. It is false where the record has no fields to show.
	Fields(record []byte, each func(name string, t event.Type)) bool
}

// SchemaLister is a Decoder whose records are written with a schema.
type SchemaLister interface {
	// Schemas gives those that the records decoded since the last call brought, each
	// once.
	Schemas() []Schema
}

// Schema is what records are written with.
type Schema struct {
	ID     int           // in the registry of schemas; 0: there is none
	Row    int32         // of the batch decoded last: the first record with it
	Fields []event.Field // at the top, as columns; a type of kind NULL: no column takes it
}

// The option of how records may change.
const (
	OptEvolution    = "schema.evolution"
	EvolutionIgnore = "ignore" // fields that are no column are passed over, and told of in the status
	EvolutionFail   = "fail"   // a record with such a field is rejected
	EvolutionAdd    = "add"    // a server makes columns of them
)

// Evolves says whether fields that are no column are passed over.
func Evolves(t Table) bool { return t.Options[OptEvolution] != EvolutionFail }

// Stranger is the first of fields that no column takes; empty: there is none.
func Stranger(fields []event.Field, columns []Column) string {
	for i := range fields {
		if !hasColumn(columns, fields[i].Name) {
			return fields[i].Name
		}
	}
	return ""
}

func hasColumn(columns []Column, name string) bool {
	for i := range columns {
		if columns[i].Name == name {
			return true
		}
	}
	return false
}
