package pack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/ruletest"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// Statements are the rules of a pack as they are sent to a server.
type Statements struct {
	Rule   *Rule
	Name   string            // of the query: PACK_RULE
	SQL    string            // with what the manifest says of the rule as settings
	Params map[string]string // that the rule uses
}

// Text is statements and the name that messages call them.
type Text struct{ Name, SQL string }

// Compile compiles the rules, with the values of parameters, over tables: nil stands for
// those of the pack.
func Compile(pack Files, m *Manifest, given map[string]string, tables []Text) ([]Statements, error) {
	literals, err := m.Literals(given)
	if err != nil {
		return nil, err
	}
	if tables == nil {
		tables = []Text{{m.Tables, string(pack[m.Tables])}}
	}
	cat := catalog.New()
	for _, t := range tables {
		if _, err := query.CompileText(cat, t.Name, t.SQL, nil); err != nil {
			return nil, err
		}
	}
	var list []Statements
	var errs []error
	used := map[string]bool{}
	for i := range m.Rules {
		s, err := m.compile(pack, cat.Clone(), &m.Rules[i], literals)
		if errs = append(errs, err); err != nil {
			continue
		}
		for name := range s.Params {
			used[name] = true
		}
		list = append(list, *s)
	}
	for name := range m.Parameters {
		if !used[name] && errors.Join(errs...) == nil {
			errs = append(errs, fmt.Errorf("parameter %s: no rule uses it", name))
		}
	}
	return list, errors.Join(errs...)
}

func (m *Manifest) compile(pack Files, cat *catalog.Catalog, r *Rule, literals map[string]string) (*Statements, error) {
	text := string(pack[r.File])
	script, err := parse.Parse(r.File, text)
	if err != nil {
		return nil, err
	}
	if len(script.Statements) != 1 {
		return nil, fmt.Errorf("%s: expected one INSERT, found %d statements", r.File, len(script.Statements))
	}
	insert, ok := script.Statements[0].(*ast.Insert)
	if !ok {
		return nil, fmt.Errorf("%s: expected one INSERT; tables and views are for %s", r.File, m.Tables)
	}
	if len(insert.Hints) > 0 {
		return nil, fmt.Errorf("%s: the query has the name of the pack and the rule, and no hint", r.File)
	}
	result, err := query.CompileText(cat, r.File, text, literals)
	if err != nil {
		return nil, err
	}
	s := &Statements{Rule: r, Name: m.Name + "_" + r.Name, SQL: m.settings(r) + text, Params: map[string]string{}}
	for _, name := range result.Params {
		s.Params[name] = literals[name]
	}
	return s, nil
}

// Test runs the tests of the rules of a pack in a folder; each file once.
func Test(ctx context.Context, dir string, m *Manifest) (results []ruletest.Result, err error) {
	seen := map[string]bool{}
	for i := range m.Rules {
		for _, name := range m.Rules[i].Tests {
			if seen[name] {
				continue
			}
			seen[name] = true
			f, err := ruletest.Load(filepath.Join(dir, filepath.FromSlash(name)))
			if err != nil {
				return results, err
			}
			results = append(results, f.Run(ctx, func(string) bool { return true }, ruletest.Options{Clock: clock.Wall{}})...)
		}
	}
	return results, nil
}

// Check checks the pack in a folder for a version of cepd, and runs its tests.
func Check(ctx context.Context, dir, cepd string) (*Manifest, []ruletest.Result, error) {
	pack, err := ReadFiles(os.DirFS(dir))
	if err != nil {
		return nil, nil, err
	}
	m, err := Read(pack)
	if err != nil {
		return nil, nil, err
	}
	if err := m.Supports(cepd); err != nil {
		return nil, nil, err
	}
	if _, err := Compile(pack, m, nil, nil); err != nil {
		return nil, nil, err
	}
	results, err := Test(ctx, dir, m)
	return m, results, err
}
