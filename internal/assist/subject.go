package assist

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
)

// Subject is what a word of a text means.
type Subject struct {
	Kind  string    // table, view, column, variable, function, keyword, option, setting
	Title string    // on one line, as it would be written
	Doc   string    // may be empty
	Span  diag.Span // of the word
	Home  *Home     // where it is defined; nil: nowhere that can be shown
}

// Home is where something is defined.
type Home struct {
	File   string // "": in the text itself
	Source string // of the text that Span refers to
	Span   diag.Span
}

// Subject says what the word at a byte of the text means; nil when it means
// nothing by itself.
func (t *Tools) Subject(file, text string, offset int) *Subject {
	if offset >= 0 && offset < len(text) && strings.IndexByte("'`\"", text[offset]) >= 0 {
		offset++
	}
	s, ok := newSite(text, offset, true)
	if !ok || s.span.Start == s.span.End {
		return nil
	}
	f := &finder{Tools: t, site: s, cat: t.defined(file, text), name: strings.Trim(sliceOf(text, s.span), "`'\"")}
	f.sc = s.scopeOf(f.cat)
	subject := f.find()
	if subject != nil {
		subject.Span = s.span
		if h := subject.Home; h != nil && h.Source == text {
			h.File = ""
		}
	}
	return subject
}

// finder looks for what a name means.
type finder struct {
	*Tools
	*site
	cat  *catalog.Catalog
	sc   *scope
	name string
}

func (f *finder) find() *Subject {
	if p := f.optionPlace(f.cat); p != nil {
		return f.option(p)
	}
	if f.site.string {
		return nil
	}
	if q := f.qualifiers(); q != nil {
		return f.member(q)
	}
	if f.tablePlace() {
		return cmp.Or(f.table(f.name), f.function())
	}
	if f.sc.match != nil && (f.is(f.next, ".") || f.Pattern || f.In("patternItem") || f.In("ident", "define") || f.In("ident", "columnList", "subset") || f.sc.match.clause == "AFTER") {
		if v := f.variable(); v != nil {
			return v
		}
	}
	if f.is(f.next, "(") {
		return cmp.Or(f.function(), f.keyword())
	}
	return cmp.Or(f.column(""), f.variable(), f.tableInScope(), f.function(), f.keyword())
}

func (f *finder) keyword() *Subject {
	m := findMeaning(keywords, f.name)
	if m == nil {
		return nil
	}
	return &Subject{Kind: "keyword", Title: m.usage, Doc: m.doc}
}

func (f *finder) function() *Subject {
	m := functionOf(f.cat, f.name, f.sc.match != nil)
	if m == nil {
		return nil
	}
	return &Subject{Kind: "function", Title: m.usage, Doc: m.doc}
}

func (f *finder) option(p *optionPlace) *Subject {
	switch {
	case p.metadata:
		return nil
	case p.setting:
		key := cmp.Or(p.key, f.name)
		for _, s := range catalog.Settings {
			if s.Key == key {
				return &Subject{Kind: "setting", Title: fmt.Sprintf("SET %s = %s", quote(s.Key), quote(s.Default)), Doc: s.Meaning}
			}
		}
		return nil
	}
	p.key = cmp.Or(p.key, f.name)
	s := f.spec(p)
	if s == nil {
		return nil
	}
	return &Subject{Kind: "option", Title: optionTitle(s), Doc: s.Doc + allowed(f.valuesOf(s))}
}

func optionTitle(s *connectors.OptionSpec) string {
	if d := detailOf(s); d != "" {
		return quote(s.Name) + ", " + d
	}
	return quote(s.Name)
}

func allowed(values []string) string {
	if len(values) < 2 {
		return ""
	}
	return "\n\nOne of " + strings.Join(values, ", ") + "."
}

// member is a field behind qualifiers.
func (f *finder) member(qualifiers []string) *Subject {
	if len(qualifiers) == 1 {
		qualifier := qualifiers[0]
		if f.sc.match != nil && f.sc.match.find(qualifier) != nil {
			qualifier = ""
		}
		if c := f.column(qualifier); c != nil {
			return c
		}
	}
	for _, field := range f.sc.members(qualifiers) {
		if strings.EqualFold(field.Name, f.name) {
			return &Subject{Kind: "column", Title: field.Name + " " + field.Type.String()}
		}
	}
	return nil
}

