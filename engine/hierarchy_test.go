package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
)

// inner patterns over payments, each with another reason to report late. All
// have the columns card, t, n.
var inner = map[string]string{
	"last row decides": `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (S{2,3}? B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 50`,
	"greedy end":       `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A B+) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`,
	"next row":         `MEASURES LAST(ts) AS t, COUNT(*) AS n AFTER MATCH SKIP TO NEXT ROW PATTERN (A B* C) WITHIN INTERVAL '20' SECOND DEFINE C AS C.amount > A.amount`,
	"threads":          `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 5 * AVG(S.amount)`,
	"measures wait":    `MEASURES LAST(ts) AS t, NEXT(amount, 2) AS n PATTERN (A B) WITHIN INTERVAL '30' SECOND DEFINE B AS B.amount > 5`,
	"definitions wait": `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (A+ B) WITHIN INTERVAL '30' SECOND DEFINE A AS A.amount < NEXT(A.amount)`,
	"empty matches":    `MEASURES COUNT(*) AS n ALL ROWS PER MATCH PATTERN (A*) WITHIN INTERVAL '10' SECOND DEFINE A AS A.amount > 8`,
	"all rows":         `MEASURES COUNT(*) AS n ALL ROWS PER MATCH PATTERN (A B+) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`,
	"unmatched rows":   `MEASURES COUNT(*) AS n ALL ROWS PER MATCH WITH UNMATCHED ROWS AFTER MATCH SKIP TO NEXT ROW PATTERN (A B{2}) WITHIN INTERVAL '15' SECOND DEFINE B AS B.amount < 9`,
	"relaxed":          `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (A -> B) WITHIN INTERVAL '20' SECOND DEFINE A AS A.amount < 5, B AS B.amount > 50`,
	"held":             `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n AFTER MATCH SKIP PAST LAST ROW PATTERN (A -> B -> C) WITHIN INTERVAL '20' SECOND DEFINE A AS A.amount < 9, B AS B.amount > A.amount, C AS C.amount > B.amount`,
	"absence":          `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A -> NOT B) WITHIN INTERVAL '4' SECOND DEFINE A AS A.amount < 90, B AS B.amount > 50`,
	"time-outs":        `MEASURES MATCH_ROWTIME() AS t, COUNT(*) AS n PATTERN (A -> B) WITHIN INTERVAL '10' SECOND EMIT TIMEOUTS DEFINE A AS A.amount < 9, B AS B.amount > 50`,
	"any":              `MEASURES LAST(ts) AS t, COUNT(*) AS n PATTERN (A ->> B ->> C) WITHIN INTERVAL '8' SECOND DEFINE A AS A.amount < 5, C AS C.amount > 50`,
	"any, all rows":    `MEASURES COUNT(*) AS n ALL ROWS PER MATCH PATTERN (A ->> B) WITHIN INTERVAL '8' SECOND DEFINE A AS A.amount < 5, B AS B.amount > 50`,
}

const (
	outerClause = `MATCH_RECOGNIZE (PARTITION BY card ORDER BY t, n, amount MEASURES FIRST(X.t) AS a, LAST(X.t) AS z, SUM(X.n) AS n
 AFTER MATCH SKIP TO NEXT ROW PATTERN (X{3}) WITHIN INTERVAL '20' SECOND DEFINE X AS TRUE)`
	alertTable = `CREATE TABLE alerts (card BIGINT, a TIMESTAMP(3), z TIMESTAMP(3), n DOUBLE) WITH ('connector'='test','format'='json');
`
)

// detections is the inner query: card, t, n and amount, which breaks ties.
func detections(clause string) string {
	match := `MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts ` + clause + `)`
	if strings.Contains(clause, "ALL ROWS") {
		return `SELECT card, ts AS t, CAST(n AS DOUBLE) AS n, CAST(amount AS DOUBLE) AS amount FROM payments ` + match
	}
	return `SELECT card, t, CAST(n AS DOUBLE) AS n, 0e0 AS amount FROM payments ` + match
}

func hierarchy(clause string) string {
	return payments + alertTable + `CREATE VIEW d AS ` + detections(clause) + `; INSERT INTO alerts SELECT card, a, z, n FROM d ` + outerClause
}

