package ruletest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// File is a file of rule tests.
type File struct {
	Path   string            `yaml:"-"`
	SQL    Strings           `yaml:"sql"`    // files of statements, relative to this one
	Start  string            `yaml:"start"`  // what 0s means; default 2026-01-01 00:00:00
	Params map[string]string `yaml:"params"` // values of :name
	Set    map[string]string `yaml:"set"`    // settings, as by SET before the statements
	Tests  []*Test           `yaml:"tests"`
	start  time.Time
	given  *string // the statements, where no file has them
}

// Test is one test. Input and Expect are short for steps: all rows, then the end
// of the input, then what came of them.
type Test struct {
	Name     string            `yaml:"name"`
	Params   map[string]string `yaml:"params"` // over those of the file
	Input    Tables            `yaml:"input"`
	Steps    []Step            `yaml:"steps"`
	Expect   Tables            `yaml:"expect"`
	Late     map[string]int    `yaml:"late"`     // rows behind the watermark, by table
	Rejected map[string]int    `yaml:"rejected"` // rows that could not be used, by table
	Error    string            `yaml:"error"`    // a query fails, and its message has this
	Ordered  bool              `yaml:"ordered"`  // the order of the rows matters
	Line     int               `yaml:"-"`
}

// Step is one of its fields.
type Step struct {
	Rows      Tables    `yaml:"rows"`
	Watermark yaml.Node `yaml:"watermark"` // no row before it comes any more
	Clock     yaml.Node `yaml:"clock"`     // processing time moves on by it
	Expect    Tables    `yaml:"expect"`    // what came since the last expect
	Line      int       `yaml:"-"`
}

// Tables is rows by table, as they stand in the file.
type Tables []TableRows

// TableRows is the rows of one table: a list, a text with a header line, a
// golden file, or none.
type TableRows struct {
	Table string
	Node  *yaml.Node
}

// Strings is a text or a list of them.
type Strings []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Strings) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*s = Strings{n.Value}
		return nil
	}
	return n.Decode((*[]string)(s))
}

// UnmarshalYAML implements yaml.Unmarshaler: the order of the tables stays.
func (t *Tables) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: expected tables, such as payments: [...]", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		*t = append(*t, TableRows{n.Content[i].Value, n.Content[i+1]})
	}
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (f *File) UnmarshalYAML(n *yaml.Node) error {
	type plain File
	if err := known(n, "sql", "start", "params", "set", "tests"); err != nil {
		return err
	}
	return n.Decode((*plain)(f))
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *Test) UnmarshalYAML(n *yaml.Node) error {
	type plain Test
	t.Line = n.Line
	if err := known(n, "name", "params", "input", "steps", "expect", "late", "rejected", "error", "ordered"); err != nil {
		return err
	}
	return n.Decode((*plain)(t))
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Step) UnmarshalYAML(n *yaml.Node) error {
	type plain Step
	s.Line = n.Line
	if err := known(n, "rows", "watermark", "clock", "expect"); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// known checks the keys of a mapping: the decoder's own strictness does not
// reach types that decode themselves.
func known(n *yaml.Node, keys ...string) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: expected one or more of %s", n.Line, strings.Join(keys, ", "))
	}
	for i := 0; i < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(keys, k.Value) {
			return fmt.Errorf("line %d: there is no key %q here, but %s", k.Line, k.Value, strings.Join(keys, ", "))
		}
	}
	return nil
}

const defaultStart = "2026-01-01 00:00:00"

// Load reads a file of tests.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return read(&File{Path: path, Start: defaultStart}, text)
}

// Parse reads tests of statements that are given: neither is in a file, and
// running them reads and writes none. Name is what messages call the tests; a
// sql of theirs only names the statements.
func Parse(name, tests, statements string) (*File, error) {
	return read(&File{Path: name, Start: defaultStart, SQL: Strings{"statements"}, given: &statements}, []byte(tests))
}

func read(f *File, text []byte) (*File, error) {
	if err := yaml.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return f, nil
}

func (f *File) check() error {
	if len(f.SQL) == 0 {
		return errors.New("sql: names the file of statements that is tested")
	}
	if len(f.Tests) == 0 {
		return errors.New("tests: there is none")
	}
	at, ok := parseTime(f.Start)
	if !ok {
		return fmt.Errorf("start: expected a time such as %s, found %q", defaultStart, f.Start)
	}
	f.start = at
	names := map[string]bool{}
	for _, t := range f.Tests {
		switch {
		case t.Name == "":
			return fmt.Errorf("line %d: the test has no name", t.Line)
		case names[t.Name]:
			return fmt.Errorf("line %d: two tests are named %q", t.Line, t.Name)
		case len(t.Steps) > 0 && len(t.Input) > 0:
			return fmt.Errorf("line %d: a test has input or steps, not both", t.Line)
		case len(t.Steps) == 0 && len(t.Input) == 0:
			return fmt.Errorf("line %d: the test has no input", t.Line)
		}
		names[t.Name] = true
	}
	return nil
}

// statements reads the texts of the statements, with the names that errors show.
func (f *File) statements(each func(name, text string) error) error {
	if f.given != nil {
		return each(f.SQL[0], *f.given)
	}
	for _, name := range f.SQL {
		path := f.relative(name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := each(path, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// relative is a file named in f.
func (f *File) relative(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.Path), name)
}

// Find lists the test files: those named, and under directories those whose
// names end in _test.yaml.
func Find(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		err = filepath.WalkDir(p, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && isTest(path) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

func isTest(path string) bool {
	for _, end := range []string{"_test.yaml", "_test.yml"} {
		if len(path) > len(end) && path[len(path)-len(end):] == end {
			return true
		}
	}
	return false
}
