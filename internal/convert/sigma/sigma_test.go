package sigma_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/convert/sigma"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// tables are what the converted rules must be right for.
const tables = `CREATE TABLE events (
  EventID INT, Image STRING, CommandLine STRING, ParentImage STRING, ` + "`User`" + ` STRING, Host STRING, Elevated BOOLEAN, SourceIp STRING,
  source ROW<ip STRING>, Account ROW<name STRING>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
CREATE TABLE web (status INT, destination ROW<ip STRING>, Host STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'kafka', 'topic' = 'web', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
CREATE TABLE alerts WITH ('connector' = 'blackhole') LIKE events;
`

// TestConvert runs testdata: `sigma [into=TABLE] [FIELD=COLUMN]` converts rules, and
// compiles what comes out; it prints the SQL or why there is none.
func TestConvert(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := sigma.Convert("", d.Input, optionsOf(t, d))
			if err != nil {
				return err.Error() + "\n"
			}
			if _, err := query.CompileText(catalog.New(), "", tables+out, nil); err != nil {
				return out + "does not compile:\n" + err.Error()
			}
			return out
		})
	})
}

func optionsOf(t *testing.T, d *datadriven.TestData) convert.Options {
	o := convert.Options{Fields: map[string]string{}}
	for _, s := range []string{"category=process_creation:events", "service=security:events", "category=process_creation,product=windows:events", "category=webserver:web"} {
		table, err := convert.ParseTable(s)
		if err != nil {
			t.Fatal(err)
		}
		o.Tables = append(o.Tables, table)
	}
	for _, a := range d.CmdArgs {
		from, to, _ := strings.Cut(a.String(), "=")
		if from == "into" {
			o.Into = to
		} else {
			o.Fields[from] = to
		}
	}
	return o
}

// FuzzConvert: whatever the text, there is SQL that can be read, or a reason.
func FuzzConvert(f *testing.F) {
	f.Add("title: a\ncorrelation: {type: temporal, rules: [x, y], group-by: [g], timespan: 5m}\n---\nname: x\ndetection: {s: {a|re|i: 'b*', c: [1, null]}, condition: not (1 of s*)}\n---\nid: y\ndetection: {s: [{a: 'x?'}], condition: [s]}")
	f.Fuzz(func(t *testing.T, src string) {
		out, err := sigma.Convert("", src, convert.Options{Tables: []convert.Table{{Name: "events"}}})
		if err != nil && err.Error() == "" {
			t.Error("no reason")
		}
		if _, failed := parse.Parse("", out); err == nil && failed != nil {
			t.Errorf("%s\n%v", out, failed)
		}
	})
}
