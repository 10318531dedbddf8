package conformance

import (
	"fmt"
	"strings"
)

// pattern is an alternation of up to two or a concatenation.
func (g *generator) pattern(depth int) string {
	if g.chance(20) {
		return g.concat(depth) + " | " + g.concat(depth)
	}
	return g.concat(depth)
}

func (g *generator) concat(depth int) string {
	var items []string
	if depth == 0 && g.chance(4) {
		items = append(items, "^")
	}
	for range 1 + g.IntN(4-min(depth, 2)) {
		items = append(items, g.factor(depth))
	}
	if depth == 0 && g.chance(4) {
		items = append(items, "$")
	}
	return strings.Join(items, " ")
}

func (g *generator) factor(depth int) string {
	item := pick(g, g.vars...)
	n := g.IntN(100)
	switch {
	case depth < 2 && n < 18:
		item = "(" + g.pattern(depth+1) + ")"
	case depth < 2 && n < 22:
		item = "PERMUTE(" + g.concat(2) + ", " + g.concat(2) + ")"
	case n < 24:
		item = "()"
	case g.allRows && n < 29 && !g.excludes:
		return g.exclusion(depth)
	}
	if n >= 90 {
		return item + g.ownQuantifier()
	}
	return item + g.quantifier()
}

func (g *generator) exclusion(depth int) string {
	g.excludes = true
	return "{- " + g.concat(max(depth, 1)+1) + " -}"
}

func (g *generator) quantifier() string {
	if g.chance(55) {
		return ""
	}
	lo := g.IntN(3)
	q := pick(g, "*", "+", "?", "*", "+", fmt.Sprintf("{%d,}", lo), fmt.Sprintf("{%d}", lo+1),
		fmt.Sprintf("{%d,%d}", lo, lo+1+g.IntN(2)), fmt.Sprintf("{,%d}", lo+1))
	if g.chance(30) {
		q += "?"
	}
	return q
}

func (g *generator) define() string {
	var defs []string
	for _, v := range g.vars {
		if len(g.vars) == 1 || g.chance(85) {
			defs = append(defs, v+" AS "+g.condition(v))
		}
	}
	if len(defs) == 0 {
		defs = append(defs, g.vars[0]+" AS "+g.condition(g.vars[0]))
	}
	return "DEFINE " + strings.Join(defs, ", ")
}

func (g *generator) condition(self string) string {
	if g.chance(18) {
		return g.single(self) + pick(g, " AND ", " OR ") + g.single(self)
	}
	return g.single(self)
}

// single is one comparison; half of them look at the current row only.
func (g *generator) single(self string) string {
	if g.chance(50) {
		return g.local(self)
	}
	op := pick(g, "<", "<=", ">", ">=", "<>")
	other, n := g.anyVar(), g.IntN(10)
	return pick(g,
		fmt.Sprintf("%s.v %s PREV(%s.v)", self, op, self),
		fmt.Sprintf("v %s PREV(v, %d)", op, 1+g.IntN(3)),
		fmt.Sprintf("v %s NEXT(v)", op),
		fmt.Sprintf("%s.v %s FIRST(%s.v)", self, op, other),
		fmt.Sprintf("%s.v %s LAST(%s.v, 1)", self, op, other),
		fmt.Sprintf("%s.v %s %s.v", self, op, other),
		fmt.Sprintf("PREV(FIRST(%s.v), 1) %s %d", other, op, n),
		fmt.Sprintf("PREV(LAST(v, 1), 2) %s %d", op, n),
		fmt.Sprintf("SUM(%s.v) %s %d", other, op, 2*n),
		fmt.Sprintf("COUNT(%s.v) %s %d", other, op, n/2),
		fmt.Sprintf("COUNT(%s.*) < %d", self, 1+n/2),
		fmt.Sprintf("%s.v %s AVG(%s.x)", self, op, other),
		fmt.Sprintf("%s(%s.x) %s %d", pick(g, "MIN", "MAX"), other, op, n),
		fmt.Sprintf("COALESCE(LAST(CLASSIFIER(), 1), 'A') = '%s'", pick(g, g.vars...)),
		fmt.Sprintf("MATCH_NUMBER() %s %d", op, 1+n/3),
		fmt.Sprintf("ts - FIRST(ts) < INTERVAL '%d' SECOND", 1+n),
		fmt.Sprintf("%s.x - %s.v %s %d", self, other, op, n-4),
		fmt.Sprintf("COUNT(DISTINCT %s.kind) < %d", other, 1+n/3),
		fmt.Sprintf("COALESCE(SUM(%s.v) FILTER (WHERE %s.x > 2), 0) %s %d", other, other, op, 2*n),
	)
}

