package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSiteListsEveryPage has the site's navigation and the README lead to each
// page of the manual.
func TestSiteListsEveryPage(t *testing.T) {
	site, readme := readText(t, "site/mkdocs.yml"), readText(t, "../README.md")
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !strings.Contains(site, ": docs/"+page+"\n") {
			t.Errorf("%s is not in the navigation of docs/site/mkdocs.yml", page)
		}
		if !strings.Contains(readme, "(docs/"+page+")") {
			t.Errorf("README.md does not lead to %s", page)
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
