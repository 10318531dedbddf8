package parse_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/parse"
)

// corpusCase is what the parser needs of a conformance case.
type corpusCase struct {
	Name  string
	Query string
	Error *struct {
		Class string
		At    []int
	}
}

// corpus is every conformance case that has a query.
func corpus(tb testing.TB) []corpusCase {
	tb.Helper()
	files, err := filepath.Glob("../../testdata/conformance/*/*.yaml")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no conformance corpus: %v", err)
	}
	var all []corpusCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		var cases []corpusCase
		if err := yaml.Unmarshal(text, &cases); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		for _, c := range cases {
			if c.Query != "" {
				all = append(all, c)
			}
		}
	}
	return all
}

func (c *corpusCase) malformed() bool { return c.Error != nil && c.Error.Class == "syntax" }

// TestCorpus: what a known engine accepts or refuses for another reason than
// syntax parses; the rest fails at the engine's line and column.
func TestCorpus(t *testing.T) {
	for _, c := range corpus(t) {
		_, err := parse.Parse(c.Name, c.Query)
		switch {
		case !c.malformed():
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		case err == nil:
			t.Errorf("%s: no error, expected one at %v", c.Name, c.Error.At)
		default:
			checkPlace(t, &c, err)
		}
	}
}

func checkPlace(t *testing.T, c *corpusCase, err error) {
	t.Helper()
	list, ok := diag.As(err)
	if !ok || len(list.Items) != 1 || list.Items[0].Code != diag.Syntax {
		t.Fatalf("%s: not one syntax error: %v", c.Name, err)
	}
	line, col := diag.Position(c.Query, list.Items[0].Span.Start)
	if line != c.Error.At[0] || col != c.Error.At[1] {
		t.Errorf("%s: expected at %v:\n%v", c.Name, c.Error.At, err)
	}
	t.Logf("%v", err)
}

// TestUnambiguous: an ambiguous grammar is slow and reads by chance.
func TestUnambiguous(t *testing.T) {
	for _, text := range sampleTexts(t) {
		for _, found := range parse.Ambiguities(text) {
			t.Errorf("ambiguous in %s", found)
		}
	}
}
