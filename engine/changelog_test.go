package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// tableSurvives compares the table of a run whose lives end at random with one of
// a run without crashes. Which changes lead to it depends, behind several stages,
// on how steps cut the input; but a life that goes on where one has ended goes on
// with the same ones.
func tableSurvives(t *testing.T, rng *rand.Rand, sql string, records []string, name string) {
	t.Helper()
	w := enginetest.NewWorld()
	w.Poll = 1 + rng.IntN(4)
	w.Input("t", records)
	want := applied(t, w.Run(t, sql))
	w = enginetest.NewWorld()
	w.Poll = 1 + rng.IntN(4)
	w.Input("t", records)
	c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
	for !c.life(1 + rng.IntN(40)) {
		w.Poll = 1 + rng.IntN(4)
	}
	if diff := cmp.Diff(want, applied(t, once(w.Output("o").Rows()))); diff != "" {
		t.Fatalf("%s, with crashes: %s\n%s", name, sql, diff)
	}
}

// once is the rows without those that were delivered again.
func once(rows []enginetest.Row) (texts []string) {
	seen := map[enginetest.Row]bool{}
	for _, r := range rows {
		if !seen[r] {
			seen[r] = true
			texts = append(texts, r.Text)
		}
	}
	return texts
}

// applied is the table that a changelog makes, as sorted texts: rows added less
// those taken back. Taking back what is not there is an error.
func applied(t *testing.T, rows []string) []string {
	t.Helper()
	table := map[string]int{}
	for i, row := range rows {
		change, text, _ := strings.Cut(row, " ")
		switch change {
		case "+U":
			table[text]++
		case "-U", "-D":
			if table[text]--; table[text] < 0 {
				t.Fatalf("row %d, %q, takes back what is not there:\n%s", i, row, strings.Join(rows, "\n"))
			}
		default:
			table[row]++
		}
	}
	var out []string
	for text, n := range table {
		for range n {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// changeCase is a table of rows with a key that come, change and go, as Debezium
// tells it.
type changeCase struct {
	records []string
	now     map[int64]changeRow
}

type changeRow struct {
	k *int64
	v *int64
	s string
}

func (r changeRow) json(id int64) string {
	number := func(p *int64) string {
		if p == nil {
			return "null"
		}
		return fmt.Sprint(*p)
	}
	return fmt.Sprintf(`{"id":%d,"k":%s,"v":%s,"s":%q}`, id, number(r.k), number(r.v), r.s)
}

const changeTable = `SET 'state.ttl' = '1 d';
CREATE TABLE t (id BIGINT, k BIGINT, v INT, s STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector'='test', 'format'='debezium-json');
CREATE TABLE o (%s) WITH ('connector'='test');
`

func randomChanges(rng *rand.Rand, n int) *changeCase {
	c := &changeCase{now: map[int64]changeRow{}}
	small := func(high int) *int64 {
		if rng.IntN(8) == 0 {
			return nil
		}
		x := int64(rng.IntN(high))
		return &x
	}
	for range n {
		id := int64(rng.IntN(12))
		old, there := c.now[id]
		if there && rng.IntN(4) == 0 {
			delete(c.now, id)
			c.records = append(c.records, fmt.Sprintf(`{"before":%s,"after":null,"op":"d"}`, old.json(id)))
			continue
		}
		row := changeRow{small(3), small(5), []string{"a", "b", "c"}[rng.IntN(3)]}
		c.now[id] = row
		if there {
			c.records = append(c.records, fmt.Sprintf(`{"before":%s,"after":%s,"op":"u"}`, old.json(id), row.json(id)))
			continue
		}
		c.records = append(c.records, fmt.Sprintf(`{"before":null,"after":%s,"op":"c"}`, row.json(id)))
	}
	return c
}

// rows is the table as it is, with what the reference needs.
func (c *changeCase) rows() []refRow {
	var ids []int64
	for id := range c.now {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []refRow
	for _, id := range ids {
		r := c.now[id]
		out = append(out, refRow{ts: id, k: r.k, v: r.v, s: r.s})
	}
	return out
}

var retractAggs = func() (list []refAgg) {
	for _, a := range refAggs {
		switch a.name {
		case "COUNT", "SUM", "AVG", "MIN", "MAX", "BOOL_OR":
			if len(a.args) == 0 || !a.args[0].Float() {
				list = append(list, a)
			}
		}
	}
	return list
}()

// grouped is GROUP BY k by brute force.
func (c *changeCase) grouped(aggs []refAgg) []string {
	groups := map[string][]refRow{}
	for _, r := range c.rows() {
		key := show(tInt[0], intOrNull(r.k))
		groups[key] = append(groups[key], r)
	}
	var out []string
	for key, rows := range groups {
		parts := []string{key}
		for i := range aggs {
			parts = append(parts, aggs[i].value(rows))
		}
		out = append(out, strings.Join(parts, " | "))
	}
	slices.Sort(out)
	return out
}

// TestGroupsOfChangesAgree groups a table that changes, at random.
func TestGroupsOfChangesAgree(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 41))
		c := randomChanges(rng, 1+rng.IntN(120))
		columns, list, aggs := []string{"k BIGINT"}, []string{"k"}, []refAgg{}
		for i := range 1 + rng.IntN(4) {
			a := retractAggs[rng.IntN(len(retractAggs))]
			aggs = append(aggs, a)
			columns, list = append(columns, fmt.Sprintf("a%d %s", i, a.typ)), append(list, a.sql)
		}
		sql := fmt.Sprintf(changeTable, strings.Join(columns, ", ")) + "INSERT INTO o SELECT " + strings.Join(list, ", ") + " FROM t GROUP BY k;"
		for _, poll := range []int{0, 1, 3, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.records)
			if diff := cmp.Diff(c.grouped(aggs), applied(t, w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s\n%s", seed, poll, sql, diff, strings.Join(c.records, "\n"))
			}
		}
		tableSurvives(t, rng, sql, c.records, fmt.Sprintf("seed %d", seed))
	}
}

// byGroup is the changes of each group in their order, whatever the shard.
func byGroup(rows []string) map[string][]string {
	groups := map[string][]string{}
	for _, row := range rows {
		text := row
		if strings.HasPrefix(row, "-") || strings.HasPrefix(row, "+") {
			text = row[3:]
		}
		key := text
		if at := strings.LastIndex(text, " | "); at > 0 {
			key = text[:at]
		}
		groups[key] = append(groups[key], row)
	}
	return groups
}

// sameWithAnyPolls runs a query over one partition with polls of several sizes: the
// changes of each group are the same.
func sameWithAnyPolls(t *testing.T, sql string, records []string, name string) []string {
	t.Helper()
	var first []string
	for _, poll := range []int{0, 1, 3, 50} {
		w := enginetest.NewWorld()
		w.Poll = poll
		w.Input("t", records)
		got := w.Run(t, sql)
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(byGroup(first), byGroup(got)); diff != "" {
			t.Fatalf("%s, polls of %d: other changes: %s\n%s", name, poll, diff, sql)
		}
	}
	return first
}

// TestGroupsOfRowsAgree groups rows that are only added, in grouping sets.
func TestGroupsOfRowsAgree(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 43))
		rows := randomRows(rng, 1+rng.IntN(100), 0)
		records := make([]string, len(rows))
		for i := range rows {
			records[i] = rows[i].json()
		}
		a := refAggs[rng.IntN(len(refAggs))]
		sql := "SET 'state.ttl' = '10 d';" + fmt.Sprintf(refTable, 0, "k BIGINT, s STRING, g BIGINT, a "+a.typ.String()) +
			"INSERT INTO o SELECT k, s, GROUPING(s), " + a.sql + " FROM t GROUP BY ROLLUP(k, s);"
		groups := map[string][]refRow{}
		for _, r := range rows {
			k := show(event.TInt64, intOrNull(r.k))
			for _, key := range []string{k + " | '" + r.s + "' | 0", k + " | NULL | 1", "NULL | NULL | 1 | all"} {
				groups[key] = append(groups[key], r)
			}
		}
		var want []string
		for key, list := range groups {
			want = append(want, strings.TrimSuffix(key, " | all")+" | "+a.value(list))
		}
		slices.Sort(want)
		name := fmt.Sprintf("seed %d", seed)
		if diff := cmp.Diff(want, applied(t, sameWithAnyPolls(t, sql, records, name))); diff != "" {
			t.Fatalf("%s: %s\n%s", name, sql, diff)
		}
		compareCrashes(t, rng, sql, "t", "o", [][]string{records}, name)
	}
}

