package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// GenerateSelection makes a random case of a pattern that selects among its
// matches or consumes what they are made of.
func GenerateSelection(seed uint64) *Case {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x73656c656374))}
	c := &Case{
		Area:   "selection",
		Name:   fmt.Sprintf("selection/%d", seed),
		Schema: [][2]string{{"id", "INT"}, {"ts", "TIMESTAMP"}, {"k", "VARCHAR"}, {"kind", "VARCHAR"}, {"v", "INT"}, {"x", "DOUBLE"}},
	}
	c.Input = g.input()
	c.Query = g.selection()
	return c
}

func (g *generator) selection() string {
	pattern := pick(g, "A ->> B", "A ->> B ->> C", "A (->> B)+ ->> C", "A -> B ->> C", "(A | B) ->> C", "A ->> B+ -> C", "A B", "A+ B", "A B* C",
		"A ->> (B | C) ->> B", "A ->> B?", "PERMUTE(A, B)", "A (->> B){1,2}", "A ->> NOT C -> B", "A -> NOT C -> B", "A (-> B)+", "A -> NOT B", "A ->> B -> NOT C")
	if g.chance(30) {
		pattern = g.ownLoops()
	}
	g.vars = used([]string{"A", "B", "C"}, pattern)
	clauses := []string{pick(g, "PARTITION BY k ", "") + "ORDER BY ts",
		"MEASURES ARRAY_AGG(id) AS ids, ARRAY_AGG(CLASSIFIER()) AS vars, MATCH_STATUS() AS st"}
	consume := pick(g, "", "", " CONSUME BY NONE", " CONSUME BY PARTITION", " CONSUME BY ANY")
	after := pick(g, "", " NO SKIP")
	if consume != " CONSUME BY ANY" && g.chance(30) {
		after = pick(g, " SKIP PAST LAST ROW", " SKIP TO NEXT ROW", " SKIP TO LAST "+g.anyVar())
	}
	after += pick(g, "", " SELECT ALL", " SELECT FIRST", " SELECT LAST", " SELECT MAXIMAL") + consume
	if after != "" {
		clauses = append(clauses, "AFTER MATCH"+after)
	}
	options := ""
	if g.chance(60) || strings.Contains(after, "SKIP ") && !strings.Contains(after, "NO SKIP") {
		options = fmt.Sprintf(" WITHIN INTERVAL '%d' SECOND", 1+g.IntN(9))
		options += pick(g, "", "", " EMIT TIMEOUTS")
	}
	if g.chance(15) {
		options = g.ownWithin() + pick(g, "", " EMIT TIMEOUTS")
	}
	if g.chance(40) {
		options += fmt.Sprintf(" LIMIT %d", 1+g.IntN(3))
	}
	clauses = append(clauses, "PATTERN ("+pattern+")"+options)
	var defs []string
	for _, v := range g.vars {
		cond := g.local(v)
		if g.chance(20) {
			cond = fmt.Sprintf("%s.v >= FIRST(%s.v)", v, g.vars[0])
		}
		defs = append(defs, v+" AS "+cond)
	}
	clauses = append(clauses, "DEFINE "+strings.Join(defs, ", "))
	return "SELECT *\nFROM events\nMATCH_RECOGNIZE (\n  " + strings.Join(clauses, "\n  ") + "\n) AS m\n"
}
