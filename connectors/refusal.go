package connectors

// The options of what becomes of rows that a sink cannot deliver.
const (
	OptRefusalPolicy = "sink.error-policy"
	OptRefusalTable  = "sink.dead-letter-table"
)

// RefusalPolicy is what becomes of a row that cannot be delivered.
type RefusalPolicy string

// The policies.
const (
	RefusalFail       RefusalPolicy = "fail"        // the query fails, and goes on with the row when it is started again
	RefusalBlock      RefusalPolicy = "block"       // it is tried for ever
	RefusalSkip       RefusalPolicy = "skip"        // it is left out, and counted
	RefusalDeadLetter RefusalPolicy = "dead-letter" // it goes to a table
)

// RefusalSpecs are the options of sinks that are Refusers.
func RefusalSpecs() []OptionSpec {
	return []OptionSpec{
		{Name: OptRefusalPolicy, Doc: "What becomes of a row that cannot be delivered: fail, block (tried for ever), skip, dead-letter. Default: fail; with a table for dead letters, dead-letter.",
			Values: []string{string(RefusalFail), string(RefusalBlock), string(RefusalSkip), string(RefusalDeadLetter)}},
		{Name: OptRefusalTable, Doc: "Table that such rows go to, with the reason and the last answer."},
	}
}

// ParseRefusalPolicy is the policy of a table of these options.
func ParseRefusalPolicy(options map[string]string) RefusalPolicy {
	switch p := RefusalPolicy(options[OptRefusalPolicy]); {
	case p != "":
		return p
	case options[OptRefusalTable] != "":
		return RefusalDeadLetter
	}
	return RefusalFail
}
