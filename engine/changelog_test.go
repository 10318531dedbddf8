package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
)

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
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 41))
		c := randomChanges(rng, 1+rng.IntN(120))
		columns, list, aggs := []string{"k BIGINT"}, []string{"k"}, []refAgg{}
		for i := range 1 + rng.IntN(4) {
			a := retractAggs[rng.IntN(len(retractAggs))]
			aggs = append(aggs, a)
			columns, list = append(columns, fmt.Sprintf("a%d %s", i, a.typ)), append(list, a.sql)
		}
		sql := fmt.Sprintf(changeTable, strings.Join(columns, ", ")) + "INSERT INTO o SELECT " + strings.Join(list, ", ") + " FROM t GROUP BY k;"
		var first []string
		for _, poll := range []int{0, 1, 3, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.records)
			got := w.Run(t, sql)
			if diff := cmp.Diff(c.grouped(aggs), applied(t, got)); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s\n%s", seed, poll, sql, diff, strings.Join(c.records, "\n"))
			}
			if first == nil {
				first = got
			}
			if diff := cmp.Diff(byGroup(first), byGroup(got)); diff != "" {
				t.Fatalf("seed %d, polls of %d: other changes: %s", seed, poll, diff)
			}
		}
		compareCrashes(t, rng, sql, "t", "o", [][]string{c.records}, fmt.Sprintf("seed %d", seed))
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
		key, _, _ := strings.Cut(text, " | ")
		groups[key] = append(groups[key], row)
	}
	return groups
}
