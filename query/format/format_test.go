package format_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := format.Script(d.Input)
			if err != nil {
				return err.Error() + "\n"
			}
			checkStable(t, out)
			return out
		})
	})
}

func checkStable(t *testing.T, out string) {
	t.Helper()
	again, err := format.Script(out)
	if err != nil {
		t.Fatalf("%v\nof\n%s", err, out)
	}
	if diff := cmp.Diff(out, again); diff != "" {
		t.Errorf("formatting twice is not formatting once:\n%s", diff)
	}
}

// checkRoundTrip: the printed text is the same script, with every comment.
func checkRoundTrip(t *testing.T, name, text string) {
	t.Helper()
	script, err := parse.Parse(name, text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out, err := format.Script(text)
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, text)
		return
	}
	again, err := parse.Parse(name, out)
	switch {
	case err != nil:
		t.Errorf("%s: the printed text is wrong: %v\n%s", name, err, out)
	case !ast.Equal(script, again):
		t.Errorf("%s: the printed text is another script:\n%s\n%s", name, text, out)
	case !cmp.Equal(commentTexts(script), commentTexts(again)):
		t.Errorf("%s: comments lost or moved:\n%s", name, cmp.Diff(commentTexts(script), commentTexts(again)))
	default:
		checkStable(t, out)
	}
}

func commentTexts(s *ast.Script) []string {
	var texts []string
	for _, c := range s.Comments {
		texts = append(texts, c.Text)
	}
	return texts
}

// TestCorpus: every text of the conformance corpus and of the parser's samples.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/conformance/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conformance corpus: %v", err)
	}
	for _, file := range files {
		for _, c := range cases(t, file) {
			if c.Query != "" && c.Error.Class != "syntax" {
				checkRoundTrip(t, c.Name, c.Query)
			}
		}
	}
}

type corpusCase struct {
	Name, Query string
	Error       struct{ Class string }
}

func cases(t *testing.T, file string) (list []corpusCase) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return list
}

// TestSamples: what the parser's own tests read.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../parse/testdata/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, file, string(text))
	}
	datadriven.Walk(t, "../parse/testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "parse" && !strings.Contains(d.Expected, "error[") {
				checkRoundTrip(t, d.Pos, d.Input)
			}
			return d.Expected
		})
	})
}
