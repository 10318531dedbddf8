package infer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/parse"
)

// Table is what a sample is of.
type Table struct {
	Name    string
	Columns []event.Field
	Options [][2]string // in the order in which they are written
	Records int         // of the sample
	Skipped int         // of them, those that are no record of the format

	form    Form
	untyped []string // fields of a schema that no column takes
}

// Form is what is known of the records beforehand.
type Form struct {
	Options map[string]string // of the table; where they say something of the format, the sample is read so
	Rows    int               // that are looked at; 0: DefaultRows
}

// DefaultRows is how many records are looked at unless something else is said.
const DefaultRows = 1000

// maxSample bounds a sample of a file, in bytes.
const maxSample = 64 << 20

// format is the format that is given, or "", and what stands before its options.
func (f *Form) format() (name, prefix string) {
	if name, ok := f.Options["value.format"]; ok {
		return name, "value."
	}
	return f.Options["format"], ""
}

// File proposes a table for a file, from its first records. The format is
// what its name says, else what its first byte does.
func File(path string, rows int) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t, err := Opened(f, path, Form{Rows: rows})
	if err != nil {
		return nil, err
	}
	t.Options = append([][2]string{{"connector", "file"}, {"path", path}}, t.Options...)
	return t, nil
}

// Input is a file that is read.
type Input interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Opened proposes a table for a file that has been opened, and closes it. The
// table's options are those of its format that the form lacks.
func Opened(f Input, path string, form Form) (*Table, error) {
	defer f.Close() //nolint:errcheck // it is only read
	t := newTable(NameOf(path), form)
	format, _ := form.format()
	err := t.ofFile(f, filepath.Base(path), format)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func newTable(name string, form Form) *Table {
	if form.Rows == 0 {
		form.Rows = DefaultRows
	}
	return &Table{Name: name, form: form}
}

func (t *Table) ofFile(f Input, base, format string) (err error) {
	if format == parquet.Name || format == "" && strings.HasSuffix(base, ".parquet") {
		return t.ofColumns(f, parquet.Name, parquet.Columns)
	}
	if format == avro.Plain || format == "" && strings.HasSuffix(base, ".avro") {
		return t.ofColumns(f, avro.Plain, avro.Columns)
	}
	var in io.Reader = f
	if strings.HasSuffix(base, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	return t.ofLines(bufio.NewReaderSize(io.LimitReader(in, maxSample), 64<<10), base, format)
}

// ofColumns reads what a file says of its columns.
func (t *Table) ofColumns(f Input, format string, columns func(io.ReaderAt, int64) ([]event.Field, error)) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if t.Columns, err = columns(f, size); err != nil {
		return err
	}
	t.found("format", format)
	return nil
}

// ofLines reads a text in which records are lines.
func (t *Table) ofLines(in *bufio.Reader, base, format string) error {
	first, err := in.Peek(1)
	if err != nil {
		return errors.New("it is empty: there is nothing to infer from")
	}
	if format == csvFormat || format == "" && (first[0] != '{' || strings.Contains(base, ".csv")) {
		return t.csv(in, true)
	}
	var lines [][]byte
	for len(lines) < t.form.Rows {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) == 0 {
			break
		}
		lines = append(lines, line)
	}
	return t.ofRecords(lines, format, true)
}

// Values proposes a table for the values of records. Those that are no record of
// the format are passed over, as long as there are others.
func Values(name string, values [][]byte, form Form) (*Table, error) {
	t := newTable(name, form)
	format, _ := form.format()
	if len(values) == 0 {
		return nil, errors.New("there are no records yet: write one, or declare the columns")
	}
	return t, t.ofRecords(values, format, false)
}

// The formats whose records can be inferred from.
const (
	jsonFormat     = "json"
	debeziumFormat = "debezium-json"
	csvFormat      = "csv"
	rawFormat      = "raw"
)

