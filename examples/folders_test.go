package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFolders: each folder is a story with all that belongs to one, or a sample that
// the page names with the test that runs it.
func TestFolders(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	stories, samples, _ := strings.Cut(string(page), "## Samples")
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() {
			continue
		}
		if _, err := os.Stat(filepath.Join(name, "scenario.yaml")); err == nil {
			checkStory(t, name, stories)
			continue
		}
		row := regexp.MustCompile("(?m)^\\| \\[" + name + "\\]\\(.* \\| `([^`]+)` (Test[A-Za-z]+) \\|$").FindStringSubmatch(samples)
		if row == nil {
			t.Errorf("%s has no scenario.yaml, and README.md does not name it as a sample with the test that runs it", name)
			continue
		}
		if text, err := os.ReadFile(filepath.Join("..", row[1])); err != nil || !strings.Contains(string(text), "func "+row[2]+"(") {
			t.Errorf("%s: there is no %s in %s: %v", name, row[2], row[1], err)
		}
		checkSample(t, name)
	}
}

// checkSample checks that a sample with rules has a page with a command, which the tests
// of the docs run.
func checkSample(t *testing.T, name string) {
	t.Helper()
	if sql, _ := filepath.Glob(filepath.Join(name, "*.sql")); len(sql) == 0 && name != "packs" {
		return
	}
	text, err := os.ReadFile(filepath.Join(name, "README.md"))
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(string(text), "```sh run\ncepd ") || !strings.Contains(string(text), "```output\n") {
		t.Errorf("%s/README.md does not say what to run, and what it prints", name)
	}
}

func checkStory(t *testing.T, name, page string) {
	t.Helper()
	if !strings.Contains(page, "| ["+name+"]("+name+"/README.md) |") {
		t.Errorf("README.md does not name the story %s", name)
	}
	for _, file := range []string{name + ".sql", name + "_test.yaml", name + ".svg", "expected.txt", "README.md"} {
		if info, err := os.Stat(filepath.Join(name, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: a story has %s: %v", name, file, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(name, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	command := func(line string) bool { return strings.HasPrefix(line, "    cepd demo "+name) }
	if !slices.ContainsFunc(lines, command) || !strings.Contains(string(text), "("+name+".svg)") {
		t.Errorf("%s/README.md does not say how to play it, or has no picture", name)
	}
}
