package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
)

// aggregates are added to texts and left out again; two stay.
var aggregates = []string{
	"MIN(amount)", "MAX(amount)", "COUNT(amount)", "AVG(amount)", "COUNT(DISTINCT country)", "SUM(card) FILTER (WHERE amount > 3)",
	"MAX(country)", "APPROX_COUNT_DISTINCT(amount)", "COUNT(*) FILTER (WHERE country = 'DE')",
}

// inOrder are those that need rows in order: a text has them, or none.
var inOrder = []string{"AVG(CAST(amount AS DOUBLE))", "ARRAY_AGG(amount)", "LAST_VALUE(amount)"}

var windows = map[string]string{
	"tumble":   "TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '9' SECOND)",
	"hop":      "HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND)",
	"cumulate": "CUMULATE(TABLE payments, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND)",
	"session":  "SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '2' SECOND)",
}

// somewhere gives the two that stay, and some of a list, in any order.
func somewhere(rng *rand.Rand, stay []string, list []string) string {
	all := slices.Clone(stay)
	for i, a := range list {
		if rng.IntN(2) == 0 {
			all = append(all, fmt.Sprintf("%s AS x%d", a, i))
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all, ", ")
}

func windowText(rng *rand.Rand, window string, ordered bool) string {
	stay, list := []string{"COUNT(*) AS n", "SUM(amount) AS s"}, aggregates
	if ordered {
		stay, list = append(stay, inOrder[0]+" AS kept"), append(slices.Clone(list), inOrder...)
	}
	return fmt.Sprintf("SELECT card, n, s, e FROM (SELECT %s, card, window_end AS e FROM TABLE(%s) GROUP BY window_start, window_end, card) WHERE n > 0",
		somewhere(rng, stay, list), window)
}

// overText has other aggregates, and other frames: shorter ones, such of rows, and
// such without bound.
func overText(rng *rand.Rand, _ string, ordered bool) string {
	stay := []string{"COUNT(*) OVER w AS n", "SUM(amount) OVER w AS s"}
	var list []string
	for _, frame := range []string{"w", "(PARTITION BY card ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)", "(PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW)",
		"(PARTITION BY card ORDER BY ts)", "(PARTITION BY card ORDER BY ts ROWS UNBOUNDED PRECEDING)"} {
		for _, a := range []string{"MAX(amount)", "SUM(amount)", "MIN(country)", "COUNT(DISTINCT amount)"} {
			list = append(list, a+" OVER "+frame)
		}
	}
	if ordered {
		stay = append(stay, "MIN(amount) OVER w AS kept")
	}
	return fmt.Sprintf("SELECT card, n, s, ts FROM (SELECT card, ts, %s FROM payments WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW))",
		somewhere(rng, stay, list))
}

// TestChangesOfAggregates replaces queries in mid-stream by texts with other
// aggregates beside those that stay, in another order, with crashes at every write:
// what stays is that of a query that nobody touches, row by row.
func TestChangesOfAggregates(t *testing.T) {
	for seed := range cases(4, 1) {
		for name, window := range windows {
			t.Run(fmt.Sprintf("%s/seed=%d", name, seed), func(t *testing.T) { testAggregates(t, seed, window, windowText) })
		}
		t.Run(fmt.Sprintf("over/seed=%d", seed), func(t *testing.T) { testAggregates(t, seed, "", overText) })
	}
}

func testAggregates(t *testing.T, seed uint64, window string, text func(*rand.Rand, string, bool) string) {
	rng := rand.New(rand.NewPCG(seed, 38))
	var texts []string
	for range 4 {
		texts = append(texts, text(rng, window, seed%4 > 1))
	}
	testChanges(t, seed, "SET 'state.ttl' = '20 s';\n", texts)
}

// heldColumns are texts of a join that read the same columns, and lay them out in
// another way.
var heldColumns = []string{
	`SELECT a.card, CHAR_LENGTH(b.country) + a.card, b.amount, a.ts FROM payments AS a LEFT JOIN (SELECT amount, country, card, ts FROM payments) AS b
 ON a.card = b.card AND b.amount > 50 AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '2' SECOND`,
	`SELECT x.card, CHAR_LENGTH(land) + x.card, betrag, x.ts FROM (SELECT ts, card FROM payments) AS x LEFT JOIN (SELECT country AS land, ts, amount AS betrag, card FROM payments) AS y
 ON x.card = y.card AND betrag > 50 AND y.ts BETWEEN x.ts - INTERVAL '1' SECOND AND x.ts + INTERVAL '2' SECOND`,
}

func TestChangesOfColumns(t *testing.T) {
	for seed := range cases(4, 1) {
		testChanges(t, seed, "", heldColumns)
	}
}

// TestNewAggregates checks what a new aggregate knows of a window that is open:
// COUNT(*) and AVG what those have seen that were there, others the rows from then
// on. And the answer says so.
func TestNewAggregates(t *testing.T) {
	row := func(amount, second int) string {
		return fmt.Sprintf(`{"card":1,"amount":%d,"country":"DE","ts":"2026-01-01 00:00:%02d"}`, amount, second)
	}
	text := func(n, s string) string {
		return changedSink + fmt.Sprintf(`SELECT card, %s AS n, %s AS s, window_end AS e FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, card`, n, s)
	}
	for _, test := range []struct {
		n, s  string
		want  string // of the open window
		fresh bool
	}{
		{"COUNT(*)", "SUM(amount)", "3 | 12.00", false},
		{"COUNT(*)", "CAST(AVG(amount) AS DECIMAL(38,2))", "3 | 4.00", false},
		{"COUNT(DISTINCT amount)", "SUM(amount)", "1 | 12.00", true},
		{"COUNT(*)", "MIN(amount)", "3 | 7.00", true},
	} {
		w := enginetest.NewWorld()
		in := w.Input("payments", []string{row(2, 1), row(3, 2), row(7, 3), row(1, 30)})
		in.Show(0, 2)
		in.Open()
		c := &changing{t: t, rng: rand.New(rand.NewPCG(1, 1)), w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}, texts: []string{text("MAX(card)", "SUM(amount)"), text(test.n, test.s)}}
		c.life()
		if v := c.compare(1); v.Fresh != test.fresh || !v.Keep || test.fresh != (len(v.Notes) > 0) {
			t.Errorf("%s, %s: %+v", test.n, test.s, v)
		}
		c.replace(1)
		in.Show(0, -1)
		in.End()
		for !c.life() {
		}
		if got, want := w.Output("alerts").Texts()[0], "1 | "+test.want+" | TIMESTAMP '2026-01-01 00:00:10.000'"; got != want {
			t.Errorf("%s, %s: %s, want %s", test.n, test.s, got, want)
		}
	}
}

