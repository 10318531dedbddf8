package plan

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// ExprString is e as SQL-like text, with the columns named as in s (nil: as in
// the statement).
func ExprString(e expr.Expr, s *event.Schema) string {
	p := exprPrinter{schema: s}
	p.expr(e, lowest)
	return p.String()
}

// ExprString is an expression of the clause as text, with variables by name.
func (n *Match) ExprString(e expr.Expr) string {
	p := exprPrinter{schema: n.Input.Schema(), vars: n.Vars}
	p.expr(e, lowest)
	return p.String()
}

// Binding strengths: an operand weaker than its operator gets parentheses.
const (
	lowest = iota
	orLevel
	andLevel
	notLevel
	compareLevel
	sumLevel
	productLevel
	signLevel
	operand
)

type exprPrinter struct {
	strings.Builder
	schema *event.Schema
	vars   []Var  // of the Match; nil outside one
	prefix string // variable of the enclosing navigation
}

func (p *exprPrinter) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// list prints args with sep between.
func (p *exprPrinter) list(args []expr.Expr, sep string, level int) {
	for i, a := range args {
		if i > 0 {
			p.WriteString(sep)
		}
		p.expr(a, level)
	}
}

func (p *exprPrinter) expr(e expr.Expr, around int) {
	level := strength(e)
	if level < around {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	switch e := e.(type) {
	case *expr.Const:
		p.WriteString(function.Format(e.T, e.Value))
	case *expr.Column:
		p.column(e)
	case *expr.And:
		p.list(e.Args, " AND ", andLevel+1)
	case *expr.Or:
		p.list(e.Args, " OR ", orLevel+1)
	case *expr.Not:
		p.WriteString("NOT ")
		p.expr(e.X, notLevel)
	case *expr.Neg:
		p.WriteByte('-')
		p.expr(e.X, operand)
	case *expr.Compare:
		p.binary(e.X, e.Op.String(), e.Y, compareLevel+1, compareLevel+1)
	case *expr.Arith:
		p.binary(e.X, e.Op.String(), e.Y, level, level+1)
	case *expr.Is:
		p.expr(e.X, compareLevel+1)
		p.WriteString(" " + e.Test.String())
	default:
		p.form(e)
	}
}

func strength(e expr.Expr) int {
	switch e := e.(type) {
	case *expr.Or:
		return orLevel
	case *expr.And:
		return andLevel
	case *expr.Not:
		return notLevel
	case *expr.Compare, *expr.Is, *expr.In, *expr.Like:
		return compareLevel
	case *expr.Arith:
		if e.Op >= expr.Mul {
			return productLevel
		}
		return sumLevel
	case *expr.Neg:
		return signLevel
	}
	return operand
}

func (p *exprPrinter) binary(x expr.Expr, op string, y expr.Expr, left, right int) {
	p.expr(x, left)
	p.WriteString(" " + op + " ")
	p.expr(y, right)
}

func (p *exprPrinter) column(e *expr.Column) {
	name := e.Name
	if p.schema != nil && e.Index < len(p.schema.Fields) {
		name = p.schema.Fields[e.Index].Name
	}
	p.WriteString(p.prefix + name)
}

// form prints what looks like a call or has words in it.
func (p *exprPrinter) form(e expr.Expr) {
	switch e := e.(type) {
	case *expr.In:
		p.in(e)
	case *expr.Like:
		p.expr(e.X, compareLevel+1)
		p.printf(" LIKE %s", quote(e.Pattern))
		if e.Escape != 0 {
			p.printf(" ESCAPE %s", quote(string(e.Escape)))
		}
	case *expr.Case:
		p.caseWhen(e)
	case *expr.Cast:
		p.cast(e)
	case *expr.Field:
		p.expr(e.X, operand)
		p.WriteString("." + e.X.Type().Fields[e.Index].Name)
	case *expr.Element:
		p.expr(e.X, operand)
		p.WriteByte('[')
		p.expr(e.I, lowest)
		p.WriteByte(']')
	case *expr.Construct:
		p.construct(e)
	case *expr.Call:
		p.WriteString(e.Fn.Name + "(")
		p.list(e.Args, ", ", lowest)
		p.WriteByte(')')
	default:
		p.pattern(e)
	}
}

func (p *exprPrinter) in(e *expr.In) {
	p.expr(e.X, compareLevel+1)
	var items []string
	for _, v := range e.List {
		items = append(items, function.Format(e.X.Type(), v))
	}
	if e.HasNull {
		items = append(items, "NULL")
	}
	p.printf(" IN (%s)", strings.Join(items, ", "))
}

func (p *exprPrinter) caseWhen(e *expr.Case) {
	p.WriteString("CASE")
	for _, a := range e.When {
		p.WriteString(" WHEN ")
		p.expr(a.Cond, lowest)
		p.WriteString(" THEN ")
		p.expr(a.Then, lowest)
	}
	p.WriteString(" ELSE ")
	p.expr(e.Else, lowest)
	p.WriteString(" END")
}

func (p *exprPrinter) cast(e *expr.Cast) {
	if e.Try {
		p.WriteString("TRY_")
	}
	p.WriteString("CAST(")
	p.expr(e.X, lowest)
	p.printf(" AS %s)", e.T)
}

func (p *exprPrinter) construct(e *expr.Construct) {
	open, end := "ROW(", ")"
	switch e.T.Kind {
	case event.Array:
		open, end = "ARRAY[", "]"
	case event.Map:
		open, end = "MAP[", "]"
	}
	p.WriteString(open)
	p.list(e.Args, ", ", lowest)
	p.WriteString(end)
}

// ---- pattern nodes

func (p *exprPrinter) pattern(e expr.Expr) {
	switch e := e.(type) {
	case *expr.Nav:
		p.nav(e)
	case *expr.Agg:
		p.agg(e)
	case *expr.Classifier:
		p.printf("CLASSIFIER(%s)", strings.TrimSuffix(p.prefix, "."))
	case *expr.MatchNumber:
		p.WriteString("MATCH_NUMBER()")
	case *expr.MatchStatus:
		p.WriteString("MATCH_STATUS()")
	case *expr.MatchTime:
		p.WriteString("MATCH_ROWTIME()")
	default:
		p.printf("%T", e)
	}
}

// nav prints LAST(A.x) of the current row's view simply as A.x.
func (p *exprPrinter) nav(e *expr.Nav) {
	outer := p.prefix
	defer func() { p.prefix = outer }()
	p.prefix = p.rows(e.Vars)
	switch {
	case e.Physical < 0:
		p.WriteString("PREV(")
		defer p.printf(", %d)", -e.Physical)
	case e.Physical > 0:
		p.WriteString("NEXT(")
		defer p.printf(", %d)", e.Physical)
	}
	if plain := !e.First && e.Offset == 0; plain && !e.Final {
		p.expr(e.X, operand)
		return
	}
	if e.Final {
		p.WriteString("FINAL ")
	}
	p.WriteString(map[bool]string{true: "FIRST(", false: "LAST("}[e.First])
	p.expr(e.X, lowest)
	if e.Offset > 0 {
		p.printf(", %d", e.Offset)
	}
	p.WriteByte(')')
}

// rows is the prefix of columns at rows of the variables.
func (p *exprPrinter) rows(set expr.VarSet) string {
	if set == nil {
		return ""
	}
	names := make([]string, len(set))
	for i, v := range set {
		names[i] = fmt.Sprintf("#%d", v)
		if v < len(p.vars) {
			names[i] = p.vars[v].Name
		}
	}
	if len(names) == 1 {
		return names[0] + "."
	}
	return "{" + strings.Join(names, ", ") + "}."
}

func (p *exprPrinter) agg(e *expr.Agg) {
	outer := p.prefix
	defer func() { p.prefix = outer }()
	p.prefix = p.rows(e.Vars)
	if e.Final {
		p.WriteString("FINAL ")
	}
	p.WriteString(e.Fn.Name + "(")
	if e.Distinct {
		p.WriteString("DISTINCT ")
	}
	if e.Star {
		p.WriteString(p.prefix + "*")
	}
	p.list(e.Args, ", ", lowest)
	for i, k := range e.OrderBy {
		p.WriteString(map[bool]string{true: " ORDER BY ", false: ", "}[i == 0])
		p.expr(k.X, lowest)
		p.WriteString(direction(k.Desc, k.NullsFirst))
	}
	p.WriteByte(')')
	if e.Filter != nil {
		p.WriteString(" FILTER (WHERE ")
		p.expr(e.Filter, lowest)
		p.WriteByte(')')
	}
}

// direction is the part of a sort key after the expression, where it is not
// the default.
func direction(desc, nullsFirst bool) string {
	s := ""
	if desc {
		s = " DESC"
	}
	if nullsFirst == desc {
		s += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[nullsFirst]
	}
	return s
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
