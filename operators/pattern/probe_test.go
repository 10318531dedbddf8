package pattern_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
)

// TestProbe compares batches of many sizes with single rows: that a key's state
// is looked up for a whole batch must not show when rows of the batch change it.
func TestProbe(t *testing.T) {
	for _, clause := range []string{
		`MEASURES A.ts AS a, B.v AS b PATTERN (A B) WITHIN INTERVAL '1' SECOND DEFINE A AS A.v < 3, B AS B.v > 7`,
		`MEASURES COUNT(A.*) AS a, B.v AS b PATTERN (A{2,} B) WITHIN INTERVAL '1' SECOND DEFINE A AS A.v < 6, B AS B.v > 2 * AVG(A.v)`,
		`MEASURES A.ts AS a, C.v AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (A -> B -> C) WITHIN INTERVAL '1' SECOND
			DEFINE A AS A.v < 2, B AS B.v > 8, C AS C.v > 4 AND C.v > 2 * A.v`,
		`MEASURES A.ts AS a, A.v AS b AFTER MATCH NO SKIP PATTERN (A -> NOT B) WITHIN INTERVAL '0.05' SECOND DEFINE A AS A.v < 2, B AS B.v > 6`,
		`MEASURES A.ts AS a, B.v AS b AFTER MATCH NO SKIP PATTERN (A ->> B) WITHIN INTERVAL '0.2' SECOND DEFINE A AS A.v < 1, B AS B.v > 7`,
		`MEASURES A.ts AS a, B.v AS b AFTER MATCH NO SKIP PATTERN (A -> B) WITHIN INTERVAL '1' SECOND DEFINE A AS A.v < 3, B AS B.v = 9 - A.v`,
	} {
		m := compileMatch(t, script("id BIGINT, v DOUBLE, ts TIMESTAMP(3)", "PARTITION BY id ORDER BY ts "+clause))
		for _, keys := range []int64{3, 40, 300} {
			want := matchesOf(t, m, keys, 1)
			if len(want) == 0 {
				t.Errorf("%s: nothing is found among %d keys", clause, keys)
			}
			for _, size := range []int{2, 64, 1000} {
				got := matchesOf(t, m, keys, size)
				if !slices.Equal(got, want) {
					t.Errorf("%s\n%d keys in batches of %d: %d matches, one by one %d", clause, keys, size, len(got), len(want))
				}
			}
		}
	}
}

// matchesOf runs the same rows, a millisecond apart, in batches of a size. Every
// other batch has rows that are not selected.
func matchesOf(t *testing.T, m *plan.Match, keys int64, size int) []string {
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	list := &listing{}
	ctx := &operators.Context{}
	matcher, r := p.NewMatcher(0), rand.New(rand.NewPCG(5, 6))
	out, prepare := &pass{ctx: ctx, next: matcher, out: list}, p.NewPrepare()
	const rows = 4000
	for at := 0; at < rows; at += size {
		b := event.NewBatch(m.Input.Schema())
		n := min(size, rows-at)
		gap := at / size % 2 // rows between those that are selected
		b.Reset(n * (1 + gap))
		for i := range n {
			row := i * (1 + gap)
			b.Sel = append(b.Sel, int32(row))
			b.ID[row] = event.ID{Lo: uint64(at + i)}
			b.Time[row] = event.Time(at+i) * 1000
			b.Cols[0].I64[row], b.Cols[1].F64[row] = r.Int64N(keys), float64(r.IntN(10))
			b.Cols[2].I64[row] = b.Time[row]
		}
		must(t, prepare.Process(ctx, b, out))
	}
	must(t, matcher.Advance(ctx, event.MaxTime, list))
	slices.Sort(list.rows) // keys that end at one time have no order
	return list.rows
}

// listing keeps rows as text.
type listing struct{ rows []string }

func (l *listing) Emit(b *event.Batch) error {
	for _, row := range b.LiveRows() {
		text := fmt.Sprint(b.Time[row], b.ID[row])
		for c := range b.Cols {
			text += fmt.Sprint(" ", b.Cols[c].Value(int(row)))
		}
		l.rows = append(l.rows, text)
	}
	return nil
}
