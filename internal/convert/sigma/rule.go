package sigma

import (
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// rule is a document: a detection, or a correlation of other rules.
type rule struct {
	span        diag.Span
	Title       string            `yaml:"title"`
	ID          string            `yaml:"id"`
	Name        string            `yaml:"name"`
	Level       string            `yaml:"level"`
	Tags        []string          `yaml:"tags"`
	Taxonomy    string            `yaml:"taxonomy"`
	Source      map[string]string `yaml:"logsource"`
	Detection   yaml.Node         `yaml:"detection"`
	Correlation yaml.Node         `yaml:"correlation"`

	source      diag.Span // of logsource
	correlation *correlation
	view        string // as SQL writes it
	used        bool   // by a correlation
}

func (r *rule) isCorrelation() bool { return !r.Correlation.IsZero() }

// label is what a rule is called in names.
func (r *rule) label() string {
	for _, s := range []string{r.Name, r.Title, r.ID} {
		if s != "" {
			return s
		}
	}
	return "rule"
}

// reader finds places in the text of the rules.
type reader struct {
	errs  *diag.List
	lines []int // where each begins
}

func newReader(errs *diag.List) *reader {
	r := &reader{errs: errs, lines: []int{0}}
	for i := range len(errs.Source) {
		if errs.Source[i] == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	return r
}

// span is where a node stands, up to the end of its first line.
func (r *reader) span(n *yaml.Node) diag.Span {
	if n.Line < 1 || n.Line > len(r.lines) {
		return diag.Span{}
	}
	start := r.lines[n.Line-1]
	line, _, _ := strings.Cut(r.errs.Source[start:], "\n")
	at := min(len(string([]rune(line)[:min(n.Column-1, len([]rune(line)))])), len(line))
	length := len(n.Value)
	if n.Kind != yaml.ScalarNode || length == 0 || at+length > len(line) {
		length = len(strings.TrimRight(line[at:], " \r"))
	}
	return diag.Span{Start: start + at, End: start + at + length}
}

func (r *reader) refuse(n *yaml.Node, what, why string, args ...any) *diag.Diagnostic {
	return convert.Refuse(r.errs, r.span(n), what, why, args...)
}

func (r *reader) mistake(n *yaml.Node, format string, args ...any) {
	r.errs.Add(diag.Syntax, r.span(n), format, args...)
}

// rules reads the documents of a text.
func (r *reader) rules() (list []*rule) {
	d := yaml.NewDecoder(strings.NewReader(r.errs.Source))
	for {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			r.errs.Add(diag.Syntax, diag.Span{}, "%v", err)
			return list
		}
		if len(n.Content) == 1 && n.Content[0].Kind == yaml.MappingNode {
			if rule := r.rule(n.Content[0]); rule != nil {
				list = append(list, rule)
			}
		} else {
			r.mistake(&n, "expected a rule: title, logsource, detection")
		}
	}
}

func (r *reader) rule(n *yaml.Node) *rule {
	out := &rule{}
	if err := n.Decode(out); err != nil {
		r.mistake(n, "%v", err)
		return nil
	}
	out.span = r.span(n)
	for key, value := range pairs(n) {
		switch key.Value {
		case "logsource":
			out.source = r.span(key)
		case "taxonomy":
			if out.Taxonomy != "sigma" {
				r.refuse(value, "the taxonomy "+out.Taxonomy, "its names are not known here")
			}
		case "filter", "action":
			r.refuse(key, "the document with "+key.Value, "only detections and correlations are")
			return nil
		}
	}
	if out.isCorrelation() == !out.Detection.IsZero() {
		r.mistake(n, "expected either detection or correlation")
		return nil
	}
	if out.isCorrelation() {
		out.correlation = r.correlation(&out.Correlation)
	}
	return out
}

// pairs goes through a mapping in its order.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// items are the elements of a list, or a value alone.
func items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}
