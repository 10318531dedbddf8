package check

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

func equalFold(a, b string) bool { return b != "" && strings.EqualFold(a, b) }

// Insert binds INSERT INTO; nil after an error. The query has the name of its
// NAME hint, or none.
func (c *Checker) Insert(e *ast.Insert) *plan.Insert {
	name, hints := c.queryName(e.Hints)
	table := c.sink(e, hints)
	rel := c.query(e.Query)
	if table == nil || rel == nil {
		return nil
	}
	write, ok := c.writeColumns(e, table)
	if !ok {
		return nil
	}
	input := c.convert(e, rel, table, write)
	if input == nil || !c.fitsTable(e, input, table) {
		return nil
	}
	return &plan.Insert{Name: name, Table: table, Input: input, Write: write}
}

// queryName takes the NAME hint out of hints.
func (c *Checker) queryName(hints []ast.Hint) (name string, others []ast.Hint) {
	for _, h := range hints {
		switch {
		case !strings.EqualFold(h.Name.Name, "NAME"):
			others = append(others, h)
		case len(h.Args) != 1 || h.Args[0] == "":
			c.add(diag.FunctionArgument, h.Pos(), "NAME takes one name: /*+ NAME('fraud') */")
		default:
			name = h.Args[0]
		}
	}
	return name, others
}

func (c *Checker) sink(e *ast.Insert, hints []ast.Hint) *catalog.Table {
	name, ok := c.tableName(e.Table)
	if !ok {
		return nil
	}
	if v, isView := c.cat.View(name); isView {
		c.add(diag.UnknownTable, e.Table.Pos(), "%q is a view: rows are written to tables", v.Name)
		return nil
	}
	table, ok := c.cat.Table(name)
	if !ok {
		c.unknownTable(name, e.Table.Pos())
		return nil
	}
	return c.withHints(table, hints)
}

// writeColumns are the table's columns that the INSERT gives values for.
func (c *Checker) writeColumns(e *ast.Insert, t *catalog.Table) ([]int, bool) {
	var write []int
	if len(e.Columns) == 0 {
		for i := range t.Columns {
			if writable(&t.Columns[i]) {
				write = append(write, i)
			}
		}
		return write, true
	}
	ok := true
	for _, id := range e.Columns {
		i := t.Column(id.Name)
		switch {
		case i < 0:
			hint(c.add(diag.UnknownColumn, id.Pos(), "there is no column %q in %s", id.Name, t.Name), id.Name, columnNames(t))
		case !writable(&t.Columns[i]):
			c.add(diag.SchemaMismatch, id.Pos(), "the column %q is computed or VIRTUAL: it cannot be written", t.Columns[i].Name)
		case contains(write, i):
			c.add(diag.DuplicateName, id.Pos(), "the column %q is written twice", t.Columns[i].Name)
		default:
			write = append(write, i)
			continue
		}
		ok = false
	}
	return write, ok && c.requiredColumns(e, t, write)
}

// requiredColumns checks that no NOT NULL column is left out.
func (c *Checker) requiredColumns(e *ast.Insert, t *catalog.Table, write []int) bool {
	for i, col := range t.Columns {
		if col.NotNull && writable(&t.Columns[i]) && !contains(write, i) {
			c.add(diag.SchemaMismatch, e.Table.Pos(), "the column %q of %s is NOT NULL and gets no value", col.Name, t.Name)
			return false
		}
	}
	return true
}

func writable(col *catalog.Column) bool {
	return col.Kind == catalog.Physical || col.Kind == catalog.Metadata && !col.Virtual
}

func columnNames(t *catalog.Table) []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// convert brings the query's columns to the types of the table's.
func (c *Checker) convert(e *ast.Insert, rel *relation, t *catalog.Table, write []int) plan.Node {
	in := rel.schema()
	if len(in.Fields) != len(write) {
		names := make([]string, len(write))
		for i, w := range write {
			names[i] = t.Columns[w].Name
		}
		c.add(diag.SchemaMismatch, e.Query.Pos(), "the query gives %d columns, %s takes %d", len(in.Fields), t.Name, len(write)).
			WithHint("the query gives (%s), the table takes (%s)", strings.Join(in.Names(), ", "), strings.Join(names, ", "))
		return nil
	}
	out := &event.Schema{Rowtime: in.Rowtime}
	exprs := make([]expr.Expr, len(write))
	same, ok := true, true
	for i, w := range write {
		col := &t.Columns[w]
		exprs[i] = c.convertColumn(e, rel, i, col)
		ok = ok && exprs[i] != nil
		same = same && in.Fields[i].Type.Equal(col.Type) && in.Fields[i].Name == col.Name
		out.Fields = append(out.Fields, event.Field{Name: col.Name, Type: col.Type})
	}
	switch {
	case !ok:
		return nil
	case same:
		return rel.node
	}
	return &plan.Project{Input: rel.node, Exprs: exprs, Out: out}
}

func (c *Checker) convertColumn(e *ast.Insert, rel *relation, i int, col *catalog.Column) expr.Expr {
	in := rel.schema()
	b := &binder{Checker: c}
	x := b.assign(columnOf(in, i, e.Query.Pos()), col.Type)
	if x == nil && constantFits(b, rel.node, i, col.Type) {
		x = c.coerce(columnOf(in, i, e.Query.Pos()), col.Type)
	}
	if x == nil {
		c.add(diag.SchemaMismatch, itemSpan(e.Query, i, len(in.Fields)), "column %d of the query, %q, is %s and cannot be written to %q, which is %s",
			i+1, in.Fields[i].Name, in.Fields[i].Type, col.Name, col.Type).WithHint("write CAST(… AS %s)", col.Type)
	}
	return x
}

// constantFits says whether column i of n is one of constants that t holds
// exactly: INSERT INTO t VALUES (1) for a SMALLINT.
func constantFits(b *binder, n plan.Node, i int, t event.Type) bool {
	switch n := n.(type) {
	case *plan.Project:
		x, ok := n.Exprs[i].(*expr.Const)
		return ok && b.assign(x, t) != nil
	case *plan.Values:
		for _, row := range n.Rows {
			if b.assign(constant(n.Out.Fields[i].Type, row[i], diag.Span{}), t) == nil {
				return false
			}
		}
		return true
	}
	return false
}

// itemSpan is where column i of a query is written, or the query.
func itemSpan(q ast.Query, i, columns int) diag.Span {
	s, ok := q.(*ast.Select)
	if !ok || len(s.Items) != columns || s.Items[i].Star {
		return q.Pos()
	}
	return s.Items[i].Pos()
}

// Print binds a query of its own: an INSERT into the terminal.
func (c *Checker) Print(q ast.Query) *plan.Insert {
	rel := c.query(q)
	if rel == nil {
		return nil
	}
	return &plan.Insert{Table: printTable(rel.schema()), Input: rel.node, Write: upTo(len(rel.schema().Fields))}
}

// printTable is the sink of a query that has none.
func printTable(s *event.Schema) *catalog.Table {
	t := &catalog.Table{Name: "print", Rowtime: -1, Source: &diag.List{}, Options: map[string]catalog.Option{"connector": {Value: "stdout"}, "format": {Value: "json"}}}
	for _, f := range s.Fields {
		t.Columns = append(t.Columns, catalog.Column{Name: freeName(t, f.Name), Type: f.Type})
	}
	return t
}

// freeName tells columns of one name apart.
func freeName(t *catalog.Table, name string) string {
	free := name
	for n := 2; t.Column(free) >= 0; n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	return free
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
