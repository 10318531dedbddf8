package json

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors/formats/formattest"
)

// TestDebezium runs testdata/debezium: "decode" over one record per line, and
// "encode", which decodes before.
func TestDebezium(t *testing.T) {
	datadriven.RunTest(t, "testdata/debezium", func(t *testing.T, td *datadriven.TestData) string {
		columns, options := formattest.Args(t, td.CmdArgs)
		opts, err := ParseOptions(func(k string) string { return options[k] })
		if err != nil {
			return err.Error()
		}
		var key []string
		if options["key"] != "" {
			key = strings.Split(options["key"], "+")
		}
		d, err := NewDebezium(columns, key, opts, options["schema-include"] == "true")
		if err != nil {
			return err.Error()
		}
		raw := formattest.Raw(strings.Split(td.Input, "\n")...)
		if td.Cmd == "decode" {
			return formattest.Decode(t, d, columns, raw)
		}
		e, err := NewDebeziumEncoder(columns, opts)
		if err != nil {
			return err.Error()
		}
		return formattest.Recode(t, d, e, columns, raw)
	})
}

// TestDebeziumAgain decodes batches of different sizes with one decoder.
func TestDebeziumAgain(t *testing.T) {
	columns := transactionColumns[1:4]
	d, err := NewDebezium(columns, nil, Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(columns)
	for _, n := range []int{1, 5, 2, 0, 3} {
		records := make([]string, n)
		for i := range records {
			records[i] = `{"op":"c","after":{"card":` + strings.Repeat("1", i+1) + `,"country":"\u0041` + strings.Repeat("x", i) + `"}}`
		}
		raw := formattest.Raw(records...)
		b.Reset(n)
		if rejects, err := d.Decode(raw, b, nil); err != nil || len(rejects) > 0 {
			t.Fatal(rejects, err)
		}
		for i := range n {
			want := strings.Repeat("1", i+1) + " | NULL | \"A" + strings.Repeat("x", i) + "\"\n"
			if got := formattest.Row(b, i); got != want {
				t.Errorf("%d of %d: %s, want %s", i, n, got, want)
			}
		}
	}
}
