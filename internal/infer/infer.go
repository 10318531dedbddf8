package infer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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
}

// maxSample bounds a sample, in bytes.
const maxSample = 64 << 20

// File proposes a table for a file, from its first records. The format is
// what its name says, else what its first byte does.
func File(path string, records int) (*Table, error) {
	t := &Table{Name: nameOf(path), Options: [][2]string{{"connector", "file"}, {"path", path}}}
	if strings.HasSuffix(path, ".parquet") {
		return t, t.ofParquet(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := t.ofRecords(bufio.NewReaderSize(io.LimitReader(in, maxSample), 64<<10), path, records); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (t *Table) ofParquet(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if t.Columns, err = parquet.Columns(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t.Options = append(t.Options, [2]string{"format", parquet.Name})
	return nil
}

func (t *Table) ofRecords(in *bufio.Reader, path string, records int) error {
	first, err := in.Peek(1)
	if err != nil {
		return errors.New("it is empty: there is nothing to infer from")
	}
	if first[0] != '{' || strings.Contains(filepath.Base(path), ".csv") {
		return t.csv(in, records)
	}
	var all guess
	for ; t.Records < records; t.Records++ {
		line, err := in.ReadString('\n')
		if len(strings.TrimSpace(line)) == 0 && errors.Is(err, io.EOF) {
			break
		}
		g, bad := ofJSON(line)
		if bad != nil {
			return fmt.Errorf("record %d: %w", t.Records+1, bad)
		}
		all.join(&g)
	}
	return t.json(&all)
}

func (t *Table) json(all *guess) error {
	_, iso := all.instants() // where both styles occur, that of SQL stays text
	t.Options = append(t.Options, [2]string{"format", "json"})
	if iso {
		t.Options = append(t.Options, [2]string{"json.timestamp-format.standard", "ISO-8601"})
	}
	t.Columns = all.typ(iso).Fields
	if len(t.Columns) == 0 {
		return errors.New("the records have no fields")
	}
	return nil
}

func (t *Table) csv(in *bufio.Reader, records int) error {
	head, _ := in.Peek(64 << 10) // as much as there is
	line, _, _ := bytes.Cut(head, []byte("\n"))
	all, delimiter, header, n, err := ofCSV(in, string(line), records)
	if err != nil {
		return err
	}
	t.Records = n
	t.Columns = all.typ(false).Fields
	t.Options = append(t.Options, [2]string{"format", "csv"})
	if header {
		t.Options = append(t.Options, [2]string{"csv.header", "true"})
	}
	if delimiter == '\t' {
		t.Options = append(t.Options, [2]string{"csv.field-delimiter", `\t`})
	} else if delimiter != ',' {
		t.Options = append(t.Options, [2]string{"csv.field-delimiter", string(delimiter)})
	}
	return nil
}

// nameOf is the name of a table for a file.
func nameOf(path string) string {
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
