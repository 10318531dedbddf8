package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// binder types the expressions of one place: over the columns of rel and, in
// MEASURES and DEFINE, over the rows of a match.
type binder struct {
	*Checker
	rel   *relation   // nil: there are no columns
	match *matchScope // nil outside MEASURES and DEFINE
	nav   *navigation // the argument of a navigation or aggregate being bound
	group *grouping   // nil outside SELECT and HAVING with GROUP BY
	over  *overScope  // nil where OVER cannot stand
	outer string      // the aggregate over rows whose arguments are being bound
}

func typed(t event.Type, span diag.Span) expr.Base { return expr.Base{T: t, Span: span} }

// expr binds e; nil after an error.
func (b *binder) expr(e ast.Expr) expr.Expr {
	switch e := e.(type) {
	case *ast.Literal:
		return b.literal(e)
	case *ast.Interval:
		return b.interval(e)
	case *ast.Param:
		return b.param(e)
	case *ast.Ref:
		return b.ref(e)
	case *ast.Field:
		return b.field(b.expr(e.X), e.Name, e.Pos())
	case *ast.Index:
		return b.index(e)
	case *ast.Unary:
		return b.unary(e)
	case *ast.Binary:
		return b.binary(e)
	case *ast.Cast:
		return b.cast(e)
	case *ast.Call:
		return b.call(e)
	case *ast.Keyword:
		return constant(event.TString, event.StringValue(e.Word), e.Pos())
	}
	return b.predicate(e)
}

// predicate binds the SQL forms with words in them, constructors, and refuses
// the rest.
func (b *binder) predicate(e ast.Expr) expr.Expr {
	switch e := e.(type) {
	case *ast.Is:
		return b.is(e)
	case *ast.Between:
		return b.between(e)
	case *ast.In:
		return b.in(e)
	case *ast.Like:
		return b.like(e)
	case *ast.Case:
		return b.caseWhen(e)
	case *ast.Row:
		return b.row(e)
	case *ast.ArrayLit:
		return b.array(e)
	case *ast.MapLit:
		return b.mapOf(e)
	}
	return b.refuseExpr(e)
}

func (b *binder) refuseExpr(e ast.Expr) expr.Expr {
	switch e := e.(type) {
	case *ast.Exists:
		b.subquery(e.Pos(), e.Query)
	case *ast.Subquery:
		b.subquery(e.Pos(), e.Query)
	case *ast.VarStar:
		b.add(diag.FunctionArgument, e.Pos(), "%s.* stands only in COUNT(%s.*)", e.Of.Name, e.Of.Name)
	case *ast.NamedArg:
		b.unsupported(e.Pos(), "a named argument")
	default:
		b.unsupported(e.Pos(), "this expression")
	}
	return nil
}

// subquery refuses a query inside an expression.
func (b *binder) subquery(span diag.Span, q ast.Query) {
	if b.match != nil && hasMatch(q) {
		b.add(diag.NestedMatch, span, "MATCH_RECOGNIZE cannot stand inside an expression of MATCH_RECOGNIZE").WithHint("match in a sub-query in FROM, or in a view")
		return
	}
	b.unsupported(span, "a sub-query in an expression").WithHint("a sub-query may stand in FROM")
}

func hasMatch(q ast.Query) bool {
	s, ok := q.(*ast.Select)
	if !ok {
		return false
	}
	for _, t := range s.From {
		if _, ok := t.(*ast.MatchRecognize); ok {
			return true
		}
	}
	return false
}

// exprs binds all of list, so that each one's mistakes are told; nil when any failed.
func (b *binder) exprs(list []ast.Expr) []expr.Expr {
	out := make([]expr.Expr, len(list))
	ok := true
	for i, e := range list {
		out[i] = b.expr(e)
		ok = ok && out[i] != nil
	}
	if !ok {
		return nil
	}
	return out
}

// condition binds a BOOLEAN.
func (b *binder) condition(e ast.Expr, where string) expr.Expr {
	x := b.expr(e)
	if x == nil {
		return nil
	}
	return b.boolean(x, e.Pos(), where)
}

