package eql_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/convert/eql"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// events is the table that what is converted must be right for.
const events = `CREATE TABLE events (
  event ROW<category STRING, type STRING>,
  process ROW<name STRING, pid BIGINT, parent ROW<pid BIGINT>, args_count INT, elevated BOOLEAN>,
  file ROW<path STRING, extension STRING>, dll ROW<path STRING>,
  source ROW<ip STRING>, ` + "`user`" + ` ROW<name STRING>, host STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
`

// TestConvert runs testdata: `eql [into=TABLE] [field=FROM=TO]` converts a query, and
// compiles what comes out; it prints the SQL or why there is none.
func TestConvert(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			o := convert.Options{Tables: []convert.Table{{Name: "events"}}, Fields: map[string]string{}}
			for _, a := range d.CmdArgs {
				if from, to, ok := strings.Cut(a.String(), "="); ok {
					o.Fields[from] = to
				}
			}
			out, err := eql.Convert("detections.eql", d.Input, o)
			if err != nil {
				return err.Error() + "\n"
			}
			if _, err := query.CompileText(catalog.New(), "", events+out, nil); err != nil {
				return out + "does not compile:\n" + err.Error()
			}
			return out
		})
	})
}

// FuzzConvert: whatever the text, there is SQL that can be read, or a reason.
func FuzzConvert(f *testing.F) {
	f.Add("sequence by a with maxspan=1m [x where a == 1] by ?b with runs=2 ![any where f~(b, \"c\")] [y where not (z in (1, 2))] until [any where true]")
	f.Fuzz(func(t *testing.T, src string) {
		out, err := eql.Convert("", src, convert.Options{Tables: []convert.Table{{Name: "events"}}})
		if err != nil && err.Error() == "" {
			t.Error("no reason")
		}
		if _, failed := parse.Parse("", out); err == nil && failed != nil {
			t.Errorf("%s\n%v", out, failed)
		}
	})
}
