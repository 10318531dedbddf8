package sigma

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// detection writes the condition of a rule.
type detection struct {
	*reader
	options *convert.Options
	names   []string              // of the selections, in the order of the rule
	nodes   map[string]*yaml.Node // the selections

	condition *yaml.Node
	words     []string // that are still to be read
	failed    bool
}

// where is the condition that a row is what the rule detects; unknown stands for false.
func (r *reader) where(n *yaml.Node, o *convert.Options) string {
	d := &detection{reader: r, options: o, nodes: map[string]*yaml.Node{}}
	var conditions []*yaml.Node
	for key, value := range pairs(n) {
		switch key.Value {
		case "condition":
			conditions = items(value)
		case "timeframe":
			r.refuse(key, "timeframe", "aggregation in a condition is obsolete; write a correlation")
		default:
			d.names, d.nodes[key.Value] = append(d.names, key.Value), value
		}
	}
	var list []string
	for _, c := range conditions {
		list = append(list, d.read(c))
	}
	if len(list) == 0 {
		r.mistake(n, "expected a condition")
	}
	if len(list) > 1 {
		return "(" + either(list) + ")"
	}
	return either(list)
}

func either(list []string) string {
	if len(list) > 1 {
		return "(" + strings.Join(list, ") OR (") + ")"
	}
	return strings.Join(list, "")
}

var word = regexp.MustCompile(`[()|]|[^\s()|]+`)

func (d *detection) read(n *yaml.Node) string {
	d.condition, d.words, d.failed = n, word.FindAllString(n.Value, -1), false
	if slices.Contains(d.words, "|") {
		d.refuse(n, "an aggregation in a condition", "it is obsolete; write a correlation")
		return ""
	}
	s := d.or()
	if len(d.words) > 0 {
		d.fail("the end of the condition")
	}
	return s
}

func (d *detection) fail(expected string) {
	where := "at its end"
	if len(d.words) > 0 {
		where = "before " + strconv.Quote(strings.Join(d.words, " "))
	}
	if !d.failed {
		d.mistake(d.condition, "expected %s %s", expected, where)
	}
	d.failed, d.words = true, nil
}

func (d *detection) next(w string) bool {
	if len(d.words) == 0 || !strings.EqualFold(d.words[0], w) {
		return false
	}
	d.words = d.words[1:]
	return true
}

func (d *detection) or() string {
	s, several := d.and(), false
	for d.next("or") {
		s, several = s+" OR "+d.and(), true
	}
	if several {
		return "(" + s + ")"
	}
	return s
}

func (d *detection) and() string {
	s := d.not()
	for d.next("and") {
		s += " AND " + d.not()
	}
	return s
}

func (d *detection) not() string {
	if d.next("not") {
		return "(" + d.not() + ") IS NOT TRUE"
	}
	if d.next("(") {
		s := d.or()
		if !d.next(")") {
			d.fail("')'")
		}
		return "(" + s + ")"
	}
	return d.search()
}

// search reads a selection, or 1 of, or all of some.
func (d *detection) search() string {
	if len(d.words) == 0 {
		d.fail("a selection")
		return ""
	}
	w := d.words[0]
	d.words = d.words[1:]
	if d.next("of") {
		return d.several(w)
	}
	n, ok := d.nodes[w]
	if !ok {
		d.errs.Add(diag.Syntax, d.span(d.condition), "there is no selection %q", w)
		return ""
	}
	return d.selection(n)
}

func (d *detection) several(quantifier string) string {
	if len(d.words) == 0 || !strings.EqualFold(quantifier, "all") && quantifier != "1" {
		d.fail("1 of, or all of, selections")
		return ""
	}
	pattern := d.words[0]
	d.words = d.words[1:]
	var list []string
	for _, name := range d.names {
		matched, err := path.Match(pattern, name)
		if pattern == "them" {
			matched = !strings.HasPrefix(name, "_")
		}
		if matched && err == nil {
			list = append(list, d.selection(d.nodes[name]))
		}
	}
	if len(list) == 0 {
		d.errs.Add(diag.Syntax, d.span(d.condition), "there is no selection %q", pattern)
		return ""
	}
	if quantifier == "1" {
		return "(" + strings.Join(list, " OR ") + ")"
	}
	return strings.Join(list, " AND ")
}

// selection writes a map, whose fields all hold, or a list of maps, of which one does.
func (d *detection) selection(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		var list []string
		for _, m := range n.Content {
			list = append(list, d.selection(m))
		}
		if len(list) == 1 {
			return list[0]
		}
		return "(" + strings.Join(list, " OR ") + ")"
	}
	if n.Kind == yaml.ScalarNode {
		d.refuse(n, "a search in the whole message", "a table has columns; name a field")
		return ""
	}
	var list []string
	for key, value := range pairs(n) {
		if field, m, ok := d.modifiers(key); ok {
			list = append(list, d.values(d.options.Column(field), m, value))
		}
	}
	if len(n.Content) == 0 {
		d.mistake(n, "expected fields and their values")
	}
	return strings.Join(list, " AND ")
}
