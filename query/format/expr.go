package format

import "github.com/cepd/cepd/query/ast"

// The levels of the operators, as the parser has them; an operand below the
// level its place asks for gets parentheses.
const (
	levelOr = iota
	levelAnd
	levelNot
	levelPredicate
	levelAdd
	levelMultiply
	levelSign
	levelPrimary
)

func levelOf(e ast.Expr) int {
	switch e := e.(type) {
	case *ast.Binary:
		return binaryLevel(e.Op)
	case *ast.Unary:
		if e.Op == "NOT" {
			return levelNot
		}
		return levelSign
	case *ast.Is, *ast.Between, *ast.In, *ast.Like:
		return levelPredicate
	}
	return levelPrimary
}

func binaryLevel(op string) int {
	switch op {
	case "OR":
		return levelOr
	case "AND":
		return levelAnd
	case "+", "-":
		return levelAdd
	case "*", "/", "%", "||":
		return levelMultiply
	}
	return levelPredicate
}

// operandExpr prints e where at least level is needed.
func (p *printer) operandExpr(e ast.Expr, level int) {
	if levelOf(e) >= level {
		p.expr(e)
		return
	}
	p.write("(")
	p.expr(e)
	p.write(")")
}

// condition prints a condition on one line, or its AND or OR terms on a line
// each.
func (p *printer) condition(e ast.Expr) {
	text := flatText(func(q *printer) { q.expr(e) })
	terms, op := chain(e)
	if len(terms) == 1 || !p.inside(e.Pos().End) && p.fits(text) {
		p.write(text)
		return
	}
	p.depth++
	for i, t := range terms {
		level := binaryLevel(op)
		if i > 0 {
			p.line(t.Pos().Start)
			p.write(op, " ")
			level++
		}
		p.write(flatText(func(q *printer) { q.operandExpr(t, level) }))
	}
	p.depth--
}

// chain is a, b, c of (a AND b) AND c, or of OR.
func chain(e ast.Expr) (terms []ast.Expr, op string) {
	for {
		b, ok := e.(*ast.Binary)
		if !ok || binaryLevel(b.Op) > levelAnd || op != "" && b.Op != op {
			break
		}
		op, e = b.Op, b.X
		terms = append(terms, b.Y)
	}
	terms = append(terms, e)
	for i, j := 0, len(terms)-1; i < j; i, j = i+1, j-1 {
		terms[i], terms[j] = terms[j], terms[i]
	}
	return terms, op
}

func (p *printer) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Literal:
		p.write(literal(e))
	case *ast.Interval:
		p.interval(e)
	case *ast.Param:
		p.write(":", e.Name)
	case *ast.Ref:
		p.path(e.Parts)
	case *ast.Field:
		p.base(e.X)
		p.write(".")
		p.ident(e.Name)
	case *ast.Index:
		p.element(e)
	case *ast.Unary:
		p.unary(e)
	case *ast.Binary:
		p.binary(e)
	case *ast.Is, *ast.Between, *ast.In, *ast.Like:
		p.predicate(e)
	case *ast.Exists:
		p.write("EXISTS ")
		p.subquery(e.Query)
	case *ast.Subquery:
		p.subquery(e.Query)
	case *ast.Case:
		p.caseExpr(e)
	case *ast.Cast:
		p.write(exists(e.Try, "TRY_"), "CAST(")
		p.expr(e.X)
		p.write(" AS ")
		p.dataType(e.Type)
		p.write(")")
	case *ast.Call:
		p.call(e)
	case *ast.Row:
		p.row(e.Items)
	case *ast.ArrayLit:
		p.bracketed("ARRAY", e.Items)
	case *ast.MapLit:
		p.bracketed("MAP", e.Items)
	default:
		p.argument(e)
	}
}

func literal(e *ast.Literal) string {
	switch e.Kind {
	case "STRING":
		return quote(e.Text)
	case "BYTES":
		return "X'" + e.Text + "'"
	case "DATE", "TIME", "TIMESTAMP":
		return e.Kind + " " + quote(e.Text)
	}
	return e.Text
}

func (p *printer) interval(e *ast.Interval) {
	p.write("INTERVAL ", exists(e.Negative, "-"))
	switch v := e.Value.(type) {
	case nil:
		p.write(quote(e.Text))
	case *ast.Param, *ast.Ref:
		p.expr(v)
	case *ast.Literal:
		p.write(exists(v.Kind != "NUMBER", "("), literal(v), exists(v.Kind != "NUMBER", ")"))
	default:
		p.write("(")
		p.expr(v)
		p.write(")")
	}
	p.write(" ", e.From, exists(e.To != "", " TO "+e.To))
}

