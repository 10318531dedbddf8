package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
)

const detectSmall = `SELECT %s FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES MATCH_ROWTIME() AS t, MOD(card, 2) AS parity %s PATTERN (A B+) WITHIN INTERVAL '15' SECOND %s DEFINE B AS B.amount < 9)`

// suppressed is what SUPPRESS BY parity FOR 30 seconds leaves of detections,
// which are (t, parity): rows of parity, t, count, status.
func suppressed(t *testing.T, detections []string) []string {
	slices.Sort(detections)
	type window struct {
		start, last time.Time
		count       int
	}
	open := map[string]*window{}
	var out []string
	show := func(parity string, at time.Time, count int, status string) {
		out = append(out, fmt.Sprintf("%s | TIMESTAMP '%s' | %d | '%s'", parity, at.Format("2006-01-02 15:04:05.000"), count, status))
	}
	end := func(parity string) {
		if w := open[parity]; w != nil && w.count > 0 {
			show(parity, w.last, w.count, "SUMMARY")
		}
		delete(open, parity)
	}
	for _, d := range detections {
		v := strings.Split(d, " | ")
		at, err := time.Parse("2006-01-02 15:04:05.999", strings.Trim(strings.TrimPrefix(v[0], "TIMESTAMP "), "'"))
		if err != nil {
			t.Fatal(err)
		}
		if w := open[v[1]]; w != nil && at.Sub(w.start) < 30*time.Second {
			w.last, w.count = at, w.count+1
			continue
		}
		end(v[1])
		open[v[1]] = &window{start: at}
		show(v[1], at, 0, "FIRST")
	}
	for parity := range open {
		end(parity)
	}
	return out
}

// TestSuppress compares SUPPRESS, by a key that is not the pattern's, with the
// same worked out from all detections, on input out of order in several
// partitions, with and without crashes.
func TestSuppress(t *testing.T) {
	for seed := range cases(8, 2) {
		rng := rand.New(rand.NewPCG(seed, 3))
		input := randomPayments(rng, 3, 120)
		alone := enginetest.NewWorld()
		alone.Input("payments", input...)
		rows := alone.Run(t, payments+`CREATE TABLE o (t TIMESTAMP(3), parity BIGINT) WITH ('connector'='test','format'='json');
INSERT INTO o `+fmt.Sprintf(detectSmall, "t, parity", "", ""))
		want := enginetest.Sorted(suppressed(t, rows))
		if len(want) < 5 || len(want) == len(rows) {
			t.Fatalf("seed %d: %d of %d detections are left", seed, len(want), len(rows))
		}
		sql := payments + `CREATE TABLE alerts (parity BIGINT, t TIMESTAMP(3), more BIGINT, status STRING) WITH ('connector'='test','format'='json');
INSERT INTO alerts ` + fmt.Sprintf(detectSmall, "parity, t, more, status", ", SUPPRESS_COUNT() AS more, SUPPRESS_STATUS() AS status", "SUPPRESS BY parity FOR INTERVAL '30' SECOND")
		for _, rounds := range []int{1 << 20, 40} {
			suppressWithCrashes(t, sql, input, rng, rounds, want)
		}
	}
}

func suppressWithCrashes(t *testing.T, sql string, input [][]string, rng *rand.Rand, rounds int, want []string) {
	w := enginetest.NewWorld()
	w.Input("payments", input...)
	c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
	for finished := false; !finished; {
		w.Poll = 1 + rng.IntN(7)
		finished = c.life(1 + rng.IntN(rounds))
	}
	got := map[enginetest.Row]bool{} // a row may come twice, with one id
	for _, r := range w.Output("alerts").Rows() {
		got[r] = true
	}
	var texts []string
	for r := range got {
		texts = append(texts, r.Text)
	}
	if diff := cmp.Diff(want, enginetest.Sorted(texts)); diff != "" {
		t.Errorf("lives of %d rounds: %s", rounds, diff)
	}
	if c.rejected > 0 {
		t.Errorf("lives of %d rounds: %d rows rejected", rounds, c.rejected)
	}
}
