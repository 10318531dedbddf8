// Package query turns the text of statements into logical plans: the one entry
// to the language.
//
//	text --parse--> ast.Script --check--> plan.Insert --Optimize--> Result
//	                               |
//	                               +----> catalog (tables, views, settings)
package query

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/query/plan"
)

// Options is what compiling needs beside the text.
type Options struct {
	File string // name to show in errors
	Text string // the text that the script was parsed from
	// Params are the values of :name, as SQL literals; other text is a string.
	Params map[string]string
	// Bounded says whether a table ends by itself. Nil: file and memory tables,
	// and those with 'number-of-rows' or 'scan.bounded.mode'.
	Bounded func(*catalog.Table) bool
	// Asked says whether a table is asked for the rows of a key. Nil: http and jdbc
	// tables.
	Asked func(*catalog.Table) bool
	// ReadFile reads the modules of functions. Nil: from the disk, relative to the
	// folder of File.
	ReadFile func(path string) ([]byte, error)
	// Sample looks at the records that LIKE SAMPLE is about. Nil: it is refused.
	Sample func(check.SampleRequest) (*check.Sample, error)
	// Shadows says that CREATE QUERY … SHADOW is understood.
	Shadows bool
}

// readFile reads a file as a text named File means it.
func (o *Options) readFile(path string) ([]byte, error) {
	if o.ReadFile != nil {
		return o.ReadFile(path)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(o.File), path)
	}
	return os.ReadFile(path)
}

// Result is a compiled script.
type Result struct {
	Queries  []Query          // to run, in order
	Actions  []Action         // to carry out, in order
	Tables   []*catalog.Table // created, or given columns
	Params   []string         // names of the parameters that were used, ascending
	Warnings *diag.List
	// Pinned are the statements with LIKE SAMPLE as they are without it, with the
	// columns and options that the samples had.
	Pinned map[*ast.CreateTable]*ast.CreateTable
}

// Query is a continuous query.
type Query struct {
	*plan.Insert
	Settings map[string]string // SET so far
	Print    bool              // a query of its own: its rows go to the terminal
	Span     diag.Span
}

// Action is a statement that runs no query.
type Action struct {
	// Statement is an *ast.Explain, *ast.Describe, *ast.Show, *ast.Set,
	// *ast.AlterQuery or *ast.Drop (of a query).
	Statement ast.Statement
	Before    int               // the number of Queries that stand before it
	Plan      *plan.Insert      // of EXPLAIN, and of ALTER QUERY … AS
	Settings  map[string]string // of ALTER QUERY … AS: SET so far
	Columns   []string          // of the answer; nil when the caller knows it, such as SHOW QUERIES
	Rows      [][]string
}

// Roots are the plans of the queries.
func (r *Result) Roots() []*plan.Insert {
	roots := make([]*plan.Insert, len(r.Queries))
	for i := range r.Queries {
		roots[i] = r.Queries[i].Insert
	}
	return roots
}

// CompileText parses and compiles a file. The error is a *diag.List.
func CompileText(cat *catalog.Catalog, file, text string, params map[string]string) (*Result, error) {
	script, err := parse.Parse(file, text)
	if err != nil {
		return nil, err
	}
	return Compile(cat, script, Options{File: file, Text: text, Params: params})
}

// Compile binds the statements in order: definitions fill the catalog, queries
// become plans. The error is a *diag.List with all mistakes and warnings; the
// catalog is then as it was.
func Compile(cat *catalog.Catalog, script *ast.Script, opts Options) (*Result, error) {
	c := compile(cat, script, opts)
	if err := c.list.Err(); err != nil {
		return nil, err
	}
	cat.Become(c.cat)
	return &c.result, nil
}

// Draft is what can be made of a text that may have mistakes.
type Draft struct {
	Result                   // of the statements that are right; its Warnings are all findings
	Catalog *catalog.Catalog // with the definitions that are right
}

// CompileDraft binds the statements as Compile does, and keeps what is right. The
// catalog that it is given stays as it is.
func CompileDraft(cat *catalog.Catalog, script *ast.Script, opts Options) *Draft {
	c := compile(cat, script, opts)
	return &Draft{c.result, c.cat}
}

func compile(cat *catalog.Catalog, script *ast.Script, opts Options) *compiler {
	list := &diag.List{File: opts.File, Source: opts.Text}
	c := &compiler{cat: cat.Clone(), list: list, names: map[string]bool{}, shadows: opts.Shadows}
	c.check = check.New(c.cat, list, check.Options{Params: opts.Params, Bounded: opts.Bounded, Asked: opts.Asked, ReadFile: opts.readFile, Fold: fold, Sample: opts.Sample})
	for _, s := range script.Statements {
		c.statement(s)
	}
	list.Sort()
	c.result.Params = c.check.Used()
	c.result.Pinned = c.check.Pinned()
	c.result.Warnings = list
	return c
}

// fold is kernel.Fold with the place of the error apart.
func fold(e expr.Expr) (expr.Expr, diag.Span, error) {
	out, err := kernel.Fold(e)
	if err == nil {
		return out, diag.Span{}, nil
	}
	at := e.Pos()
	var k *kernel.Error
	if errors.As(err, &k) {
		at = k.Span
	}
	return nil, at, err
}

// foldQuietly leaves what fails as it is: its text was right.
func foldQuietly(e expr.Expr) expr.Expr {
	out, err := kernel.Fold(e)
	if err != nil {
		return e
	}
	return out
}

