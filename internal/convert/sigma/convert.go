package sigma

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// Convert converts the rules of a text. Rules that a correlation refers to are part of
// it, and not found by themselves unless it says generate. The error is a diag.List with
// the place of what cannot be converted.
func Convert(file, src string, o convert.Options) (string, error) {
	errs := &diag.List{File: file, Source: src}
	w := &writer{reader: newReader(errs), options: &o}
	w.list = w.rules()
	if len(w.list) == 0 && !errs.HasErrors() {
		errs.Add(diag.Syntax, diag.Span{}, "expected a rule")
	}
	if errs.HasErrors() {
		return "", errs
	}
	w.link()
	var b strings.Builder
	for _, r := range w.list {
		if !r.used && !errs.HasErrors() {
			text, err := w.whole(r)
			if err != nil && !errs.HasErrors() {
				return "", err
			}
			b.WriteString(text)
		}
	}
	if errs.HasErrors() {
		errs.Sort()
		return "", errs
	}
	return b.String(), nil
}

// writer writes rules as views.
type writer struct {
	*reader
	options    *convert.Options
	list       []*rule
	statements strings.Builder
	written    map[*rule]bool
}

// link finds out which rules are used by others, and gives each a view.
func (w *writer) link() {
	w.written = map[*rule]bool{}
	taken := map[string]bool{}
	for _, r := range w.list {
		name := convert.Name(r.label())
		for taken[name] {
			name += "_"
		}
		taken[name], r.view = true, convert.Ident(name)
		if r.correlation == nil {
			continue
		}
		for _, n := range r.correlation.rules {
			if other := w.find(n.Value); other != nil && !r.correlation.generate {
				other.used = true
			}
		}
	}
	last := slices.IndexFunc(w.list, func(r *rule) bool { return !r.used })
	if w.options.Name != "" && last >= 0 {
		w.list[last].view = convert.Ident(w.options.Name)
	}
}

func (w *writer) find(reference string) *rule {
	for _, r := range w.list {
		if reference != "" && (r.Name == reference || r.ID == reference) {
			return r
		}
	}
	return nil
}

// whole is the statements of a rule that is not part of another.
func (w *writer) whole(r *rule) (string, error) {
	w.statements.Reset()
	w.view(r, nil)
	if w.errs.HasErrors() {
		return "", w.errs
	}
	return w.options.Finish(header(r), w.statements.String(), r.view)
}

func header(r *rule) string {
	title := "Converted from the Sigma rule " + r.label()
	if r.ID != "" {
		title += ", " + r.ID
	}
	lines := []string{title}
	if r.Level != "" {
		lines = append(lines, "level: "+r.Level)
	}
	if len(r.Tags) > 0 {
		lines = append(lines, "tags: "+strings.Join(r.Tags, ", "))
	}
	return convert.Comment(lines...)
}

// view writes the view of a rule, after those that it needs. path is the rules that lead
// to it.
func (w *writer) view(r *rule, path []*rule) {
	if slices.Contains(path, r) {
		w.errs.Add(diag.Syntax, r.span, "the rule correlates itself")
	}
	if w.written[r] || w.errs.HasErrors() {
		return
	}
	w.written[r] = true
	body := ""
	if r.correlation == nil {
		body = "SELECT * FROM " + w.table(r) + " WHERE " + w.where(&r.Detection, w.options)
	} else {
		body = w.correlate(r, append(path, r))
	}
	fmt.Fprintf(&w.statements, "CREATE VIEW %s AS %s;\n", r.view, body)
}

// table is the table of a detection.
func (w *writer) table(r *rule) string {
	name, err := w.options.TableOf(r.Source)
	if err != nil {
		w.errs.Add(diag.UnknownTable, r.source, "the log source has no table: %v", err).WithHint("--table %s:TABLE, or --table TABLE for all", describe(r.Source))
		return ""
	}
	return convert.Ident(name)
}

func describe(source map[string]string) string {
	var list []string
	for _, k := range []string{"category", "product", "service"} {
		if source[k] != "" {
			list = append(list, k+"="+source[k])
		}
	}
	return strings.Join(list, ",")
}

// branch is the events of one table that have the same keys.
type branch struct {
	table string
	keys  []string // as SQL writes them
	field string
	rules []int    // of the correlation
	where []string // of each of them
}

// branches are where the events of a correlation come from.
func (w *writer) branches(r *rule, path []*rule) (list []branch) {
	for i, n := range r.correlation.rules {
		other := w.find(n.Value)
		if other == nil {
			w.mistake(n, "there is no rule with this name or id")
			continue
		}
		b := w.source(r.correlation, other, path)
		b.rules = []int{i}
		at := slices.IndexFunc(list, func(o branch) bool {
			return o.table == b.table && slices.Equal(o.keys, b.keys) && o.field == b.field
		})
		if at < 0 {
			list = append(list, b)
			continue
		}
		list[at].rules, list[at].where = append(list[at].rules, i), append(list[at].where, b.where...)
	}
	return list
}

// source is the events of one rule.
func (w *writer) source(c *correlation, r *rule, path []*rule) (b branch) {
	field := func(n *yaml.Node) string { return w.options.Column(w.alias(c, r, n)) }
	if r.correlation == nil {
		b.table, b.where = w.table(r), []string{w.where(&r.Detection, w.options)}
	} else {
		w.view(r, path)
		b.table, b.where = r.view, []string{"TRUE"}
		field = func(n *yaml.Node) string { return w.keyOf(r, w.alias(c, r, n), n) }
	}
	for _, g := range c.groupBy {
		b.keys = append(b.keys, field(g))
	}
	if c.field != nil {
		b.field = field(c.field)
	}
	return b
}

// alias is the field of a rule that a name of the correlation stands for.
func (w *writer) alias(c *correlation, r *rule, n *yaml.Node) string {
	byRule, ok := c.aliases[n.Value]
	if !ok {
		return n.Value
	}
	for _, name := range []string{r.Name, r.ID} {
		if f := byRule[name]; f != "" {
			return f
		}
	}
	w.mistake(n, "the alias has no field of the rule %s", r.label())
	return ""
}

// keyOf is the column of a correlation's view: it has what it groups by.
func (w *writer) keyOf(r *rule, field string, n *yaml.Node) string {
	for _, g := range r.correlation.groupBy {
		if g.Value == field {
			return keyName(g)
		}
	}
	w.refuse(n, "the field "+n.Value+" of a correlation", "%s does not group by it", r.label())
	return ""
}

// keyName is the column of a name in group-by.
func keyName(n *yaml.Node) string { return convert.Ident(strings.ReplaceAll(n.Value, ".", "_")) }
