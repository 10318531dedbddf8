package format

import "github.com/cepd/cepd/query/ast"

func (p *printer) query(q ast.Query) {
	switch q := q.(type) {
	case *ast.Select:
		p.selectQuery(q)
	case *ast.SetOp:
		p.setOp(q)
	case *ast.Values:
		p.write("VALUES ")
		commas(p, q.Rows, (*printer).tuple)
	case *ast.Ordered:
		p.ordered(q)
	case *ast.With:
		p.with(q)
	}
}

func (p *printer) with(q *ast.With) {
	p.write("WITH ")
	for i, t := range q.Tables {
		if i > 0 {
			p.write(",")
			p.line(t.Span.Start)
		}
		p.ident(t.Name)
		p.columns(t.Columns)
		p.write(" AS ")
		p.nested(t.Query, t.Span.End)
	}
	p.line(q.Query.Pos().Start)
	if _, again := q.Query.(*ast.With); again {
		p.nested(q.Query, q.Span.End)
		return
	}
	p.query(q.Query)
}

// nested prints a query in parentheses.
func (p *printer) nested(q ast.Query, end int) {
	p.block(q.Pos().Start, end-1, func() { p.query(q) })
}

func (p *printer) ordered(q *ast.Ordered) {
	switch q.Query.(type) {
	case *ast.Ordered, *ast.With:
		p.nested(q.Query, q.Query.Pos().End)
	default:
		p.query(q.Query)
	}
	if len(q.OrderBy) > 0 {
		p.line(q.OrderBy[0].Span.Start)
		list(p, "ORDER BY", q.OrderBy, extent, (*printer).orderItem)
	}
	for _, c := range []struct {
		word string
		expr ast.Expr
	}{{"LIMIT ", q.Limit}, {"OFFSET ", q.Offset}} {
		if c.expr != nil {
			p.line(c.expr.Pos().Start)
			p.write(c.word)
			p.expr(c.expr)
		}
	}
}

func (p *printer) orderItem(o ast.OrderItem) {
	p.expr(o.Expr)
	p.write(exists(o.Desc, " DESC"))
	if o.NullsFirst != nil {
		p.write(" NULLS ", exists(*o.NullsFirst, "FIRST"), exists(!*o.NullsFirst, "LAST"))
	}
}

func (p *printer) setOp(q *ast.SetOp) {
	p.operand(q.Left, setLevel(q))
	p.line(q.Right.Pos().Start)
	p.write(q.Op, exists(q.All, " ALL"), exists(q.ByName, " BY NAME"))
	p.line(q.Right.Pos().Start)
	p.operand(q.Right, setLevel(q)+1)
}

func setLevel(q *ast.SetOp) int {
	if q.Op == "INTERSECT" {
		return 2
	}
	return 1
}

// operand prints a side of a set operation, in parentheses when it binds less
// than level.
func (p *printer) operand(q ast.Query, level int) {
	own := 3
	switch q := q.(type) {
	case *ast.SetOp:
		own = setLevel(q)
	case *ast.Ordered, *ast.With:
		own = 0
	}
	if own < level {
		p.nested(q, q.Pos().End+1)
		return
	}
	p.query(q)
}

func (p *printer) selectQuery(s *ast.Select) {
	p.write("SELECT")
	p.hints(s.Hints)
	list(p, exists(s.Distinct, " DISTINCT"), s.Items, extent, (*printer).selectItem)
	if len(s.From) > 0 {
		p.line(s.From[0].Pos().Start)
		p.write("FROM ")
		for i, t := range s.From {
			if i > 0 {
				p.write(",")
				p.line(t.Pos().Start)
			}
			p.table(t)
		}
	}
	p.filter("WHERE ", s.Where)
	if len(s.GroupBy) > 0 {
		p.line(s.GroupBy[0].Span.Start)
		list(p, "GROUP BY", s.GroupBy, extent, (*printer).groupItem)
	}
	p.filter("HAVING ", s.Having)
	if len(s.Windows) > 0 {
		p.line(s.Windows[0].Span.Start)
		list(p, "WINDOW", s.Windows, extent, (*printer).namedWindow)
	}
	p.filter("QUALIFY ", s.Qualify)
}

func (p *printer) filter(keyword string, cond ast.Expr) {
	if cond == nil {
		return
	}
	p.line(cond.Pos().Start)
	p.write(keyword)
	p.condition(cond)
}

func (p *printer) selectItem(i ast.SelectItem) {
	switch {
	case i.Of != nil:
		p.name(*i.Of)
		p.write(".*")
	case i.Star:
		p.write("*")
	default:
		p.expr(i.Expr)
	}
	if i.Alias != nil {
		p.write(" AS ")
		p.ident(*i.Alias)
	}
}

func (p *printer) groupItem(g ast.GroupItem) {
	if g.Kind == "" {
		p.expr(g.Expr)
		return
	}
	p.write(g.Kind, " (")
	commas(p, g.Sets, (*printer).tuple)
	p.write(")")
}

func (p *printer) namedWindow(w ast.NamedWindow) {
	p.ident(w.Name)
	p.write(" AS ")
	p.windowSpec(&w.Over)
}

// ---- FROM

func (p *printer) table(t ast.TableExpr) {
	switch t := t.(type) {
	case *ast.TableRef:
		p.tableRef(t)
	case *ast.Derived:
		p.write(exists(t.Lateral, "LATERAL "))
		end := t.Span.End
		if t.Alias.Name != nil {
			end = t.Alias.Span.Start
		}
		p.nested(t.Query, end)
		p.alias(t.Alias)
	case *ast.Join:
		p.join(t)
	case *ast.TableFunction:
		p.tableFunction(t)
	case *ast.MatchRecognize:
		p.matchRecognize(t)
	}
}

func (p *printer) tableRef(t *ast.TableRef) {
	p.name(t.Name)
	p.hints(t.Hints)
	if t.AsOf != nil {
		p.write(" FOR SYSTEM_TIME AS OF ")
		p.operandExpr(t.AsOf, levelAdd)
	}
	p.alias(t.Alias)
}

func (p *printer) alias(a ast.Alias) {
	if a.Name == nil {
		return
	}
	p.write(" AS ")
	p.ident(*a.Name)
	p.columns(a.Columns)
}

func (p *printer) tableFunction(t *ast.TableFunction) {
	p.write(exists(t.Lateral, "LATERAL "))
	if isUnnest(t.Call) {
		p.write("UNNEST(")
		commas(p, t.Call.Args, (*printer).expr)
		p.write(")", exists(t.Ordinality, " WITH ORDINALITY"))
	} else {
		p.write("TABLE(")
		p.name(t.Call.Name)
		p.arguments(t.Call)
		p.write(")")
	}
	p.alias(t.Alias)
}

func isUnnest(c *ast.Call) bool {
	return len(c.Name.Parts) == 1 && !c.Name.Parts[0].Quoted && c.Name.Parts[0].Name == "UNNEST"
}

func (p *printer) join(j *ast.Join) {
	p.table(j.Left)
	p.line(j.Right.Pos().Start)
	p.write(exists(j.Kind != "INNER", j.Kind+" "), "JOIN ")
	if _, nested := j.Right.(*ast.Join); nested {
		p.block(j.Right.Pos().Start, j.Right.Pos().End, func() { p.table(j.Right) })
	} else {
		p.table(j.Right)
	}
	if j.On != nil {
		p.write(" ON ")
		p.condition(j.On)
	}
	if len(j.Using) > 0 {
		p.write(" USING")
		p.columns(j.Using)
	}
}
