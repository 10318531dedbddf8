package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// shownWindow is a random window that can be shown early.
func shownWindow(rng *rand.Rand) refWindow {
	for {
		if w := randomWindow(rng); w.kind != "SESSION" {
			return w
		}
	}
}

// allWindows aggregates all rows, also those that come late, by brute force.
func allWindows(w refWindow, rows []refRow, a *refAgg) []string {
	groups := map[string][]refRow{}
	for _, r := range rows {
		for _, s := range w.of(r.ts) {
			key := fmt.Sprintf("%s | %s | %s", show(event.TInt64, intOrNull(r.k)), show(event.TTimestamp, event.IntValue(s.start)), show(event.TTimestamp, event.IntValue(s.end)))
			groups[key] = append(groups[key], r)
		}
	}
	var out []string
	for key, list := range groups {
		out = append(out, key+" | "+a.value(list))
	}
	slices.Sort(out)
	return out
}

// TestWindowsShownEarlyAgree shows windows before their end and changes them after
// it, in different ways: in the end they hold all rows.
func TestWindowsShownEarlyAgree(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 61))
		w := shownWindow(rng)
		rows := randomRows(rng, 1+rng.IntN(80), 30)
		records := make([]string, len(rows))
		for i := range rows {
			records[i] = rows[i].json()
		}
		a := retractAggs[rng.IntN(len(retractAggs))]
		sql := "SET 'table.exec.emit.allow-lateness' = '10 d';"
		if rng.IntN(2) == 0 {
			sql += "SET 'table.exec.emit.early-fire.enabled' = 'true'; SET 'table.exec.emit.early-fire.delay' = '" + []string{"0 s", "5 s"}[rng.IntN(2)] + "';"
		}
		if rng.IntN(2) == 0 {
			sql += "SET 'table.exec.emit.late-fire.enabled' = 'true'; SET 'table.exec.emit.late-fire.delay' = '" + []string{"0 s", "3 s"}[rng.IntN(2)] + "';"
		}
		sql += fmt.Sprintf(refTable, 2, "k BIGINT, s TIMESTAMP(3), e TIMESTAMP(3), a "+a.typ.String()) +
			"INSERT INTO o SELECT k, window_start, window_end, " + a.sql + " FROM " + w.from() + " GROUP BY window_start, window_end, k;"
		name := fmt.Sprintf("seed %d", seed)
		if diff := cmp.Diff(allWindows(w, rows, &a), applied(t, sameWithAnyPolls(t, sql, records, name))); diff != "" {
			t.Fatalf("%s: %s\n%s\n%s", name, sql, diff, strings.Join(records, "\n"))
		}
		compareCrashes(t, rng, sql, "t", "o", [][]string{records}, name)
	}
}

