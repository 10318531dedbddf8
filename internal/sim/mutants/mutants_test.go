package mutants

import (
	"go/parser"
	"go/token"
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
