package check

import (
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
)

// truths are the tests of IS, each with its negation.
var truths = map[string][2]expr.Truth{
	"NULL": {expr.IsNull, expr.IsNotNull}, "TRUE": {expr.IsTrue, expr.IsNotTrue},
	"FALSE": {expr.IsFalse, expr.IsNotFalse}, "UNKNOWN": {expr.IsNull, expr.IsNotNull},
}

func (b *binder) is(e *ast.Is) expr.Expr {
	if e.What == "DISTINCT FROM" {
		return b.isDistinct(e)
	}
	if kind, json := strings.CutPrefix(e.What, "JSON"); json {
		args := []ast.Expr{e.X}
		if kind = strings.TrimSpace(kind); kind != "" {
			args = append(args, &ast.Literal{Base: ast.Base{Span: e.Pos()}, Kind: "STRING", Text: kind})
		}
		return b.negate(b.invoke("IS_JSON", args, e.Pos(), e.Pos()), e.Not, e.Pos())
	}
	x := b.expr(e.X)
	if x == nil {
		return nil
	}
	if e.What != "NULL" {
		if x = b.boolean(x, e.X.Pos(), "the operand of IS "+e.What); x == nil {
			return nil
		}
	}
	test := truths[e.What][0]
	if e.Not {
		test = truths[e.What][1]
	}
	return b.fold(&expr.Is{Base: typed(event.TBool, e.Pos()), Test: test, X: x})
}

func (b *binder) isDistinct(e *ast.Is) expr.Expr {
	x, y := b.expr(e.X), b.expr(e.Y)
	if x == nil || y == nil {
		return nil
	}
	op := expr.Distinct
	if e.Not {
		op = expr.NotDistinct
	}
	return b.compare(op, x, y, e.Pos(), e.Pos())
}

func (b *binder) negate(x expr.Expr, not bool, span diag.Span) expr.Expr {
	if x == nil || !not {
		return x
	}
	return b.fold(&expr.Not{Base: typed(event.TBool, span), X: x})
}

// between is x >= lo AND x <= hi.
func (b *binder) between(e *ast.Between) expr.Expr {
	x, lo, hi := b.expr(e.X), b.expr(e.Lo), b.expr(e.Hi)
	if x == nil || lo == nil || hi == nil {
		return nil
	}
	inside := b.within(e, x, lo, hi)
	if e.Symmetric && inside != nil {
		if other := b.within(e, x, hi, lo); other != nil {
			inside = disjunction([]expr.Expr{inside, other}, e.Pos())
		}
	}
	return b.negate(inside, e.Not, e.Pos())
}

func (b *binder) within(e *ast.Between, x, lo, hi expr.Expr) expr.Expr {
	ge := b.compare(expr.Ge, x, lo, e.Pos(), e.Lo.Pos())
	le := b.compare(expr.Le, x, hi, e.Pos(), e.Hi.Pos())
	if ge == nil || le == nil {
		return nil
	}
	return conjunction([]expr.Expr{ge, le}, e.Pos())
}

// in is a set test when all members are constants, a chain of equalities else.
func (b *binder) in(e *ast.In) expr.Expr {
	if e.Query != nil {
		b.subquery(e.Pos(), e.Query)
		return nil
	}
	x, list := b.expr(e.X), b.exprs(e.List)
	if x == nil || list == nil {
		return nil
	}
	return b.negate(b.member(e, x, list), e.Not, e.Pos())
}

func (b *binder) member(e *ast.In, x expr.Expr, list []expr.Expr) expr.Expr {
	if in := b.constantSet(e, x, list); in != nil {
		return b.fold(in)
	}
	var equal []expr.Expr
	for i, item := range list {
		eq := b.compare(expr.Eq, x, item, e.Pos(), e.List[i].Pos())
		if eq == nil {
			return nil
		}
		equal = append(equal, eq)
	}
	return disjunction(equal, e.Pos())
}

// constantSet is x IN (constants of x's type); nil when the list is not that.
func (b *binder) constantSet(e *ast.In, x expr.Expr, list []expr.Expr) expr.Expr {
	in := &expr.In{Base: typed(event.TBool, e.Pos()), X: x}
	for _, item := range list {
		k, ok := item.(*expr.Const)
		if !ok {
			return nil
		}
		if k.Value.Null {
			in.HasNull = true
			continue
		}
		if !k.Type().Equal(x.Type()) && !sameFamily(k.Type(), x.Type()) {
			same, ok := b.exactly(k, x.Type())
			if !ok {
				return nil
			}
			k = same.(*expr.Const)
		}
		in.List = append(in.List, k.Value)
	}
	return in
}

