package lint

import (
	"go/ast"
	"sort"
	"strings"
	"testing"
)

// clockUsers may look at the wall clock; everybody else is given the time.
var clockUsers = []string{"internal/clock", "cmd", "api", "connectors", "tools", "internal/demo", "internal/cepdtest", "internal/kafkatest", "internal/postgrestest", "internal/listentest", "internal/s3test", "internal/broker", "internal/schemaregistry", "benchmarks", "internal/e2e", "internal/conformance"}

var wallClock = map[string]bool{"Now": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true, "NewTicker": true, "NewTimer": true, "Since": true, "Until": true}

func TestWallClockOnlyAtTheEdge(t *testing.T) {
	for _, s := range load(t) {
		if s.test || within(s.pkg, clockUsers...) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && wallClock[sel.Sel.Name] {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "time" && id.Obj == nil {
					t.Errorf("%v: time.%s outside %v", fset.Position(n.Pos()), sel.Sel.Name, clockUsers)
				}
			}
			return true
		})
	}
}

func TestNoSleepInTests(t *testing.T) {
	for _, s := range load(t) {
		if !s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "time" {
					t.Errorf("%v: a test must wait for something, not for a while", fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

func TestOneExit(t *testing.T) {
	for _, s := range load(t) {
		if s.test || s.file.Name.Name == "main" && strings.HasSuffix(s.name, "/main.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Exit" {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "os" {
					t.Errorf("%v: only main calls os.Exit", fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

const (
	longFunction = 70
	medianGoal   = 10
)

// longFunctions are those above longFunction lines, each with its reason.
var longFunctions = map[string]string{}

func TestFunctionLength(t *testing.T) {
	var lengths []int
	for _, s := range load(t) {
		if s.test || s.gen {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
			lengths = append(lengths, n)
			if name := s.pkg + "." + f.Name.Name; n > longFunction && longFunctions[name] == "" {
				t.Errorf("%v: %s has %d lines; split it or give the reason in longFunctions", fset.Position(f.Pos()), name, n)
			}
		}
	}
	sort.Ints(lengths)
	if median := lengths[len(lengths)/2]; median > medianGoal {
		t.Errorf("the median function has %d lines, more than %d", median, medianGoal)
	}
}

func TestNoLeftovers(t *testing.T) {
	for _, s := range load(t) {
		if s.gen || s.pkg == "internal/lint" {
			continue
		}
		for _, g := range s.file.Comments {
			for _, mark := range []string{"TODO", "FIXME", "XXX"} {
				if strings.Contains(g.Text(), mark) {
					t.Errorf("%v: %s", fset.Position(g.Pos()), mark)
				}
			}
		}
	}
}
