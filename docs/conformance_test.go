package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/conformance"
)

// TestConformanceTable compares the table of conformance.md with a run.
func TestConformanceTable(t *testing.T) {
	text, err := os.ReadFile("conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for _, area := range []string{"cep", "errors", "matchrecognize", "streaming"} {
		cases, err := conformance.Load(filepath.Join("..", "testdata", "conformance", area))
		if err != nil {
			t.Fatal(err)
		}
		passed := 0
		for i := range cases {
			o := conformance.Check(&cases[i], conformance.Direct{})
			if o.Failure == "" {
				passed++
			} else if failures++; !strings.Contains(string(text), "`"+cases[i].Name+"`") {
				t.Errorf("conformance.md does not name %s, which fails: %s", cases[i].Name, o.Failure)
			}
		}
		if line := fmt.Sprintf("| %s | %d | %d |", area, passed, len(cases)); !strings.Contains(string(text), line) {
			t.Errorf("conformance.md should say %s", line)
		}
	}
	if line := fmt.Sprintf("%d cases fail", failures); !strings.Contains(string(text), line) {
		t.Errorf("conformance.md should say %s", line)
	}
}
