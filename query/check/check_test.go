package check_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/query/plan"
)

// TestCheck compiles the scripts of testdata. Definitions last until the end of
// their file.
//
//	compile [name=value …]   parameters of the script
//	<statements>
//	----
//	<answers, plans, warnings, or errors>
//
//	advise
//	<PATTERN … DEFINE … over the table t>
//	----
//	<warnings>
func TestCheck(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		cat := catalog.New()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "advise":
				return advise(t, cat, d.Input)
			case "compile":
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			params := map[string]string{}
			for _, a := range d.CmdArgs {
				params[a.Key] = strings.Join(a.Vals, " ")
			}
			return compile(cat, d.Input, params)
		})
	})
}

func compile(cat *catalog.Catalog, text string, params map[string]string) string {
	r, err := query.CompileText(cat, "", text, params)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	if len(r.Warnings.Items) > 0 {
		fmt.Fprintln(&b, r.Warnings.Error())
	}
	for _, a := range r.Actions {
		if a.Plan != nil {
			b.WriteString(plan.Explain(a.Plan))
		}
		for _, row := range append([][]string{a.Columns}, a.Rows...) {
			if len(row) > 0 {
				fmt.Fprintln(&b, strings.TrimRight(strings.Join(row, " | "), " "))
			}
		}
	}
	for _, q := range r.Queries {
		fmt.Fprintf(&b, "-- %s\n%s", q.Name, plan.Explain(q.Insert))
	}
	if b.Len() == 0 {
		return "ok\n"
	}
	return b.String()
}

// advise is the warnings about a pattern.
func advise(t *testing.T, cat *catalog.Catalog, clause string) string {
	r, err := query.CompileText(cat, "", "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES LAST(id) AS id\n"+clause+")", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings.Items) == 0 {
		return "none\n"
	}
	return r.Warnings.Error() + "\n"
}

// TestSample compiles the scripts of testsamples, where LIKE SAMPLE finds what the
// command sample has written.
//
//	sample FILE
//	<records>
//	----
//
//	compile
//	<statements>
//	----
//	<what the tables are pinned to, or errors>
func TestSample(t *testing.T) {
	files := map[string]string{}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	datadriven.RunTest(t, "testsamples/sample", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "sample" {
			files[d.CmdArgs[0].Key] = d.Input
			return ""
		}
		script, err := parse.Parse("", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		params := map[string]string{"path": "'payments.json'"}
		r, err := query.Compile(catalog.New(), script, query.Options{Text: d.Input, Params: params, Sample: infer.FromText(read)})
		if err != nil {
			return err.Error() + "\n"
		}
		return strings.TrimLeft(r.Warnings.Error()+"\n", "\n") + format.Pin(d.Input, script, r.Pinned) + "\n"
	})
}