// TestWindowsAreShownByTheClock follows one window through early results, its end,
// late rows, and the end of its lateness.
func TestWindowsAreShownByTheClock(t *testing.T) {
	const sql = `SET 'table.exec.emit.early-fire.enabled' = 'true'; SET 'table.exec.emit.early-fire.delay' = '10 s';
	SET 'table.exec.emit.late-fire.enabled' = 'true'; SET 'table.exec.emit.late-fire.delay' = '5 s'; SET 'table.exec.emit.allow-lateness' = '1 min';
	CREATE TABLE t (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='test', 'format'='json');
	CREATE TABLE o (e TIMESTAMP(3), n BIGINT) WITH ('connector'='test');
	INSERT INTO o SELECT window_end, COUNT(*) FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end;`
	c, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	w := enginetest.NewWorld()
	in := w.Input("t", nil).Open()
	now := &clock.Manual{}
	o := w.Options()
	o.Clock = now
	p := w.Pipeline(t, c, o, nil)
	var log []string
	run := func(what string) {
		before := len(w.Output("o").Texts())
		for range 3 {
			if _, err := enginetest.Round(p); err != nil {
				t.Fatal(err)
			}
		}
		log = append(log, what+": "+strings.ReplaceAll(strings.ReplaceAll(strings.Join(w.Output("o").Texts()[before:], ", "), "'", ""), "TIMESTAMP 2026-01-01 ", ""))
	}
	row := func(at string) {
		in.Append(0, `{"ts":"2026-01-01 00:0`+at+`"}`)
		run("row " + at)
	}
	wait := func(s int64) {
		now.Advance(time.Duration(s) * time.Second)
		run(fmt.Sprintf("after %d s", s))
	}
	row("0:10")
	wait(9)
	row("0:20")
	wait(1)
	wait(10)
	row("0:30")
	row("1:05")
	wait(20)
	row("0:40")
	wait(4)
	row("0:50")
	wait(1)
	row("0:55")
	row("2:10")
	row("0:58")
	in.End()
	run("end")
	want := []string{
		"row 0:10: ", "after 9 s: ", "row 0:20: ", "after 1 s: 00:01:00.000 | 2", "after 10 s: ",
		"row 0:30: ", "row 1:05: -U 00:01:00.000 | 2, +U 00:01:00.000 | 3", "after 20 s: 00:02:00.000 | 1",
		"row 0:40: ", "after 4 s: ", "row 0:50: ", "after 1 s: -U 00:01:00.000 | 3, +U 00:01:00.000 | 5",
		"row 0:55: ", "row 2:10: -U 00:01:00.000 | 5, +U 00:01:00.000 | 6", "row 0:58: ", "end: 00:03:00.000 | 1",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

// plainTime is a time as a record has it.
func plainTime(us int64) string { return function.Text(event.TTimestamp, event.IntValue(us), nil) }

// TestWindowsOfChangesAgree groups a table that changes by windows of its time.
func TestWindowsOfChangesAgree(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 67))
		w := shownWindow(rng)
		type row struct {
			id, ts int64
			v      int64
		}
		now := map[int64]row{}
		var records []string
		text := func(r row) string {
			return fmt.Sprintf(`{"id":%d,"v":%d,"ts":%q}`, r.id, r.v, plainTime(r.ts))
		}
		for range 1 + rng.IntN(80) {
			id := int64(rng.IntN(10))
			old, there := now[id]
			if there && rng.IntN(3) == 0 {
				delete(now, id)
				records = append(records, `{"op":"d","before":`+text(old)+`}`)
				continue
			}
			r := row{id, int64(rng.IntN(60)) * 1e6, int64(rng.IntN(9))}
			now[id] = r
			records = append(records, `{"op":"u","after":`+text(r)+`}`)
		}
		var left []refRow
		for _, r := range now {
			left = append(left, refRow{ts: r.ts, v: &r.v})
		}
		a := []refAgg{refAggs[0], refAggs[2], refAggs[4], refAggs[11]}[rng.IntN(4)]
		want := allWindows(w, left, &a)
		for i := range want {
			want[i] = strings.TrimPrefix(want[i], "NULL | ")
		}
		sql := `CREATE TABLE t (id BIGINT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' MINUTE, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector'='test', 'format'='debezium-json');
		CREATE TABLE o (s TIMESTAMP(3), e TIMESTAMP(3), a ` + a.typ.String() + `) WITH ('connector'='test');
		INSERT INTO o SELECT window_start, window_end, ` + a.sql + " FROM " + w.from() + " GROUP BY window_start, window_end;"
		for _, poll := range []int{0, 1, 7} {
			world := enginetest.NewWorld()
			world.Poll = poll
			world.Input("t", records)
			if diff := cmp.Diff(want, enginetest.Sorted(world.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s\n%s", seed, poll, sql, diff, strings.Join(records, "\n"))
			}
		}
		compareCrashes(t, rng, sql, "t", "o", [][]string{records}, fmt.Sprintf("seed %d", seed))
	}
}

