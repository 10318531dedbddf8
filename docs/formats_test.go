package docs

import (
	"os"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors/formats"
)

// TestFormatOptionsAreDocumented checks that formats.md names every format and
// every option.
func TestFormatOptionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range formats.Specs() {
		if !strings.Contains(string(page), "| `"+f.Name+"` |") {
			t.Errorf("formats.md has no format %s", f.Name)
		}
		for _, o := range f.Options {
			if !strings.Contains(string(page), "`"+o.Name+"`") {
				t.Errorf("formats.md does not name option %s", o.Name)
			}
		}
	}
}
