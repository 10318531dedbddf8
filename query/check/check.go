package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Options is what checking needs beside catalog and text.
type Options struct {
	// Params are the values of :name parameters, as SQL literals; text that is
	// no literal is a string.
	Params map[string]string
	// Bounded says whether a table ends by itself. Nil: by its options.
	Bounded func(*catalog.Table) bool
	// Asked says whether a table is not read but asked for the rows of a key. Nil:
	// by its connector.
	Asked func(*catalog.Table) bool
	// ReadFile reads the module of a function. Nil: functions cannot be created.
	ReadFile func(path string) ([]byte, error)
	// Fold replaces constant parts of an expression by their values. An error,
	// with its place, is a part that fails whenever it is evaluated. Nil: no folding.
	Fold func(expr.Expr) (out expr.Expr, at diag.Span, err error)
	// Sample looks at the records that LIKE SAMPLE is about. Nil: none are looked at,
	// and it is refused.
	Sample func(SampleRequest) (*Sample, error)
}

// Checker binds the statements of one text.
type Checker struct {
	cat   *catalog.Catalog
	list  *diag.List
	opts  Options
	used  map[string]bool // parameters that were read
	ctes  *cte
	views []string // being expanded
	spent *int     // of maxExpansion
	pins  map[*ast.CreateTable]*ast.CreateTable
	blank map[string]bool // tables, in lower case, that a sample has not told the columns of
}

// New is a checker that adds its findings to list and resolves names in cat.
func New(cat *catalog.Catalog, list *diag.List, opts Options) *Checker {
	if opts.Bounded == nil {
		opts.Bounded = endsByItself
	}
	if opts.Asked == nil {
		opts.Asked = isAsked
	}
	return &Checker{cat: cat, list: list, opts: opts, used: map[string]bool{}, spent: new(int),
		pins: map[*ast.CreateTable]*ast.CreateTable{}, blank: map[string]bool{}}
}

func endsByItself(t *catalog.Table) bool {
	switch t.Option("connector", "") {
	case "file", "memory":
		return true
	case "kafka", "nats", "mqtt", "syslog", "postgres-cdc":
		return t.Option("scan.bounded.mode", "unbounded") != "unbounded"
	}
	return t.Option("number-of-rows", "") != ""
}

func isAsked(t *catalog.Table) bool {
	switch t.Option("connector", "") {
	case "http":
		return t.Option("url", "") != "" // without, events are posted to it
	case "jdbc":
		return true
	}
	return false
}

// relation is a bound table expression: a plan and how its columns are named.
type relation struct {
	node     plan.Node
	alias    string       // qualifies the columns; "" when nothing does
	proctime map[int]bool // columns that are the processing time
	window   *windowed    // nil: the rows are not of windows
	key      []int        // PRIMARY KEY of a table; nil: none
	tables   []tableScope // of a join; nil: all columns are of alias
	inner    int          // of a sub-query: its own columns are from here on, the others those around it
	other    int          // a column that may be the event time in place of Rowtime; not above zero: none
}

// timed says whether the rows have event time, in a column or not.
func (r *relation) timed() bool { return r.schema().Rowtime >= 0 || r.window != nil && r.window.timed }

// tableScope is the columns that a table in FROM has of a join.
type tableScope struct {
	name     string // "" when it has none
	from, to int
}

// scopes is the tables of a relation whose columns come behind n others.
func (r *relation) scopes(n int) []tableScope {
	if r.tables == nil {
		return []tableScope{{r.alias, n, n + len(r.schema().Fields)}}
	}
	out := make([]tableScope, len(r.tables))
	for i, t := range r.tables {
		out[i] = tableScope{t.name, t.from + n, t.to + n}
	}
	return out
}

// scope is the columns of the table of a name; of several the last.
func (r *relation) scope(name string) (from, to int, ok bool) {
	for _, t := range r.scopes(0) {
		if equalFold(t.name, name) {
			from, to, ok = t.from, t.to, true
		}
	}
	return from, to, ok
}

// tableNames is the names of the tables.
func (r *relation) tableNames() []string {
	var names []string
	for _, t := range r.scopes(0) {
		if t.name != "" {
			names = append(names, t.name)
		}
	}
	return names
}

func (r *relation) schema() *event.Schema { return r.node.Schema() }

// cte is one WITH table and those defined before it.
type cte struct {
	name string
	rel  *relation // nil when it did not bind
	cost int       // of a use
	next *cte
}

func (c *cte) find(name string) *cte {
	for ; c != nil; c = c.next {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (c *Checker) add(code diag.Code, span diag.Span, format string, args ...any) *diag.Diagnostic {
	return c.list.Add(code, span, format, args...)
}

// unsupported refuses what the language has and the engine has not.
func (c *Checker) unsupported(span diag.Span, what string) *diag.Diagnostic {
	return c.add(diag.NotSupported, span, "%s is not supported yet", what)
}

// text is the source text of a span.
func (c *Checker) text(s diag.Span) string {
	if s.Start < 0 || s.End > len(c.list.Source) || s.Start > s.End {
		return ""
	}
	return c.list.Source[s.Start:s.End]
}

// place is where an expression is marked: an operator with its right operand
// for a binary one, for there the mistake is.
func (c *Checker) place(e ast.Expr) diag.Span {
	b, ok := e.(*ast.Binary)
	if !ok {
		return e.Pos()
	}
	from := b.X.Pos().End
	gap := c.text(diag.Span{Start: from, End: b.Y.Pos().Start})
	at := strings.Index(strings.ToUpper(gap), b.Op)
	if at < 0 {
		at = strings.Index(gap, "!=")
	}
	if at < 0 {
		return b.Pos()
	}
	return diag.Span{Start: from + at, End: b.Y.Pos().End}
}

// hint adds "did you mean" when a candidate is near. Every letter is near
// every other: names of one get no hint.
func hint(d *diag.Diagnostic, name string, candidates []string) *diag.Diagnostic {
	if near := diag.Nearest(name, candidates); near != "" && len(name) > 1 {
		d.WithHint("did you mean %q?", near)
	}
	return d
}

// dotted is a name as written.
func dotted(parts []ast.Ident) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.Name
	}
	return strings.Join(names, ".")
}

// systemTable is the name of a system table, where there are such tables.
func (c *Checker) systemTable(n ast.Name) (string, bool) {
	name := catalog.SystemSchema + "." + strings.ToLower(n.Parts[1].Name)
	if _, ok := c.cat.Table(catalog.SystemSchema + ".instances"); ok {
		return name, true
	}
	c.add(diag.SystemTable, n.Pos(), "%s is a system table: it has the rows of a moment, and a query that goes on cannot read it", name).
		WithHint("ask a server: cepd select 'SELECT … FROM %s'", name)
	return "", false
}

// tableName is the one part of a table's name; catalogs and databases are not
// distinguished.
func (c *Checker) tableName(n ast.Name) (string, bool) {
	if len(n.Parts) == 2 && strings.EqualFold(n.Parts[0].Name, catalog.SystemSchema) {
		return c.systemTable(n)
	}
	if len(n.Parts) != 1 {
		c.unsupported(n.Pos(), "a qualified table name").WithHint("write %s", n.Parts[len(n.Parts)-1].Name)
		return "", false
	}
	return n.Parts[0].Name, true
}
