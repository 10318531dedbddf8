package engine_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
)

// inserts read one table in several ways: other columns each, one of them twice in
// one pattern, two into one sink, one without a stage.
var inserts = []string{
	`INSERT INTO alerts SELECT card, 'probes', amount, at FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
	   MEASURES B.amount AS amount, B.ts AS at PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE
	   DEFINE S AS S.amount < 10, B AS B.amount > 50)`,
	`INSERT INTO alerts SELECT card, 'twice', amount, at FROM
	   (SELECT card, amount, ts FROM payments WHERE amount > 50 UNION ALL SELECT card, amount + 1, ts FROM payments WHERE amount > 60)
	   MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES B.amount AS amount, B.ts AS at PATTERN (A B) WITHIN INTERVAL '1' MINUTE
	   DEFINE A AS TRUE, B AS B.amount <> A.amount)`,
	`INSERT INTO large SELECT card, country FROM payments WHERE amount > 50`,
	`INSERT INTO counts SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY country ORDER BY ts
	   MEASURES COUNT(*) AS n PATTERN (A{3}) WITHIN INTERVAL '10' MINUTE DEFINE A AS TRUE)`,
	// These run together; the first two have one output.
	pair("amount < 50", "amount > 50"),
	pair("amount < 70", "amount > 20"),
	`INSERT INTO alerts SELECT card, 'triple', amount, at FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
	   MEASURES C.amount AS amount, C.ts AS at AFTER MATCH SKIP TO NEXT ROW PATTERN (A B C) WITHIN INTERVAL '20' SECOND
	   DEFINE A AS A.country = 'DE', B AS B.amount > 10, C AS C.amount < 90)`,
	`INSERT INTO alerts SELECT card, 'first', amount, at FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
	   MEASURES B.amount AS amount, B.ts AS at PATTERN (A B) WITHIN INTERVAL '1' MINUTE
	   SUPPRESS BY card FOR INTERVAL '1' MINUTE DEFINE A AS A.amount > 10, B AS B.amount > 10)`,
}

// pair is one of many rules of one form.
func pair(a, b string) string {
	return `INSERT INTO alerts SELECT card, 'pair', amount, at FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
	   MEASURES B.amount AS amount, B.ts AS at PATTERN (A B) WITHIN INTERVAL '1' MINUTE
	   DEFINE A AS A.` + a + `, B AS B.` + b + `)`
}

const setTables = payments + `
CREATE TABLE alerts (card BIGINT, kind STRING, amount DECIMAL(12,2), at TIMESTAMP(3)) WITH ('connector'='test');
CREATE TABLE large (card BIGINT, country STRING) WITH ('connector'='test');
CREATE TABLE counts (country STRING, n BIGINT) WITH ('connector'='test');
`

var setSinks = []string{"alerts", "large", "counts"}

// TestStatementSet: a set finds what its inserts find each on its own, and
// reads its table once.
func TestStatementSet(t *testing.T) {
	input := randomPayments(rand.New(rand.NewPCG(7, 7)), 2, 200)
	want := map[string][]string{}
	for _, sql := range inserts {
		w := enginetest.NewWorld()
		w.Input("payments", slices.Clone(input)...)
		w.Run(t, setTables+sql)
		for _, table := range setSinks {
			want[table] = append(want[table], w.Output(table).Texts()...)
		}
	}
	for _, poll := range []int{0, 1, 7} {
		w := enginetest.NewWorld()
		w.Poll = poll
		in := w.Input("payments", slices.Clone(input)...)
		w.Run(t, setTables+set())
		ids := map[event.ID]bool{}
		for _, table := range setSinks {
			if diff := cmp.Diff(enginetest.Sorted(want[table]), enginetest.Sorted(w.Output(table).Texts())); diff != "" || len(want[table]) < 5 {
				t.Errorf("%d rows of %s: %s", len(want[table]), table, diff)
			}
			for _, r := range w.Output(table).Rows() {
				if id := r.ID; ids[id] {
					t.Errorf("two rows have the id %v", id)
				} else {
					ids[id] = true
				}
			}
		}
		if n := in.Opened(); n != len(input) {
			t.Errorf("%d readers were opened for %d partitions", n, len(input))
		}
	}
}

func set() string {
	return "EXECUTE STATEMENT SET BEGIN " + strings.Join(inserts, ";") + "; END;"
}

// TestLateOnceInASet: a row that is late for several inserts is one late row.
func TestLateOnceInASet(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", []string{`{"card":1,"amount":1,"ts":"2026-01-01 00:10:00"}`, `{"card":1,"amount":1,"ts":"2026-01-01 00:00:00"}`})
	c, err := enginetest.Compile(strings.Replace(setTables, "'format'='json'", "'format'='json','scan.late-table'='late'", 1) +
		"CREATE TABLE late (`offset` BIGINT) WITH ('connector'='test');" + set())
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, c, w.Options(), nil)
	if err := enginetest.Finish(p); err != nil {
		t.Fatal(err)
	}
	if rows, n := w.Output("late").Texts(), p.Status().Partitions[0].Late; len(rows) != 1 || n != 1 {
		t.Errorf("%d rows in the late table, %d counted", len(rows), n)
	}
}

// TestCrashesOfASet: every sink gets every row, whatever crashes.
func TestCrashesOfASet(t *testing.T) {
	total, seeds := 0, cases(6, 2)
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 2))
		input := randomPayments(rng, 2, 80)
		run := func(rounds func() int) (rows map[string]map[enginetest.Row]bool, lives int) {
			w := enginetest.NewWorld()
			w.Poll = 1 + rng.IntN(4)
			w.Input("payments", slices.Clone(input)...)
			c := &crashRun{t: t, rng: rng, sql: setTables + set(), w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
			for lives = 1; !c.life(rounds()); lives++ {
				c.w.Poll = 1 + rng.IntN(4)
			}
			rows = map[string]map[enginetest.Row]bool{}
			for _, table := range setSinks {
				rows[table] = map[enginetest.Row]bool{}
				for _, r := range w.Output(table).Rows() {
					rows[table][r] = true
				}
			}
			return rows, lives
		}
		want, _ := run(func() int { return 1 << 20 })
		got, lives := run(func() int { return 1 + rng.IntN(30) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d, %d lives: %s", seed, lives, diff)
		}
		total += lives
	}
	if total < 2*int(seeds) {
		t.Errorf("there were only %d lives", total)
	}
}