// top binds an expression that stands on its own.
func (b *binder) top(e ast.Expr) expr.Expr { return b.whole(b.expr(e)) }

// topCondition binds a BOOLEAN that stands on its own.
func (b *binder) topCondition(e ast.Expr, where string) expr.Expr {
	return b.whole(b.condition(e, where))
}

// boolean demands that x is a BOOLEAN (or a bare NULL).
func (b *binder) boolean(x expr.Expr, span diag.Span, where string) expr.Expr {
	switch x.Type().Kind {
	case event.Bool:
		return x
	case event.Null:
		return null(event.TBool, span)
	}
	b.add(diag.TypeMismatch, span, "%s is a condition: it must be BOOLEAN, not %s", where, x.Type())
	return nil
}

// ---- names

// ref resolves a dotted name: a column, of the relation or of a variable's
// rows, and then fields of ROWs.
func (b *binder) ref(r *ast.Ref) expr.Expr {
	if b.match != nil {
		return b.matchRef(r)
	}
	col, rest := b.column(r)
	if col == nil {
		return nil
	}
	return b.fields(col, rest, r.Pos())
}

// column finds the column that a name begins with, and the parts that follow.
func (b *binder) column(r *ast.Ref) (*expr.Column, []ast.Ident) {
	parts := r.Parts
	if b.rel == nil {
		b.add(diag.UnknownColumn, r.Pos(), "there is no column %q: nothing is read here", dotted(parts))
		return nil, nil
	}
	from, to := 0, len(b.rel.schema().Fields)
	if len(parts) > 1 {
		if first, end, ok := b.rel.scope(parts[0].Name); ok {
			if _, n := b.findIn(parts[1].Name, first, end); n > 0 {
				parts, from, to = parts[1:], first, end
			}
		}
	}
	i, n := b.findOf(parts[0].Name, from, to)
	switch {
	case n == 0:
		b.unknownColumn(r)
		return nil, nil
	case n > 1:
		b.add(diag.AmbiguousName, r.Pos(), "%q names %d columns", parts[0].Name, n).WithHint("%s", b.ambiguousHint(parts[0].Name))
		return nil, nil
	}
	f := b.rel.schema().Fields[i]
	return &expr.Column{Base: typed(f.Type, r.Pos()), Index: i, Name: f.Name}, parts[1:]
}

func (b *binder) ambiguousHint(name string) string {
	if tables := b.rel.tableNames(); len(tables) > 1 {
		return "write " + tables[0] + "." + name + " or " + tables[1] + "." + name
	}
	return "give them different names with AS"
}

func (b *binder) has(name string) bool {
	_, n := b.find(name)
	return n > 0
}

// find is the last column of the name, and how many have it.
func (b *binder) find(name string) (index, count int) {
	return b.findOf(name, 0, len(b.rel.schema().Fields))
}

// findOf looks among the columns from first to end. In a sub-query its own
// columns hide those around it.
func (b *binder) findOf(name string, first, end int) (index, count int) {
	if b.rel.inner > first && b.rel.inner < end {
		if index, count = b.findIn(name, b.rel.inner, end); count > 0 {
			return index, count
		}
	}
	return b.findIn(name, first, end)
}

func (b *binder) findIn(name string, first, end int) (index, count int) {
	for i, f := range b.rel.schema().Fields[first:end] {
		if strings.EqualFold(f.Name, name) {
			index, count = first+i, count+1
		}
	}
	return index, count
}

func (b *binder) unknownColumn(r *ast.Ref) {
	name := r.Parts[0].Name
	if len(r.Parts) > 1 {
		name = r.Parts[1].Name
		if _, _, ok := b.rel.scope(r.Parts[0].Name); !ok {
			b.unknownQualifier(r)
			return
		}
	}
	where := ""
	if b.rel.alias != "" {
		where = " in " + b.rel.alias
	}
	hint(b.add(diag.UnknownColumn, r.Pos(), "there is no column %q%s", name, where), name, b.rel.schema().Names())
}

