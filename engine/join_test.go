package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
)

// joinRow is a row of either side; ts in s, nil keys are NULL.
type joinRow struct {
	k     *int64
	v, ts int64
}

func (r joinRow) json() string {
	k := "null"
	if r.k != nil {
		k = fmt.Sprint(*r.k)
	}
	return fmt.Sprintf(`{"k":%s,"v":%d,"ts":%d}`, k, r.v, r.ts*1000)
}

// text is the columns as the sink shows them; nil: NULLs.
func (r *joinRow) text() string {
	if r == nil {
		return "NULL | NULL | NULL"
	}
	return strings.Join([]string{show(event.TInt64, intOrNull(r.k)), fmt.Sprint(r.v), show(event.TTimestamp, event.IntValue(r.ts*1e6))}, " | ")
}

// joinCase is a random join of a and b.
type joinCase struct {
	kind         string // INNER, LEFT, RIGHT, FULL, SEMI, ANTI
	lower, upper int64  // s: b.ts - a.ts
	condition    int    // of joinConditions
	a, b         [][]joinRow
}

// joinConditions are further conditions of ON.
var joinConditions = []struct {
	sql   string
	holds func(a, b *joinRow) bool
}{
	{"", func(_, _ *joinRow) bool { return true }},
	{" AND a.v < b.v", func(a, b *joinRow) bool { return a.v < b.v }},
	{" AND a.v > 3", func(a, _ *joinRow) bool { return a.v > 3 }},
	{" AND b.v > 3", func(_, b *joinRow) bool { return b.v > 3 }},
	{" AND (a.v + b.v) % 2 = 0 AND a.v > 1", func(a, b *joinRow) bool { return (a.v+b.v)%2 == 0 && a.v > 1 }},
}

func randomJoinRows(rng *rand.Rand, n int) [][]joinRow {
	parts := make([][]joinRow, 1+rng.IntN(2))
	for p := range parts {
		ts := int64(0)
		for range rng.IntN(n) {
			ts += int64(rng.IntN(3))
			r := joinRow{v: int64(rng.IntN(8)), ts: max(0, ts-int64(rng.IntN(6)))}
			if k := int64(rng.IntN(5)); k > 0 {
				r.k = &k
			}
			parts[p] = append(parts[p], r)
		}
	}
	return parts
}

func randomJoinCase(rng *rand.Rand, n int) *joinCase {
	c := &joinCase{kind: []string{"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"}[rng.IntN(6)], condition: rng.IntN(len(joinConditions))}
	c.lower = int64(rng.IntN(20) - 12)
	c.upper = c.lower + int64(rng.IntN(15))
	c.a, c.b = randomJoinRows(rng, n), randomJoinRows(rng, n)
	return c
}

const joinTables = `CREATE TABLE a (k BIGINT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test', 'format'='json');
CREATE TABLE b (k INT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector'='test', 'format'='json');
CREATE TABLE versions (k INT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector'='test', 'format'='json');
CREATE TABLE list (k INT, v INT, ts TIMESTAMP(3)) WITH ('connector'='test', 'format'='json', 'number-of-rows'='1');
`

func (c *joinCase) columns() (ddl, list string) {
	if c.kind == "SEMI" || c.kind == "ANTI" {
		return "CREATE TABLE o (k BIGINT, v INT, ts TIMESTAMP(3)) WITH ('connector'='test', 'format'='json');\n", "a.k, a.v, a.ts"
	}
	return "CREATE TABLE o (k BIGINT, v INT, ts TIMESTAMP(3), k2 BIGINT, v2 INT, ts2 TIMESTAMP(3)) WITH ('connector'='test', 'format'='json');\n", "a.k, a.v, a.ts, b.k, b.v, b.ts"
}

// sql joins a with b, or with the table of another name.
func (c *joinCase) sql(table, times string) string {
	ddl, list := c.columns()
	on := "a.k = b.k" + times + joinConditions[c.condition].sql
	from := fmt.Sprintf("a %s JOIN %s AS b ON %s", c.kind, table, on)
	switch c.kind {
	case "SEMI":
		from = fmt.Sprintf("a WHERE EXISTS (SELECT * FROM %s AS b WHERE %s)", table, on)
	case "ANTI":
		from = fmt.Sprintf("a WHERE NOT EXISTS (SELECT * FROM %s AS b WHERE %s)", table, on)
	}
	return joinTables + ddl + "INSERT INTO o SELECT " + list + " FROM " + from + ";"
}