// ranks is the first rows of each k by v and id, by brute force.
func (c *changeCase) ranks(limit int, numbered bool) []string {
	groups := map[string][]refRow{}
	for _, r := range c.rows() {
		key := show(event.TInt64, intOrNull(r.k))
		groups[key] = append(groups[key], r)
	}
	var out []string
	for key, list := range groups {
		slices.SortStableFunc(list, func(a, b refRow) int {
			return cmpOr(-function.Compare(event.TInt32, intOrNull(a.v), intOrNull(b.v)), int(a.ts-b.ts))
		})
		for i, r := range list[:min(limit, len(list))] {
			text := fmt.Sprintf("%s | %d | %s", key, r.ts, show(event.TInt32, intOrNull(r.v)))
			if numbered {
				text += fmt.Sprintf(" | %d", i+1)
			}
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// TestRanksOfChangesAgree takes the first rows of each key of a table that changes.
func TestRanksOfChangesAgree(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 47))
		c := randomChanges(rng, 1+rng.IntN(120))
		limit, numbered := 1+rng.IntN(4), rng.IntN(2) == 0
		columns, list := "k BIGINT, id BIGINT, v INT", "k, id, v"
		if numbered {
			columns, list = columns+", n BIGINT", list+", n"
		}
		sql := fmt.Sprintf(changeTable, columns) + fmt.Sprintf(
			"INSERT INTO o SELECT %s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id) AS n FROM t) WHERE n <= %d;", list, limit)
		for _, poll := range []int{0, 1, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.records)
			if diff := cmp.Diff(c.ranks(limit, numbered), applied(t, w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, sql, diff)
			}
		}
		tableSurvives(t, rng, sql, c.records, fmt.Sprintf("seed %d", seed))
	}
}

