package torture

import (
	_ "embed"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/sim/mutants"
)

//go:embed bugs.txt
var bugsText string

const root = "../../.."

func planted(t *testing.T) []mutants.Mutant {
	t.Helper()
	list, err := mutants.Plant(root, bugsText)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestBugsCanBePlanted: the code that the bugs change is still there, the fault
// that shows each exists, and the docs list it.
func TestBugsCanBePlanted(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range planted(t) {
		name, by, _ := strings.Cut(m.Name, " | ")
		if _, err := parser.ParseFile(token.NewFileSet(), m.File, m.Text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(string(text), "| "+name+" |") {
			t.Errorf("docs/faults.md does not list %q", name)
		}
		known := false
		for _, f := range faults {
			known = known || strings.Contains(f.name, by)
		}
		if !known {
			t.Errorf("%s: there is no fault %q", name, by)
		}
	}
}

var finding = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: ((?:exactly once|at least once|delivery does not go on|nothing new|after the end|cepd|the zombie)\b.*)$`)

// TestPlantedBugs runs the faults that show each bug with the bug, which has to
// be found.
func TestPlantedBugs(t *testing.T) {
	if !*bugs {
		t.Skip("minutes for each bug: make torture-mutants")
	}
	for _, m := range planted(t) {
		name, by, _ := strings.Cut(m.Name, " | ")
		if !strings.Contains(name, *only) {
			continue
		}
		overlay, err := m.Overlay(root, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		run := exec.Command(os.Args[0], "-test.v", "-test.run=TestTorture$", "-test.timeout=0", "-torture.minutes=3", "-torture.patience=1m",
			"-torture.fault="+by, "-torture.overlay="+overlay, fmt.Sprintf("-torture.seed=%d", *seed))
		out, err := run.CombinedOutput()
		if found := finding.FindSubmatch(out); err != nil && found != nil {
			t.Logf("%s: by %q: %s", name, by, found[1])
			continue
		}
		t.Errorf("%s: not found by %q: %v\n%s", name, by, err, out[max(0, len(out)-3000):])
	}
}
