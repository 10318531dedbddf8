package conformance

import (
	"fmt"
	"strings"
)

// edgeQuery is a query whose pattern has edges. Conditions are met often, so
// that most inputs have matches; N, M and U, which must not come, are met less.
func (g *generator) edgeQuery() string {
	g.allRows = g.chance(20)
	within := g.limits()
	pattern := g.edgePattern(within != "")
	g.vars = distinct(pattern)
	clauses := []string{pick(g, "ORDER BY ts", "ORDER BY ts", "ORDER BY ts, v DESC, id")}
	if g.chance(50) {
		clauses = append([]string{"PARTITION BY k"}, clauses...)
	}
	if g.chance(15) {
		g.unions = []string{"S"}
	}
	clauses = append(clauses, "MEASURES "+g.edgeMeasures())
	if g.allRows {
		clauses = append(clauses, "ALL ROWS PER MATCH")
	}
	if skip := g.edgeSkip(); skip != "" {
		clauses = append(clauses, skip)
	}
	clauses = append(clauses, "PATTERN ("+pattern+")"+pick(g, "", "", "", "", "", "", " SKIP TILL NEXT MATCH", " SKIP TILL ANY MATCH")+within)
	if len(g.unions) > 0 {
		clauses = append(clauses, "SUBSET S = ("+strings.Join(g.vars[:1+g.IntN(len(g.vars))], ", ")+")")
	}
	clauses = append(clauses, g.edgeDefine())
	return "SELECT *\nFROM events\nMATCH_RECOGNIZE (\n  " + strings.Join(clauses, "\n  ") + "\n) AS m\n"
}

// distinct lists the variables of a pattern, which are single capitals.
func distinct(pattern string) []string {
	var list []string
	for _, v := range []string{"A", "B", "C", "D", "E", "N", "M", "U"} {
		for _, word := range strings.FieldsFunc(pattern, notLetter) {
			if word == v {
				list = append(list, v)
				break
			}
		}
	}
	return list
}

func notLetter(r rune) bool { return r < 'A' || r > 'Z' }

func (g *generator) limits() string {
	n := 2 + g.IntN(9)
	limit := pick(g, "", "", fmt.Sprintf(" WITHIN INTERVAL '%d' SECOND", n), fmt.Sprintf(" WITHIN INTERVAL '%d' SECOND", n),
		fmt.Sprintf(" WITHIN INTERVAL '%d' SECOND BETWEEN ROWS", 1+n/2))
	if limit != "" && g.chance(50) {
		limit += " EMIT TIMEOUTS"
	}
	return limit
}

// edgePattern is two to four steps, the first without an edge.
func (g *generator) edgePattern(limited bool) string {
	pattern := g.edgeSteps(2+g.IntN(3), 0)
	switch n := g.IntN(100); {
	case limited && n < 18:
		pattern += " -> NOT N"
	case n < 8:
		pattern += " NOT N"
	case n < 14:
		pattern += " | " + g.edgeSteps(2, 0)
	}
	return pattern
}

func (g *generator) edgeSteps(n, depth int) string {
	steps := []string{g.edgeItem(depth)}
	for len(steps) < n {
		step := g.edge() + g.edgeItem(depth)
		if g.chance(18) {
			step = pick(g, "NOT ", "-> NOT ", "-> NOT ") + pick(g, "N", "N", "M") + " " + step
		}
		steps = append(steps, step)
	}
	return strings.Join(steps, " ")
}

func (g *generator) edge() string { return pick(g, "", "-> ", "-> ", "->> ") }

// next is a variable: mostly a new one, as far as there are.
func (g *generator) next() string {
	if len(g.vars) > 0 && g.chance(12) || len(g.vars) == 5 {
		return pick(g, g.vars...)
	}
	v := string(rune('A' + len(g.vars)))
	g.vars = append(g.vars, v)
	return v
}

func (g *generator) edgeItem(depth int) string {
	n := g.IntN(100)
	switch {
	case n < 42:
		return g.next()
	case n < 60:
		return g.edgeLoop()
	case n < 64:
		return g.next() + "?"
	case n < 69:
		return "(" + pick(g, "-> NOT U -> ", "NOT U ", "-> NOT U ->> ") + g.next() + ")" + pick(g, "+", "*", "{1,2}", "{2,}")
	case n < 72:
		return "[^" + g.next() + "]"
	case depth > 0:
		return g.next()
	case n < 80:
		return g.edgeGroup()
	case n < 86:
		return "(" + g.edgeSteps(1+g.IntN(2), 1) + " | " + g.edgeSteps(1+g.IntN(2), 1) + ")"
	case n < 89:
		return "PERMUTE(" + g.next() + ", " + pick(g, "", "-> ", "->> ") + g.next() + ")"
	case n < 95:
		return fmt.Sprintf("(%s WITHIN INTERVAL '%d' SECOND)", g.edgeSteps(2, 1), 1+g.IntN(5))
	case g.allRows:
		return "{- " + g.edgeSteps(1+g.IntN(2), 1) + " -}"
	}
	return g.next()
}

