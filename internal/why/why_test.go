package why_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/internal/why"
)

// clauses are patterns of every way to run: automaton, threads, shared graph,
// partial matches one by one, absence, all rows, time-outs.
var clauses = map[string]string{
	"automaton": "MEASURES COUNT(*) AS n PATTERN (A{2,} B) WITHIN INTERVAL '20' SECOND DEFINE A AS v < 6, B AS v > 7",
	"threads":   "MEASURES COUNT(*) AS n PATTERN (A+ B) WITHIN INTERVAL '20' SECOND DEFINE A AS v < 6, B AS v > 1.5 * AVG(A.v)",
	"previous":  "MEASURES COUNT(*) AS n AFTER MATCH SKIP TO NEXT ROW PATTERN (A B B) DEFINE B AS v > PREV(v)",
	"all rows":  "MEASURES COUNT(*) AS n ALL ROWS PER MATCH PATTERN (A B+) WITHIN INTERVAL '20' SECOND DEFINE A AS v < 3, B AS v > 3",
	"shared":    "MEASURES A.v AS n PATTERN (A ->> B ->> C) WITHIN INTERVAL '30' SECOND DEFINE A AS v < 3, B AS v = 5, C AS v > 7",
	"partial":   "MEASURES A.v AS n AFTER MATCH SKIP PAST LAST ROW PATTERN (A -> B -> C) WITHIN INTERVAL '30' SECOND DEFINE A AS v < 3, B AS v > A.v + 3, C AS v = B.v",
	"absence":   "MEASURES A.v AS n PATTERN (A -> NOT B) WITHIN INTERVAL '7' SECOND DEFINE A AS v < 3, B AS v = 9",
	"timed out": "MEASURES A.v AS n PATTERN (A -> B) WITHIN INTERVAL '7' SECOND EMIT TIMEOUTS DEFINE A AS v < 3, B AS v = 9",
}

func script(clause string) string {
	columns := "k BIGINT, n DOUBLE"
	if strings.Contains(clause, "ALL ROWS") {
		columns = "k BIGINT, ts TIMESTAMP(3), n DOUBLE, v DOUBLE"
	}
	return `CREATE TABLE t (k BIGINT, ts TIMESTAMP(3), v DOUBLE, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector'='test','format'='csv');
CREATE TABLE o (` + columns + `) WITH ('connector'='test');
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts ` + clause + `)`
}

var replay = flag.Uint64("seed", 0, "replay this seed")

func seedOf(t *testing.T) uint64 {
	seed := cmp.Or(*replay, rand.Uint64())
	t.Logf("replay it by -seed=%d", seed)
	return seed
}

// randomRows are rows of four keys in two partitions, a little out of order.
func randomRows(rng *rand.Rand, n int) [2][]string {
	var parts [2][]string
	for i := range n {
		k := rng.IntN(4)
		parts[k%2] = append(parts[k%2], fmt.Sprintf("%d,%d,%d", k, 1000*(10+i)-rng.IntN(1500), rng.IntN(10)))
	}
	return parts
}

// TestReplayIsLive: the detections of a live run, with their ids, are those that
// the histories of the keys tell of.
func TestReplayIsLive(t *testing.T) {
	for name, clause := range clauses {
		t.Run(name, func(t *testing.T) {
			seed := seedOf(t)
			w := enginetest.NewWorld()
			parts := randomRows(rand.New(rand.NewPCG(seed, 0)), 400)
			w.Input("t", parts[0], parts[1])
			w.Run(t, script(clause))
			var live, told []string
			for _, r := range w.Output("o").Rows() {
				live = append(live, r.ID.Hex())
			}
			misses := 0
			for k := range 4 {
				report := ask(t, w, clause, why.Request{Key: fmt.Sprint("k=", k)})
				for _, p := range report.Patterns {
					misses += len(p.Misses) + len(p.Open)
					for _, m := range p.Matches {
						told = append(told, m.IDs...)
						checkMatch(t, clause, &m)
					}
				}
			}
			slices.Sort(live)
			slices.Sort(told)
			if len(live) == 0 || !slices.Equal(live, told) {
				t.Fatalf("%d detections live, %d told, or others", len(live), len(told))
			}
			if misses == 0 && name != "timed out" {
				t.Error("nothing came to nothing")
			}
			one := ask(t, w, clause, why.Request{Detection: live[0]})
			if len(one.Patterns) != 1 || len(one.Patterns[0].Matches) != 1 || !slices.Contains(one.Patterns[0].Matches[0].IDs, live[0]) {
				t.Errorf("of detection %s: %+v", live[0], one)
			}
			if got := len(w.Output("o").Rows()); got != len(live) {
				t.Errorf("asking has written %d rows", got-len(live))
			}
		})
	}
}

// checkMatch looks whether the conditions of a reported match hold.
func checkMatch(t *testing.T, clause string, m *why.Match) {
	t.Helper()
	for _, r := range m.Rows {
		for _, c := range r.Conditions {
			if !c.Holds {
				t.Errorf("%s: %s does not hold for %+v of a match", clause, c.Text, r)
			}
		}
	}
}

