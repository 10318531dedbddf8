package avro

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors/formats/formattest"
)

// TestResolve runs testdata/resolve.
func TestResolve(t *testing.T) {
	datadriven.RunTest(t, "testdata/resolve", func(t *testing.T, td *datadriven.TestData) string {
		for i := range td.CmdArgs { // values with braces and commas come in pieces
			if len(td.CmdArgs[i].Vals) > 0 {
				td.CmdArgs[i].Vals = []string{strings.Join(td.CmdArgs[i].Vals, ",")}
			}
		}
		columns, opts := formattest.Args(t, td.CmdArgs)
		text, records, _ := strings.Cut(td.Input, "\n")
		if text == "-" {
			_, err := NewDecoder(columns, columns, options())
			return err.Error()
		}
		writer, err := parse(text)
		if err != nil {
			return err.Error()
		}
		d := newDecoder(columns)
		if opts["reader"] != "" {
			if d.reader, err = parse(opts["reader"]); err != nil {
				return err.Error()
			}
		}
		root, err := resolve(writer, d.reader, columns)
		if err != nil {
			return err.Error()
		}
		d.program = &program{root: root}
		var raw []string
		for line := range strings.Lines(records) {
			raw = append(raw, encode(t, writer.parsed, line))
		}
		return formattest.Decode(t, d, columns, formattest.Raw(raw...))
	})
}

// encode writes a record given as JSON.
func encode(t testing.TB, s *avro.Schema, text string) string {
	t.Helper()
	var v any
	if err := s.DecodeJSON([]byte(text), &v); err != nil {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&v) != nil {
			t.Fatal(err)
		}
	}
	record, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(record)
}
