package pattern_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/reference"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

var (
	edgeSeed  = flag.Uint64("edgeseed", 0, "replay this seed of TestEdgesAgainstReference alone")
	edgeCases = flag.Int("edgecases", 500, "random cases of TestEdgesAgainstReference")
)

// TestEdgesAgainstReference compares partial matches, as they are kept and
// indexed here, with the naive matcher, over random patterns with edges whose
// conditions look at earlier rows of the match.
func TestEdgesAgainstReference(t *testing.T) {
	if *edgeSeed != 0 {
		againstReference(t, *edgeSeed)
		return
	}
	ran := 0
	for seed := uint64(1); seed <= uint64(*edgeCases) && !t.Failed(); seed++ {
		if againstReference(t, seed) {
			ran++
		}
	}
	if ran < *edgeCases/3 {
		t.Errorf("only %d of %d random patterns were accepted", ran, *edgeCases)
	}
}

// againstReference runs one random case; false when the pattern is refused.
func againstReference(t *testing.T, seed uint64) bool {
	g := &edgeGenerator{rand.New(rand.NewPCG(seed, 7))}
	clause, rows := g.clause(), g.rows()
	text := script("id INT, k INT, v INT, s STRING, d DOUBLE, ts TIMESTAMP(3)", clause)
	r, err := query.CompileText(catalog.New(), "", text, nil)
	if err != nil {
		return false
	}
	m := findMatch(r.Queries[0].Insert)
	if !m.Edges {
		return false
	}
	p, err := pattern.Compile(m, pattern.Options{Name: "q", ContinueOnError: true})
	if err != nil {
		return false
	}
	rows = columns(m.Input.Schema(), rows)
	in := batchOf(t, m, rows)
	want, err := naive(m, in)
	if err != nil {
		return false
	}
	var first []string
	for _, f := range []feed{{batch: 1}, {batch: 4}, {batch: 1, restore: 1}, {batch: 1, restore: 3}} {
		got, _ := run(t, p, in, f)
		if first == nil {
			first = slices.Clone(got)
		}
		if !slices.Equal(first, got) {
			t.Errorf("seed %d: %+v gives another order\n%s\ngot\n%s\nwith batches of one\n%s", seed, f, clause, strings.Join(got, "\n"), strings.Join(first, "\n"))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: %+v\n%s\n%s\n%s\ngot %d rows\n%s\nthe reference has %d\n%s", seed, f, clause, rows, p.Explain(),
				len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
			return true
		}
	}
	return true
}

