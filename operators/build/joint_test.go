package build_test

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

var joinSeed = flag.Uint64("join.seed", 0, "replay one seed of TestJoinAgrees")

// TestJoinAgrees: patterns that run together find, each of them, what it finds
// alone: the same rows with the same times and IDs in the same order, however
// the stream is cut, with NULLs, and across crashes.
func TestJoinAgrees(t *testing.T) {
	if *joinSeed != 0 {
		newJoinCase(*joinSeed).run(t)
		return
	}
	n := uint64(300)
	if testing.Short() {
		n = 100
	}
	var total joinCounts
	for seed := uint64(1); seed <= n; seed++ {
		c := newJoinCase(seed).run(t)
		total.together += c.together
		total.shared += c.shared
		total.alone += c.alone
		total.rows += c.rows
		total.spilled += c.spilled
		total.ended += c.ended
		if t.Failed() {
			return
		}
	}
	t.Logf("%d patterns together, %d of them with the output of another; %d alone; %d rows", total.together, total.shared, total.alone, total.rows)
	if 2*total.together < total.alone || 20*total.shared < total.together || total.spilled < int(n) || total.rows < 10*int(n) || total.ended < int(n) {
		t.Errorf("the cases are too easy")
	}
}

type joinCounts struct{ together, shared, alone, rows, spilled, ended int }

// joinCase is a set of rules and a stream.
type joinCase struct {
	*rand.Rand
	seed  uint64
	rules []string
	apart map[string]bool // by name: those that run alone
	ended int
}

func newJoinCase(seed uint64) *joinCase {
	g := &joinCase{Rand: rand.New(rand.NewPCG(seed, 7)), seed: seed}
	where := g.oneOf("", "", "(SELECT * FROM t WHERE v <> 3)")
	for range 2 + g.IntN(12) {
		g.rules = append(g.rules, g.rule(where))
	}
	return g
}

func (g *joinCase) oneOf(list ...string) string { return list[g.IntN(len(list))] }

// form is a rule of which there are many, with constants of their own.
func (g *joinCase) form(input string) string {
	return fmt.Sprintf(`SELECT m, '%s' AS name, %d AS id, x FROM %s MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts
		MEASURES LAST(v) AS m, '%s' AS x %s PATTERN (A B) WITHIN INTERVAL '%d' SECOND DEFINE A AS %s, B AS %s)`,
		g.oneOf("p", "q", "a name longer than a word"), g.IntN(9), input, g.oneOf("x", "y"), g.oneOf("", "AFTER MATCH SKIP TO NEXT ROW"),
		1+g.IntN(12), g.condition("A"), g.condition("B"))
}

func (g *joinCase) rule(input string) string {
	if g.IntN(3) == 0 {
		return g.form(cmp.Or(input, "t"))
	}
	if input == "" {
		input = g.oneOf("t", "t", "t", "t", "t", "t", "(SELECT k, v * 2 AS v, w, s, ts FROM t)")
	}
	pattern, vars := g.pattern()
	measures := []string{}
	for _, v := range vars[:g.IntN(len(vars)+1)] {
		measures = append(measures, fmt.Sprintf("%s.ts AS t%s", v, v))
	}
	measures = append(measures, g.oneOf("LAST(v) AS m", "FIRST(A.w) AS m", "COUNT(*) AS m", "'"+g.oneOf("x", "y")+"' AS m", "CLASSIFIER() AS m", "SUM(A.v) AS m", "LAST(A.s) AS m"))
	skip := g.oneOf("", "", "AFTER MATCH SKIP TO NEXT ROW", "AFTER MATCH SKIP PAST LAST ROW", "AFTER MATCH SKIP TO LAST "+vars[len(vars)-1], "AFTER MATCH SKIP TO FIRST "+vars[len(vars)-1])
	if len(vars) == 1 || strings.ContainsAny(pattern, "?>") {
		skip = "" // it might lead to the first row, or to none
	}
	within := ""
	if g.IntN(4) > 0 {
		within = fmt.Sprintf("WITHIN INTERVAL '%d' SECOND", 1+g.IntN(12))
	}
	if g.IntN(6) == 0 {
		within += fmt.Sprintf(" SUPPRESS BY %s FOR INTERVAL '%d' SECOND", g.oneOf("k", "k, m"), 2+g.IntN(8))
	}
	var define []string
	for _, v := range vars {
		if g.IntN(8) > 0 {
			define = append(define, v+" AS "+g.condition(v))
		}
	}
	text := fmt.Sprintf("SELECT %s FROM %s MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES %s %s PATTERN %s %s",
		g.oneOf("*", "k, m", "k, m", "m, 'r' AS name", "m, 'q' AS name", "7 AS id, m"), input, strings.Join(measures, ", "), skip, pattern, within)
	if len(define) == 0 {
		define = []string{"A AS " + g.condition("A")}
	}
	return text + " DEFINE " + strings.Join(define, ", ") + ")"
}

