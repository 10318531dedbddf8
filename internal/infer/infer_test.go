package infer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	pq "github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query/parse"
)

// TestInfer runs testdata/infer: the proposed table is a statement, and each record
// of the sample is a row of it.
func TestInfer(t *testing.T) {
	datadriven.RunTest(t, "testdata/infer", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "values" {
			return inferValues(t, d)
		}
		format := d.CmdArgs[0].String()
		path := filepath.Join(t.TempDir(), "sample."+format)
		if err := os.WriteFile(path, []byte(d.Input), 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := infer.File(path, 1000)
		if err != nil {
			return "error: " + strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "") + "\n"
		}
		if _, err := parse.Parse("", table.SQL()); err != nil {
			t.Errorf("%v\n%s", err, table.SQL())
		}
		decode(t, table, d.Input)
		return strings.ReplaceAll(table.SQL(), filepath.Dir(path)+"/", "")
	})
}

// inferValues infers from lines as from the records of a topic, or from made-up ones.
func inferValues(t *testing.T, d *datadriven.TestData) string {
	form := infer.Form{Options: map[string]string{}}
	many, deep := 0, 0
	d.MaybeScanArgs(t, "many", &many)
	d.MaybeScanArgs(t, "deep", &deep)
	var values [][]byte
	for line := range strings.Lines(d.Input) {
		values = append(values, []byte(strings.TrimSuffix(line, "\n")))
	}
	for _, a := range d.CmdArgs {
		switch {
		case a.Key == "confluent":
			values = append(values, []byte("\x00\x00\x00\x00\x07record"))
		case a.Key == "binary":
			values = append(values, []byte("\x00\xff"), []byte("{\xff}"))
		case strings.Contains(a.Key, "."), a.Key == "format":
			form.Options[a.Key] = a.Vals[0]
		}
	}
	if many > 0 {
		object := strings.Builder{}
		for i := range many {
			fmt.Fprintf(&object, `,"name %d": %d`, i, i)
		}
		text := "{" + object.String()[1:] + "}"
		if d.HasArg("nested") {
			text = `{"by": ` + text + "}"
		}
		values = append(values, []byte(text))
	}
	if deep > 0 {
		values = append(values, []byte(`{"a":`+strings.Repeat("[", deep)+strings.Repeat("]", deep)+"}"))
	}
	table, err := infer.Values("t", values, form)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if _, err := parse.Parse("", table.SQL()); err != nil {
		t.Errorf("%v\n%s", err, table.SQL())
	}
	return table.SQL() + strings.TrimLeft(table.Note()+"\n", "\n")
}

// TestHostile: what no honest writer writes is bounded in time and memory, and is a
// table or an error.
func TestHostile(t *testing.T) {
	names := bytes.NewBufferString("{")
	for i := range 200_000 {
		fmt.Fprintf(names, `"%d":0,`, i)
	}
	names.WriteString(`"":0}`)
	values := [][]byte{names.Bytes(), bytes.Repeat([]byte("["), 8<<20), bytes.Repeat([]byte(`{"a":`), 1<<20), []byte(`{"a":` + strings.Repeat("9", 1<<20) + "}"), {}, {0}}
	for _, format := range []string{"", "json", "csv", "raw", "debezium-json"} {
		form := infer.Form{Options: map[string]string{"format": format}}
		if format == "" {
			delete(form.Options, "format")
		}
		for i := range values {
			table, err := infer.Values("t", values[i:i+1], form)
			if err != nil {
				continue
			}
			if _, err := parse.Parse("", table.SQL()); err != nil {
				t.Errorf("%s, sample %d: %v", format, i, err)
			}
		}
	}
}

// decode reads the sample as the table says.
func decode(t *testing.T, table *infer.Table, sample string) {
	t.Helper()
	columns, options := columnsOf(table)
	d, err := formats.NewDecoder(connectors.Table{Columns: columns, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(sample), "\n")
	if options["csv.header"] == "true" {
		lines = lines[1:]
	}
	if got := formattest.Decode(t, d, columns, formattest.Raw(lines...)); strings.Contains(got, "REJECT") {
		t.Error(got)
	}
}

func columnsOf(table *infer.Table) (columns []connectors.Column, options map[string]string) {
	options = map[string]string{}
	for _, o := range table.Options {
		options[o[0]] = o[1]
	}
	for _, c := range table.Columns {
		columns = append(columns, connectors.Column{Name: c.Name, Type: c.Type})
	}
	return columns, options
}

// TestParquet: a file that was written with all types is proposed as written.
func TestParquet(t *testing.T) {
	var columns []connectors.Column
	for i, text := range []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL.5.2", "DECIMAL.38.9", "STRING", "BYTES", "DATE", "TIME",
		"TIMESTAMP.3", "TIMESTAMP.6", "LTZ.3", "LTZ.6", "ARRAY<ARRAY<INT>>", "MAP<STRING>", "ROW<z_INT;a_STRING>"} {
		columns = append(columns, connectors.Column{Name: string(rune('a' + i)), Type: formattest.Type(t, text)})
	}
	f, err := parquet.NewFormat(columns, "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.NewWriter(&out).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "all.parquet")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := infer.File(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := columnsOf(table)
	for i := range columns {
		if i >= len(got) || got[i].Name != columns[i].Name || !got[i].Type.Equal(columns[i].Type) {
			t.Fatalf("column %d: %v instead of %v", i, got[i:], columns[i])
		}
	}
}

// TestAvro: a container file that was written with all types is proposed as written, but
// for those that Avro has no type of their own for.
func TestAvro(t *testing.T) {
	var columns []connectors.Column
	for i, text := range []string{"BOOLEAN", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL.5.2", "DECIMAL.38.9", "STRING", "BYTES", "DATE", "TIME",
		"LTZ.3", "LTZ.6", "ARRAY<ARRAY<INT>>", "MAP<STRING>", "ROW<z_INT;a_STRING>"} {
		columns = append(columns, connectors.Column{Name: string(rune('a' + i)), Type: formattest.Type(t, text)})
	}
	c, err := avro.NewContainer(columns, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := c.NewWriter(&out); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "all.avro")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := infer.File(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := columnsOf(table)
	for i := range columns {
		if i >= len(got) || got[i].Name != columns[i].Name || !got[i].Type.Equal(columns[i].Type) {
			t.Fatalf("column %d: %v instead of %v", i, got[i:], columns[i])
		}
	}
}

// TestForeignParquet: unsigned numbers and repeated fields of others.
func TestForeignParquet(t *testing.T) {
	type row struct {
		A uint8    `parquet:"a"`
		B uint64   `parquet:"b"`
		C []string `parquet:"c"`
		D [16]byte `parquet:"d,uuid"`
	}
	path := filepath.Join(t.TempDir(), "foreign.parquet")
	if err := pq.WriteFile(path, []row{{A: 1}}); err != nil {
		t.Fatal(err)
	}
	table, err := infer.File(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	const want = "a SMALLINT, b DECIMAL(20, 0), c ARRAY<STRING>, d STRING"
	var got []string
	for _, c := range table.Columns {
		got = append(got, c.Name+" "+c.Type.String())
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("%v", got)
	}
}

// TestNoSample says what is wrong with files that are no sample.
func TestNoSample(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty.json": "", "no.parquet": "PAR1", "bad.json.gz": "text"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := infer.File(path, 10); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