// columns picks the columns that the plan reads of rows over all of them.
func columns(s *event.Schema, rows string) string {
	var b strings.Builder
	for line := range strings.Lines(rows) {
		words := strings.Fields(line)
		for _, f := range s.Fields {
			b.WriteString(words[slices.Index([]string{"id", "k", "v", "s", "d", "ts"}, f.Name)] + " ")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func naive(m *plan.Match, in *event.Batch) ([]string, error) {
	var rows []reference.Row
	for i := range in.N {
		r := reference.Row{Time: in.Time[i]}
		for c := range in.Cols {
			r.Values = append(r.Values, in.Cols[c].Value(i))
		}
		rows = append(rows, r)
	}
	out, err := reference.Match(m, rows, reference.Options{Steps: 200_000, ContinueOnError: true})
	if err != nil {
		return nil, err
	}
	var text []string
	for _, o := range out {
		var parts []string
		for c, v := range o.Values {
			parts = append(parts, kernel.Format(m.Out.Fields[c].Type, v))
		}
		text = append(text, strings.Join(parts, " "))
	}
	slices.Sort(text)
	return text, nil
}

// edgeGenerator makes random clauses and rows.
type edgeGenerator struct{ *rand.Rand }

func (g *edgeGenerator) oneOf(list ...string) string { return list[g.IntN(len(list))] }

func (g *edgeGenerator) clause() string {
	var b strings.Builder
	b.WriteString("PARTITION BY id ORDER BY ts\nMEASURES MATCH_STATUS() AS st, MATCH_NUMBER() AS mn, ")
	if g.IntN(2) == 0 {
		b.Reset()
		b.WriteString("PARTITION BY id ORDER BY ts\nMEASURES MATCH_STATUS() AS st, ")
	}
	b.WriteString("CLASSIFIER() AS cl, FIRST(ts) AS f, A.ts AS a, STRING_AGG(CLASSIFIER(), ',') AS p, ARRAY_AGG(ts) AS l\n")
	b.WriteString(g.skip())
	p := g.pattern(2)
	b.WriteString("PATTERN (" + p + ")")
	b.WriteString(g.oneOf("", " WITHIN INTERVAL '6' SECOND", " WITHIN INTERVAL '9' SECOND", " WITHIN INTERVAL '6' SECOND EMIT TIMEOUTS",
		" WITHIN INTERVAL '4' SECOND BETWEEN ROWS"))
	b.WriteString("\nDEFINE A AS " + g.oneOf("A.v < 3", "A.v = 1", "A.v IS NOT NULL"))
	for _, v := range []string{"B", "C", "D"} {
		if c := g.condition(v); strings.Contains(p, v) {
			fmt.Fprintf(&b, ", %s AS %s", v, known(c, p))
		}
	}
	return b.String()
}

// known makes a condition speak of A where the pattern has not the variable.
func known(condition, pattern string) string {
	for _, v := range []string{"B", "C", "D"} {
		if !strings.Contains(pattern, v) {
			condition = strings.ReplaceAll(condition, "("+v+".", "(A.")
		}
	}
	return condition
}

func (g *edgeGenerator) skip() string {
	return g.oneOf("AFTER MATCH NO SKIP\n", "AFTER MATCH NO SKIP\n", "AFTER MATCH NO SKIP\n", "AFTER MATCH SKIP PAST LAST ROW\n", "AFTER MATCH SKIP TO NEXT ROW\n", "AFTER MATCH SKIP TO LAST B\n", "")
}

// pattern begins with A and goes on with one to three steps.
func (g *edgeGenerator) pattern(depth int) string {
	s := "A" + g.oneOf("", "", "", "+", "{1,2}")
	for range 1 + g.IntN(3) {
		s += " " + g.step(depth)
	}
	if g.IntN(6) == 0 {
		s += " " + g.oneOf("->", "->", "") + " NOT " + g.oneOf("B", "C", "D")
	}
	return s
}

func (g *edgeGenerator) step(depth int) string {
	edge := g.oneOf("", "-> ", "-> ", "->> ", "->> ")
	v := g.oneOf("B", "C", "D")
	switch g.IntN(12) {
	case 0:
		return edge + v + g.oneOf("+", "*", "?", "{1,2}", "{2}", "++")
	case 1:
		return "(" + edge + v + ")" + g.oneOf("+", "*", "{1,2}")
	case 2:
		return g.oneOf("->", "->", "") + " NOT " + v + " " + g.oneOf("-> ", "->> ", "") + g.oneOf("B", "C", "D")
	case 3:
		return "(-> NOT " + v + " " + edge + g.oneOf("B", "C", "D") + ")" + g.oneOf("+", "*", "++", "*+")
	case 4:
		if depth > 0 {
			return edge + "(" + v + " | " + g.oneOf("B", "C", "D") + " " + g.step(depth-1) + ")" + g.oneOf("", "", "?", "+")
		}
	case 5:
		if depth > 0 {
			return edge + "(" + v + " " + g.step(depth-1) + ")" + g.oneOf("", "+", "*", "{1,2}")
		}
	case 6:
		if depth > 0 {
			return "(" + edge + v + " " + g.step(depth-1) + " WITHIN INTERVAL '3' SECOND)"
		}
	}
	return edge + v
}

// condition is one of v on its own row or on earlier ones of the match.
func (g *edgeGenerator) condition(v string) string {
	c := strings.ReplaceAll(g.oneOf("$.v > 2", "$.v < 3", "$.k = A.k", "$.k = A.k", "$.k = FIRST(A.k)", "$.s = A.s", "$.d = A.d", "$.d = A.k",
		"$.k = LAST(B.k, 1)", "$.k = FIRST($.k)", "$.k = LAST($.k, 1)", "A.k + 1 = $.k", "$.v * 2 = A.k + A.v",
		"$.k = COUNT(A.*)", "$.k = MAX(A.k)", "$.k = LAST(C.k)", "$.v > A.v", "$.v >= AVG(A.v)", "$.k <> A.k", "$.k = PREV(A.k)", "$.k = PREV($.k)",
		"UPPER($.s) = A.s"), "$", v)
	if g.IntN(3) == 0 {
		c += g.oneOf(" AND ", " AND ", " OR ") + strings.ReplaceAll(g.oneOf("$.v = A.v", "$.v < 4", "$.s = LAST(A.s)", "$.k = A.k"), "$", v)
	}
	return c
}

// rows are up to 14 rows of two keys with few distinct values.
func (g *edgeGenerator) rows() string {
	var b strings.Builder
	now := 0
	for range 4 + g.IntN(11) {
		now += g.IntN(3)
		fmt.Fprintf(&b, "%d %s %s %s %s %d\n", g.IntN(6)/5, g.small(4), g.small(5), g.oneOf("x", "y", "X", "null", "a-rather-long-text"), g.small(3), now)
	}
	return b.String()
}

func (g *edgeGenerator) small(n int) string {
	if g.IntN(12) == 0 {
		return "null"
	}
	return fmt.Sprint(g.IntN(n))
}