// compare says what a change would do.
func (c *changing) compare(to int) *engine.Verdict {
	store, o := c.open()
	defer store.Close()
	o.Store = store
	e, err := engine.New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	v, err := e.Compare(&engine.Change{From: c.revision(c.current), To: c.revision(to)})
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// TestWindowsThatCannotBeKept says why.
func TestWindowsThatCannotBeKept(t *testing.T) {
	tumble := `SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, card`
	over := `SELECT card, COUNT(*) OVER w, SUM(amount) OVER w, ts FROM payments WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW)`
	join := `SELECT a.card, 1, b.amount, a.ts FROM payments AS a LEFT JOIN payments AS b ON a.card = b.card AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '2' SECOND`
	for _, test := range []struct{ from, old, now, want string }{
		{tumble, "'10' SECOND", "'20' SECOND", "the window differs"},
		{tumble, "window_end, card", "window_end, card, country", "GROUP BY differs"},
		{over, "PARTITION BY card", "PARTITION BY country", "PARTITION BY or ORDER BY of OVER differs"},
		{over, "SUM(amount) OVER w", "CHAR_LENGTH(country)", "the new text reads country, which is not kept of the rows that wait for the watermark"},
		{join, "'2' SECOND", "'3' SECOND", "the condition or the kind of the join differs"},
		{join, "1, b.amount", "CHAR_LENGTH(b.country), b.amount", "the new text reads country, which is not kept of the rows that the join holds"},
	} {
		now := strings.Replace(test.from, test.old, test.now, 1)
		c := &changing{t: t, w: enginetest.NewWorld(), fs: vfs.NewCrashableMem(), time: &clock.Manual{}, texts: []string{changedSink + test.from, changedSink + now}}
		c.w.Input("payments")
		if v := c.compare(1); v.Keep || !strings.Contains(v.Reasons[0].Text, test.want) {
			t.Errorf("%s -> %s: %+v, want %q", test.old, test.now, v.Reasons, test.want)
		}
	}
}