// pattern is mostly one that can run together with others.
func (g *joinCase) pattern() (string, []string) {
	switch g.IntN(12) {
	case 0:
		return "(A)", []string{"A"}
	case 1, 2:
		return "(A{2} B)", []string{"A", "B"}
	case 3:
		return "((A B){2})", []string{"A", "B"}
	case 4, 5:
		return "(A B C)", []string{"A", "B", "C"}
	case 6:
		return g.oneOf("(A+ B)", "(A B?)", "(A -> B)"), []string{"A", "B"}
	case 7:
		return "(A B{3} C)", []string{"A", "B", "C"}
	}
	return "(A B)", []string{"A", "B"}
}

func (g *joinCase) condition(v string) string {
	c := g.atom(v)
	for g.IntN(3) == 0 {
		c += g.oneOf(" AND ", " AND ", " OR ") + g.atom(v)
	}
	return c
}

func (g *joinCase) atom(v string) string {
	n := g.IntN(6)
	return strings.ReplaceAll(g.oneOf(
		fmt.Sprintf("$.v < %d", n), fmt.Sprintf("$.v >= %d", n), fmt.Sprintf("$.v = %d", n), fmt.Sprintf("$.v <> %d", n),
		fmt.Sprintf("$.v IN (%d, 4)", n), fmt.Sprintf("$.v BETWEEN %d AND 4", n), fmt.Sprintf("NOT ($.v > %d)", n), "$.v IS NULL",
		fmt.Sprintf("$.w > %d.5", n), fmt.Sprintf("$.w <= %d", n), "$.s = 'a'", "$.s <> 'b'", "$.s IN ('a', 'c')", "$.s LIKE 'b%'",
		"$.w < $.w * 0.5 + 1", fmt.Sprintf("$.v > AVG(A.v) - %d", n), "$.v > PREV($.v)"), "$", v)
}

// compile compiles the rules, as separate statements.
func (g *joinCase) compile(t *testing.T) (list []*plan.Insert) {
	t.Helper()
	for i, rule := range g.rules {
		r, err := query.CompileText(catalog.New(), "", `CREATE TABLE t (k STRING, v INT, w DOUBLE, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='memory');`+rule, nil)
		if err != nil {
			t.Fatalf("seed %d: %s\n%v", g.seed, rule, err)
		}
		n := *r.Queries[0].Insert
		n.Name = fmt.Sprintf("rule%d", i)
		list = append(list, &n)
	}
	return list
}

func (g *joinCase) run(t *testing.T) (counts joinCounts) {
	t.Helper()
	list := g.compile(t)
	o := build.Options{}
	if g.IntN(4) == 0 {
		o.Pattern.TTL = event.Time(4+g.IntN(10)) * 1e6
	}
	together := newMachine(t, list, o, g.IntN(2) == 0)
	var alone []*machine
	for _, n := range list {
		alone = append(alone, newMachine(t, []*plan.Insert{n}, o, false))
	}
	g.apart = map[string]bool{}
	for i := range together.graph.Stages {
		if s := &together.graph.Stages[i]; s.Pattern != nil {
			g.apart[list[s.Branches[0].Output].Name] = true
		} else if len(s.Members) > 0 {
			counts.shared += len(s.Members) - len(s.Branches)
		}
	}
	g.feed(t, together, alone)
	for i, m := range alone {
		want := *m.sinks[0]
		got := rowsOf(*together.sinks[together.sinkOf[i]], want)
		counts.rows += len(want)
		if !slices.Equal(want, got) {
			t.Errorf("seed %d (go test -run TestJoinAgrees -join.seed=%d)\n%s\nalone:\n%s\ntogether:\n%s\n%s", g.seed, g.seed, g.rules[i],
				strings.Join(want, "\n"), strings.Join(got, "\n"), together.graph.Stages[0].Explain())
			return counts
		}
	}
	total := 0
	for _, rows := range together.sinks {
		total += len(*rows)
	}
	if total != counts.rows {
		t.Errorf("seed %d: %d rows together, %d alone", g.seed, total, counts.rows)
	}
	counts.spilled, counts.ended = int(together.spilled), g.ended
	counts.alone, counts.together = len(g.apart), len(list)-len(g.apart)
	return counts
}

// rowsOf are the rows of a sink that are among those of one insert: all have IDs
// of their own.
func rowsOf(sink, own []string) (rows []string) {
	known := map[string]bool{}
	for _, row := range own {
		known[row] = true
	}
	for _, row := range sink {
		if known[row] {
			rows = append(rows, row)
		}
	}
	return rows
}