// column is one in scope.
func (f *finder) column(qualifier string) *Subject {
	t, field := f.sc.column(qualifier, f.name)
	if field == nil {
		return f.ownColumn()
	}
	s := &Subject{Kind: "column", Title: field.Name + " " + field.Type.String()}
	if t.Name != "" {
		s.Doc = "Column of " + t.Name + "."
	}
	if t.Time >= 0 && &t.Fields[t.Time] == field {
		s.Doc += " The event time."
	}
	if def, ok := f.cat.Table(t.origin); ok {
		s.Home = f.homeOfColumn(def, field)
	}
	return s
}

// ownColumn is a column of the table that is being defined.
func (f *finder) ownColumn() *Subject {
	if !f.Under("createTable") {
		return nil
	}
	for _, own := range f.ownColumns() {
		if !strings.EqualFold(own.Name, f.name) {
			continue
		}
		if t := f.tableAround(); t != nil {
			if i := t.Column(f.name); i >= 0 {
				return &Subject{Kind: "column", Title: t.Columns[i].Name + " " + t.Columns[i].Type.String(), Home: homeIn(t, t.Columns[i].Span)}
			}
		}
		return &Subject{Kind: "column", Title: own.Name}
	}
	return nil
}

// tableAround is the table whose definition is around the place.
func (f *finder) tableAround() *catalog.Table {
	for _, t := range f.cat.Tables() {
		if t.Source != nil && t.Source.Source == f.text && t.Span.Start <= f.span.Start && f.span.End <= t.Span.End {
			return t
		}
	}
	return nil
}

func (f *finder) homeOfColumn(t *catalog.Table, field *event.Field) *Home {
	i := t.Column(field.Name)
	if i < 0 {
		return nil
	}
	return homeIn(t, t.Columns[i].Span)
}

func homeIn(t *catalog.Table, span diag.Span) *Home {
	if t.Source == nil {
		return nil
	}
	return &Home{File: t.Source.File, Source: t.Source.Source, Span: span}
}

// variable is one of the pattern, defined where DEFINE says what it is.
func (f *finder) variable() *Subject {
	if f.sc.match == nil {
		return nil
	}
	v := f.sc.match.find(f.name)
	if v == nil {
		return nil
	}
	at := v.at
	if v.define >= 0 {
		at = v.define
	}
	s := &Subject{Kind: "variable", Title: v.describe(), Doc: "Variable of the pattern."}
	s.Home = &Home{Source: f.text, Span: f.words[at].Span}
	return s
}

// table is a table or view of the catalog, or one of WITH.
func (f *finder) table(name string) *Subject {
	for _, w := range f.sc.ctes {
		if strings.EqualFold(w.name, name) {
			return &Subject{Kind: "table", Title: w.name, Doc: "A table of WITH.", Home: &Home{Source: f.text, Span: f.words[w.at].Span}}
		}
	}
	if t, ok := f.cat.Table(name); ok {
		return &Subject{Kind: "table", Title: t.Name + " (" + columnList(t) + ")", Doc: tableDoc(t), Home: f.homeOf(t.Name, t.Source, t.Span)}
	}
	if v, ok := f.cat.View(name); ok {
		return &Subject{Kind: "view", Title: "VIEW " + v.Name, Doc: sliceOf(v.Source.Source, v.Query.Pos()), Home: f.homeOf(v.Name, v.Source, v.Query.Pos())}
	}
	return nil
}

// tableInScope is a table by the name that it has in FROM.
func (f *finder) tableInScope() *Subject {
	for i := range f.sc.tables {
		if strings.EqualFold(f.sc.tables[i].Name, f.name) {
			return f.table(f.sc.tables[i].origin)
		}
	}
	return f.table(f.name)
}

func tableDoc(t *catalog.Table) string {
	doc := fmt.Sprintf("Table of connector %s.", t.Option("connector", "?"))
	if t.Rowtime >= 0 {
		doc += " Event time: " + t.Columns[t.Rowtime].Name + "."
	}
	return doc
}

// homeOf is the name in the statement that defines it.
func (f *finder) homeOf(name string, source *diag.List, span diag.Span) *Home {
	if source == nil {
		return nil
	}
	for _, d := range Symbols(source.Source) {
		if strings.EqualFold(d.Name, name) && (d.Kind == "table" || d.Kind == "view") {
			span = d.NameSpan
		}
	}
	return &Home{File: source.File, Source: source.Source, Span: span}
}
