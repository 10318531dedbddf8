package docs

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors/all"
)

// TestConnectorsAreListed has each connector in the table of the manual.
func TestConnectorsAreListed(t *testing.T) {
	page := readText(t, "connectors.md")
	start := strings.Index(page, "| connector |")
	end := start + strings.Index(page[start:], "\n\n")
	table := page[start:end]
	for _, name := range all.New().Names() {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("connectors.md does not list %s", name)
		}
	}
}
