package assist

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
)

// Item is one thing that may be written at a place.
type Item struct {
	Label  string // what is written
	Kind   string // keyword, table, view, column, variable, function, option, value, setting, type
	Detail string // on one line: a type, a usage, a default
	Doc    string
}

// Completion is what may be written in place of a span of the text.
type Completion struct {
	Items []Item
	Span  diag.Span
}

// MaxItems bounds a completion; what is over is left out, and comes as more is
// typed.
const MaxItems = 500

// Complete says what may be written at a byte of the text: only what begins with
// the word that is there, the likeliest first.
func (t *Tools) Complete(file, text string, offset int) Completion {
	s, ok := newSite(text, offset, false)
	if !ok {
		return Completion{Span: diag.Span{Start: offset, End: offset}}
	}
	c := &completer{Tools: t, site: s, cat: t.defined(file, text)}
	c.sc = s.scopeOf(c.cat)
	c.complete()
	return Completion{Items: c.items[:min(len(c.items), MaxItems)], Span: s.span}
}

type completer struct {
	*Tools
	*site
	cat   *catalog.Catalog
	sc    *scope
	items []Item
}

// add adds what begins with what is typed.
func (c *completer) add(i Item) {
	typed, label := c.typed, strings.TrimPrefix(i.Label, "'")
	if len(label) < len(typed) || !strings.EqualFold(label[:len(typed)], typed) {
		return
	}
	if !slices.ContainsFunc(c.items, func(o Item) bool { return o.Label == i.Label && o.Kind == i.Kind }) {
		c.items = append(c.items, i)
	}
}

func (c *completer) complete() {
	if c.optionNames() || c.site.string {
		return
	}
	if qualifiers := c.qualifiers(); qualifiers != nil {
		c.fields(c.sc.members(qualifiers))
		return
	}
	switch {
	case c.tablePlace():
		c.tables()
	case c.variablePlace():
		c.variables(c.is(c.at-1, "DEFINE", ",") && c.sc.match.clause == "DEFINE")
	case c.In("ident", "columnList", "insert"):
		c.targetColumns()
	case c.In("ident", "tableElement") || c.In("ident", "columnList", "tableElement"):
		c.fields(c.ownColumns())
	case c.Type:
		c.types()
	case c.Expression || !c.Reached:
		c.expression()
	}
	for _, k := range c.Keywords {
		c.keyword(k)
	}
}

// qualifiers are the names before the place, each with a dot behind it.
func (s *site) qualifiers() (list []string) {
	for i := s.at - 1; i > 0 && s.is(i, ".") && s.isName(i-1); i -= 2 {
		list = append([]string{s.words[i-1].Text}, list...)
	}
	return list
}

// tablePlace says whether the name of a table comes.
func (s *site) tablePlace() bool {
	switch {
	case s.In("tablePrimary"), s.In("ident", "name", "tablePrimary"):
		return s.is(s.at-1, "FROM", "JOIN", ",", "(", "LATERAL", "TABLE")
	case s.In("ident", "name"):
		return true
	}
	return !s.Reached && s.is(s.at-1, "FROM", "JOIN", "INTO", "TABLE")
}

func (c *completer) tables() {
	for _, w := range c.sc.ctes {
		c.add(Item{Label: w.name, Kind: "table", Detail: "WITH table"})
	}
	for _, t := range c.cat.Tables() {
		c.add(Item{Label: t.Name, Kind: "table", Detail: t.Option("connector", ""), Doc: columnList(t)})
	}
	if c.is(c.at-1, "LIKE") {
		c.add(Item{Label: "SAMPLE", Kind: "keyword", Detail: "['file'] [(FIRST n ROWS)]", Doc: "The columns are those that the table's own records have, or those of a file."})
		return // views have no options
	}
	for _, v := range c.cat.Views() {
		c.add(Item{Label: v.Name, Kind: "view", Detail: "view"})
	}
	if c.In("tablePrimary") {
		for _, f := range tableFunctions {
			c.add(Item{Label: f.name, Kind: "function", Detail: f.usage, Doc: f.doc})
		}
	}
}