// feed sends one stream to all machines; only the first crashes.
func (g *joinCase) feed(t *testing.T, together *machine, alone []*machine) {
	t.Helper()
	store := memstore.New()
	together.restore(t, store)
	for _, m := range alone {
		m.restore(t, memstore.New())
	}
	clock, offset := event.Time(1000), uint64(0)
	for range 3 + g.IntN(30) {
		n := 1 + g.IntN(12)
		rows := make([]map[string]event.Value, n)
		for i := range rows {
			clock += event.Time(g.IntN(3)) * event.Time(g.IntN(2))
			rows[i] = g.row(clock + event.Time(g.IntN(3)))
		}
		wm := (clock-event.Time(g.IntN(3)))*1e6 - 1 // the rest waits in the order buffer
		for _, m := range append([]*machine{together}, alone...) {
			m.step(t, m.batch(rows, offset), wm)
		}
		g.compareOpen(t, together, alone)
		if g.IntN(3) == 0 {
			g.endOne(t, together, alone)
			g.compareOpen(t, together, alone)
		}
		offset += uint64(n)
		clock += 3
		switch g.IntN(6) {
		case 0:
			together.crash(t, store)
		case 1:
			together.spill(t, store)
		}
	}
	for _, m := range append([]*machine{together}, alone...) {
		m.step(t, nil, event.MaxTime)
	}
}

// compareOpen compares the open matches of the patterns that run together with
// those that each has alone.
func (g *joinCase) compareOpen(t *testing.T, together *machine, alone []*machine) {
	t.Helper()
	open := openOf(together)
	for i, m := range alone {
		name := fmt.Sprintf("rule%d", i)
		if got, want := open[name], openOf(m)[""]; !g.apart[name] && !slices.Equal(got, want) {
			t.Errorf("seed %d: open matches of\n%s\nalone:\n%s\ntogether:\n%s", g.seed, g.rules[i], strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
}

// endOne ends an open match of a pattern that runs together with others, and
// the same one of the pattern alone.
func (g *joinCase) endOne(t *testing.T, together *machine, alone []*machine) {
	t.Helper()
	i := g.IntN(len(alone))
	name := fmt.Sprintf("rule%d", i)
	list := openOf(together)[name]
	if len(list) == 0 || g.apart[name] {
		return
	}
	line := list[g.IntN(len(list))]
	if !endLine(t, together, name, line) || !endLine(t, alone[i], "", line) {
		t.Errorf("seed %d: %s is not open", g.seed, line)
	}
	g.ended++
}

// endLine ends the open match that openOf shows as a line.
func endLine(t *testing.T, m *machine, pattern, line string) bool {
	for _, s := range m.stages {
		in, ok := s.op.(operators.Inspector)
		if !ok {
			continue
		}
		var name []byte
		var id uint64
		in.Inspect(&operators.Look{}, math.MaxInt, func(x *operators.Instance) bool {
			if x.Pattern == pattern && lineOf(in, x) == line {
				name, id = slices.Clone(x.Name), x.ID
			}
			return name == nil
		})
		if name != nil {
			found, err := in.End(&operators.Context{}, name, id, nil) // nothing comes out
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
	}
	return false
}

func lineOf(in operators.Inspector, x *operators.Instance) string {
	in.Measure(x)
	line := fmt.Sprintf("%s %d %v %v", x.Waits, x.Expires, x.Rows, x.Complete)
	for c, v := range x.Measures {
		line += " " + kernel.Format(x.Out[c].Type, v)
	}
	for c, v := range x.Key {
		line += " " + kernel.Format(in.KeyFields()[c].Type, v)
	}
	return line
}

// openOf lists the open matches by pattern.
func openOf(m *machine) map[string][]string {
	open := map[string][]string{}
	for _, s := range m.stages {
		in, ok := s.op.(operators.Inspector)
		if !ok {
			continue
		}
		in.Inspect(&operators.Look{}, math.MaxInt, func(x *operators.Instance) bool {
			open[x.Pattern] = append(open[x.Pattern], lineOf(in, x))
			return true
		})
	}
	for _, list := range open {
		slices.Sort(list)
	}
	return open
}

func (g *joinCase) row(at event.Time) map[string]event.Value {
	row := map[string]event.Value{
		"k": event.StringValue(g.oneOf("a", "a", "b", "a key longer than a word")), "v": event.IntValue(int64(g.IntN(6))),
		"w": event.FloatValue(float64(g.IntN(12)) / 2), "s": event.StringValue(g.oneOf("a", "b", "bb", "c", "a text longer than twelve bytes")),
		"ts": event.IntValue(at * 1e6),
	}
	for _, c := range []string{"k", "v", "w", "s"} {
		if g.IntN(12) == 0 {
			row[c] = event.NullValue
		}
	}
	return row
}

// batch is the columns of rows that the machine reads.
func (m *machine) batch(rows []map[string]event.Value, offset uint64) *event.Batch {
	b := event.NewBatch(m.read)
	b.Reset(len(rows))
	for i, row := range rows {
		for c, f := range m.read.Fields {
			b.Cols[c].Set(i, len(rows), row[f.Name])
		}
		b.Time[i], b.ID[i] = row["ts"].I, event.ID{Lo: offset + uint64(i)}
	}
	return b
}
