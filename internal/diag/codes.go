package diag

// The codes: stable, documented in docs/errors.md.
const (
	Syntax            Code = "syntax"
	UnknownColumn     Code = "unknown-column"
	UnknownTable      Code = "unknown-table"
	UnknownFunction   Code = "unknown-function"
	UnknownOption     Code = "unknown-option"
	AmbiguousName     Code = "ambiguous-name"
	DuplicateName     Code = "duplicate-name"
	ColumnAliases     Code = "column-aliases"
	NotAColumn        Code = "not-a-column"
	NoOutputColumns   Code = "no-output-columns"
	InvalidVariable   Code = "invalid-variable"
	InvalidPattern    Code = "invalid-pattern"
	MalformedPattern  Code = "malformed-pattern" // edges, NOT and loops put together without a meaning
	QuantifierRange   Code = "quantifier-range"
	NumberOutOfRange  Code = "number-out-of-range"
	TypeMismatch      Code = "type"
	RunningFinal      Code = "running-final"
	NavigationNesting Code = "navigation-nesting"
	AggregateNesting  Code = "aggregate-nesting"
	MixedVariables    Code = "mixed-variables"
	FunctionArgument  Code = "function-argument"
	PatternFunction   Code = "pattern-function-clause"
	WindowFunction    Code = "window-function"
	NestedMatch       Code = "nested-match-recognize"
	NotSupported      Code = "not-supported"
	MissingOption     Code = "missing-option"
	BadOption         Code = "bad-option"
	MissingTime       Code = "missing-time"
	SystemTable       Code = "system-table" // in a query that goes on
	UnboundedState    Code = "unbounded-state"
	StateNotKept      Code = "state-not-kept" // a query is to be replaced
	Changelog         Code = "changelog"      // rows that are taken back where they have to stay
	SchemaMismatch    Code = "schema-mismatch"
	Limit             Code = "limit"
	MissingParameter  Code = "missing-parameter"
	BadSample         Code = "sample"         // LIKE SAMPLE, of which no columns come
	ConstantError     Code = "constant-error" // an error found while folding constants, such as 1/0

	// Warnings only.
	NeverTrue   Code = "never-true"
	AlwaysTrue  Code = "always-true"
	Unreachable Code = "unreachable-variable"
	FloatMoney  Code = "float-money"
	MissingKey  Code = "missing-key"
	Advice      Code = "advice"
)