func (t *Table) ofRecords(values [][]byte, format string, strict bool) error {
	if format == "" {
		var err error
		if format, err = formatOf(values); err != nil {
			return err
		}
	}
	if format != csvFormat {
		t.found("format", format)
	}
	switch format {
	case jsonFormat:
		return t.json(values, jsonFormat, func(v []byte) ([]byte, error) { return v, nil }, strict)
	case debeziumFormat:
		return t.json(values, debeziumFormat, t.change, strict)
	case csvFormat:
		return t.csv(bufio.NewReader(bytes.NewReader(bytes.Join(values, []byte("\n")))), false)
	case rawFormat:
		return t.raw(values)
	}
	return fmt.Errorf("the format '%s' cannot be inferred from: declare the columns", format)
}

// formatOf guesses what records are written in.
func formatOf(values [][]byte) (string, error) {
	for _, v := range values {
		switch v = bytes.TrimLeft(v, " \t\r\n"); {
		case len(v) == 0:
		case v[0] == '{':
			return jsonFormat, nil
		case v[0] == 0 && len(v) > confluentHead:
			return "", errors.New("the records begin with the id of a schema: write 'format' = 'avro-confluent' (or 'protobuf-confluent') and its URL, 'avro-confluent.url' = 'http://…'")
		default:
			return "", errors.New("the records are no JSON objects: say what they are with 'format'")
		}
	}
	return "", errors.New("the records are empty: there is nothing to infer from")
}

// confluentHead is how long a schema's id is before a record.
const confluentHead = 5

// found adds an option that the sample shows and the table lacks.
func (t *Table) found(key, value string) {
	_, prefix := t.form.format()
	if _, given := t.form.Options[prefix+key]; !given {
		t.Options = append(t.Options, [2]string{prefix + key, value})
	}
}

// given is an option of the format; "" when the table lacks it.
func (t *Table) given(key string) string {
	_, prefix := t.form.format()
	return t.form.Options[prefix+key]
}

// json infers from JSON objects, which object finds in a record. Strict: a record
// that has none is an error.
func (t *Table) json(values [][]byte, format string, object func([]byte) ([]byte, error), strict bool) error {
	var all guess
	var bad error
	for i, v := range values {
		t.Records++
		g, err := objectOf(v, object)
		switch {
		case err == nil:
			all.join(&g)
		case strict:
			return fmt.Errorf("record %d: %w", i+1, err)
		default:
			t.Skipped++
			if bad == nil {
				bad = fmt.Errorf("record %d: %w", i+1, err)
			}
		}
	}
	if t.Skipped == t.Records && bad != nil {
		return fmt.Errorf("none of %d records is one of the format '%s': %w", t.Records, format, bad)
	}
	return t.object(&all, format)
}

func objectOf(record []byte, object func([]byte) ([]byte, error)) (g guess, err error) {
	if record, err = object(record); err != nil {
		return g, err
	}
	return ofJSON(string(record))
}

// object makes columns of what all objects are.
func (t *Table) object(all *guess, format string) error {
	if all.rest != nil {
		return fmt.Errorf("the records have more than %d different fields: names are values here; declare the columns that are wanted", maxFields)
	}
	style := format + ".timestamp-format.standard"
	_, iso := all.instants() // where both styles occur, that of SQL stays text
	if given := t.given(style); given != "" {
		iso = given == "ISO-8601"
	}
	if iso {
		t.found(style, "ISO-8601")
	}
	t.Columns = all.typ(iso).Fields
	if len(t.Columns) == 0 {
		return errors.New("the records have no fields")
	}
	return nil
}

const schemaIncluded = "debezium-json.schema-include"