func (c *joinCase) interval() string {
	return c.sql("b", fmt.Sprintf(" AND b.ts BETWEEN a.ts + INTERVAL '%d' SECOND AND a.ts + INTERVAL '%d' SECOND", c.lower, c.upper))
}

// want joins by trying all pairs.
func (c *joinCase) want(partners func(a, b *joinRow) bool) []string {
	var out []string
	met := map[*joinRow]bool{}
	as, bs := flat(c.a), flat(c.b)
	for _, a := range as {
		for _, b := range bs {
			if a.k == nil || b.k == nil || *a.k != *b.k || !partners(a, b) || !joinConditions[c.condition].holds(a, b) {
				continue
			}
			if c.kind == "SEMI" && !met[a] {
				out = append(out, a.text())
			}
			met[a], met[b] = true, true
			if c.kind != "SEMI" && c.kind != "ANTI" {
				out = append(out, a.text()+" | "+b.text())
			}
		}
		switch {
		case met[a]:
		case c.kind == "ANTI":
			out = append(out, a.text())
		case c.kind == "LEFT" || c.kind == "FULL":
			out = append(out, a.text()+" | "+(*joinRow)(nil).text())
		}
	}
	for _, b := range bs {
		if !met[b] && (c.kind == "RIGHT" || c.kind == "FULL") {
			out = append(out, (*joinRow)(nil).text()+" | "+b.text())
		}
	}
	slices.Sort(out)
	return out
}

// flat is the rows in the order of time, ties by partition and offset.
func flat(parts [][]joinRow) []*joinRow {
	var out []*joinRow
	for p := range parts {
		for i := range parts[p] {
			out = append(out, &parts[p][i])
		}
	}
	slices.SortStableFunc(out, func(a, b *joinRow) int { return int(a.ts - b.ts) })
	return out
}

// input gives the tables to a world.
func (c *joinCase) input(b string) func(*enginetest.World) {
	return func(w *enginetest.World) {
		for name, parts := range map[string][][]joinRow{"a": c.a, b: c.b} {
			records := make([][]string, len(parts))
			for p := range parts {
				for _, r := range parts[p] {
					records[p] = append(records[p], r.json())
				}
			}
			w.Input(name, records...)
		}
	}
}

// agree runs a query with polls of several sizes, and with crashes.
func (c *joinCase) agree(t *testing.T, rng *rand.Rand, seed uint64, sql, b string, want []string) {
	t.Helper()
	for _, poll := range []int{0, 1, 3, 50} {
		w := enginetest.NewWorld()
		w.Poll = poll
		c.input(b)(w)
		if diff := cmp.Diff(want, enginetest.Sorted(w.Run(t, sql))); diff != "" {
			t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, sql, diff)
		}
	}
	if seed%3 == 0 {
		compareCrashesOf(t, rng, sql, "o", c.input(b), fmt.Sprintf("seed %d", seed))
	}
}

func TestIntervalJoinsAgree(t *testing.T) {
	for seed := range cases(100, 16) {
		rng := rand.New(rand.NewPCG(seed, 31))
		c := randomJoinCase(rng, 60)
		want := c.want(func(a, b *joinRow) bool { return b.ts-a.ts >= c.lower && b.ts-a.ts <= c.upper })
		c.agree(t, rng, seed, c.interval(), "b", want)
	}
}

// TestTemporalJoinsAgree takes the last version at the time of each row.
func TestTemporalJoinsAgree(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 32))
		c := randomJoinCase(rng, 80)
		c.kind = []string{"INNER", "LEFT"}[rng.IntN(2)]
		ttl := int64(1 << 40)
		for p := range c.b {
			c.b[p] = slices.DeleteFunc(c.b[p], func(r joinRow) bool { return r.k == nil })
		}
		sql := c.sql("versions FOR SYSTEM_TIME AS OF a.ts", "")
		if rng.IntN(2) == 0 {
			ttl = int64(1 + rng.IntN(20))
			sql = fmt.Sprintf("SET 'state.ttl' = '%d s';\n", ttl) + sql
		}
		bs := flat(c.b)
		want := c.want(func(a, b *joinRow) bool {
			for _, later := range slices.Backward(bs) {
				if *later.k == *b.k && later.ts <= a.ts {
					return later == b && a.ts-b.ts < ttl
				}
			}
			return false
		})
		c.agree(t, rng, seed, sql, "versions", want)
	}
}