// base prints what a field or element is taken of.
func (p *printer) base(x ast.Expr) {
	switch x := x.(type) {
	case *ast.Call:
		if x.Over != nil || ast.Niladic(x.Name.Parts) {
			break
		}
		p.expr(x)
		return
	case *ast.Index, *ast.Field, *ast.ArrayLit, *ast.MapLit, *ast.Case, *ast.Cast:
		p.expr(x)
		return
	}
	p.write("(")
	p.expr(x)
	p.write(")")
}

func (p *printer) element(e *ast.Index) {
	if _, ok := e.X.(*ast.Ref); ok {
		p.expr(e.X)
	} else {
		p.base(e.X)
	}
	p.write("[")
	p.expr(e.I)
	p.write("]")
}

// unary keeps signs apart: two of them would be a comment.
func (p *printer) unary(e *ast.Unary) {
	if e.Op == "NOT" {
		p.write("NOT ")
		p.operandExpr(e.X, levelNot)
		return
	}
	p.write(e.Op)
	p.operandExpr(e.X, levelPrimary)
}

func (p *printer) binary(e *ast.Binary) {
	level := binaryLevel(e.Op)
	left := level
	if level == levelPredicate {
		left = levelAdd
	}
	p.operandExpr(e.X, left)
	p.write(" ", e.Op, " ")
	p.operandExpr(e.Y, level+1)
}

func (p *printer) predicate(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Is:
		p.operandExpr(e.X, levelAdd)
		p.write(" IS ", exists(e.Not, "NOT "), e.What)
		if e.Y != nil {
			p.write(" ")
			p.operandExpr(e.Y, levelAdd)
		}
	case *ast.Between:
		p.operandExpr(e.X, levelAdd)
		p.write(exists(e.Not, " NOT"), " BETWEEN ", exists(e.Symmetric, "SYMMETRIC "))
		p.operandExpr(e.Lo, levelAdd)
		p.write(" AND ")
		p.operandExpr(e.Hi, levelAdd)
	case *ast.In:
		p.in(e)
	case *ast.Like:
		p.operandExpr(e.X, levelAdd)
		p.write(exists(e.Not, " NOT"), exists(!e.Similar, " LIKE "), exists(e.Similar, " SIMILAR TO "))
		p.operandExpr(e.Pattern, levelAdd)
		if e.Escape != nil {
			p.write(" ESCAPE ")
			p.operandExpr(e.Escape, levelAdd)
		}
	}
}

func (p *printer) in(e *ast.In) {
	p.operandExpr(e.X, levelAdd)
	p.write(exists(e.Not, " NOT"), " IN ")
	if e.Query != nil {
		p.subquery(e.Query)
		return
	}
	p.write("(")
	commas(p, e.List, (*printer).expr)
	p.write(")")
}

// subquery in an expression stays on the line of the expression.
func (p *printer) subquery(q ast.Query) {
	p.write("(", Query(q), ")")
}

func (p *printer) caseExpr(e *ast.Case) {
	p.write("CASE")
	if e.X != nil {
		p.write(" ")
		p.expr(e.X)
	}
	for _, w := range e.When {
		p.write(" WHEN ")
		p.expr(w.Cond)
		p.write(" THEN ")
		p.expr(w.Then)
	}
	if e.Else != nil {
		p.write(" ELSE ")
		p.expr(e.Else)
	}
	p.write(" END")
}

// row prints a row value; one of a single item needs the word, or the
// parentheses would mean nothing.
func (p *printer) row(items []ast.Expr) {
	p.write(exists(len(items) == 1, "ROW"))
	p.parenthesized(items)
}

// tuple prints a row of VALUES or a grouping set, whose parentheses do have a
// meaning around a single item, unless that is a row.
func (p *printer) tuple(items []ast.Expr) {
	if len(items) == 1 {
		_, row := items[0].(*ast.Row)
		p.write(exists(row, "ROW"))
	}
	p.parenthesized(items)
}

func (p *printer) parenthesized(items []ast.Expr) {
	p.write("(")
	commas(p, items, (*printer).expr)
	p.write(")")
}

func (p *printer) bracketed(word string, items []ast.Expr) {
	p.write(word, "[")
	commas(p, items, (*printer).expr)
	p.write("]")
}