func (b *binder) unknownQualifier(r *ast.Ref) {
	d := b.add(diag.UnknownColumn, r.Pos(), "there is no column %q, and no table or variable %q to take it from", dotted(r.Parts), r.Parts[0].Name)
	names := append(b.rel.schema().Names(), b.rel.tableNames()...)
	if b.match != nil {
		names = append(names, b.match.allNames()...)
	}
	hint(d, r.Parts[0].Name, names)
}

// fields goes into ROWs by name.
func (b *binder) fields(x expr.Expr, names []ast.Ident, span diag.Span) expr.Expr {
	for _, name := range names {
		if x = b.field(x, name, span); x == nil {
			return nil
		}
	}
	return x
}

func (b *binder) field(x expr.Expr, name ast.Ident, span diag.Span) expr.Expr {
	if x == nil {
		return nil
	}
	t := x.Type()
	if t.Kind != event.Row {
		b.add(diag.UnknownColumn, span, "%q is no field: what stands before it is %s, not a ROW", name.Name, t)
		return nil
	}
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		if strings.EqualFold(f.Name, name.Name) {
			return b.fold(&expr.Field{Base: typed(f.Type, span), X: x, Index: i})
		}
		names[i] = f.Name
	}
	hint(b.add(diag.UnknownColumn, span, "there is no field %q in %s", name.Name, t), name.Name, names)
	return nil
}

func (b *binder) index(e *ast.Index) expr.Expr {
	x, i := b.expr(e.X), b.expr(e.I)
	if x == nil || i == nil {
		return nil
	}
	key := event.TInt32
	switch t := x.Type(); t.Kind {
	case event.Array:
	case event.Map:
		key = *t.Key
	default:
		b.add(diag.TypeMismatch, e.Pos(), "only an ARRAY or a MAP has elements, not %s", t)
		return nil
	}
	if x.Type().Kind == event.Array && i.Type().Kind == event.Int64 {
		key = event.TInt64
	}
	if i = b.assign(i, key); i == nil {
		b.add(diag.TypeMismatch, e.I.Pos(), "an element of %s is found by %s", x.Type(), key)
		return nil
	}
	return b.fold(&expr.Element{Base: typed(*x.Type().Elem, e.Pos()), X: x, I: i})
}

// ---- constructors

func (b *binder) row(e *ast.Row) expr.Expr {
	args := b.exprs(e.Items)
	if args == nil {
		return nil
	}
	t := event.Type{Kind: event.Row}
	for i := range args {
		args[i] = untypedAsString(args[i])
		t.Fields = append(t.Fields, event.Field{Name: anonymous(i), Type: args[i].Type()})
	}
	return b.fold(&expr.Construct{Base: typed(t, e.Pos()), Args: args})
}

func (b *binder) array(e *ast.ArrayLit) expr.Expr {
	args := b.exprs(e.Items)
	if args == nil && len(e.Items) > 0 {
		return nil
	}
	elem, ok := b.unify(args, e.Pos(), "the elements of an ARRAY")
	if !ok {
		return nil
	}
	return b.fold(&expr.Construct{Base: typed(event.Type{Kind: event.Array, Elem: &elem}, e.Pos()), Args: args})
}

func (b *binder) mapOf(e *ast.MapLit) expr.Expr {
	args := b.exprs(e.Items)
	if args == nil && len(e.Items) > 0 {
		return nil
	}
	if len(args)%2 != 0 {
		b.add(diag.FunctionArgument, e.Pos(), "MAP takes pairs: MAP[key, value, …]")
		return nil
	}
	var keys, values []expr.Expr
	for i := 0; i < len(args); i += 2 {
		keys, values = append(keys, args[i]), append(values, args[i+1])
	}
	key, ok := b.unify(keys, e.Pos(), "the keys of a MAP")
	val, ok2 := b.unify(values, e.Pos(), "the values of a MAP")
	if !ok || !ok2 {
		return nil
	}
	for i := range keys {
		args[2*i], args[2*i+1] = keys[i], values[i]
	}
	return b.fold(&expr.Construct{Base: typed(event.Type{Kind: event.Map, Key: &key, Elem: &val}, e.Pos()), Args: args})
}
