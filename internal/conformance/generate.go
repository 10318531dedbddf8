package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// randomSchema is the columns of random cases.
var randomSchema = [][2]string{{"id", "INT"}, {"ts", "TIMESTAMP"}, {"k", "VARCHAR"}, {"kind", "VARCHAR"}, {"v", "INT"}, {"x", "DOUBLE"}}

// inputsPerQuery is how many seeds in a row share a query: compiling it costs
// far more than a run.
const inputsPerQuery = 16

// Generate makes a random case without an expectation: the same seed gives the
// same case. Conditions overlap on purpose, since that is where preference,
// giving back and running values matter.
func Generate(seed uint64) *Case {
	c := &Case{
		Area:   "fuzz",
		Name:   fmt.Sprintf("fuzz/%d", seed),
		Schema: randomSchema,
	}
	g := newGenerator(seed / inputsPerQuery)
	c.Lenient = g.chance(50)
	if g.chance(50) {
		c.Query = g.query()
	} else {
		c.Query = g.edgeQuery()
	}
	c.Input = newGenerator(^seed).input()
	return c
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0x6d61746368))}
}

// generator draws the parts of one case.
type generator struct {
	*rand.Rand
	vars     []string // A, B, …
	unions   []string // SUBSET variables
	allRows  bool
	excludes bool
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// input is up to 24 rows, mostly 8 or more, of up to three keys, with ties; a
// third of the inputs have watermarks, and rows that come too late for them.
func (g *generator) input() []Entry {
	var in []Entry
	keys, marks, rows := 1+g.IntN(3), g.chance(33), 8+g.IntN(17)
	if g.chance(10) {
		rows = g.IntN(8)
	}
	now := int64(1000)
	for id := range rows {
		now += 1000 * int64(g.IntN(4))
		at := now
		if marks && g.chance(15) {
			at -= 1000 * int64(g.IntN(4))
		}
		in = append(in, Entry{Row: g.row(id, at, keys)})
		if marks && g.chance(20) {
			wm := now - 1000*int64(g.IntN(3))
			in = append(in, Entry{Watermark: &wm})
		}
	}
	return in
}

func (g *generator) row(id int, at int64, keys int) []any {
	var v, x any = g.IntN(10), float64(g.IntN(40)) / 4
	if g.chance(8) {
		v = nil
	}
	if g.chance(5) {
		x = nil
	}
	return []any{id, int(at), string(rune('p' + g.IntN(keys))), pick(g, "a", "b", "c"), v, x}
}

func (g *generator) query() string {
	for i := range 1 + g.IntN(4) {
		g.vars = append(g.vars, string(rune('A'+i)))
	}
	if g.chance(20) {
		g.unions = []string{"U"}
	}
	g.allRows = g.chance(45)
	pattern := g.pattern(0)
	// A variable outside the pattern is an error, so the pattern decides.
	g.vars = used(g.vars, pattern)
	if len(g.vars) == 0 {
		g.vars, pattern = []string{"A"}, "A "+pattern
	}
	clauses := []string{}
	add := func(s string) {
		if s != "" {
			clauses = append(clauses, s)
		}
	}
	if g.chance(60) {
		add("PARTITION BY k")
	}
	add(pick(g, "ORDER BY ts", "ORDER BY ts", "ORDER BY ts, v DESC, id"))
	add("MEASURES " + g.measures())
	add(g.rows())
	add(g.skip())
	add("PATTERN (" + pattern + ")" + g.within())
	if len(g.unions) > 0 {
		add("SUBSET U = (" + strings.Join(g.vars[:1+g.IntN(len(g.vars))], ", ") + ")")
	}
	add(g.define())
	return "SELECT *\nFROM events\nMATCH_RECOGNIZE (\n  " + strings.Join(clauses, "\n  ") + "\n) AS m\n"
}

func used(vars []string, pattern string) []string {
	var list []string
	for _, v := range vars {
		if strings.Contains(pattern, v) {
			list = append(list, v)
		}
	}
	return list
}

func (g *generator) rows() string {
	if !g.allRows {
		return pick(g, "", "ONE ROW PER MATCH")
	}
	if g.excludes {
		return pick(g, "ALL ROWS PER MATCH", "ALL ROWS PER MATCH OMIT EMPTY MATCHES")
	}
	return pick(g, "ALL ROWS PER MATCH", "ALL ROWS PER MATCH SHOW EMPTY MATCHES",
		"ALL ROWS PER MATCH OMIT EMPTY MATCHES", "ALL ROWS PER MATCH WITH UNMATCHED ROWS")
}

func (g *generator) skip() string {
	switch g.IntN(10) {
	case 0, 1, 2:
		return "AFTER MATCH SKIP TO NEXT ROW"
	case 3:
		return "AFTER MATCH SKIP TO FIRST " + g.anyVar()
	case 4:
		return "AFTER MATCH SKIP TO LAST " + g.anyVar()
	case 5:
		return ""
	}
	return "AFTER MATCH SKIP PAST LAST ROW"
}

func (g *generator) within() string {
	if g.chance(75) {
		return ""
	}
	if g.chance(25) {
		return g.ownWithin()
	}
	return fmt.Sprintf(" WITHIN INTERVAL '%d' SECOND", 1+g.IntN(8))
}

func (g *generator) anyVar() string {
	return pick(g, append(append([]string(nil), g.vars...), g.unions...)...)
}
