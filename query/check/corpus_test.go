package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

const corpus = "../../testdata/conformance"

// mistake is a case of the corpus that a statement is refused for, or not.
type mistake struct {
	Name   string
	Schema [][]string
	Query  string
	Error  *struct {
		Class string
		At    []int
		Phase string
	}
}

// deviations are cases that are answered otherwise on purpose.
var deviations = map[string]string{
	"syntax/empty-permute": "PERMUTE is a keyword here: PERMUTE() lacks its operands",
}

// runtimeClasses are errors of the rows, not of the text.
var runtimeClasses = map[string]bool{"division-by-zero": true, "runtime-skip": true}

// TestErrorCorpus compares class and place of the first error with the corpus.
func TestErrorCorpus(t *testing.T) {
	for _, c := range corpusCases(t, "errors/*.yaml") {
		if c.Query == "" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if reason, ok := deviations[c.Name]; ok {
				t.Skip(reason)
			}
			got, want := "accepted", fmt.Sprintf("%s %v", c.Error.Class, c.Error.At)
			if c.Error.Phase == "run" || runtimeClasses[c.Error.Class] {
				want = "accepted"
			}
			err := compileCase(c)
			if list, ok := diag.As(err); ok {
				d := list.Items[0]
				line, col := diag.Position(list.Source, d.Span.Start)
				got = fmt.Sprintf("%s %v", d.Code, []int{line, col})
			}
			if got != want {
				t.Errorf("got %s, want %s\n%s\n%v", got, want, c.Query, err)
			}
		})
	}
}

// TestPlanCorpus compiles every query of the corpus that has an answer.
func TestPlanCorpus(t *testing.T) {
	for _, c := range append(corpusCases(t, "matchrecognize/*.yaml"), corpusCases(t, "streaming/*.yaml")...) {
		if c.Query == "" || c.Error != nil {
			continue
		}
		if err := compileCase(c); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

func corpusCases(t *testing.T, glob string) []mistake {
	files, err := filepath.Glob(filepath.Join(corpus, glob))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus %s: %v", glob, err)
	}
	var all []mistake
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []mistake
		if err := yaml.Unmarshal(data, &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, cases...)
	}
	return all
}

// compileCase compiles the case's query over a table of its schema.
func compileCase(c mistake) error {
	cat := catalog.New()
	var columns []string
	for _, f := range c.Schema {
		typ := f[1]
		if typ == "TIMESTAMP" {
			typ = "TIMESTAMP(3)"
		}
		columns = append(columns, fmt.Sprintf("`%s` %s", f[0], typ))
	}
	ddl := "CREATE TABLE events (" + strings.Join(columns, ", ") + ", WATERMARK FOR ts AS ts) WITH ('connector' = 'memory')"
	if _, err := query.CompileText(cat, "", ddl, nil); err != nil {
		return err
	}
	_, err := query.CompileText(cat, "", c.Query, nil)
	return err
}
