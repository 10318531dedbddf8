package conformance

import "testing"

// spellings are pairs that mean the same: Ververica's and Alibaba Cloud's way to
// write what cepd's own dialect says otherwise.
var spellings = []struct{ name, theirs, ours string }{
	{"time-outs, one row",
		"MEASURES A.id AS a, B.id AS b, MATCH_STATUS() AS st ONE ROW PER MATCH SHOW TIMEOUT MATCHES PATTERN (A -> B) WITHIN INTERVAL '3' SECOND DEFINE A AS kind = 'a', B AS kind = 'b'",
		"MEASURES A.id AS a, B.id AS b, MATCH_STATUS() AS st ONE ROW PER MATCH PATTERN (A -> B) WITHIN INTERVAL '3' SECOND EMIT TIMEOUTS DEFINE A AS kind = 'a', B AS kind = 'b'"},
	{"time-outs, all rows",
		"MEASURES CLASSIFIER() AS c, MATCH_STATUS() AS st ALL ROWS PER MATCH SHOW TIMEOUT MATCHES PATTERN (A -> B) WITHIN INTERVAL '3' SECOND DEFINE A AS kind = 'a', B AS kind = 'b'",
		"MEASURES CLASSIFIER() AS c, MATCH_STATUS() AS st ALL ROWS PER MATCH PATTERN (A -> B) WITHIN INTERVAL '3' SECOND EMIT TIMEOUTS DEFINE A AS kind = 'a', B AS kind = 'b'"},
	{"every match",
		"MEASURES FIRST(A.id) AS a, B.id AS b AFTER MATCH NO SKIP PATTERN (A+ B) DEFINE A AS kind = 'a', B AS kind = 'b'",
		"MEASURES FIRST(A.id) AS a, B.id AS b AFTER MATCH SELECT ALL PATTERN (A+ B) DEFINE A AS kind = 'a', B AS kind = 'b'"},
	{"a row that is not B",
		"MEASURES A.id AS a, C.id AS c AFTER MATCH SKIP TO NEXT ROW PATTERN (A [^B] C) DEFINE A AS kind = 'a', B AS kind = 'b', C AS v > 3",
		"MEASURES A.id AS a, C.id AS c AFTER MATCH SKIP TO NEXT ROW PATTERN (A X C) DEFINE A AS kind = 'a', C AS v > 3, X AS (kind = 'b') IS NOT TRUE"},
	{"no B next, relaxed",
		"MEASURES A.id AS a, C.id AS c AFTER MATCH NO SKIP PATTERN (A [^B] -> C) WITHIN INTERVAL '9' SECOND DEFINE A AS kind = 'a', B AS kind = 'b', C AS v > 3",
		"MEASURES A.id AS a, C.id AS c AFTER MATCH NO SKIP PATTERN (A X -> C) WITHIN INTERVAL '9' SECOND DEFINE A AS kind = 'a', C AS v > 3, X AS (kind = 'b') IS NOT TRUE"},
}

func TestSpellings(t *testing.T) {
	for _, s := range spellings {
		t.Run(s.name, func(t *testing.T) {
			rows := 0
			for seed := range uint64(40) {
				c := GenerateSelection(seed)
				theirs, ours := *c, *c
				theirs.Query, ours.Query = spelt(s.theirs), spelt(s.ours)
				want, err := Direct{}.Run(&ours)
				if err != nil {
					t.Fatal(err)
				}
				got, err := Direct{Batch: 3, Progress: true}.Run(&theirs)
				if err != nil {
					t.Fatal(err)
				}
				if difference := Compare(&ours, want, got); difference != "" {
					t.Errorf("seed %d: %s", seed, difference)
				}
				rows += len(want.Rows)
			}
			if rows == 0 {
				t.Error("nothing was found to compare")
			}
		})
	}
}

func spelt(clause string) string {
	return "SELECT * FROM events MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts " + clause + ") AS m"
}