func ask(t *testing.T, w *enginetest.World, clause string, r why.Request) *why.Report {
	t.Helper()
	c, err := enginetest.Compile(script(clause))
	if err != nil {
		t.Fatal(err)
	}
	report, err := why.Run(context.Background(), history.Query{Root: c.Root, Catalog: c.Catalog}, w.Options(), r)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestMissesFail: of a match that ended with a row, a condition fails on that row
// for each variable that was waited for.
func TestMissesFail(t *testing.T) {
	seed := seedOf(t)
	w := enginetest.NewWorld()
	parts := randomRows(rand.New(rand.NewPCG(seed, 0)), 300)
	w.Input("t", parts[0], parts[1])
	checked := 0
	for name, clause := range clauses {
		for k := range 4 {
			for _, p := range ask(t, w, clause, why.Request{Key: fmt.Sprint("k=", k), Limit: 50}).Patterns {
				for _, m := range p.Misses {
					if m.Cause != "row" {
						continue
					}
					checked++
					for _, r := range m.Nearest {
						if !slices.ContainsFunc(r.Conditions, func(c why.Condition) bool { return !c.Holds }) {
							t.Errorf("%s: row %d@%d fits %s, yet it ended %+v", name, r.Partition, r.Offset, r.Variable, m.Rows)
						}
					}
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no row has ended a match")
	}
}

func TestRefused(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", []string{"1,1000,1"})
	c, err := enginetest.Compile(script(clauses["threads"]))
	if err != nil {
		t.Fatal(err)
	}
	q := history.Query{Root: c.Root, Catalog: c.Catalog}
	for _, r := range []why.Request{{}, {Key: "1", Detection: strings.Repeat("0", 32)}, {Detection: "17"}, {Detection: strings.Repeat("a", 32)}} {
		if _, err := why.Run(context.Background(), q, w.Options(), r); !errors.Is(err, why.ErrRequest) {
			t.Errorf("%+v: error %v", r, err)
		}
	}
	w.Input("t", []string{"1,1000,1"}).Open() // it does not end, and this connector has no history
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := why.Run(ctx, q, w.Options(), why.Request{Key: "1"}); err == nil || !strings.Contains(err.Error(), "cannot be read again") {
		t.Errorf("of a source without history: %v", err)
	}
}

// TestSet: of patterns that else run together, each tells its own.
func TestSet(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", []string{"1,1000,2", "1,2000,8", "1,3000,1", "1,4000,5"})
	rule := func(table string, least int) string {
		return fmt.Sprintf(`INSERT INTO %s SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES B.v AS n PATTERN (A B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > %d);`, table, least)
	}
	c, err := enginetest.Compile(`CREATE TABLE t (k BIGINT, ts TIMESTAMP(3), v DOUBLE, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv');
CREATE TABLE o (k BIGINT, n DOUBLE) WITH ('connector'='test'); CREATE TABLE p (k BIGINT, n DOUBLE) WITH ('connector'='test');
EXECUTE STATEMENT SET BEGIN ` + rule("o", 4) + rule("p", 6) + ` END;`)
	if err != nil {
		t.Fatal(err)
	}
	report, err := why.Run(context.Background(), history.Query{Root: c.Root, Catalog: c.Catalog}, w.Options(), why.Request{Key: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range report.Patterns {
		got = append(got, fmt.Sprint(len(p.Matches), " ", len(p.Misses)))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"1 1", "2 0"}) {
		t.Errorf("matches and misses: %q", got)
	}
}

// ending is the test connector as one with a history: its table goes on, and
// ends when its history is asked for.
type ending struct {
	connectors.Connector
	in *enginetest.Input
}

func (e ending) History(map[string]string, time.Time, time.Time) { e.in.End() }

// TestOpen: where a source would go on, what has begun is open at the end of its
// history; where it ends, time ends it.
func TestOpen(t *testing.T) {
	for name, goesOn := range map[string]bool{"goes on": true, "ends": false} {
		t.Run(name, func(t *testing.T) {
			w := enginetest.NewWorld()
			in := w.Input("t", []string{"1,1000,2", "1,2000,8"})
			if goesOn {
				in.Open()
			}
			c, err := enginetest.Compile(script(clauses["absence"]))
			if err != nil {
				t.Fatal(err)
			}
			o := w.Options()
			o.Registry = o.Registry.Wrap(func(c connectors.Connector) connectors.Connector { return ending{c, in} })
			report, err := why.Run(context.Background(), history.Query{Root: c.Root, Catalog: c.Catalog}, o, why.Request{Key: "1"})
			if err != nil {
				t.Fatal(err)
			}
			p := report.Patterns[0]
			if open := len(p.Open) == 1 && len(p.Matches) == 0; open != goesOn {
				t.Errorf("%d open, %d matches", len(p.Open), len(p.Matches))
			}
		})
	}
}
