package check

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// query binds a query; nil after an error.
func (c *Checker) query(q ast.Query) *relation {
	switch q := q.(type) {
	case *ast.Select:
		return c.distinct(q, c.selectFrom(q))
	case *ast.SetOp:
		return c.setOp(q)
	case *ast.With:
		return c.with(q)
	case *ast.Values:
		return c.values(q)
	case *ast.Ordered:
		return c.ordered(q)
	}
	c.unsupported(q.Pos(), "this query")
	return nil
}

// distinct is the rows of a SELECT, with DISTINCT each once.
func (c *Checker) distinct(q *ast.Select, rel *relation) *relation {
	if !q.Distinct || rel == nil {
		return rel
	}
	span := c.word(q.Pos(), "DISTINCT")
	grouped := c.distinctRows(rel, span, "SELECT DISTINCT")
	if grouped == nil {
		return nil
	}
	return firstColumns(grouped, len(rel.schema().Fields), span)
}

// ordered refuses ORDER BY and LIMIT of a query, of a stream without an end.
func (c *Checker) ordered(q *ast.Ordered) *relation {
	c.query(q.Query)
	if len(q.OrderBy) > 0 {
		c.unsupported(q.OrderBy[0].Pos(), "ORDER BY of a query")
	}
	if q.Limit != nil {
		c.unsupported(q.Limit.Pos(), "LIMIT of a query")
	}
	if q.Offset != nil {
		c.unsupported(q.Offset.Pos(), "OFFSET")
	}
	return nil
}

func (c *Checker) with(q *ast.With) *relation {
	outer := c.ctes
	defer func() { c.ctes = outer }()
	c.withTables(q)
	return c.query(q.Query)
}

// withTables makes the tables of WITH known.
func (c *Checker) withTables(q *ast.With) {
	outer := c.ctes
	for i := range q.Tables {
		t := &q.Tables[i]
		for w := c.ctes; w != outer; w = w.next {
			if w.find(t.Name.Name) == w {
				c.add(diag.DuplicateName, t.Name.Pos(), "two WITH tables are named %s", t.Name.Name)
			}
		}
		before := *c.spent
		rel := c.query(t.Query)
		cost := *c.spent - before + costOf(t.Query)
		if rel != nil {
			rel = c.alias(rel, ast.Alias{Name: &t.Name, Columns: t.Columns}, t.Name.Pos())
		}
		c.ctes = &cte{name: t.Name.Name, rel: rel, cost: cost, next: c.ctes}
	}
}

// ---- SELECT

func (c *Checker) selectFrom(q *ast.Select) *relation {
	if grouped(q) {
		return c.groupFrom(q)
	}
	ok := c.refuseClauses(q)
	rel, where, fromOK := c.source(q)
	if !fromOK {
		return nil
	}
	b := &binder{Checker: c, rel: rel}
	node, whereOK := b.where(where, rel)
	if rel != nil {
		b.over = &overScope{rel: rel, windows: q.Windows}
	}
	list := b.selectList(q)
	if !ok || !whereOK || list == nil {
		return nil
	}
	if rel == nil {
		return &relation{node: oneRow(list)}
	}
	if b.over.rank != nil {
		node, rel = b.over.rankNode(c, node, list)
	}
	if len(b.over.calls) > 0 {
		node, rel = b.over.node(c, node, list)
	}
	if rel.takesOther(list) {
		node, rel = rel.retimed(node)
	}
	out := list.schema(rel)
	return &relation{node: &plan.Project{Input: node, Exprs: list.exprs, Out: out}, proctime: list.proctime(rel), window: rel.window.passed(list)}
}

// refuseClauses refuses the clauses that are not built, each at its own place.
func (c *Checker) refuseClauses(q *ast.Select) bool {
	before := len(c.list.Items)
	if q.Having != nil && !grouped(q) {
		c.unsupported(q.Having.Pos(), "HAVING without GROUP BY").WithHint("write the condition in WHERE")
	}
	if q.Qualify != nil {
		c.unsupported(q.Qualify.Pos(), "QUALIFY")
	}
	for _, h := range q.Hints {
		c.unsupported(h.Pos(), "a hint on SELECT")
	}
	return len(c.list.Items) == before
}

// word is where a keyword stands first in s; s when it does not.
func (c *Checker) word(s diag.Span, keyword string) diag.Span {
	i := strings.Index(strings.ToUpper(c.text(s)), keyword)
	if i < 0 {
		return s
	}
	return diag.Span{Start: s.Start + i, End: s.Start + i + len(keyword)}
}

func (b *binder) where(where ast.Expr, rel *relation) (plan.Node, bool) {
	if rel == nil {
		if where != nil {
			b.unsupported(where.Pos(), "WHERE without FROM")
		}
		return nil, where == nil
	}
	if where == nil {
		return rel.node, true
	}
	cond := b.topCondition(where, "WHERE")
	if cond == nil {
		return nil, false
	}
	b.adviseWhere(where, cond)
	return &plan.Filter{Input: rel.node, Cond: cond}, true
}

// selectList is the columns of a SELECT.
type selectList struct {
	exprs []expr.Expr
	names []string
	now   map[int]bool // written as PROCTIME()
}

func (l *selectList) add(x expr.Expr, name string) {
	l.exprs, l.names = append(l.exprs, untypedAsString(x)), append(l.names, name)
}

func (l *selectList) fields() []event.Field {
	fields := make([]event.Field, len(l.exprs))
	for i, x := range l.exprs {
		fields[i] = event.Field{Name: l.names[i], Type: x.Type()}
	}
	return fields
}

