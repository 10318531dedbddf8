package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
)

// What time and quotas drop does not depend on crashes.
func TestLimitsSurviveCrashes(t *testing.T) {
	const head = `CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
 WITH ('connector'='test','format'='json','scan.dead-letter-table'='dead');
CREATE TABLE dead (` + "`partition` INT, `offset` BIGINT" + `, kind STRING, reason STRING) WITH ('connector'='test');
CREATE TABLE alerts (card BIGINT, n BIGINT, m BIGINT, at TIMESTAMP(3)) WITH ('connector'='test','format'='json');
`
	settings := map[string]string{
		"ttl":    `SET 'state.ttl' = '7 s';`,
		"rows":   `SET 'state.limit-policy' = 'drop-oldest'; SET 'state.max-rows-per-key' = '6';`,
		"few":    `SET 'state.limit-policy' = 'drop-oldest'; SET 'state.max-partial-matches-per-key' = '2';`,
		"reject": `SET 'state.ttl' = '7 s'; SET 'state.limit-policy' = 'reject-new'; SET 'state.max-rows-per-key' = '4'; SET 'state.max-partial-matches-per-key' = '2';`,
	}
	clauses := map[string]string{
		"strict":     `MEASURES COUNT(*) AS n, MATCH_NUMBER() AS m, LAST(ts) AS at PATTERN (A B* C) DEFINE A AS A.amount < 8, B AS B.amount < 10, C AS C.amount > 50`,
		"threads":    `MEASURES COUNT(*) AS n, MATCH_NUMBER() AS m, LAST(ts) AS at PATTERN (A+ B+ C) DEFINE A AS A.amount < 9, B AS B.amount <= AVG(A.amount), C AS C.amount > 50`,
		"neighbours": `MEASURES COUNT(*) AS n, MATCH_NUMBER() AS m, LAST(ts) AS at PATTERN (A+ B) DEFINE A AS A.amount < NEXT(A.amount), B AS B.amount > PREV(B.amount)`,
		"relaxed":    `MEASURES COUNT(*) AS n, MATCH_NUMBER() AS m, LAST(ts) AS at AFTER MATCH SKIP TO NEXT ROW PATTERN (A -> B -> C) DEFINE A AS A.amount < 5, B AS B.amount > A.amount, C AS C.amount > 50`,
		"shared":     `MEASURES COUNT(*) AS n, 0 AS m, LAST(ts) AS at PATTERN (A ->> B -> C) DEFINE A AS A.amount < 5, B AS B.amount < 10, C AS C.amount > 50`,
	}
	dropped := map[string]int{}
	for clause, text := range clauses {
		for set, values := range settings {
			sql := head + values + `INSERT INTO alerts SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts ` + text + `)`
			t.Run(clause+"/"+set, func(t *testing.T) {
				for seed := range cases(3, 1) {
					dropped[set] += testLimits(t, sql, seed)
				}
			})
		}
	}
	for set := range settings {
		if dropped[set] == 0 {
			t.Errorf("%s: nothing was dropped", set)
		}
	}
}

// testLimits says how many rows the dead-letter table got.
func testLimits(t *testing.T, sql string, seed uint64) int {
	rng := rand.New(rand.NewPCG(seed, 5))
	input := randomPayments(rng, 3, 120)
	run := func(rounds int) (alerts, dead map[enginetest.Row]bool) {
		w := enginetest.NewWorld()
		w.Input("payments", input...)
		c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		for finished := false; !finished; {
			w.Poll = 1 + rng.IntN(7)
			finished = c.life(1 + rng.IntN(rounds))
		}
		set := func(table string) map[enginetest.Row]bool {
			m := map[enginetest.Row]bool{}
			for _, r := range w.Output(table).Rows() {
				m[r] = true
			}
			return m
		}
		return set("alerts"), set("dead")
	}
	alerts, dead := run(1 << 20)
	gotAlerts, gotDead := run(30)
	if diff := cmp.Diff(alerts, gotAlerts); diff != "" {
		t.Errorf("seed %d: %s", seed, diff)
	}
	if diff := cmp.Diff(dead, gotDead); diff != "" {
		t.Errorf("seed %d: dead letters: %s", seed, diff)
	}
	return len(dead)
}
