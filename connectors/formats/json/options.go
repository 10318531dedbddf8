package json

import (
	"fmt"

	"github.com/cepd/cepd/connectors"
)

// Options says how records are read and written.
type Options struct {
	FailOnMissingField bool     // a column without a field rejects the record, instead of being NULL
	IgnoreParseErrors  bool     // a field of the wrong type is NULL, instead of rejecting the record
	ISO                bool     // 2024-01-02T03:04:05 instead of 2024-01-02 03:04:05
	OmitNulls          bool     // NULL columns are left out, instead of written as null
	RejectUnknown      bool     // a field that is no column rejects the record, instead of being passed over
	Unread             []string // columns of the record that nobody reads
}

// Specs lists the options of tables.
func Specs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: "json.fail-on-missing-field", Default: "false", Values: connectors.Booleans, Doc: "Reject a record that lacks the field of a column, instead of taking NULL."},
		{Name: "json.ignore-parse-errors", Default: "false", Values: connectors.Booleans, Doc: "Take NULL for a field that does not have the column's type, instead of rejecting the record."},
		{Name: "json.unknown-fields", Default: "ignore", Values: []string{"ignore", "reject"}, Doc: "What becomes of a record with a field that is no column, also inside a ROW: reject says which, so that 'scan.error-policy' decides."},
		{Name: "json.timestamp-format.standard", Default: "SQL", Values: []string{"SQL", "ISO-8601"}, Doc: "Text of times: SQL is 2024-01-02 03:04:05.123, ISO-8601 is 2024-01-02T03:04:05.123. Numbers are milliseconds since the epoch in both."},
		{Name: "json.encode.ignore-null-fields", Default: "false", Values: connectors.Booleans, Doc: "Leave NULL columns out of written records."},
	}
}

// ParseOptions reads the options; get gives an option's text, "" when absent.
func ParseOptions(get func(name string) string) (Options, error) {
	o := Options{
		FailOnMissingField: get("json.fail-on-missing-field") == "true",
		IgnoreParseErrors:  get("json.ignore-parse-errors") == "true",
		ISO:                get("json.timestamp-format.standard") == "ISO-8601",
		OmitNulls:          get("json.encode.ignore-null-fields") == "true",
		RejectUnknown:      get("json.unknown-fields") == "reject",
	}
	if o.FailOnMissingField && o.IgnoreParseErrors {
		return o, fmt.Errorf("'json.fail-on-missing-field' and 'json.ignore-parse-errors' exclude each other")
	}
	if o.RejectUnknown && o.IgnoreParseErrors {
		return o, fmt.Errorf("'json.unknown-fields' = 'reject' and 'json.ignore-parse-errors' exclude each other")
	}
	return o, nil
}
