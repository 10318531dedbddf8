package all

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
)

// TestSurvival holds testdata/survival against what there is: each connector and format,
// in each of its directions, names the test of a restart of its server and that of
// hostile input, and these tests exist.
func TestSurvival(t *testing.T) {
	want := required()
	text, err := os.ReadFile("testdata/survival")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) < 5 {
			t.Fatalf("%q: expected what, direction, proof, package and test", line)
		}
		what := strings.Join(fields[:3], " ")
		if !want[what] {
			t.Errorf("%s: there is no such thing, or it is here twice", what)
		}
		delete(want, what)
		if pkg, name := fields[3], fields[4]; pkg != "-" && !tests(t, pkg)[name] {
			t.Errorf("%s: there is no test %s in %s", what, name, pkg)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(want)) {
		t.Errorf("%s: name the test in testdata/survival", what)
	}
}

// required is what, direction and proof of all that has to be there.
func required() map[string]bool {
	r, want := New(), map[string]bool{}
	for _, name := range r.Names() {
		c, _ := r.Lookup(name)
		for _, direction := range directions(c) {
			want[name+" "+direction+" restart"], want[name+" "+direction+" hostile"] = true, true
		}
	}
	for _, name := range r.Formats() {
		for _, direction := range []string{"in", "out"} {
			want[name+" "+direction+" hostile"] = true
			if slices.ContainsFunc(r.FormatOptions(name), func(o connectors.OptionSpec) bool { return o.Name == name+".url" }) {
				want[name+" "+direction+" restart"] = true // it asks a registry
			}
		}
	}
	return want
}

// directions are those of a connector.
func directions(c connectors.Connector) (list []string) {
	table := connectors.Table{Name: "t", Options: map[string]string{"connector": c.Name()}}
	if _, err := c.Source(table); !unable(err, connectors.ErrNotSource) && !asksOnly(c) {
		list = append(list, "in")
	}
	if _, err := c.Sink(table); !unable(err, connectors.ErrNotSink) {
		list = append(list, "out")
	}
	if _, ok := c.(connectors.Asked); ok {
		list = append(list, "asked")
	}
	return list
}

// unable says whether an error is that a connector has no such direction, whatever the
// table.
func unable(err, none error) bool {
	var fault connectors.OptionError
	return errors.Is(err, none) || errors.As(err, &fault) && fault.Key == "connector"
}

// asksOnly says whether a connector has no stream to read, but only look-ups.
func asksOnly(c connectors.Connector) bool { return c.Name() == "jdbc" }

// tests are the names of a package's tests.
func tests(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Recv == nil && strings.HasPrefix(d.Name.Name, "Test") {
				found[d.Name.Name] = true
			}
		}
	}
	return found
}