// edgeLoop repeats one row.
func (g *generator) edgeLoop() string {
	item, q := g.next(), pick(g, "+", "*", "{2}", "{2,}", "{1,2}", "{0,2}", "{2,3}")
	switch g.IntN(5) {
	case 0:
		return item + q
	case 1:
		return item + q + "+"
	case 2:
		return "(-> " + item + ")" + q + "+"
	case 3:
		return "(->> " + item + ")" + q
	}
	return "(-> " + item + ")" + q
}

// edgeGroup repeats several rows.
func (g *generator) edgeGroup() string {
	group := "(" + g.edgeSteps(2, 1) + ")"
	if g.chance(60) {
		group = "(" + pick(g, "-> ", "->> ") + group + ")"
	}
	return group + pick(g, "?", "+", "*", "{2}", "{1,2}")
}

func (g *generator) edgeSkip() string {
	switch n := g.IntN(100); {
	case n < 35:
		return "AFTER MATCH NO SKIP"
	case n < 50:
		return ""
	case n < 65:
		return "AFTER MATCH SKIP PAST LAST ROW"
	case n < 80:
		return "AFTER MATCH SKIP TO NEXT ROW"
	}
	return "AFTER MATCH SKIP TO " + pick(g, "FIRST ", "LAST ") + pick(g, g.vars...)
}

func (g *generator) edgeMeasures() string {
	list := []string{"MATCH_ROWTIME() AS t", "MATCH_STATUS() AS st"}
	for _, v := range g.vars {
		list = append(list, fmt.Sprintf("%sARRAY_AGG(%s.id) AS %s", g.final(), v, strings.ToLower(v)))
	}
	for i := range g.IntN(3) {
		list = append(list, fmt.Sprintf("%s AS m%d", g.edgeMeasure(), i))
	}
	return strings.Join(list, ", ")
}

func (g *generator) final() string {
	if g.allRows {
		return pick(g, "", "FINAL ", "FINAL ")
	}
	return ""
}

func (g *generator) edgeMeasure() string {
	v, mode := pick(g, append(g.unions, g.vars...)...), g.final()
	return pick(g, "CLASSIFIER()", mode+"FIRST("+v+".v)", mode+"LAST("+v+".v, 1)", mode+"SUM("+v+".v)", mode+"COUNT(*)",
		mode+"AVG("+v+".x)", "PREV("+v+".id)", "PREV(FIRST(id))", "v", g.aggregate(v, mode))
}

func (g *generator) edgeDefine() string {
	var defs []string
	for _, v := range g.vars {
		if strings.Contains("NMU", v) {
			defs = append(defs, v+" AS "+g.forbidden(v))
		} else {
			defs = append(defs, v+" AS "+g.edgeCondition(v))
		}
	}
	return "DEFINE " + strings.Join(defs, ", ")
}

// edgeCondition is a kind, mostly, and often something of the match so far.
func (g *generator) edgeCondition(self string) string {
	kind := pick(g, "kind = 'a'", "kind = 'b'", "kind <> 'c'", "kind <> 'a'", "v > 2", "TRUE")
	if g.chance(60) {
		return kind
	}
	return pick(g, kind, "TRUE") + " AND " + g.correlated(self)
}

func (g *generator) forbidden(self string) string {
	local := pick(g, "kind = 'c'", "kind = 'a'", "v > 6", "v = 3", "FALSE")
	if g.chance(70) {
		return local
	}
	return g.correlated(self) + pick(g, "", " AND kind <> 'b'")
}

// correlated is a condition on the row and those before it.
func (g *generator) correlated(self string) string {
	op, n := pick(g, "<", "<=", ">", ">=", "<>", "="), g.IntN(10)
	other := pick(g, append(g.unions, g.vars...)...)
	return pick(g,
		fmt.Sprintf("%s.k = %s.k", self, other),
		fmt.Sprintf("%s.kind = FIRST(%s.kind)", self, other),
		fmt.Sprintf("v %% 3 = %s.v %% 3", other),
		fmt.Sprintf("%s.v %s %s.v", self, op, other),
		fmt.Sprintf("%s.v %s FIRST(%s.v)", self, op, other),
		fmt.Sprintf("v %s LAST(%s.v, 1)", op, self),
		fmt.Sprintf("v %s AVG(%s.x)", op, other),
		fmt.Sprintf("SUM(%s.v) %s %d", self, pick(g, "<", "<", ">"), 4+n),
		fmt.Sprintf("COUNT(%s.*) < %d", other, 1+n/2),
		fmt.Sprintf("%s(%s.x) %s %d", pick(g, "MIN", "MAX"), other, op, n),
		fmt.Sprintf("ts - %s.ts < INTERVAL '%d' SECOND", other, 2+n),
		fmt.Sprintf("v %s PREV(v)", op),
		fmt.Sprintf("v %s NEXT(v)", op),
		fmt.Sprintf("COALESCE(LAST(CLASSIFIER(), 1), 'A') = '%s'", other),
	)
}
