package pattern_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/state/memstore"
)

// TestAdvanceInSteps: a watermark that comes in one step does what it does in
// many.
func TestAdvanceInSteps(t *testing.T) {
	for name, clause := range map[string]string{
		"limits":  "MEASURES 100 * COUNT(*) + MATCH_NUMBER() AS n PATTERN (A B* C) DEFINE A AS A.v < 4, B AS B.v < 5, C AS C.v > 7",
		"edges":   "MEASURES A.v AS n PATTERN (A -> B) WITHIN INTERVAL '20' SECOND EMIT TIMEOUTS DEFINE A AS A.v < 3, B AS B.v > A.v + 4",
		"shared":  "MEASURES A.v AS n PATTERN (A ->> B) DEFINE A AS A.v < 3, B AS B.v > 7",
		"absence": "MEASURES A.v AS n PATTERN (A -> NOT B) WITHIN INTERVAL '6' SECOND DEFINE A AS A.v < 3, B AS B.v > 7",
	} {
		m := compileMatch(t, script("id BIGINT, v BIGINT, ts TIMESTAMP(3)", "PARTITION BY id ORDER BY ts "+clause))
		p, err := pattern.Compile(m, pattern.Options{Name: "q", TTL: 7e6, Policy: pattern.LimitDropOldest, MaxRows: 6})
		must(t, err)
		matches := 0
		for seed := range uint64(100) {
			rng := rand.New(rand.NewPCG(seed, 226))
			s := randomSchedule(t, rng, p, m.Input.Schema())
			once, often := advanced(t, p, s, event.MaxTime), advanced(t, p, s, 500_000)
			matches += len(once.rows)
			if !slices.Equal(once.rows, often.rows) || !slices.Equal(once.rejects, often.rejects) {
				t.Fatalf("%s, seed %d: in one step\n%s\n%v\nin many\n%s\n%v", name, seed, strings.Join(once.rows, "\n"), once.rejects, strings.Join(often.rows, "\n"), often.rejects)
			}
		}
		if matches == 0 {
			t.Errorf("%s: no match", name)
		}
	}
}

// advanced runs a schedule whose watermarks come in steps of at most so much.
func advanced(t *testing.T, p *pattern.Program, s *schedule, most event.Time) outcome {
	var out collector
	ctx := &operators.Context{}
	m := p.NewMatcher(0)
	must(t, m.Restore(memstore.New()))
	from, wm := 0, s.rows.Time[0]
	for i, until := range s.until {
		s.rows.Sel = event.Rows(from, until)
		must(t, m.Process(ctx, s.rows, &out))
		for from = until; wm < s.marks[i]; {
			wm = min(s.marks[i], wm+min(most, s.marks[i]-wm))
			must(t, m.Advance(ctx, wm, &out))
		}
	}
	s.rows.Sel = nil
	must(t, m.Advance(ctx, event.MaxTime, &out))
	return outcome{rows: out.rows, ids: out.ids, rejects: ctx.Rejects}
}
