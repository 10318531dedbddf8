package formats

import (
	"bufio"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/csv"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/connectors/formats/raw"
)

// Specs lists the formats with their options, for the registry.
func Specs() []connectors.FormatSpec {
	return []connectors.FormatSpec{
		{Name: "json", Options: json.Specs()},
		{Name: "csv", Options: csv.Specs()},
		{Name: "raw"},
	}
}

// Spec is the option by which a connector takes a format.
func Spec() connectors.OptionSpec {
	return connectors.OptionSpec{Name: "format", Required: true, Doc: "How records are written: json, csv, raw."}
}

// choice is the name of the value's format and its options without prefix.
func choice(t connectors.Table) (name string, get func(string) string) {
	if name = t.Options["value.format"]; name != "" {
		return name, func(key string) string { return t.Options["value."+key] }
	}
	return t.Options["format"], func(key string) string { return t.Options[key] }
}

// NewDecoder makes the decoder of a source's records.
func NewDecoder(t connectors.Table) (connectors.Decoder, error) {
	name, get := choice(t)
	switch name {
	case "json":
		opts, err := json.ParseOptions(get)
		if err != nil {
			return nil, err
		}
		return result[connectors.Decoder](json.NewDecoder(t.Columns, opts))
	case "csv":
		opts, err := csv.ParseOptions(get)
		if err != nil {
			return nil, err
		}
		return result[connectors.Decoder](csv.NewDecoder(t.Columns, physical(t), opts))
	case "raw":
		return result[connectors.Decoder](raw.New(t.Columns, physical(t)))
	}
	return nil, unknown(name)
}

// NewEncoder makes the encoder of a sink's records.
func NewEncoder(t connectors.Table) (connectors.Encoder, error) {
	name, get := choice(t)
	switch name {
	case "json":
		opts, err := json.ParseOptions(get)
		if err != nil {
			return nil, err
		}
		return result[connectors.Encoder](json.NewEncoder(t.Columns, opts))
	case "csv":
		opts, err := csv.ParseOptions(get)
		if err != nil {
			return nil, err
		}
		return result[connectors.Encoder](csv.NewEncoder(t.Columns, opts))
	case "raw":
		return result[connectors.Encoder](raw.New(t.Columns, physical(t)))
	}
	return nil, unknown(name)
}

// result keeps a nil pointer from becoming an interface that is not nil.
func result[I any, T any](x T, err error) (I, error) {
	if err != nil {
		var none I
		return none, err
	}
	return any(x).(I), nil
}

func unknown(name string) error {
	if name == "" {
		return fmt.Errorf("option 'format' is missing")
	}
	return fmt.Errorf("unknown format '%s'; there are json, csv and raw", name)
}

// physical is all columns of the record; without the declaration's list, those
// that are read.
func physical(t connectors.Table) []connectors.Column {
	if len(t.Physical) > 0 {
		return t.Physical
	}
	var columns []connectors.Column
	for _, c := range t.Columns {
		if c.Metadata == "" {
			columns = append(columns, c)
		}
	}
	return columns
}

// Framing says how a stream of bytes divides into records.
type Framing struct {
	// Split cuts off the next record. A step without a token passes over bytes
	// that are no record: empty lines, comments.
	Split bufio.SplitFunc
	// Header is true when the first record names the columns.
	Header bool
	// Head is what a sink writes into an empty file before its first record.
	Head []byte
}

// NewFraming is the framing of a table's files: a record is a line, in CSV with
// the line breaks that its quotes hold.
func NewFraming(t connectors.Table) (Framing, error) {
	name, get := choice(t)
	if name != "csv" {
		return Framing{Split: splitLines}, nil
	}
	opts, err := csv.ParseOptions(get)
	if err != nil {
		return Framing{}, err
	}
	f := Framing{Split: opts.Split, Header: opts.Header}
	if opts.Header {
		f.Head = append(opts.AppendHeader(nil, t.Columns), '\n')
	}
	return f, nil
}
