package check

import (
	"slices"
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// matcher binds one MATCH_RECOGNIZE clause.
type matcher struct {
	*Checker
	ast   *ast.MatchRecognize
	in    *relation
	scope *matchScope
	out   *plan.Match
	not   map[string]int // the variable ^B of [^B], by the folded name of B
	bound []ast.Expr     // what out.Measures were written as
	read  []bool         // for advice: variables of which definitions read more than the row at hand
	ok    bool
}

func (m *matcher) fail() { m.ok = false }

// matchRecognize binds a MATCH_RECOGNIZE clause to a Match.
func (c *Checker) matchRecognize(e *ast.MatchRecognize) *relation {
	in := c.from(e.Input)
	if in == nil || !c.final(in.node, e.Input.Pos(), "MATCH_RECOGNIZE") {
		return nil
	}
	m := &matcher{Checker: c, ast: e, in: in, ok: true}
	m.out = &plan.Match{Input: in.node, Rows: e.Rows, Text: c.text(clauseSpan(e))}
	m.refuseModifier()
	m.edges()
	m.selection()
	m.partitionBy()
	m.orderBy()
	m.variables()
	m.pattern()
	m.skip()
	m.within()
	m.consumesInTime()
	m.define()
	m.measures()
	rel := m.output()
	if rel == nil || !m.ok {
		return nil
	}
	m.bounded()
	m.advise()
	return rel
}

// clauseSpan is the clause without its input.
func clauseSpan(e *ast.MatchRecognize) diag.Span {
	return diag.Span{Start: e.Input.Pos().End, End: e.Pos().End}
}

// refuseModifier refuses what the standard has and no engine: INITIAL, SEEK.
func (m *matcher) refuseModifier() {
	e := m.ast
	if e.SearchMod != "" {
		m.add(diag.NotSupported, e.SearchModSpan, "the search modifier %s is not supported in MATCH_RECOGNIZE", e.SearchMod).WithHint("leave %s out", e.SearchMod)
		m.fail()
	}
}

// inputColumn is a PARTITION BY or ORDER BY item, which must be a column.
func (m *matcher) inputColumn(e ast.Expr) (int, bool) {
	ref, ok := e.(*ast.Ref)
	if !ok {
		m.add(diag.NotAColumn, m.place(e), "a column is expected here, not an expression").WithHint("compute it in a sub-query: FROM (SELECT …, … AS k FROM …)")
		m.fail()
		return 0, false
	}
	col, rest := (&binder{Checker: m.Checker, rel: m.in}).column(ref)
	if col == nil {
		m.fail()
		return 0, false
	}
	if len(rest) > 0 {
		m.add(diag.NotAColumn, e.Pos(), "a column is expected here, not a field of one").WithHint("name it in a sub-query: FROM (SELECT …, %s AS k FROM …)", dotted(ref.Parts))
		m.fail()
		return 0, false
	}
	return col.Index, true
}

func (m *matcher) partitionBy() {
	for _, e := range m.ast.PartitionBy {
		i, ok := m.inputColumn(e)
		if !ok {
			continue
		}
		if t := m.in.schema().Fields[i].Type; !sortable(t) {
			m.add(diag.TypeMismatch, e.Pos(), "PARTITION BY takes simple values, not %s", t)
			m.fail()
			continue
		}
		if contains(m.out.PartitionBy, i) {
			m.add(diag.DuplicateName, e.Pos(), "%q stands twice in PARTITION BY", m.in.schema().Fields[i].Name)
			m.fail()
			continue
		}
		m.out.PartitionBy = append(m.out.PartitionBy, i)
	}
}

func contains(list []int, x int) bool {
	for _, v := range list {
		if v == x {
			return true
		}
	}
	return false
}

// orderBy binds the keys; the first must be the time of the stream.
func (m *matcher) orderBy() {
	if len(m.ast.OrderBy) == 0 {
		m.add(diag.MissingTime, clauseSpan(m.ast), "MATCH_RECOGNIZE needs ORDER BY the time of its input").WithHint("%s", m.timeHint())
		m.fail()
		return
	}
	for n, item := range m.ast.OrderBy {
		i, ok := m.inputColumn(item.Expr)
		if !ok {
			continue
		}
		if n == 0 {
			m.timeKey(i, item)
		} else if t := m.in.schema().Fields[i].Type; !sortable(t) {
			m.add(diag.TypeMismatch, item.Pos(), "%s has no order", t)
			m.fail()
		}
		m.out.OrderBy = append(m.out.OrderBy, plan.OrderKey{Column: i, Desc: item.Desc, NullsFirst: nullsFirst(item)})
	}
}

func (m *matcher) timeKey(i int, item ast.OrderItem) {
	s := m.in.schema()
	switch {
	case item.Desc:
		m.add(diag.MissingTime, item.Pos(), "the first key of ORDER BY is the time, ascending: rows are matched as time goes on").WithHint("leave DESC out")
	case i == s.Rowtime:
		return
	case m.in.proctime[i]:
		m.out.Proctime = true
		return
	default:
		m.add(diag.MissingTime, item.Pos(), "%q is not the time of the input: ORDER BY begins with the event-time or processing-time column", s.Fields[i].Name).WithHint("%s", m.timeHint())
	}
	m.fail()
}

func (m *matcher) timeHint() string {
	s := m.in.schema()
	if s.Rowtime >= 0 {
		return "write ORDER BY " + s.Fields[s.Rowtime].Name
	}
	for i := range s.Fields {
		if m.in.proctime[i] {
			return "write ORDER BY " + s.Fields[i].Name
		}
	}
	for _, f := range s.Fields {
		if f.Type.Instant() {
			return "declare the time in CREATE TABLE: WATERMARK FOR " + f.Name + " AS " + f.Name + " - INTERVAL '5' SECOND"
		}
	}
	return "declare a TIMESTAMP(3) column with a WATERMARK in CREATE TABLE, or a column proc AS PROCTIME()"
}

// variables collects the primary variables of the pattern and the subsets.
func (m *matcher) variables() {
	m.scope = &matchScope{vars: map[string]int{}, subsets: map[string]expr.VarSet{}, edges: m.out.Edges}
	collectVars(m.ast.Pattern, func(id ast.Ident) { m.variable(m.scope.vars, folded(id), folded(id)) })
	m.not = map[string]int{}
	collectNotSets(m.ast.Pattern, func(id ast.Ident) { m.variable(m.not, folded(id), "^"+folded(id)) })
	for i := range m.ast.Subsets {
		m.subset(&m.ast.Subsets[i])
	}
}

// variable adds a variable the first time its key is seen.
func (m *matcher) variable(of map[string]int, key, name string) {
	if _, seen := of[key]; seen {
		return
	}
	of[key] = len(m.scope.names)
	m.scope.names = append(m.scope.names, name)
	m.out.Vars = append(m.out.Vars, plan.Var{Name: name})
}

func (m *matcher) subset(s *ast.Subset) {
	name := folded(s.Name)
	if _, ok := m.scope.vars[name]; ok {
		m.add(diag.InvalidVariable, s.Name.Pos(), "%s is a variable of the pattern already", s.Name.Name)
		m.fail()
		return
	}
	if _, ok := m.scope.subsets[name]; ok {
		m.add(diag.InvalidVariable, s.Name.Pos(), "the subset %s is declared twice", s.Name.Name)
		m.fail()
		return
	}
	var set expr.VarSet
	for _, id := range s.Vars {
		v, ok := m.scope.vars[folded(id)]
		if !ok {
			hint(m.add(diag.InvalidVariable, id.Pos(), "%s is not a variable of the pattern", id.Name), id.Name, m.scope.names)
			m.fail()
			continue
		}
		if !set.Has(v) || set == nil {
			set = append(set, v)
		}
	}
	sort.Ints(set)
	m.scope.subsets[name] = set
}

func (m *matcher) skip() {
	s := m.ast.Skip
	m.out.Skip = s.Mode
	switch s.Mode {
	case ast.SkipDefault:
		m.out.Skip = ast.SkipPastLast
		if m.out.Edges {
			m.out.Skip = ast.NoSkip
		}
	case ast.SkipToFirst, ast.SkipToLast:
		set, ok := m.scope.set(s.To)
		if !ok {
			hint(m.add(diag.InvalidVariable, s.To.Pos(), "there is no pattern variable %s to skip to", s.To.Name), s.To.Name, m.scope.allNames())
			m.fail()
		}
		m.out.SkipTo = set
	}
}

func (m *matcher) define() {
	defined := map[string]bool{}
	m.scope.define = true
	for _, d := range m.ast.Define {
		name := folded(d.Name)
		v, ok := m.scope.vars[name]
		switch {
		case defined[name]:
			m.add(diag.InvalidVariable, d.Name.Pos(), "%s is defined twice", d.Name.Name)
			m.fail()
		case !ok:
			hint(m.add(diag.InvalidVariable, d.Name.Pos(), "%s is not a variable of the pattern", d.Name.Name), d.Name.Name, m.scope.names)
			m.fail()
		}
		defined[name] = true
		cond := (&binder{Checker: m.Checker, rel: m.in, match: m.scope}).topCondition(d.Cond, "the definition of "+d.Name.Name)
		if cond == nil {
			m.fail()
		} else if ok {
			m.out.Vars[v].Define = alwaysAsNil(cond)
		}
	}
	m.scope.define = false
	m.complements()
}

// alwaysAsNil drops a definition that is TRUE.
func alwaysAsNil(cond expr.Expr) expr.Expr {
	if k, ok := cond.(*expr.Const); ok && k.Value.Bool() {
		return nil
	}
	return cond
}

func (m *matcher) measures() {
	m.scope.final = m.out.Rows == ast.OneRow
	seen := map[string]bool{}
	for _, e := range m.ast.Measures {
		if key := strings.ToLower(e.Name.Name); seen[key] {
			m.add(diag.DuplicateName, e.Name.Pos(), "two measures are named %s", e.Name.Name)
			m.fail()
		} else {
			seen[key] = true
		}
		if m.suppressColumn(&e) != 0 {
			continue
		}
		x := (&binder{Checker: m.Checker, rel: m.in, match: m.scope}).top(e.Expr)
		if x == nil {
			m.fail()
			x = null(event.TNull, e.Pos())
		}
		m.bound = append(m.bound, e.Expr)
		m.out.Measures = append(m.out.Measures, plan.Measure{Name: e.Name.Name, Expr: untypedAsString(x)})
	}
}

// untypedAsString gives a bare NULL the type STRING where a column is made.
func untypedAsString(x expr.Expr) expr.Expr {
	if x.Type().Kind == event.Null {
		return null(event.TString, x.Pos())
	}
	return x
}

// output makes the schema and names of the result.
func (m *matcher) output() *relation {
	in := m.in.schema()
	out := &event.Schema{Rowtime: -1}
	rel := &relation{node: m.out, proctime: map[int]bool{}}
	used := map[int]bool{}
	add := func(i int) {
		if used[i] {
			return
		}
		used[i] = true
		if i == in.Rowtime {
			out.Rowtime = len(out.Fields)
		}
		rel.proctime[len(out.Fields)] = m.in.proctime[i]
		out.Fields = append(out.Fields, in.Fields[i])
	}
	for _, i := range m.out.PartitionBy {
		add(i)
	}
	if m.out.Rows == ast.OneRow {
		out.Rowtime = -1 // the partition's, not the match's
	} else {
		for _, k := range m.out.OrderBy {
			add(k.Column)
		}
	}
	m.measureFields(out, rel.proctime)
	if m.out.Rows != ast.OneRow {
		for i := range in.Fields {
			add(i)
		}
	}
	if m.out.Proctime {
		out.Rowtime = -1 // the results are in the order of another time
	}
	m.out.Out = out
	return m.named(m.suppress(rel))
}

// measureFields adds the measures; the time of the match's last row is the
// time of the result.
func (m *matcher) measureFields(out *event.Schema, proctime map[int]bool) {
	in := m.in.schema()
	for i, e := range m.out.Measures {
		proctime[len(out.Fields)] = isCall(m.bound[i], "MATCH_PROCTIME")
		if in.Rowtime >= 0 && m.out.Rows == ast.OneRow && out.Rowtime < 0 && m.isRowtime(e.Expr) {
			out.Rowtime = len(out.Fields)
		}
		out.Fields = append(out.Fields, event.Field{Name: e.Name, Type: e.Expr.Type()})
	}
}

// isRowtime says whether a measure is when the match was found: the time of its
// last row, unless it may have none, or the lapse of time may find it.
func (m *matcher) isRowtime(e expr.Expr) bool {
	if _, ok := e.(*expr.MatchTime); ok {
		return true
	}
	n, ok := e.(*expr.Nav)
	if !ok || m.out.Timeouts || endsInNot(m.out.Pattern) || !m.out.Edges && nullable(m.out.Pattern) {
		return false
	}
	col, ok := n.X.(*expr.Column)
	return ok && col.Index == m.in.schema().Rowtime && n.Vars == nil && !n.First && n.Final && n.Offset == 0 && n.Physical == 0
}

// endsInNot says whether what comes after the last row of a match decides it.
func endsInNot(p plan.Pattern) bool {
	switch p := p.(type) {
	case plan.PatNot:
		return true
	case plan.PatConcat:
		return endsInNot(p.Items[len(p.Items)-1])
	case plan.PatAlt:
		return slices.ContainsFunc(p.Alts, endsInNot)
	case plan.PatQuant:
		return endsInNot(p.Item)
	case plan.PatEdge:
		return endsInNot(p.Item)
	case plan.PatWithin:
		return endsInNot(p.Item)
	case plan.PatExclude:
		return endsInNot(p.Item)
	}
	return false
}

func (m *matcher) named(rel *relation) *relation {
	if rel == nil {
		return nil
	}
	if len(rel.schema().Fields) == 0 {
		m.add(diag.NoOutputColumns, m.ast.Pos(), "the match has no output columns").WithHint("add MEASURES, PARTITION BY or ALL ROWS PER MATCH")
		return nil
	}
	return m.alias(rel, m.ast.Alias, m.ast.Pos())
}