func (b *binder) like(e *ast.Like) expr.Expr {
	name := "LIKE"
	if e.Similar {
		name = "SIMILAR_TO"
	}
	args := []ast.Expr{e.X, e.Pattern}
	if e.Escape != nil {
		args = append(args, e.Escape)
	}
	if !e.Similar {
		if done, x := b.constantLike(e); done {
			return b.negate(x, e.Not, e.Pos())
		}
	}
	return b.negate(b.invoke(name, args, e.Pos(), e.Pos()), e.Not, e.Pos())
}

// constantLike handles LIKE with literal pattern and escape.
func (b *binder) constantLike(e *ast.Like) (done bool, x expr.Expr) {
	pattern, ok := literalText(e.Pattern)
	if !ok {
		return false, nil
	}
	var escape rune
	if e.Escape != nil {
		text, ok := literalText(e.Escape)
		if !ok {
			return false, nil
		}
		if utf8.RuneCountInString(text) != 1 {
			b.add(diag.FunctionArgument, e.Escape.Pos(), "ESCAPE takes one character")
			return true, nil
		}
		escape, _ = utf8.DecodeRuneInString(text)
	}
	if x = b.expr(e.X); x == nil {
		return true, nil
	}
	if k := x.Type().Kind; k != event.String && k != event.Null {
		b.add(diag.TypeMismatch, e.X.Pos(), "LIKE takes a STRING, not %s", x.Type()).WithHint("write CAST(… AS STRING) LIKE …")
		return true, nil
	}
	x = b.coerceNull(x, event.TString)
	return true, b.fold(&expr.Like{Base: typed(event.TBool, e.Pos()), X: x, Pattern: pattern, Escape: escape})
}

func literalText(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.Literal)
	if !ok || l.Kind != "STRING" {
		return "", false
	}
	return l.Text, true
}

func (b *binder) coerceNull(x expr.Expr, t event.Type) expr.Expr {
	if x.Type().Kind == event.Null {
		return null(t, x.Pos())
	}
	return x
}

// ---- conditionals

func (b *binder) caseWhen(e *ast.Case) expr.Expr {
	var subject expr.Expr
	ok := true
	if e.X != nil {
		subject = b.expr(e.X)
		ok = subject != nil
	}
	conds, values := make([]expr.Expr, len(e.When)), make([]expr.Expr, 0, len(e.When)+1)
	for i, w := range e.When {
		conds[i] = b.caseCondition(e, subject, w.Cond)
		value := b.expr(w.Then)
		ok = ok && conds[i] != nil && value != nil
		values = append(values, value)
	}
	var otherwise expr.Expr = null(event.TNull, e.Pos())
	if e.Else != nil {
		otherwise = b.expr(e.Else)
	}
	if !ok || otherwise == nil {
		return nil
	}
	return b.cases(conds, append(values, otherwise), e.Pos(), "the results of CASE")
}

func (b *binder) caseCondition(e *ast.Case, subject expr.Expr, cond ast.Expr) expr.Expr {
	if e.X == nil {
		return b.condition(cond, "WHEN")
	}
	x := b.expr(cond)
	if x == nil || subject == nil {
		return nil
	}
	return b.compare(expr.Eq, subject, x, cond.Pos(), cond.Pos())
}

// cases is CASE with one more value than conditions. Arms that cannot be
// reached are left out.
func (b *binder) cases(conds, values []expr.Expr, span diag.Span, what string) expr.Expr {
	t, ok := b.unify(values, span, what)
	if !ok {
		return nil
	}
	out := &expr.Case{Base: typed(t, span), Else: values[len(values)-1]}
	for i, cond := range conds {
		k, isConst := cond.(*expr.Const)
		switch {
		case !isConst:
			out.When = append(out.When, expr.Arm{Cond: cond, Then: values[i]})
			continue
		case !k.Value.Bool():
			continue
		}
		out.Else = values[i]
		break
	}
	if len(out.When) == 0 {
		return out.Else
	}
	return out
}