// inTwo runs the inner query on its own, puts its results in order, and runs
// the outer query over them.
func inTwo(t *testing.T, clause string, input [][]string) []string {
	w := enginetest.NewWorld()
	w.Input("payments", input...)
	rows := w.Run(t, payments+`CREATE TABLE o (t TIMESTAMP(3), card BIGINT, n DOUBLE, amount DOUBLE) WITH ('connector'='test','format'='json');
INSERT INTO o SELECT t, card, n, amount FROM (`+detections(clause)+`)`)
	slices.Sort(rows)
	for i, r := range rows {
		v := strings.Split(strings.ReplaceAll(r, "NULL", "null"), " | ")
		at := strings.Trim(strings.TrimPrefix(v[0], "TIMESTAMP "), "'")
		rows[i] = fmt.Sprintf(`{"t":%q,"card":%s,"n":%s,"amount":%s}`, at, v[1], v[2], v[3])
	}
	w.Input("d", rows)
	return w.Run(t, alertTable+`CREATE TABLE d (t TIMESTAMP(3), card BIGINT, n DOUBLE, amount DOUBLE, WATERMARK FOR t AS t) WITH ('connector'='test','format'='json');
INSERT INTO alerts SELECT card, a, z, n FROM d `+outerClause)
}

// TestHierarchy compares a pattern over detections with the same in two
// queries, on input out of order in several partitions, with and without
// crashes. No detection may come behind the watermark of those before it.
func TestHierarchy(t *testing.T) {
	for name, clause := range inner {
		t.Run(name, func(t *testing.T) {
			for seed := range cases(4, 1) {
				testHierarchy(t, clause, seed)
			}
		})
	}
}

func testHierarchy(t *testing.T, clause string, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	input := randomPayments(rng, 3, 120)
	want := enginetest.Sorted(inTwo(t, clause, input))
	if len(want) < 3 {
		t.Fatalf("seed %d: the test has only %d alerts", seed, len(want))
	}
	for _, rounds := range []int{1 << 20, 40} {
		w := enginetest.NewWorld()
		w.Input("payments", input...)
		c := &crashRun{t: t, rng: rng, sql: hierarchy(clause), w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		for finished := false; !finished; {
			w.Poll = 1 + rng.IntN(7)
			finished = c.life(1 + rng.IntN(rounds))
		}
		got := map[enginetest.Row]bool{}
		for _, r := range w.Output("alerts").Rows() {
			got[r] = true
		}
		var texts []string
		for r := range got {
			texts = append(texts, r.Text)
		}
		if diff := cmp.Diff(want, enginetest.Sorted(texts)); diff != "" {
			t.Errorf("seed %d, lives of %d rounds: %s", seed, rounds, diff)
		}
		if c.rejected > 0 {
			t.Errorf("seed %d, lives of %d rounds: %d rows rejected", seed, rounds, c.rejected)
		}
	}
}

// Five failed logins, and then a success: detections and the stream they were
// made of, in one pattern.
func TestDetectionsBesideTheirStream(t *testing.T) {
	w := enginetest.NewWorld()
	var logins []string
	add := func(second int, user string, ok bool) {
		logins = append(logins, fmt.Sprintf(`{"user":%q,"ok":%v,"ts":"2026-01-01 00:%02d:%02d"}`, user, ok, second/60, second%60))
	}
	for i := range 5 {
		add(i, "eve", false)
		add(i, "joe", i > 2)
	}
	add(30, "eve", true)
	add(40, "joe", true)
	w.Input("logins", logins)
	got := w.Run(t, `CREATE TABLE logins (user STRING, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='json');
CREATE TABLE o (user STRING, tries BIGINT, at TIMESTAMP(3)) WITH ('connector'='test');
CREATE VIEW guessing AS SELECT user, tries, ts, 'guess' AS kind FROM logins MATCH_RECOGNIZE (
  PARTITION BY user ORDER BY ts MEASURES COUNT(*) AS tries, MATCH_ROWTIME() AS ts PATTERN (F{5}) WITHIN INTERVAL '1' MINUTE DEFINE F AS NOT F.ok);
INSERT INTO o SELECT user, tries, at FROM (
  SELECT * FROM guessing UNION ALL BY NAME SELECT user, ts, 'login' AS kind FROM logins WHERE ok
) MATCH_RECOGNIZE (
  PARTITION BY user ORDER BY ts MEASURES G.tries AS tries, L.ts AS at PATTERN (G -> L) WITHIN INTERVAL '1' HOUR
  DEFINE G AS G.kind = 'guess', L AS L.kind = 'login')`)
	if diff := cmp.Diff([]string{"'eve' | 5 | TIMESTAMP '2026-01-01 00:00:30.000'"}, got); diff != "" {
		t.Error(diff)
	}
}