// TestStaticJoinsAgree looks rows up in a table that is read once.
func TestStaticJoinsAgree(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 33))
		c := randomJoinCase(rng, 60)
		if c.kind == "RIGHT" || c.kind == "FULL" {
			c.kind = "INNER"
		}
		c.agree(t, rng, seed, c.sql("list", ""), "list", c.want(func(_, _ *joinRow) bool { return true }))
	}
}

// TestJoinsFeedWindows counts the rows of an interval join by windows of its
// time: none may come too late for that.
func TestJoinsFeedWindows(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 34))
		c := randomJoinCase(rng, 60)
		c.kind = []string{"INNER", "LEFT", "RIGHT"}[rng.IntN(3)]
		time := "a.ts"
		if c.kind == "RIGHT" || c.kind == "INNER" && rng.IntN(2) == 0 {
			time = "b.ts"
		}
		sql := joinTables + "CREATE TABLE o (s TIMESTAMP(3), n BIGINT) WITH ('connector'='test');\n" + fmt.Sprintf(
			`INSERT INTO o SELECT window_start, COUNT(*) FROM TUMBLE((SELECT %s AS t FROM a %s JOIN b ON a.k = b.k
			AND b.ts BETWEEN a.ts + INTERVAL '%d' SECOND AND a.ts + INTERVAL '%d' SECOND%s), DESCRIPTOR(t), INTERVAL '4' SECOND)
			GROUP BY window_start, window_end;`, time, c.kind, c.lower, c.upper, joinConditions[c.condition].sql)
		counts := map[string]int{}
		for _, row := range c.want(func(a, b *joinRow) bool { return b.ts-a.ts >= c.lower && b.ts-a.ts <= c.upper }) {
			column := 2
			if time == "b.ts" {
				column = 5
			}
			counts[strings.Split(row, " | ")[column]]++
		}
		var want []string
		for start := int64(0); start < 1000; start += 4 {
			n := 0
			for ts := start; ts < start+4; ts++ {
				n += counts[show(event.TTimestamp, event.IntValue(ts*1e6))]
			}
			if n > 0 {
				want = append(want, fmt.Sprintf("%s | %d", show(event.TTimestamp, event.IntValue(start*1e6)), n))
			}
		}
		slices.Sort(want)
		c.agree(t, rng, seed, sql, "b", want)
	}
}

// TestWindowJoinsAgree joins rows, and counts, of the same windows.
func TestWindowJoinsAgree(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 35))
		c := randomJoinCase(rng, 60)
		ddl, list := c.columns()
		if c.kind == "SEMI" || c.kind == "ANTI" {
			continue
		}
		size := int64(1 + rng.IntN(8))
		window := func(t string) string {
			return fmt.Sprintf("(SELECT * FROM TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL '%d' SECOND)) AS %s", t, size, t)
		}
		sql := joinTables + ddl + fmt.Sprintf("INSERT INTO o SELECT %s FROM %s %s JOIN %s ON a.k = b.k AND a.window_start = b.window_start AND a.window_end = b.window_end%s;",
			list, window("a"), c.kind, window("b"), joinConditions[c.condition].sql)
		c.agree(t, rng, seed, sql, "b", c.want(func(a, b *joinRow) bool { return a.ts/size == b.ts/size }))
	}
}