// columnList is the columns of a table with their types.
func columnList(t *catalog.Table) string {
	list := make([]string, len(t.Columns))
	for i := range t.Columns {
		list[i] = t.Columns[i].Name + " " + t.Columns[i].Type.String()
	}
	return strings.Join(list, ", ")
}

// variablePlace says whether only a variable of the pattern comes.
func (c *completer) variablePlace() bool {
	if c.sc.match == nil {
		return false
	}
	return c.Pattern || c.In("ident", "define") || c.In("ident", "columnList", "subset") ||
		c.sc.match.clause == "AFTER" && c.is(c.at-1, "TO", "FIRST", "LAST")
}

// variables are those of the pattern: all, or those that have no definition.
func (c *completer) variables(undefined bool) {
	for _, v := range c.sc.match.vars {
		if !undefined || v.define < 0 {
			c.add(Item{Label: v.name, Kind: "variable", Detail: v.describe()})
		}
	}
}

func (v *variable) describe() string {
	if v.cond == "" {
		return v.name + ": any row"
	}
	return v.name + " AS " + v.cond
}

func (c *completer) fields(list []event.Field) {
	for _, f := range list {
		c.add(Item{Label: f.Name, Kind: "column", Detail: typeText(f.Type)})
	}
}

// typeText is empty for a type that is not known yet.
func typeText(t event.Type) string {
	if t.Kind == event.Null {
		return ""
	}
	return t.String()
}

// targetColumns are those of INSERT INTO t (….
func (c *completer) targetColumns() {
	for _, l := range c.levels() {
		if l.before < 0 || !c.isName(l.before) {
			continue
		}
		if t, ok := c.cat.Table(c.words[l.before].Text); ok {
			for i := range t.Columns {
				c.add(Item{Label: t.Columns[i].Name, Kind: "column", Detail: t.Columns[i].Type.String()})
			}
		}
	}
}

// ownColumns are those of CREATE TABLE t (… around the place, as far as they are
// written.
func (s *site) ownColumns() (list []event.Field) {
	for _, l := range s.levels() {
		if !s.is(l.before-1, "TABLE", "EXISTS") {
			continue
		}
		start := true
		for _, w := range l.words {
			if start && s.isName(w) && s.isName(w+1) {
				list = append(list, event.Field{Name: s.words[w].Text})
			}
			start = s.is(w, ",")
		}
	}
	return list
}

func (c *completer) types() {
	for _, name := range check.TypeNames() {
		c.add(Item{Label: name, Kind: "type"})
	}
}

// expression is columns, variables, the names of tables, functions.
func (c *completer) expression() {
	if c.Under("createTable") {
		c.fields(c.ownColumns())
	}
	for i := range c.sc.tables {
		c.fields(c.sc.tables[i].Fields)
	}
	if m := c.sc.match; m != nil && (m.clause == "PARTITION" || m.clause == "ORDER") {
		return // columns only
	}
	if c.sc.match != nil {
		c.variables(false)
	} else {
		for i := range c.sc.tables {
			if name := c.sc.tables[i].Name; name != "" {
				c.add(Item{Label: name, Kind: "table", Detail: "in FROM"})
			}
		}
	}
	for _, f := range functions(c.cat, c.sc.match != nil) {
		c.add(Item{Label: f.name, Kind: "function", Detail: f.usage, Doc: f.doc})
	}
}

// keyword adds one, unless it is a function that is there already.
func (c *completer) keyword(k string) {
	i := Item{Label: k, Kind: "keyword"}
	if m := findMeaning(keywords, k); m != nil {
		i.Detail, i.Doc = m.usage, m.doc
	}
	if !slices.ContainsFunc(c.items, func(o Item) bool { return o.Label == k }) {
		c.add(i)
	}
}