func (g *generator) local(self string) string {
	n := g.IntN(10)
	return pick(g,
		"kind = '"+pick(g, "a", "b", "c")+"'",
		"kind <> '"+pick(g, "a", "b", "c")+"'",
		fmt.Sprintf("v %s %d", pick(g, "<", ">", "<=", ">="), n),
		fmt.Sprintf("%s.v > %d", self, n),
		fmt.Sprintf("NOT (%s.x > %d)", self, n),
		"v IS NOT NULL",
		"v % 2 = 0",
		"x + v < 12",
		fmt.Sprintf("x * 2 > %d", n),
		"TRUE",
	)
}

func (g *generator) measures() string {
	list := []string{"MATCH_NUMBER() AS mn"}
	for i := range 1 + g.IntN(4) {
		list = append(list, fmt.Sprintf("%s AS m%d", g.measure(), i))
	}
	return strings.Join(list, ", ")
}

func (g *generator) measure() string {
	v := g.anyVar()
	mode := ""
	if g.allRows {
		mode = pick(g, "", "", "RUNNING ", "FINAL ")
	}
	return pick(g,
		"CLASSIFIER()",
		mode+"FIRST("+v+".id)",
		mode+"LAST("+v+".id)",
		mode+"LAST(id, 1)",
		mode+"FIRST("+v+".v, 1)",
		mode+"SUM("+v+".v)",
		mode+"COUNT("+v+".*)",
		mode+"COUNT(*)",
		mode+"AVG("+v+".x)",
		mode+"MIN("+v+".v)",
		mode+"MAX("+v+".x)",
		"PREV("+v+".id)",
		"PREV(FIRST(id), 2)",
		"NEXT("+v+".id)",
		mode+"LAST(CLASSIFIER(), 1)",
		v+".v + "+g.anyVar()+".v",
		"kind",
		"NEXT(FIRST("+v+".id, 1), 2)",
		"PREV(LAST("+v+".id, 1))",
		mode+"FIRST("+v+".v + "+v+".x)",
		"CLASSIFIER("+v+")",
		g.aggregate(v, mode),
		g.aggregate(v, mode),
	)
}

// aggregate is one with a modifier, of several values, or over what the match
// says of a row.
func (g *generator) aggregate(v, mode string) string {
	return mode + pick(g,
		"COUNT(DISTINCT "+v+".kind)",
		"SUM("+v+".v) FILTER (WHERE "+v+".kind <> 'a')",
		"COUNT(*) FILTER (WHERE v > 3)",
		"SUM(DISTINCT "+v+".v)",
		"ARRAY_AGG("+v+".id ORDER BY "+v+".v DESC, "+v+".id)",
		"ARRAY_AGG(DISTINCT "+v+".v)",
		"ARRAY_AGG(CLASSIFIER())",
		"LISTAGG(CLASSIFIER("+v+"), '-')",
		"LISTAGG("+v+".kind, '-')",
		"MAX_BY("+v+".id, "+v+".v)",
		"MIN_BY("+v+".kind, "+v+".x)",
		"COUNT(DISTINCT CLASSIFIER())",
		"BOOL_OR("+v+".v > 6)",
	)
}
