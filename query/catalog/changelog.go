package catalog

// Changelog is what the rows of a stream may do to rows before them.
type Changelog uint8

// The modes, each with what the ones before it have.
const (
	AppendOnly Changelog = iota // rows are added, and stay
	Upsert                      // a row takes the place of the one with its key, or deletes it
	Retract                     // rows are taken back, each as it was added
)

func (c Changelog) String() string { return [...]string{"append-only", "upsert", "retract"}[c] }

const (
	debezium    = "debezium-json"
	postgresCDC = "postgres-cdc" // whose records are such too
)

// Gives is the mode of the rows that are read from the table.
func (t *Table) Gives() Changelog {
	switch {
	case t.Option("connector", "") == "upsert-kafka", t.Option("connector", "") == "parameters",
		(t.format() == debezium || t.Option("connector", "") == postgresCDC) && len(t.PrimaryKey) > 0:
		return Upsert
	}
	return AppendOnly
}

// Takes is the mode of the rows that can be written to the table.
func (t *Table) Takes() Changelog {
	switch {
	case t.Option("connector", "") == "upsert-kafka":
		return Upsert
	case t.format() == debezium:
		return Retract
	}
	switch t.Option("connector", "") {
	case "kafka", "http", "webhook":
		return AppendOnly
	case "jdbc":
		if len(t.PrimaryKey) > 0 {
			return Upsert
		}
		return AppendOnly
	}
	switch t.format() {
	case "", "json", "csv":
		return Retract
	}
	return AppendOnly
}

func (t *Table) format() string { return t.Option("value.format", t.Option("format", "")) }