type compiler struct {
	cat     *catalog.Catalog
	list    *diag.List
	check   *check.Checker
	names   map[string]bool // of queries
	shadows bool
	result  Result
}

func (c *compiler) statement(s ast.Statement) {
	switch s := s.(type) {
	case *ast.CreateTable:
		if t := c.check.CreateTable(s); t != nil {
			c.result.Tables = append(c.result.Tables, t)
			if pinned := c.check.Pinned()[s]; pinned != nil {
				t.Pinned = format.Table(pinned)
			}
		}
	case *ast.AlterTable:
		if t := c.check.AlterTable(s); t != nil {
			t.Added = append(slices.Clip(t.Added), format.Alter(s))
			c.result.Tables = append(c.result.Tables, t)
		}
	case *ast.CreateView:
		c.check.CreateView(s)
	case *ast.CreateFunction:
		c.check.CreateFunction(s)
	case *ast.Insert, *ast.CreateQuery, *ast.QueryStatement, *ast.StatementSet:
		if root, print := c.root(s); root != nil {
			c.query(root, s, print)
		}
	case *ast.Explain:
		c.explain(s)
	case *ast.Describe:
		c.describe(s)
	case *ast.Show:
		c.show(s)
	case *ast.Set:
		c.set(s)
	case *ast.Drop:
		c.drop(s)
	case *ast.AlterQuery:
		c.alter(s)
	default:
		c.refuse(s)
	}
}

func (c *compiler) refuse(s ast.Statement) {
	c.list.Add(diag.NotSupported, s.Pos(), "this statement is not supported yet")
}

// root is the plan of a statement that reads; nil after an error.
func (c *compiler) root(s ast.Statement) (root *plan.Insert, print bool) {
	switch s := s.(type) {
	case *ast.Insert:
		root = c.check.Insert(s)
	case *ast.CreateQuery:
		if s.Shadow && !c.shadows {
			c.list.Add(diag.NotSupported, s.Pos(), "CREATE QUERY … SHADOW is for a server that runs the query: submit it alone (cepd query shadow)")
		}
		if root = c.check.Insert(s.Insert); root != nil {
			root.Name = s.Name.Name
		}
	case *ast.QueryStatement:
		root, print = c.check.Print(s.Query), true
	case *ast.StatementSet:
		return c.statementSet(s), false
	default:
		c.list.Add(diag.NotSupported, s.Pos(), "only INSERT, CREATE QUERY, statement sets and queries have a plan to explain")
	}
	if root != nil {
		root = c.optimize(root)
	}
	return root, print
}

// optimize also checks what only an optimized plan shows: how many rows of each
// key are wanted.
func (c *compiler) optimize(root *plan.Insert) *plan.Insert {
	root = optimize(root)
	c.limited(root)
	return root
}

func (c *compiler) limited(n plan.Node) {
	if top, ok := n.(*plan.TopN); ok && !top.Windowed() && top.Limit == 0 {
		c.list.Add(diag.UnboundedState, top.At, "ROW_NUMBER() by an order other than that of time needs a limit: else every row would be kept, and be numbered anew with each that comes").
			WithHint("write SELECT … FROM (SELECT …, ROW_NUMBER() OVER (…) AS n FROM …) WHERE n <= 10")
	}
	for _, in := range n.Inputs() {
		c.limited(in)
	}
}

func optimize(root *plan.Insert) *plan.Insert {
	return plan.Optimize(root, foldQuietly).(*plan.Insert)
}

// set is the plan of a statement set: its first insert, with the others.
func (c *compiler) statementSet(s *ast.StatementSet) *plan.Insert {
	var list []*plan.Insert
	names := map[string]bool{}
	for _, i := range s.Inserts {
		n := c.check.Insert(i)
		if n == nil {
			continue
		}
		switch {
		case n.Name == "":
			n.Name = freeName(names, n.Table.Name)
		case names[n.Name]:
			c.list.Add(diag.DuplicateName, i.Pos(), "there is an insert %q in the set already", n.Name)
		}
		names[n.Name] = true
		list = append(list, c.optimize(n))
	}
	if len(list) < len(s.Inserts) || len(list) == 0 {
		return nil
	}
	list[0].Also = list[1:]
	return list[0]
}

// query adds a plan under a name of its own.
func (c *compiler) query(root *plan.Insert, s ast.Statement, print bool) {
	if root.Name != "" && c.names[root.Name] {
		c.list.Add(diag.DuplicateName, s.Pos(), "there is a query %q already", root.Name)
		return
	}
	if root.Name == "" {
		root.Name = freeName(c.names, root.Table.Name)
	}
	c.names[root.Name] = true
	c.result.Queries = append(c.result.Queries, Query{Insert: root, Settings: maps.Clone(c.cat.Settings), Print: print, Span: s.Pos()})
}

// freeName is base, or base_2 and so on where that is taken. It doubles the number
// and then halves the gap, since a file may have thousands of one base.
func freeName(taken map[string]bool, base string) string {
	if !taken[base] {
		return base
	}
	name := func(n int) string { return fmt.Sprintf("%s_%d", base, n) }
	end := 2
	for taken[name(end)] {
		end *= 2
	}
	from := end/2 + 1
	return name(from + sort.Search(end-from, func(i int) bool { return !taken[name(from+i)] }))
}