// TestLastRowsAgree keeps the last row of each key, by time and by another order.
func TestLastRowsAgree(t *testing.T) {
	for seed := range cases(30, 6) {
		rng := rand.New(rand.NewPCG(seed, 53))
		rows := randomRows(rng, 1+rng.IntN(100), 5)
		records := make([]string, len(rows))
		last := map[string]refRow{}
		for i, r := range rows {
			records[i] = r.json()
			key := show(event.TInt64, intOrNull(r.k))
			if old, ok := last[key]; !ok || r.ts >= old.ts {
				last[key] = r
			}
		}
		var want []string
		for key, r := range last {
			want = append(want, fmt.Sprintf("%s | '%s' | %s", key, r.s, show(event.TTimestamp, event.IntValue(r.ts))))
		}
		slices.Sort(want)
		sql := "SET 'state.ttl' = '10 d';" + fmt.Sprintf(refTable, 0, "k BIGINT, s STRING, ts TIMESTAMP(3)") +
			"INSERT INTO o SELECT k, s, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS n FROM t) WHERE n = 1;"
		name := fmt.Sprintf("seed %d", seed)
		if diff := cmp.Diff(want, applied(t, sameWithAnyPolls(t, sql, records, name))); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
		compareCrashes(t, rng, sql, "t", "o", [][]string{records}, name)
	}
}

// TestSetOperationsAgree compares UNION, INTERSECT, EXCEPT and SELECT DISTINCT of a
// table that changes with sets.
func TestSetOperationsAgree(t *testing.T) {
	for seed := range cases(30, 6) {
		rng := rand.New(rand.NewPCG(seed, 59))
		c := randomChanges(rng, 1+rng.IntN(100))
		low, high := map[string]bool{}, map[string]bool{}
		for id, r := range c.now {
			text := show(event.TInt64, intOrNull(r.k)) + " | '" + r.s + "'"
			if id < 6 {
				low[text] = true
			} else {
				high[text] = true
			}
		}
		for op, in := range map[string]func(l, h bool) bool{
			"UNION":     func(l, h bool) bool { return l || h },
			"INTERSECT": func(l, h bool) bool { return l && h },
			"EXCEPT":    func(l, h bool) bool { return l && !h },
			"DISTINCT":  func(l, _ bool) bool { return l },
		} {
			var want []string
			for text := range low {
				if in(true, high[text]) {
					want = append(want, text)
				}
			}
			for text := range high {
				if !low[text] && in(false, true) {
					want = append(want, text)
				}
			}
			slices.Sort(want)
			query := "SELECT k, s FROM t WHERE id < 6 " + op + " SELECT k, s FROM t WHERE id >= 6"
			if op == "DISTINCT" {
				query = "SELECT DISTINCT k, s FROM t WHERE id < 6"
			}
			sql := fmt.Sprintf(changeTable, "k BIGINT, s STRING") + "INSERT INTO o " + query + ";"
			w := enginetest.NewWorld()
			w.Poll = rng.IntN(4)
			w.Input("t", c.records)
			if diff := cmp.Diff(want, applied(t, w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d: %s\n%s", seed, sql, diff)
			}
			tableSurvives(t, rng, sql, c.records, fmt.Sprintf("seed %d", seed))
		}
	}
}

// TestIdleGroupsAreForgotten counts from the beginning after the time to live.
func TestIdleGroupsAreForgotten(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", []string{
		`{"k":1,"ts":"2026-01-01 00:00:00"}`, `{"k":1,"ts":"2026-01-01 00:00:30"}`, `{"k":2,"ts":"2026-01-01 00:01:10"}`,
		`{"k":1,"ts":"2026-01-01 00:01:20"}`, `{"k":1,"ts":"2026-01-01 00:03:00"}`, `{"k":1,"ts":"2026-01-01 00:03:00"}`,
	})
	w.Poll = 1
	got := w.Run(t, "SET 'state.ttl' = '1 min';"+fmt.Sprintf(refTable, 0, "k BIGINT, n BIGINT")+"INSERT INTO o SELECT k, COUNT(*) FROM t GROUP BY k;")
	want := []string{"1 | 1", "-U 1 | 1", "+U 1 | 2", "-U 1 | 2", "+U 1 | 3", "1 | 1", "-U 1 | 1", "+U 1 | 2", "2 | 1"}
	if diff := cmp.Diff(want, flatten(byGroup(got))); diff != "" {
		t.Error(diff)
	}
}

func flatten(groups map[string][]string) (out []string) {
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, groups[key]...)
	}
	return out
}
