package docs

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDependenciesAreDocumented checks that dependencies.md names every module
// that the code imports.
func TestDependenciesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-test", "-f", `{{join .Imports "\n"}}`, "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	module := regexp.MustCompile(`^(github\.com/[^/]+/[^/]+|google\.golang\.org/[^/]+|[a-z.]+\.(org|in)/[^/]+(/[^/]+)?)`)
	for _, path := range strings.Fields(string(out)) {
		name := module.FindString(path)
		if name == "" || strings.HasPrefix(name, "github.com/cepd/cepd") {
			continue
		}
		if !strings.Contains(string(text), strings.TrimSuffix(name, "/v3")) {
			t.Errorf("dependencies.md does not name %s", name)
		}
	}
}
