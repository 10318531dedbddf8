package mutants

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestBugsCanBePlanted: the code that the bugs change is still there.
func TestBugsCanBePlanted(t *testing.T) {
	list, err := Load("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 20 {
		t.Errorf("only %d bugs", len(list))
	}
	names := map[string]bool{}
	for _, m := range list {
		if names[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		names[m.Name] = true
		if _, err := parser.ParseFile(token.NewFileSet(), m.File, m.Text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

// TestBugsAreListed: docs/simulation.md names each.
func TestBugsAreListed(t *testing.T) {
	text, err := os.ReadFile("../../../docs/simulation.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Load("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if !strings.Contains(string(text), "\n- "+m.Name+"\n") {
			t.Errorf("docs/simulation.md does not list %q", m.Name)
		}
	}
}
