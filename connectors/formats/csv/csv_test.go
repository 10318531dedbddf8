package csv

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
)

// TestCSV runs testdata/csv over one record per line: "decode" prints the
// values of the columns that option read names (all without it), "encode" what
// is written again, "split" the records of the text.
func TestCSV(t *testing.T) {
	datadriven.RunTest(t, "testdata/csv", func(t *testing.T, td *datadriven.TestData) string {
		columns, options := formattest.Args(t, td.CmdArgs)
		opts, err := ParseOptions(func(k string) string { return options[k] })
		if err != nil {
			return err.Error()
		}
		if td.Cmd == "split" {
			return split(t, opts, strings.ReplaceAll(td.Input, "<CR>", "\r"))
		}
		read := columns
		if names := options["read"]; names != "" {
			read = pick(columns, names)
		}
		d, err := NewDecoder(read, columns, opts)
		if err != nil {
			return err.Error()
		}
		raw := formattest.Raw(strings.Split(td.Input, "\n")...)
		if td.Cmd == "decode" {
			return formattest.Decode(t, d, read, raw)
		}
		e, err := NewEncoder(read, opts)
		if err != nil {
			return err.Error()
		}
		return formattest.Recode(t, d, e, read, raw)
	})
}

func pick(columns []connectors.Column, names string) (read []connectors.Column) {
	for _, name := range strings.Split(names, ";") {
		for _, c := range columns {
			if c.Name == name {
				read = append(read, c)
			}
		}
	}
	return read
}

// split cuts the text whole, and byte by byte as it would trickle in.
func split(t *testing.T, o Options, text string) string {
	var b strings.Builder
	for rest := text; rest != ""; {
		advance, token, err := o.Split([]byte(rest), true)
		if err != nil || advance == 0 {
			t.Fatal(advance, err)
		}
		for n := range advance - 1 {
			if early, _, _ := o.Split([]byte(rest[:n]), false); early != 0 {
				t.Errorf("a record after %d bytes of %q", n, rest[:advance])
			}
		}
		if token != nil {
			b.WriteString("<" + strings.ReplaceAll(string(token), "\r", "<CR>") + ">\n")
		}
		rest = rest[advance:]
	}
	return b.String()
}

func FuzzCSV(f *testing.F) {
	f.Add("a,\"b \"\"q\"\", c\",d")
	f.Add("\"\n\",x")
	columns := []connectors.Column{{Name: "a", Type: formattest.Type(f, "STRING")}, {Name: "b", Type: formattest.Type(f, "DOUBLE")}, {Name: "c", Type: formattest.Type(f, "ARRAY<INT>")}}
	opts, _ := ParseOptions(func(string) string { return "" })
	d, err := NewDecoder(columns, columns, opts)
	if err != nil {
		f.Fatal(err)
	}
	e, _ := NewEncoder(columns, opts)
	f.Fuzz(func(t *testing.T, record string) {
		good := `"a ""quoted"" text",1.5,1;2`
		b := formattest.Batch(columns)
		raw := formattest.Raw(good, record, good)
		raw.Flags[1] = 0
		b.Reset(3)
		rejects, err := d.Decode(raw, b, nil)
		if err != nil || formattest.Row(b, 0) != formattest.Row(b, 2) || string(b.Cols[0].Bytes(2)) != `a "quoted" text` {
			t.Fatal(err, formattest.Row(b, 0), formattest.Row(b, 2))
		}
		if len(rejects) > 0 {
			return
		}
		want := formattest.Row(b, 1)
		lines := formattest.Encode(t, e, b)
		rest := lines[strings.Index(lines, "\n")+1:]
		_, token, _ := opts.Split([]byte(rest), true)
		if got := formattest.Decode(t, d, columns, formattest.Raw(string(token))); got != want {
			t.Fatalf("%q written and read again is %s, want %s", token, got, want)
		}
	})
}