// TestJoinsOfResults has what joins read, and what reads them, be other
// operators, and one table stand on both sides.
func TestJoinsOfResults(t *testing.T) {
	a := []string{`{"k":1,"v":1,"ts":1000}`, `{"k":1,"v":2,"ts":2000}`, `{"k":2,"v":3,"ts":3000}`, `{"k":1,"v":4,"ts":9000}`}
	b := []string{`{"k":1,"v":10,"ts":1500}`, `{"k":2,"v":20,"ts":2500}`, `{"k":1,"v":30,"ts":8000}`}
	for _, c := range []struct {
		name, columns, sql string
		want               []string
	}{
		{"a table with itself", "x INT, y INT", `SELECT x.v, y.v FROM a AS x JOIN a AS y ON x.k = y.k AND y.ts > x.ts AND y.ts <= x.ts + INTERVAL '1' SECOND`,
			[]string{"1 | 2"}},
		{"three tables", "x INT, y INT, z INT", `SELECT a.v, b.v, l.v FROM a
			JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '1' SECOND
			JOIN list AS l ON l.k = a.k`,
			[]string{"1 | 10 | 7", "2 | 10 | 7", "3 | 20 | 8", "4 | 30 | 7"}},
		{"bounds on the time of the table before", "x INT, y INT, z INT", `SELECT a.v, b.v, c.v FROM a
			JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1' SECOND
			JOIN a AS c ON c.k = b.k AND c.ts BETWEEN b.ts AND b.ts + INTERVAL '1' SECOND`,
			[]string{"1 | 10 | 2"}},
		{"a pattern over a join", "x INT, y INT", `SELECT x, y FROM (SELECT a.k, a.ts, a.v, b.v AS w FROM a LEFT JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1' SECOND)
			MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.v AS x, B.v AS y PATTERN (A B) DEFINE A AS A.w = 10, B AS B.w IS NULL) AS m`,
			[]string{"1 | 2"}},
		{"a join over a pattern", "x INT, y INT", `SELECT m.x, b.v FROM a MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES LAST(ts) AS at, A.v AS x PATTERN (A B) DEFINE A AS TRUE) AS m
			JOIN b ON b.k = m.k AND b.ts BETWEEN m.at - INTERVAL '2' SECOND AND m.at`,
			[]string{"1 | 10"}},
		{"in a list, and not among rows", "x INT", `SELECT v FROM a WHERE k IN (SELECT k FROM list WHERE v > 6) AND NOT EXISTS
			(SELECT 1 FROM b WHERE b.k = a.k AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts) AND v > 0`,
			[]string{"1"}},
	} {
		sql := joinTables + fmt.Sprintf("CREATE TABLE o (%s) WITH ('connector'='test');\nINSERT INTO o ", c.columns) + c.sql + ";"
		for _, poll := range []int{0, 1} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("a", a)
			w.Input("b", b)
			w.Input("list", []string{`{"k":1,"v":7}`, `{"k":2,"v":8}`})
			if diff := cmp.Diff(c.want, enginetest.Sorted(w.Run(t, sql))); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
		}
	}
}

// TestTablesReadOnceStayAsTheyWere changes the table while the query is down:
// the rows of one life after another agree.
func TestTablesReadOnceStayAsTheyWere(t *testing.T) {
	for seed := range cases(30, 6) {
		rng := rand.New(rand.NewPCG(seed, 36))
		w := enginetest.NewWorld()
		w.Poll = 1 + rng.IntN(3)
		var stream []string
		for i := range 30 {
			stream = append(stream, fmt.Sprintf(`{"k":%d,"v":%d,"ts":%d}`, i%3, i, i*1000))
		}
		w.Input("a", stream)
		sql := joinTables + "CREATE TABLE o (k BIGINT, v INT, version INT) WITH ('connector'='test');\nINSERT INTO o SELECT a.k, a.v, l.v FROM a JOIN list AS l ON l.k = a.k;"
		c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		for version := 0; ; version++ {
			// The steps that read the table are lost together, or kept.
			w.Input("list", []string{fmt.Sprintf(`{"k":0,"v":%d}`, version)}, []string{fmt.Sprintf(`{"k":1,"v":%d}`, version)}, []string{fmt.Sprintf(`{"k":2,"v":%d}`, version)})
			if c.life(2 + rng.IntN(12)) {
				break
			}
		}
		versions := map[string]int{}
		for _, row := range w.Output("o").Rows() {
			versions[strings.Split(row.Text, " | ")[2]]++
		}
		if len(versions) != 1 {
			t.Errorf("seed %d: rows of several versions of the table: %v", seed, versions)
		}
	}
}

// TestListsWithoutEquality tries each row on all rows of a table, in every shard.
func TestListsWithoutEquality(t *testing.T) {
	for seed := range cases(20, 6) {
		rng := rand.New(rand.NewPCG(seed, 37))
		c := randomJoinCase(rng, 40)
		c.kind = []string{"INNER", "LEFT", "SEMI", "ANTI"}[rng.IntN(4)]
		one := int64(1)
		for _, parts := range [][][]joinRow{c.a, c.b} {
			for _, rows := range parts {
				for i := range rows {
					rows[i].k = &one
				}
			}
		}
		sql := strings.Replace(c.sql("list", " AND a.v <= b.v"), "a.k = b.k AND ", "", 1)
		c.agree(t, rng, seed*3, sql, "list", c.want(func(a, b *joinRow) bool { return a.v <= b.v }))
	}
}

