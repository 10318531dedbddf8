package pattern_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

// endable are patterns of each way in which partial matches are kept.
var endable = []string{
	`MEASURES COUNT(A.*) AS n, B.ts AS b PATTERN (A{2,} B) DEFINE A AS A.v < 5, B AS B.v = 5`,
	`MEASURES COUNT(A.*) AS n, B.ts AS b AFTER MATCH SKIP TO NEXT ROW PATTERN (A{2,} B) DEFINE A AS A.v < 5, B AS B.v > 1 + AVG(A.v)`,
	`MEASURES MATCH_NUMBER() AS n, A.ts AS a ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN (A B+ C) DEFINE A AS A.v < 3, B AS B.v < 5, C AS C.v = 5`,
	`MEASURES A.ts AS a, B.ts AS b, C.ts AS c PATTERN (A -> B -> C) WITHIN INTERVAL '40' SECOND DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 3`,
	`MEASURES A.ts AS a, B.ts AS b, C.ts AS c AFTER MATCH NO SKIP PATTERN (A -> B -> C) WITHIN INTERVAL '40' SECOND DEFINE A AS A.v = 1, B AS B.v = 2 AND B.w = A.w, C AS C.v = 3 AND C.w = A.w`,
	`MEASURES A.ts AS a, B.ts AS b, C.ts AS c PATTERN (A ->> B ->> C) WITHIN INTERVAL '20' SECOND DEFINE A AS A.v < 3, B AS B.v = 2, C AS C.v = 3`,
	`MEASURES A.ts AS a, B.ts AS b, C.ts AS c PATTERN (A ->> B ->> C) DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 3`,
	`MEASURES A.ts AS a, B.ts AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (A -> B{1,3} -> NOT C) WITHIN INTERVAL '20' SECOND DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 3 AND C.w = A.w`,
	`MEASURES A.ts AS a, B.ts AS b AFTER MATCH SKIP PAST LAST ROW SELECT FIRST PATTERN (A ->> B ->> C) WITHIN INTERVAL '30' SECOND DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 3`,
}

// ender runs a pattern and ends open matches by chance.
type ender struct {
	t       *testing.T
	match   *plan.Match
	p       *pattern.Program
	m       operators.Stateful
	store   *memstore.Store
	ctx     operators.Context
	out     collector
	ended   int
	decided map[string]bool // first rows of what was ended
}

// endOne ends one of the open matches. Which one depends on the random number
// and on what is open alone.
func (e *ender) endOne(rng *rand.Rand) {
	in := e.m.(operators.Inspector)
	type open struct {
		name  []byte
		id    uint64
		first string
	}
	var list []open
	in.Inspect(&operators.Look{}, math.MaxInt, func(x *operators.Instance) bool {
		list = append(list, open{slices.Clone(x.Name), x.ID, fmt.Sprint(x.Rows[0].ID)})
		return true
	})
	pick := rng.Uint64()
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b open) int { return cmpOf(a.id^pick, b.id^pick) })
	x := list[0]
	e.decided[x.first] = true
	found, err := in.End(&e.ctx, x.name, x.id, &e.out)
	must(e.t, err)
	if again, err := in.End(&e.ctx, x.name, x.id, &e.out); !found || again || err != nil {
		e.t.Errorf("ended %v, again %v, %v", found, again, err)
	}
	e.ended++
	in.InspectKey(x.name, func(y *operators.Instance) bool {
		if first := fmt.Sprint(y.Rows[0].ID); first == x.first {
			e.t.Errorf("%s is open still: %v", first, y.Rows)
		}
		return true
	})
}

func cmpOf(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// disturb writes a snapshot, and goes on from it or without the keys.
func (e *ender) disturb(restore, spill bool) {
	if !restore && !spill {
		return
	}
	snapshot(e.t, e.m, e.store)
	if spill {
		e.m.(operators.Spiller).Spill(0)
		e.m.(operators.Spiller).Spill(0)
		return
	}
	e.m = e.p.NewMatcher(0)
	must(e.t, e.m.Restore(e.store))
}

// endRun ends a match after about every fifth row.
func endRun(t *testing.T, clause string, seed uint64, keys int, restore, spill int) (*ender, string) {
	match := compileMatch(t, script("id BIGINT, v BIGINT, w BIGINT, ts TIMESTAMP(3)", "PARTITION BY id ORDER BY ts "+clause))
	p, err := pattern.Compile(match, pattern.Options{Name: "q"})
	must(t, err)
	e := &ender{t: t, match: match, p: p, m: p.NewMatcher(0), store: memstore.New(), decided: map[string]bool{}}
	must(t, e.m.Restore(e.store))
	rng := rand.New(rand.NewPCG(seed, 5))
	var rows []string
	for i := range 150 {
		rows = append(rows, fmt.Sprintf("%d %d %d %d", rng.IntN(keys), rng.IntN(6), rng.IntN(2), i+1))
	}
	in := batchOf(t, match, selectColumns(match, "id BIGINT, v BIGINT, w BIGINT, ts TIMESTAMP(3)", strings.Join(rows, "\n")))
	var prepared collector
	must(t, p.NewPrepare().Process(&e.ctx, in, &prepared))
	for i := range in.N {
		prepared.batch.Sel = []int32{int32(i)}
		must(t, e.m.Process(&e.ctx, prepared.batch, &e.out))
		must(t, e.m.Advance(&e.ctx, in.Time[i]-1, &e.out))
		chance := rand.New(rand.NewPCG(seed, uint64(i)))
		if chance.IntN(5) == 0 {
			e.endOne(chance)
		}
		e.disturb(restore > 0 && i%restore == 0, spill > 0 && i%spill == 0)
	}
	must(t, e.m.Advance(&e.ctx, event.MaxTime, &e.out))
	return e, strings.Join(e.out.rows, "\n") + fmt.Sprint(e.out.ids)
}

// TestEnd: after an open match was ended, it and what began with its row is open
// no more, and the rest goes on the same whether it is restored, or read from
// the store, in between, or not.
func TestEnd(t *testing.T) {
	for _, clause := range endable {
		ended := 0
		for seed := range uint64(4) {
			keys := 1 + int(seed%3)*2
			e, want := endRun(t, clause, seed, keys, 0, 0)
			ended += e.ended
			for _, f := range [][2]int{{1, 0}, {7, 0}, {0, 2}} {
				if x, got := endRun(t, clause, seed, keys, f[0], f[1]); got != want || x.ended != e.ended {
					t.Errorf("%s\nseed %d, restored every %d rows, spilled every %d: %d ended, got\n%s\nwant %d ended:\n%s", clause, seed, f[0], f[1], x.ended, got, e.ended, want)
				}
			}
			if t.Failed() {
				return
			}
		}
		if ended < 25 {
			t.Errorf("%s: only %d were ended", clause, ended)
		}
	}
}

// TestEndUnknown: a key that is not there and an ID that is none change nothing.
func TestEndUnknown(t *testing.T) {
	for _, clause := range endable {
		e, _ := endRun(t, clause, 1, 2, 0, 0)
		for _, name := range [][]byte{nil, {1, 2}, []byte("hostile")} {
			if found, err := e.m.(operators.Inspector).End(&e.ctx, name, 17, &e.out); found || err != nil {
				t.Errorf("%v, %v", found, err)
			}
		}
	}
}
