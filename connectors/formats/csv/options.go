package csv

import (
	"fmt"

	"github.com/cepd/cepd/connectors"
)

// Options says how records are read and written.
type Options struct {
	Delimiter         byte
	Quote             byte // 0: none
	Escape            byte // 0: none
	Comments          bool // lines that start with # are no records
	IgnoreParseErrors bool // a wrong field is NULL, instead of rejecting the record
	Header            bool // the first line of a file names the columns
	NullLiteral       string
	ElementDelimiter  byte // between the elements of an ARRAY
}

// Specs lists the options of tables.
func Specs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: "csv.field-delimiter", Default: ",", Check: checkByte, Doc: `Between fields, one ASCII character; \t is the tabulator.`},
		{Name: "csv.quote-character", Default: `"`, Check: checkByte, Doc: "Around fields that hold delimiters or line breaks."},
		{Name: "csv.disable-quote-character", Default: "false", Values: connectors.Booleans, Doc: "No character is a quote."},
		{Name: "csv.escape-character", Check: checkByte, Doc: "Takes the meaning from the character after it. Default: none."},
		{Name: "csv.allow-comments", Default: "false", Values: connectors.Booleans, Doc: "Lines that start with # are passed over in files."},
		{Name: "csv.ignore-parse-errors", Default: "false", Values: connectors.Booleans, Doc: "Take NULL for a field that does not have the column's type, instead of rejecting the record."},
		{Name: "csv.null-literal", Doc: "Text that means NULL. Default: none; a field without text is NULL unless its column is STRING."},
		{Name: "csv.array-element-delimiter", Default: ";", Check: checkByte, Doc: "Between the elements of an ARRAY."},
		{Name: "csv.header", Default: "false", Values: connectors.Booleans, Doc: "The first line of a file names the columns; it is passed over when reading, written when writing."},
	}
}

func checkByte(value string) error {
	if value == `\t` || len(value) == 1 && value[0] < 0x80 && value[0] != '\n' && value[0] != '\r' {
		return nil
	}
	return fmt.Errorf("expected one ASCII character, found '%s'", value)
}

// ParseOptions reads the options; get gives an option's text, "" when absent.
func ParseOptions(get func(name string) string) (Options, error) {
	o := Options{
		Delimiter:         character(get("csv.field-delimiter"), ','),
		Quote:             character(get("csv.quote-character"), '"'),
		Escape:            character(get("csv.escape-character"), 0),
		Comments:          get("csv.allow-comments") == "true",
		IgnoreParseErrors: get("csv.ignore-parse-errors") == "true",
		Header:            get("csv.header") == "true",
		NullLiteral:       get("csv.null-literal"),
		ElementDelimiter:  character(get("csv.array-element-delimiter"), ';'),
	}
	if get("csv.disable-quote-character") == "true" {
		o.Quote = 0
	}
	if o.Delimiter == o.Quote || o.Delimiter == o.Escape {
		return o, fmt.Errorf("'csv.field-delimiter' has to differ from the quote and escape characters")
	}
	return o, nil
}

func character(value string, fallback byte) byte {
	switch value {
	case "":
		return fallback
	case `\t`:
		return '\t'
	}
	return value[0]
}
