package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/gallery"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// TestMakeItYours does what the pages of the stories say under that title: the block
// takes the place of the tables that it names anew, and the statements still compile.
// What the table below it names as code stands in the statements, and each rule of the
// story has a row there.
func TestMakeItYours(t *testing.T) {
	stories, err := filepath.Glob("*/scenario.yaml")
	if err != nil || len(stories) == 0 {
		t.Fatalf("%d stories: %v", len(stories), err)
	}
	for _, story := range stories {
		name := filepath.Dir(story)
		t.Run(name, func(t *testing.T) {
			text := readFile(t, filepath.Join(name, "README.md"))
			_, section, _ := strings.Cut(text, "## Make it yours\n")
			_, rest, _ := strings.Cut(section, "```sql yours\n")
			block, below, ok := strings.Cut(rest, "```\n")
			if !ok {
				t.Fatal("the page has no block to make it yours")
			}
			sql := readFile(t, filepath.Join(name, name+".sql"))
			named, _, _ := strings.Cut(below, "The topics of what")
			for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(named, -1) {
				if !strings.Contains(sql, code[1]) {
					t.Errorf("%s.sql does not have %s", name, code[1])
				}
			}
			checkParameters(t, name, named)
			compile(t, block+without(t, sql, definitions(t, block)))
		})
	}
}

// checkParameters checks that a table says of each rule what can be changed.
func checkParameters(t *testing.T, name, table string) {
	t.Helper()
	e, err := gallery.Load(Files, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range e.Scenario.Rules {
		if !strings.Contains(table, "| `"+r.Name+"` |") {
			t.Errorf("the page does not say what can be changed of %s", r.Name)
		}
	}
}

// definitions is the names of the tables and views of a text.
func definitions(t *testing.T, sql string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	cat := compile(t, sql)
	for _, v := range cat.Views() {
		names[v.Name] = true
	}
	for _, d := range cat.Tables() {
		names[d.Name] = true
	}
	return names
}

// without is a text without the tables of those names; there must be one.
func without(t *testing.T, sql string, names map[string]bool) string {
	t.Helper()
	script, err := parse.Parse("story", sql)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	at, gone := 0, 0
	for _, s := range script.Statements {
		if c, ok := s.(*ast.CreateTable); ok && names[c.Name.Parts[0].Name] {
			b.WriteString(sql[at:s.Pos().Start])
			at = s.Pos().End + len(";")
			gone++
		}
	}
	if gone == 0 {
		t.Error("the block takes no table's place")
	}
	return b.String() + sql[at:]
}

func compile(t *testing.T, sql string) *catalog.Catalog {
	t.Helper()
	script, err := parse.Parse("yours", sql)
	if err != nil {
		t.Fatal(err)
	}
	cat := catalog.New()
	if _, err := query.Compile(cat, script, query.Options{File: "yours", Text: sql}); err != nil {
		t.Fatal(err)
	}
	return cat
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
