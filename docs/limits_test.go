package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cepd/cepd/query/catalog"
)

// section is a page from a heading to the next of the same or a higher level.
func section(t *testing.T, file, heading string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", file, heading)
	}
	level := strings.Index(heading, " ")
	if end := regexp.MustCompile(`(?m)^#{1,` + string(rune('0'+level)) + `} `).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return rest
}

// TestLimitsNameTheSettings checks that each setting that bounds something has a
// line among the limits, with its default, and that no line names another.
func TestLimitsNameTheSettings(t *testing.T) {
	limits := section(t, "operations.md", "## Limits")
	known := map[string]bool{}
	for _, s := range catalog.Settings {
		known[s.Key] = true
		bounds := strings.HasPrefix(s.Key, "state.") || strings.Contains(s.Key, "max") || s.Key == "cepd.shards" || s.Key == "cepd.cpu-share"
		if bounds && !strings.HasPrefix(s.Key, "restart-strategy") && !strings.Contains(limits, "`SET '"+s.Key+"'`") {
			t.Errorf("no line of the limits names `SET '%s'`", s.Key)
		}
	}
	for _, m := range regexp.MustCompile("SET '([^']+)'").FindAllStringSubmatch(limits, -1) {
		if !known[m[1]] {
			t.Errorf("the limits name SET '%s', which does not exist", m[1])
		}
	}
}

// TestSettingsTable checks that the language's page has every setting with its
// default.
func TestSettingsTable(t *testing.T) {
	text, err := os.ReadFile("language.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range catalog.Settings {
		if !strings.Contains(string(text), "| `"+s.Key+"` | `"+s.Default+"` |") {
			t.Errorf("language.md does not show %s with its default %q", s.Key, s.Default)
		}
	}
}

// TestEveryOperatorSaysWhatBoundsIt finds the nodes of plans in their source and
// looks each up in the table.
func TestEveryOperatorSaysWhatBoundsIt(t *testing.T) {
	table := section(t, "operations.md", "### How state is bounded")
	files, err := filepath.Glob("../query/plan/*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func \(\w+ \*?(\w+)\) Inputs\(\)`).FindAllSubmatch(text, -1) {
			if n++; !regexp.MustCompile("(?m)^\\|[^|]*`" + string(m[1]) + "`").MatchString(table) {
				t.Errorf("no line says what bounds the state of %s", m[1])
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d operators found", n)
	}
}