// schema is the columns, with the time attribute where it is passed on.
func (l *selectList) schema(in *relation) *event.Schema {
	out := event.NewSchema(l.fields()...)
	for i, x := range l.exprs {
		if col, ok := x.(*expr.Column); ok && col.Index == in.schema().Rowtime && out.Rowtime < 0 {
			out.Rowtime = i
		}
	}
	return out
}

func (l *selectList) proctime(in *relation) map[int]bool {
	for i, x := range l.exprs {
		if col, ok := x.(*expr.Column); ok && in.proctime[col.Index] {
			l.now[i] = true
		}
	}
	return l.now
}

// selectList binds the items; nil when one failed.
func (b *binder) selectList(q *ast.Select) *selectList {
	list := &selectList{now: map[int]bool{}}
	ok := true
	for i := range q.Items {
		item := &q.Items[i]
		if item.Star {
			ok = b.star(list, item) && ok
			continue
		}
		x := b.top(item.Expr)
		if x == nil {
			ok = false
			continue
		}
		list.now[len(list.exprs)] = isProctime(item.Expr)
		list.add(x, itemName(item, i))
	}
	if !ok {
		return nil
	}
	return list
}

func (b *binder) star(list *selectList, item *ast.SelectItem) bool {
	switch {
	case b.rel == nil:
		b.add(diag.NoOutputColumns, item.Pos(), "* needs FROM")
		return false
	case item.Of == nil:
		b.columns(list, 0, len(b.rel.schema().Fields), item)
		return true
	}
	name := dotted(item.Of.Parts)
	from, to, ok := b.rel.scope(name)
	if !ok {
		hint(b.add(diag.UnknownTable, item.Pos(), "there is no table %q in FROM", name), name, b.rel.tableNames())
		return false
	}
	b.columns(list, from, to, item)
	return true
}

// columns adds columns of the input. Of a join, a name that is there already
// gets a number, as in Flink SQL.
func (b *binder) columns(list *selectList, from, to int, item *ast.SelectItem) {
	s := b.rel.schema()
	for i := from; i < to; i++ {
		name := s.Fields[i].Name
		if b.rel.tables != nil {
			name = list.unused(name)
		}
		list.add(columnOf(s, i, item.Pos()), name)
	}
}

// unused is the name, with a number where it is taken.
func (l *selectList) unused(name string) string {
	out := name
	for n := 0; indexOf(l.names, out) >= 0; n++ {
		out = fmt.Sprintf("%s%d", name, n)
	}
	return out
}

// itemName is the name of a column without AS: that of the column or field it
// is, else EXPR$ and its number, as in Flink SQL.
func itemName(item *ast.SelectItem, i int) string {
	if item.Alias != nil {
		return item.Alias.Name
	}
	switch x := item.Expr.(type) {
	case *ast.Ref:
		return x.Parts[len(x.Parts)-1].Name
	case *ast.Field:
		return x.Name.Name
	}
	return anonymous(i)
}

func anonymous(i int) string { return fmt.Sprintf("EXPR$%d", i) }

// oneRow is SELECT without FROM.
func oneRow(list *selectList) plan.Node {
	out := event.NewSchema(list.fields()...)
	if row, ok := constants(list.exprs); ok {
		return &plan.Values{Rows: [][]event.Value{row}, Out: out}
	}
	nothing := &plan.Values{Rows: [][]event.Value{{}}, Out: event.NewSchema()}
	return &plan.Project{Input: nothing, Exprs: list.exprs, Out: out}
}

func constants(list []expr.Expr) ([]event.Value, bool) {
	row := make([]event.Value, len(list))
	for i, x := range list {
		k, ok := x.(*expr.Const)
		if !ok {
			return nil, false
		}
		row[i] = k.Value
	}
	return row, true
}

// ---- VALUES

func (c *Checker) values(q *ast.Values) *relation {
	b := &binder{Checker: c}
	rows := make([][]expr.Expr, 0, len(q.Rows))
	for _, items := range q.Rows {
		row := b.tops(items)
		switch {
		case row == nil:
			return nil
		case len(rows) > 0 && len(row) != len(rows[0]):
			c.add(diag.SchemaMismatch, items[0].Pos(), "this row has %d values, the first has %d", len(row), len(rows[0]))
			return nil
		}
		rows = append(rows, row)
	}
	return b.valuesOf(q, rows)
}

func (b *binder) tops(items []ast.Expr) []expr.Expr {
	row := b.exprs(items)
	for i, x := range row {
		if row[i] = b.whole(x); row[i] == nil {
			return nil
		}
	}
	return row
}

// valuesOf makes each column of one type, and constant.
func (b *binder) valuesOf(q *ast.Values, rows [][]expr.Expr) *relation {
	out := &plan.Values{Rows: make([][]event.Value, len(rows)), Out: event.NewSchema()}
	for col := range rows[0] {
		column := make([]expr.Expr, len(rows))
		for i := range rows {
			column[i] = rows[i][col]
		}
		t, ok := b.unify(column, q.Rows[0][col].Pos(), fmt.Sprintf("the values of column %d", col+1))
		if !ok {
			return nil
		}
		values, ok := constants(column)
		if !ok {
			b.unsupported(q.Rows[0][col].Pos(), "a value that is no constant in VALUES")
			return nil
		}
		out.Out.Fields = append(out.Out.Fields, event.Field{Name: anonymous(col), Type: t})
		for i, v := range values {
			out.Rows[i] = append(out.Rows[i], v)
		}
	}
	return &relation{node: out}
}