// change is the row that a change of Debezium tells of.
func (t *Table) change(record []byte) ([]byte, error) {
	var c struct{ Payload, After, Before json.RawMessage }
	if err := json.Unmarshal(record, &c); err != nil {
		return nil, err
	}
	if len(c.Payload) > 0 && c.Payload[0] == '{' {
		if !t.has(schemaIncluded) {
			t.found(schemaIncluded, "true")
		}
		return t.change(c.Payload)
	}
	for _, row := range [][]byte{c.After, c.Before} {
		if len(row) > 0 && row[0] == '{' {
			return row, nil
		}
	}
	return nil, errors.New("it has neither 'after' nor 'before'")
}

// has says whether an option has been found.
func (t *Table) has(key string) bool {
	_, prefix := t.form.format()
	return slices.ContainsFunc(t.Options, func(o [2]string) bool { return o[0] == prefix+key })
}

// raw infers the one column of records that are a value.
func (t *Table) raw(values [][]byte) error {
	t.Records = len(values)
	t.Columns = []event.Field{{Name: "record", Type: event.TString}}
	if slices.ContainsFunc(values, func(v []byte) bool { return !utf8.Valid(v) }) {
		t.Columns[0].Type = event.TBytes
	}
	return nil
}

// csv infers from lines. Only those of a file may begin with names.
func (t *Table) csv(in *bufio.Reader, file bool) error {
	head, _ := in.Peek(64 << 10) // as much as there is
	line, _, _ := bytes.Cut(head, []byte("\n"))
	c := table{delimiter: delimiterOf(string(line)), header: "false", rows: t.form.Rows}
	if given := t.given("csv.field-delimiter"); given == `\t` {
		c.delimiter = '\t'
	} else if given != "" {
		c.delimiter = rune(given[0])
	}
	if file {
		c.header, c.strict = t.given("csv.header"), true
	}
	if err := c.read(in); err != nil {
		return err
	}
	t.Records, t.Skipped = c.n, c.skipped
	t.Columns = c.all.typ(false).Fields
	t.found("format", csvFormat)
	if c.named {
		t.found("csv.header", "true")
	}
	if c.delimiter == '\t' {
		t.found("csv.field-delimiter", `\t`)
	} else if c.delimiter != ',' {
		t.found("csv.field-delimiter", string(c.delimiter))
	}
	return nil
}

// NameOf is the name of a table for a file.
func NameOf(path string) string {
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, base)
	if name == "" {
		return "sample"
	}
	return name
}

// SQL is the statement that declares the table.
func (t *Table) SQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", quoted(t.Name))
	for i, c := range t.Columns {
		fmt.Fprintf(&b, "  %s %s%s\n", quoted(c.Name), typeText(c.Type), comma(i, len(t.Columns)))
	}
	b.WriteString(") WITH (\n")
	for i, o := range t.Options {
		fmt.Fprintf(&b, "  %s = %s%s\n", literal(o[0]), literal(o[1]), comma(i, len(t.Options)))
	}
	b.WriteString(");\n")
	return b.String()
}

func comma(i, n int) string {
	if i < n-1 {
		return ","
	}
	return ""
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quoted is a name as the grammar takes it.
func quoted(name string) string {
	if _, err := parse.Parse("", "CREATE TABLE t ("+name+" ROW<"+name+" INT>) WITH ('connector' = 'x');"); err == nil && !strings.ContainsAny(name, " \t\n`(),;<>'\"-/") {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// Column is a column as a statement declares it.
func Column(f event.Field) string { return quoted(f.Name) + " " + typeText(f.Type) }

// Quoted is a name as a statement has it.
func Quoted(name string) string { return quoted(name) }

// typeText is a type with its names quoted where they have to be.
func typeText(t event.Type) string {
	switch t.Kind {
	case event.Array:
		return "ARRAY<" + typeText(*t.Elem) + ">"
	case event.Map:
		return "MAP<" + typeText(*t.Key) + ", " + typeText(*t.Elem) + ">"
	case event.Row:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = quoted(f.Name) + " " + typeText(f.Type)
		}
		return "ROW<" + strings.Join(parts, ", ") + ">"
	}
	return t.String()
}
