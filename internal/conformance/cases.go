package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/query/plan"
)

// Case is one case of a file.
type Case struct {
	Area     string      `yaml:"-"` // the folder: matchrecognize, streaming, cep, errors
	Name     string      `yaml:"name"`
	Tags     []string    `yaml:"tags"`
	Schema   [][2]string `yaml:"schema"`
	Input    []Entry     `yaml:"rows"`
	Query    string      `yaml:"query"`
	CEP      *CEP        `yaml:"cep"` // in place of a query
	By       []string    `yaml:"partition"`
	Ordered  bool        `yaml:"ordered"`
	Lenient  bool        `yaml:"lenient"` // rows and matches that fail are dropped
	Expected *Expected   `yaml:"expected"`
	Error    *Failure    `yaml:"error"`

	compiled *compiled // Query; nil: not compiled yet
}

// compiled is a plan or why there is none, and what its operators are made of.
type compiled struct {
	root  *plan.Insert
	graph *build.Graph // nil: not made yet
	err   error
}

// ID names the case among all areas.
func (c *Case) ID() string { return c.Area + ": " + c.Name }

// Entry is a row or a watermark.
type Entry struct {
	Row       []any
	Watermark *int64 // ms; nil for a row
}

// UnmarshalYAML reads [v, …] or {watermark: T}.
func (e *Entry) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode(&e.Row)
	}
	var m struct {
		Watermark *int64 `yaml:"watermark"`
	}
	if err := n.Decode(&m); err != nil {
		return err
	}
	if m.Watermark == nil {
		return fmt.Errorf("line %d: neither a row nor a watermark", n.Line)
	}
	e.Watermark = m.Watermark
	return nil
}

// Expected is the result of a query.
type Expected struct {
	Columns      []string `yaml:"columns"`
	Rows         [][]any  `yaml:"rows"`
	EmittedAfter []int    `yaml:"emitted_after"`
	Matches      [][]any  `yaml:"matches"`  // of a CEP block
	Timeouts     [][]any  `yaml:"timeouts"` // of a CEP block with a time limit
}

// Failure is the error that a query must give.
type Failure struct {
	Class string `yaml:"class"`
	At    []int  `yaml:"at"`
	Phase string `yaml:"phase"`
}

// Watermarks says whether the input has watermarks of its own.
func (c *Case) Watermarks() bool {
	for _, e := range c.Input {
		if e.Watermark != nil {
			return true
		}
	}
	return false
}

// Load reads every .yaml file under dir, ordered by path. The folder of a file
// is its area; files right in dir take dir's own name.
func Load(dir string) ([]Case, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".yaml") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	var all []Case
	for _, path := range paths {
		cases, err := loadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, cases...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no cases found", dir)
	}
	return all, nil
}

func loadFile(path string) ([]Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var cases []Case
	if err := yaml.Unmarshal(text, &cases); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	for i := range cases {
		cases[i].Area = filepath.Base(filepath.Dir(abs))
		if cases[i].CEP != nil {
			if cases[i].Query, err = cases[i].CEPQuery(); err != nil {
				return nil, fmt.Errorf("%s: %w", cases[i].Name, err)
			}
		}
	}
	return cases, nil
}