// TestNotInAgrees compares NOT IN with three-valued logic.
func TestNotInAgrees(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 71))
		value := func() *int64 {
			if rng.IntN(6) == 0 {
				return nil
			}
			x := int64(rng.IntN(6))
			return &x
		}
		number := func(p *int64) string { return strings.ToLower(show(event.TInt64, intOrNull(p))) }
		var rows, list []string
		var xs, ys []*int64
		for range rng.IntN(20) {
			xs = append(xs, value())
			rows = append(rows, `{"x":`+number(xs[len(xs)-1])+`}`)
		}
		for range rng.IntN(4) {
			ys = append(ys, value())
			list = append(list, `{"y":`+number(ys[len(ys)-1])+`}`)
		}
		var want []string
		for _, x := range xs {
			unknown, in := false, false
			for _, y := range ys {
				unknown = unknown || x == nil || y == nil
				in = in || x != nil && y != nil && *x == *y
			}
			if !unknown && !in {
				want = append(want, show(event.TInt64, intOrNull(x)))
			}
		}
		slices.Sort(want)
		sql := `CREATE TABLE t (x BIGINT) WITH ('connector'='test', 'format'='json');
		CREATE TABLE list (y BIGINT) WITH ('connector'='test', 'format'='json', 'number-of-rows'='9');
		CREATE TABLE o (x BIGINT) WITH ('connector'='test');
		INSERT INTO o SELECT x FROM t WHERE x NOT IN (SELECT y FROM list);`
		for _, poll := range []int{0, 1} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", rows)
			w.Input("list", list)
			if diff := cmp.Diff(want, enginetest.Sorted(w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d: %v NOT IN %v: %s", seed, rows, list, diff)
			}
		}
		compareCrashesOf(t, rng, sql, "o", func(w *enginetest.World) { w.Input("t", rows); w.Input("list", list) }, fmt.Sprintf("seed %d", seed))
	}
}

// TestVersionsAreDeleted joins rows with the versions of a table that is updated and
// deleted.
func TestVersionsAreDeleted(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 73))
		versions := map[int64][][2]int64{} // by key: time and value; -1: deleted
		var table, rows []string
		at := int64(0)
		for range rng.IntN(40) {
			at += int64(1 + rng.IntN(3))
			id, v := int64(rng.IntN(4)), int64(rng.IntN(9))-2
			op, field := "u", "after"
			if v < 0 {
				op, field, v = "d", "before", -1
			}
			versions[id] = append(versions[id], [2]int64{at, v})
			table = append(table, fmt.Sprintf(`{"op":%q,%q:{"id":%d,"v":%d,"since":%q}}`, op, field, id, v, plainTime(at*1e6)))
		}
		var want []string
		for range rng.IntN(40) {
			ts, id := int64(rng.IntN(80)), int64(rng.IntN(4))
			rows = append(rows, fmt.Sprintf(`{"id":%d,"ts":%q}`, id, plainTime(ts*1e6)))
			found := "NULL"
			for _, v := range versions[id] {
				if v[0] <= ts {
					found = map[bool]string{true: "NULL", false: fmt.Sprint(v[1])}[v[1] < 0]
				}
			}
			want = append(want, fmt.Sprintf("%d | %s | %s", id, show(event.TTimestamp, event.IntValue(ts*1e6)), found))
		}
		slices.Sort(want)
		sql := `CREATE TABLE t (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' MINUTE) WITH ('connector'='test', 'format'='json');
		CREATE TABLE r (id BIGINT, v BIGINT, since TIMESTAMP(3), WATERMARK FOR since AS since, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector'='test', 'format'='debezium-json');
		CREATE TABLE o (id BIGINT, ts TIMESTAMP(3), v BIGINT) WITH ('connector'='test');
		INSERT INTO o SELECT t.id, t.ts, r.v FROM t LEFT JOIN r FOR SYSTEM_TIME AS OF t.ts ON r.id = t.id;`
		for _, poll := range []int{0, 1, 5} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", rows)
			w.Input("r", table)
			if diff := cmp.Diff(want, enginetest.Sorted(w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, diff, strings.Join(table, "\n"))
			}
		}
		compareCrashesOf(t, rng, sql, "o", func(w *enginetest.World) { w.Input("t", rows); w.Input("r", table) }, fmt.Sprintf("seed %d", seed))
	}
}