// TestJoinsKeepNestedColumns has columns of all kinds pass through held rows,
// present and NULL.
func TestJoinsKeepNestedColumns(t *testing.T) {
	const columns = "k STRING, tags ARRAY<STRING>, r ROW<x INT, y STRING>, m MAP<STRING, INT>, big DECIMAL(30, 2), f DOUBLE, d DATE"
	row := `{"k":"a","tags":["x",null],"r":{"x":1,"y":"z"},"m":{"p":1},"big":"12345678901234567890.25","f":0.5,"d":"2026-01-02","ts":1000}`
	nulls := `{"k":"b","tags":null,"r":null,"m":null,"big":null,"f":null,"d":null,"ts":2000}`
	tables := ""
	for _, name := range []string{"a", "b"} {
		tables += fmt.Sprintf("CREATE TABLE %s (%s, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='test', 'format'='json');\n", name, columns)
	}
	sql := tables + "CREATE TABLE o (" + strings.ReplaceAll(columns, ", big", ", big") + `, k2 STRING, tags2 ARRAY<STRING>, r2 ROW<x INT, y STRING>, big2 DECIMAL(30, 2)) WITH ('connector'='test');
		INSERT INTO o SELECT a.k, a.tags, a.r, a.m, a.big, a.f, a.d, b.k, b.tags, b.r, b.big
		FROM a LEFT JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '5' SECOND;`
	w := enginetest.NewWorld()
	w.Input("a", []string{row, nulls})
	w.Input("b", []string{row})
	full := `'a' | ARRAY['x', NULL] | ROW(1, 'z') | MAP['p', 1] | 12345678901234567890.25 | 0.5 | DATE '2026-01-02'`
	want := []string{
		full + ` | 'a' | ARRAY['x', NULL] | ROW(1, 'z') | 12345678901234567890.25`,
		"'b'" + strings.Repeat(" | NULL", 10),
	}
	if diff := cmp.Diff(want, enginetest.Sorted(w.Run(t, sql))); diff != "" {
		t.Error(diff)
	}
}

// TestJoinsAndLateRows counts a row that the watermark of both sides has passed,
// and tells of a limit that is reached.
func TestJoinsAndLateRows(t *testing.T) {
	a := []string{`{"k":1,"v":1,"ts":1000}`, `{"k":1,"v":2,"ts":90000}`, `{"k":1,"v":3,"ts":2000}`, `{"k":1,"v":4,"ts":91000}`}
	b := []string{`{"k":1,"v":1,"ts":1000}`, `{"k":1,"v":2,"ts":90000}`, `{"k":1,"v":2,"ts":91000}`}
	join := "SELECT a.v, b.v FROM a JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '1' MINUTE AND a.ts + INTERVAL '1' MINUTE"
	sql := joinTables + "CREATE TABLE o (x INT, y INT) WITH ('connector'='test');\nINSERT INTO o " + join + ";"
	run := func(sql string) (*engine.Pipeline, []string, error) {
		w := enginetest.NewWorld()
		w.Poll = 1
		w.Input("a", a)
		w.Input("b", b)
		c, err := enginetest.Compile(sql)
		if err != nil {
			t.Fatal(err)
		}
		p := w.Pipeline(t, c, w.Options(), nil)
		err = enginetest.Finish(p)
		return p, enginetest.Sorted(w.Output("o").Texts()), err
	}
	p, rows, err := run(sql)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 | 1", "2 | 2", "2 | 2", "4 | 2", "4 | 2"}, rows); diff != "" {
		t.Error(diff)
	}
	if n := p.Status().Rejected["late"]; n != 1 {
		t.Errorf("%d late rows, want 1: %v", n, p.Status().Rejected)
	}
	if _, _, err := run("SET 'state.max-join-rows' = '1';\n" + sql); err == nil || !strings.Contains(err.Error(), "state.max-join-rows") {
		t.Errorf("error at the limit: %v", err)
	}
	p, rows, err = run("SET 'state.max-rows-per-key' = '1';\nSET 'state.limit-policy' = 'drop-oldest';\n" + sql)
	if err != nil || len(rows) != 4 || p.Status().Rejected["limit"] != 2 {
		t.Errorf("%v, %v, %v; want 4 rows, and 2 dropped", rows, p.Status().Rejected, err)
	}
}