// conditional lowers the functions that are CASE in other words; false when
// name is none of them.
func (b *binder) conditional(name string, e *ast.Call) (expr.Expr, bool) {
	want, ok := map[string][2]int{"COALESCE": {1, -1}, "IFNULL": {2, 2}, "NVL": {2, 2}, "NULLIF": {2, 2}, "IF": {3, 3}, "IIF": {3, 3}}[name]
	if !ok {
		return nil, false
	}
	if n := len(e.Args); n < want[0] || want[1] >= 0 && n > want[1] {
		b.add(diag.FunctionArgument, e.Pos(), "%s takes %d arguments, not %d", name, want[0], n)
		return nil, true
	}
	args := b.exprs(e.Args)
	if args == nil {
		return nil, true
	}
	switch name {
	case "NULLIF":
		return b.nullIf(e, args), true
	case "IF", "IIF":
		cond := b.boolean(args[0], e.Args[0].Pos(), "the first argument of "+name)
		if cond == nil {
			return nil, true
		}
		return b.cases([]expr.Expr{cond}, args[1:], e.Pos(), "the results of "+name), true
	}
	return b.coalesce(e, args, name), true
}

func (b *binder) nullIf(e *ast.Call, args []expr.Expr) expr.Expr {
	equal := b.compare(expr.Eq, args[0], args[1], e.Pos(), e.Args[1].Pos())
	if equal == nil {
		return nil
	}
	return b.cases([]expr.Expr{equal}, []expr.Expr{null(args[0].Type(), e.Pos()), args[0]}, e.Pos(), "the arguments of NULLIF")
}

func (b *binder) coalesce(e *ast.Call, args []expr.Expr, name string) expr.Expr {
	if _, ok := b.unify(args, e.Pos(), "the arguments of "+name); !ok {
		return nil
	}
	var conds []expr.Expr
	for _, x := range args[:len(args)-1] {
		conds = append(conds, b.fold(&expr.Is{Base: typed(event.TBool, x.Pos()), Test: expr.IsNotNull, X: x}))
	}
	return b.cases(conds, args, e.Pos(), "the arguments of "+name)
}

// ---- scalar calls

// invoke binds a call of a scalar function.
func (b *binder) invoke(name string, args []ast.Expr, span, mark diag.Span) expr.Expr {
	fn, ok := b.scalarFunc(name)
	if !ok {
		b.exprs(args)
		b.unknownFunction(name, mark)
		return nil
	}
	bound := b.exprs(args)
	if bound == nil && len(args) > 0 {
		return nil
	}
	return b.apply(fn, bound, span, mark)
}

func (b *binder) apply(fn *expr.Func, args []expr.Expr, span, mark diag.Span) expr.Expr {
	types := make([]event.Type, len(args))
	for i, a := range args {
		types[i] = a.Type()
	}
	params, result, err := fn.Resolve(types)
	if err != nil {
		b.add(diag.FunctionArgument, mark, "%v", err)
		return nil
	}
	for i := range args {
		if args[i] = b.coerce(args[i], params[i]); args[i] == nil {
			return nil
		}
	}
	if (fn.Name == "ROUND" || fn.Name == "TRUNCATE") && len(args) == 2 {
		result = roundedType(args[0].Type(), result, args[1])
	}
	return b.fold(&expr.Call{Base: typed(result, span), Fn: fn, Args: args})
}

// roundedType is the type of x of type t rounded to n digits, as in Flink SQL:
// a DECIMAL has no more digits behind the point than a constant n.
func roundedType(t, otherwise event.Type, n expr.Expr) event.Type {
	k, ok := n.(*expr.Const)
	if t.Kind != event.Decimal || !ok || k.Value.Null {
		return otherwise
	}
	digits := max(0, int(k.Value.I))
	if digits >= t.Scale {
		return t
	}
	return event.TDecimal(min(event.MaxPrecision, t.Precision-t.Scale+1+digits), digits)
}

func (b *binder) unknownFunction(name string, span diag.Span) {
	candidates := append(function.Names(), function.AggregateNames()...)
	for _, f := range b.cat.Functions() {
		candidates = append(candidates, strings.ToUpper(f.Name))
	}
	candidates = append(candidates, "COALESCE", "NULLIF", "IF", "IFNULL", "CLASSIFIER", "MATCH_NUMBER", "FIRST", "LAST", "PREV", "NEXT")
	hint(b.add(diag.UnknownFunction, span, "there is no function %s", name), name, candidates)
}
