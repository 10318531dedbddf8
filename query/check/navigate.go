package check

import (
	"math"
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// matchScope is what MEASURES and DEFINE can name beside columns.
type matchScope struct {
	vars    map[string]int         // primary variables by folded name
	subsets map[string]expr.VarSet // union variables by folded name
	names   []string               // of the primary variables, by index
	define  bool                   // in DEFINE: everything is RUNNING
	final   bool                   // ONE ROW PER MATCH: everything is FINAL
	edges   bool                   // plan.Match.Edges
}

// folded is a variable's name: unquoted ones are upper case.
func folded(id ast.Ident) string {
	if id.Quoted {
		return id.Name
	}
	return strings.ToUpper(id.Name)
}

// set finds a variable or subset.
func (m *matchScope) set(id ast.Ident) (expr.VarSet, bool) {
	name := folded(id)
	if v, ok := m.vars[name]; ok {
		return expr.VarSet{v}, true
	}
	s, ok := m.subsets[name]
	return s, ok
}

// allNames are the variables and subsets, for hints.
func (m *matchScope) allNames() []string {
	names := append([]string(nil), m.names...)
	for s := range m.subsets {
		names = append(names, s)
	}
	sort.Strings(names)
	return names
}

// label is one mention of rows inside a navigation or aggregate.
type label struct {
	name       string // folded; "" for the universal variable
	set        expr.VarSet
	classifier bool // by CLASSIFIER, not a column
}

// navigation collects what the argument of a FIRST, LAST, PREV, NEXT or
// aggregate mentions: all of it must be rows of one variable.
type navigation struct {
	fn        string
	aggregate bool
	labels    []label
}

func (n *navigation) mention(l label) { n.labels = append(n.labels, l) }

// vars is the variable that all mentions agree on.
func (n *navigation) vars() expr.VarSet {
	if len(n.labels) == 0 {
		return nil
	}
	return n.labels[0].set
}

// agrees checks that all mentions are of one variable; columns that differ are
// shown at the argument, a CLASSIFIER that differs at the call.
func (b *binder) agrees(n *navigation, call, arg diag.Span) bool {
	for _, l := range n.labels {
		if l.name == n.labels[0].name {
			continue
		}
		at, mixed := call, n.labels[0].classifier || l.classifier
		if !mixed {
			at = arg
		}
		b.add(diag.MixedVariables, at, "the argument of %s mixes rows of %s and of %s", n.fn, rowsOf(n.labels[0].name), rowsOf(l.name)).
			WithHint("all columns and CLASSIFIER() in it must have the same prefix, or none")
		return false
	}
	return true
}

func rowsOf(name string) string {
	if name == "" {
		return "any variable"
	}
	return name
}

// matchRef binds a column in MEASURES or DEFINE: A.x is LAST(A.x), a bare x is
// LAST(x) over all rows of the match.
func (b *binder) matchRef(r *ast.Ref) expr.Expr {
	mention := label{}
	plain := *r
	if len(r.Parts) > 1 {
		if set, ok := b.match.set(r.Parts[0]); ok {
			mention = label{name: folded(r.Parts[0]), set: set}
			plain.Parts = r.Parts[1:]
			if !b.has(plain.Parts[0].Name) {
				name := plain.Parts[0].Name
				hint(b.add(diag.UnknownColumn, r.Pos(), "there is no column %q in %s", name, r.Parts[0].Name), name, b.rel.schema().Names())
				return nil
			}
		}
	}
	col, rest := b.column(&plain)
	if col == nil {
		return nil
	}
	x := b.fields(col, rest, r.Pos())
	if x == nil {
		return nil
	}
	return b.atRow(x, mention)
}

// atRow places a row-local x at the row it is meant for: inside a navigation
// that is the navigation's, else the last of the variable.
func (b *binder) atRow(x expr.Expr, mention label) expr.Expr {
	if b.nav != nil {
		b.nav.mention(mention)
		return x
	}
	return &expr.Nav{Base: typed(x.Type(), x.Pos()), Vars: mention.set, Final: b.match.final, X: x}
}

// ---- FIRST, LAST, PREV, NEXT

// navigate binds a navigation, with a FIRST or LAST directly inside PREV or NEXT.
func (b *binder) navigate(name string, e *ast.Call) expr.Expr {
	if !b.plainNavigation(name, e) {
		return nil
	}
	offset, ok := b.offset(name, e)
	if !ok {
		return nil
	}
	nav := &expr.Nav{Final: b.match.final}
	inner, arg := &navigation{fn: name}, e.Args[0]
	switch name {
	case "FIRST", "LAST":
		nav.First, nav.Offset = name == "FIRST", offset.or(0)
		nav.Final = b.semantics(e)
	default:
		nav.Physical = offset.or(1)
		if name == "PREV" {
			nav.Physical = -nav.Physical
		}
		if logical, sub := logicalCall(arg); logical != nil {
			if !b.compound(nav, sub, logical) {
				return nil
			}
			arg, inner.fn, e = logical.Args[0], sub, logical
		}
	}
	return b.navArgument(nav, inner, e, arg)
}

func (b *binder) navArgument(nav *expr.Nav, inner *navigation, e *ast.Call, arg ast.Expr) expr.Expr {
	deeper := *b
	deeper.nav = inner
	if nav.X = deeper.expr(arg); nav.X == nil || !b.agrees(inner, e.Pos(), arg.Pos()) {
		return nil
	}
	if len(inner.labels) == 0 {
		b.add(diag.MixedVariables, e.Pos(), "%s needs a column or CLASSIFIER() in its argument", inner.fn)
		return nil
	}
	nav.Base, nav.Vars = typed(nav.X.Type(), e.Pos()), inner.vars()
	return nav
}

// logicalCall is arg as FIRST(…) or LAST(…), with its name.
func logicalCall(arg ast.Expr) (*ast.Call, string) {
	call, ok := arg.(*ast.Call)
	if !ok || len(call.Name.Parts) != 1 || call.Name.Parts[0].Quoted {
		return nil, ""
	}
	switch name := strings.ToUpper(call.Name.Parts[0].Name); name {
	case "FIRST", "LAST":
		return call, name
	}
	return nil, ""
}

// compound adds the logical step of PREV(LAST(x, n), m) to nav.
func (b *binder) compound(nav *expr.Nav, name string, e *ast.Call) bool {
	if e.Over != nil {
		b.refuseOver(e)
		return false
	}
	if !b.plainNavigation(name, e) {
		return false
	}
	offset, ok := b.offset(name, e)
	nav.First, nav.Offset, nav.Final = name == "FIRST", offset.or(0), b.semantics(e)
	return ok
}

// plainNavigation refuses what a navigation cannot have or be in.
func (b *binder) plainNavigation(name string, e *ast.Call) bool {
	physical := name == "PREV" || name == "NEXT"
	switch {
	case b.nav != nil:
		b.nested(name, e)
	case e.Filter != nil || e.Distinct || e.Star || len(e.OrderBy) > 0 || e.NullsIgnore != "":
		b.add(diag.PatternFunction, e.Pos(), "%s is no aggregate: DISTINCT, *, FILTER, ORDER BY and IGNORE NULLS do not apply", name)
	case physical && e.Semantics != "":
		b.misplacedSemantics(name, e)
	case e.Semantics == "FINAL" && b.match.define:
		b.add(diag.RunningFinal, e.Pos(), "DEFINE sees the rows so far: FINAL cannot be used").WithHint("leave FINAL out")
	case len(e.Args) == 0 || len(e.Args) > 2:
		b.add(diag.FunctionArgument, e.Pos(), "%s takes a value and perhaps a number of rows, not %d arguments", name, len(e.Args))
	default:
		return true
	}
	return false
}

func (b *binder) nested(name string, e *ast.Call) {
	d := b.add(diag.NavigationNesting, e.Pos(), "%s cannot stand inside the argument of %s", name, b.nav.fn)
	if !b.nav.aggregate && (b.nav.fn == "PREV" || b.nav.fn == "NEXT") {
		d.WithHint("FIRST or LAST may be the whole argument: %s(LAST(x, 1), 2)", b.nav.fn)
	}
}

// semantics is whether a FIRST, LAST or aggregate sees the whole match.
func (b *binder) semantics(e *ast.Call) bool {
	return b.match.final || e.Semantics == "FINAL" && !b.match.define
}

// rowOffset is the optional second argument of a navigation.
type rowOffset struct {
	n     int
	given bool
}

func (o rowOffset) or(def int) int {
	if o.given {
		return o.n
	}
	return def
}

func (b *binder) offset(name string, e *ast.Call) (rowOffset, bool) {
	if len(e.Args) < 2 {
		return rowOffset{}, true
	}
	quiet := *b.Checker
	quiet.list = &diag.List{Source: b.list.Source}
	k, ok := (&binder{Checker: &quiet}).expr(e.Args[1]).(*expr.Const)
	switch {
	case !ok || !k.Type().Integer() || k.Value.Null:
		b.add(diag.FunctionArgument, e.Pos(), "the second argument of %s is a number of rows: a whole constant", name)
	case k.Value.I < 0 || k.Value.I > math.MaxInt32:
		b.add(diag.NumberOutOfRange, e.Pos(), "the second argument of %s must be 0 to %d, not %d", name, math.MaxInt32, k.Value.I)
	default:
		return rowOffset{int(k.Value.I), true}, true
	}
	return rowOffset{}, false
}

// ---- CLASSIFIER, MATCH_NUMBER, MATCH_ROWTIME

// bare refuses the decorations of aggregates and RUNNING, FINAL.
func (b *binder) bare(name string, e *ast.Call, maxArgs int) bool {
	switch {
	case e.Semantics != "":
		b.misplacedSemantics(name, e)
	case e.Filter != nil || e.Distinct || e.Star || len(e.OrderBy) > 0 || e.NullsIgnore != "":
		b.add(diag.PatternFunction, e.Pos(), "%s is no aggregate: DISTINCT, *, FILTER and ORDER BY do not apply", name)
	case len(e.Args) > maxArgs:
		b.add(diag.FunctionArgument, e.Pos(), "%s takes at most %d arguments, not %d", name, maxArgs, len(e.Args))
	default:
		return true
	}
	return false
}

func (b *binder) classifier(e *ast.Call) expr.Expr {
	if !b.bare("CLASSIFIER", e, 1) {
		return nil
	}
	mention := label{classifier: true}
	if len(e.Args) == 1 {
		ref, ok := e.Args[0].(*ast.Ref)
		if !ok || len(ref.Parts) != 1 {
			b.add(diag.TypeMismatch, e.Args[0].Pos(), "CLASSIFIER takes a pattern variable or a SUBSET")
			return nil
		}
		set, ok := b.match.set(ref.Parts[0])
		if !ok {
			hint(b.add(diag.FunctionArgument, ref.Pos(), "there is no pattern variable %s", ref.Parts[0].Name), ref.Parts[0].Name, b.match.allNames())
			return nil
		}
		mention.name, mention.set = folded(ref.Parts[0]), set
	}
	return b.atRow(&expr.Classifier{Base: typed(event.TString, e.Pos())}, mention)
}

func (b *binder) matchNumber(e *ast.Call) expr.Expr {
	if !b.bare("MATCH_NUMBER", e, 0) {
		return nil
	}
	return &expr.MatchNumber{Base: typed(event.TInt64, e.Pos())}
}

// matchRowtime is the time of the last row of the match; of an absence or a
// time-out, the moment when time ran out.
func (b *binder) matchRowtime(e *ast.Call) expr.Expr {
	if !b.bare("MATCH_ROWTIME", e, 1) {
		return nil
	}
	s := b.rel.schema()
	switch {
	case !b.ofMatch("MATCH_ROWTIME", e):
		return nil
	case s.Rowtime < 0:
		b.add(diag.MissingTime, e.Pos(), "MATCH_ROWTIME() needs an event-time column, which the input has not").WithHint("use MATCH_PROCTIME()")
		return nil
	}
	if b.match.edges {
		return &expr.MatchTime{Base: typed(s.Fields[s.Rowtime].Type, e.Pos())}
	}
	return rowtimeOf(s, e.Pos())
}

// ofMatch refuses what is of the match as a whole where there are rows only.
func (b *binder) ofMatch(name string, e *ast.Call) bool {
	if b.nav != nil || b.match.define {
		b.add(diag.PatternFunction, e.Pos(), "%s() stands on its own in MEASURES", name)
		return false
	}
	return true
}

// matchStatus is 'MATCHED', or 'TIMED_OUT' of a row that EMIT TIMEOUTS gives.
func (b *binder) matchStatus(e *ast.Call) expr.Expr {
	if !b.bare("MATCH_STATUS", e, 0) || !b.ofMatch("MATCH_STATUS", e) {
		return nil
	}
	return &expr.MatchStatus{Base: typed(event.TString, e.Pos())}
}

func rowtimeOf(s *event.Schema, span diag.Span) *expr.Nav {
	f := s.Fields[s.Rowtime]
	col := &expr.Column{Base: typed(f.Type, span), Index: s.Rowtime, Name: f.Name}
	return &expr.Nav{Base: col.Base, Final: true, X: col}
}

func (b *binder) matchProctime(e *ast.Call) expr.Expr {
	if !b.bare("MATCH_PROCTIME", e, 0) {
		return nil
	}
	return b.invoke("PROCTIME", nil, e.Pos(), e.Pos())
}
