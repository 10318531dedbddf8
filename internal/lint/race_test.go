package lint

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What make test runs without the race detector has nothing that it would find: no
// goroutine in the packages "alone", their tests and what they import; and the tests
// of a "process" are those of cepd as a process. What does less for the detector's
// sake is run once more.
func TestOnlyPackagesWithoutRacesGoWithoutTheDetector(t *testing.T) {
	packages := map[string][]source{}
	for _, s := range load(t) {
		packages[s.pkg] = append(packages[s.pkg], s)
	}
	kinds := withoutRace(t, packages)
	for pkg, sources := range packages {
		if kinds[pkg] != "both" && slices.ContainsFunc(sources, asksForDetector) {
			t.Errorf("%s does less with the race detector, and is nowhere run without", pkg)
		}
	}
	for pkg, kind := range kinds {
		switch kind {
		case "alone":
			for _, s := range reached(packages, pkg) {
				if what := startsGoroutine(s.file); what != "" {
					t.Errorf("%s starts goroutines (%s): %s is not alone", s.name, what, pkg)
				}
			}
		case "process":
			if !slices.ContainsFunc(packages[pkg], runsProgram) {
				t.Errorf("%s does not run cepd as a process", pkg)
			}
		case "both":
		default:
			t.Errorf("%s: no kind %q", pkg, kind)
		}
	}
}

func runsProgram(s source) bool { return slices.Contains(s.imports(), module+"/internal/cepdtest") }

func asksForDetector(s source) bool {
	found := false
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		found = found || ok && sel.Sel.Name == "Raced"
		return !found
	})
	return found
}

// withoutRace is the packages of scripts/without-race.txt, with their kinds.
func withoutRace(t *testing.T, packages map[string][]source) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "scripts", "without-race.txt"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for line := range strings.Lines(string(text)) {
		kind, pattern, ok := strings.Cut(strings.TrimSpace(line), " ./")
		if !ok || kind == "#" {
			continue
		}
		before, dir := len(kinds), strings.TrimSuffix(pattern, "/...")
		for pkg := range packages {
			if pkg == dir || dir != pattern && within(pkg, dir) {
				kinds[pkg] = kind
			}
		}
		if len(kinds) == before {
			t.Errorf("%s: there is no such package, or it is named twice", line)
		}
	}
	return kinds
}

// reached is a package, its tests, and all of the module that they import.
func reached(packages map[string][]source, pkg string) (all []source) {
	seen, open := map[string]bool{pkg: true}, []string{pkg}
	for len(open) > 0 {
		next := open[0]
		open = open[1:]
		for _, s := range packages[next] {
			if s.test && next != pkg {
				continue
			}
			all = append(all, s)
			for _, im := range s.imports() {
				if other, ok := strings.CutPrefix(im, module+"/"); ok && !seen[other] {
					seen[other], open = true, append(open, other)
				}
			}
		}
	}
	return all
}

// startsGoroutine says what in a file starts one; "": nothing does.
func startsGoroutine(f *ast.File) (what string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "go"
		case *ast.SelectorExpr:
			if slices.Contains([]string{"Go", "AfterFunc", "Parallel", "RunParallel", "ListenAndServe", "NewServer"}, n.Sel.Name) {
				what = n.Sel.Name
			}
		}
		return what == ""
	})
	return what
}
