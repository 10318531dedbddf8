package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
)

// skipRows holds a good match, one that AFTER MATCH SKIP TO B finds no B in,
// and a good one again.
var skipRows = []string{"1000,1", "2000,2", "3000,3", "4000,1", "5000,3", "6000,1", "7000,2", "8000,3", "9000,9"}

// skipQueries are without and with edges.
var skipQueries = map[string]string{"rows side by side": "A B? C", "edges": "A -> B? -> C"}

func skipSQL(pattern, settings, options string) string {
	return settings + "CREATE TABLE dead (kind STRING, `offset` BIGINT, reason STRING) WITH ('connector'='test');" +
		"CREATE TABLE t (ts TIMESTAMP(3), v INT, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv'" + options + ");" +
		`CREATE TABLE o (a BIGINT, n BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES UNIX_TIMESTAMP(CAST(A.ts AS STRING)) AS a, COUNT(*) AS n
  AFTER MATCH SKIP TO B
  PATTERN (` + pattern + `) WITHIN INTERVAL '3' SECOND
  DEFINE A AS v = 1, B AS v = 2, C AS v = 3)`
}

// TestSkipWithoutTarget: a match whose AFTER MATCH SKIP TO has no row to go to
// is reported, and its error handled by the policy; what follows is matched.
func TestSkipWithoutTarget(t *testing.T) {
	const reason = "AFTER MATCH SKIP failed: the variable has no row in the match"
	for name, pattern := range skipQueries {
		for _, c := range []struct {
			policy, settings, options string
			dead                      []string
		}{
			{policy: "skip", settings: "SET 'table.exec.error-policy' = 'skip';"},
			{policy: "dead-letter", options: ", 'scan.dead-letter-table' = 'dead'", dead: []string{"'error' | 3 | '" + reason + "'"}},
		} {
			t.Run(name+"/"+c.policy, func(t *testing.T) {
				w := enginetest.NewWorld()
				w.Input("t", skipRows)
				if diff := cmp.Diff([]string{"1 | 3", "4 | 2", "6 | 3"}, w.Run(t, skipSQL(pattern, c.settings, c.options))); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(c.dead, w.Output("dead").Texts()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestSkipWithoutTargetFails: under the policy to fail, the query ends, says
// which match it was, and ends again at the same place when it is started
// again. What comes twice has the same id.
func TestSkipWithoutTargetFails(t *testing.T) {
	for name, pattern := range skipQueries {
		t.Run(name, func(t *testing.T) {
			w := enginetest.NewWorld()
			w.Poll = 1
			w.Input("t", skipRows)
			dir := t.TempDir()
			for life := range 3 {
				e := newEngine(t, w, func(o *engine.Options) { o.DataDir = dir })
				q := start(t, e, skipSQL(pattern, "", ""))
				err := q.Wait()
				if err == nil || !strings.Contains(err.Error(), "the variable has no row in the match, in the match that begins in partition 0 at offset 3") {
					t.Errorf("life %d: %v", life, err)
				}
				if s := q.Status(); s.State != engine.StateFailed || s.Error != err.Error() {
					t.Errorf("life %d: %+v", life, s)
				}
				if err := e.Close(context.Background()); err == nil {
					t.Errorf("life %d: the engine closes as if nothing had failed", life)
				}
			}
			for _, r := range w.Output("o").Rows() {
				if r != w.Output("o").Rows()[0] || r.Text != "1 | 3" {
					t.Errorf("delivered: %+v", r)
				}
			}
		})
	}
}

// TestConditionThatFails: an error in DEFINE ends the match under trial, not
// the query, where the policy says so.
func TestConditionThatFails(t *testing.T) {
	for name, pattern := range map[string]string{"rows side by side": "A B", "edges": "A -> B"} {
		t.Run(name, func(t *testing.T) {
			w := enginetest.NewWorld()
			w.Input("t", []string{"1000,1", "2000,2", "3000,1", "4000,3"})
			sql := strings.Replace(skipSQL(pattern, "", ", 'scan.dead-letter-table' = 'dead'"), "AFTER MATCH SKIP TO B", "AFTER MATCH SKIP TO NEXT ROW", 1)
			sql = strings.Replace(sql, "B AS v = 2, C AS v = 3", "B AS 10 / (v - A.v - 1) > 0", 1)
			if diff := cmp.Diff([]string{"3 | 2"}, w.Run(t, sql)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"'error' | 0 | 'division by zero'"}, w.Output("dead").Texts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
