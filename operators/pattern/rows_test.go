package pattern_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// long drives a matcher over the rows of a table (id BIGINT, v DOUBLE, s
// STRING, ts TIMESTAMP(3)), one a second, made by a function.
type long struct {
	t        *testing.T
	p        *pattern.Program
	m        operators.Stateful
	prepared collector
	out      collector
	store    state.Store
	next     int
	most     operators.Size // over all Advances
}

func newLong(t *testing.T, clause string, rows int, row func(i int) (id int, v string)) *long {
	const table = "id BIGINT, v DOUBLE, s STRING, ts TIMESTAMP(3)"
	m := compileMatch(t, script(table, clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	var text strings.Builder
	for i := range rows {
		id, v := row(i)
		fmt.Fprintf(&text, "%d %s name-of-more-than-twelve-bytes-%d %d\n", id, v, i, i+1)
	}
	l := &long{t: t, p: p, m: p.NewMatcher(0), store: memstore.New()}
	in := batchOf(t, m, selectColumns(m, table, strings.TrimSpace(text.String())))
	must(t, p.NewPrepare().Process(&operators.Context{}, in, &l.prepared))
	must(t, l.m.Restore(l.store))
	return l
}

func (l *long) feed(to int) {
	b, ctx := l.prepared.batch, &operators.Context{}
	for ; l.next < to; l.next++ {
		b.Sel = []int32{int32(l.next)}
		must(l.t, l.m.Process(ctx, b, &l.out))
		must(l.t, l.m.Advance(ctx, b.Time[l.next], &l.out))
		if s := l.m.(interface{ Size() operators.Size }).Size(); s.Bytes > l.most.Bytes {
			l.most = s
		}
	}
}

// snapshot says how many bytes it took, and goes on with a new matcher.
func (l *long) snapshot(restore bool) int {
	w := l.store.NewBatch()
	must(l.t, l.m.Snapshot(w))
	size := w.Len()
	must(l.t, w.Commit(true))
	if restore {
		l.m = l.p.NewMatcher(0)
		must(l.t, l.m.Restore(l.store))
	}
	return size
}

func (l *long) entries() (n int) {
	must(l.t, l.store.Scan(nil, nil, func([]byte, []byte) error { n++; return nil }))
	return n
}

// slide is a key of which rows come and go: 500 within the window.
const slide = `PARTITION BY id ORDER BY ts MEASURES FIRST(s) AS a, LAST(s) AS b, COUNT(*) AS n AFTER MATCH SKIP TO NEXT ROW
  PATTERN (A B* C) WITHIN INTERVAL '500' SECOND DEFINE B AS B.v < 5, C AS C.v > 5`

func slideRow(i int) (int, string) {
	if i%700 == 699 {
		return 1, "9"
	}
	return 1, fmt.Sprint(i % 5)
}

// A key with many rows gives the same with snapshots and restores in between,
// and leaves nothing.
func TestManyRowsOfAKey(t *testing.T) {
	const rows = 3000
	var want []string
	for _, every := range []int{0, 1000, 97, 13} {
		l := newLong(t, slide, rows, slideRow)
		for at := every; every > 0 && at < rows; at += every {
			l.feed(at)
			if l.snapshot(at%2 == 0); at%3 != 0 {
				l.m.(operators.Spiller).Spill(0)
			}
		}
		l.feed(rows)
		must(t, l.m.Advance(&operators.Context{}, event.MaxTime-1, &l.out))
		l.m.(operators.Spiller).Spill(1 << 40) // the deletions are in the store
		if s := l.m.Size(); s.Bytes != 0 || s.Rows != 0 || s.Keys != 0 {
			t.Errorf("every %d: %+v is left", every, s)
		}
		l.snapshot(false)
		if n := l.entries(); n != 1 { // the watermark
			t.Errorf("every %d: the snapshots have %d entries", every, n)
		}
		if want == nil {
			want = l.out.rows
		}
		if len(want) < 100 || !slices.Equal(want, l.out.rows) {
			t.Errorf("every %d: %d matches, without snapshots %d", every, len(l.out.rows), len(want))
		}
		if l.most.Rows < 499 {
			t.Errorf("at most %d rows were held", l.most.Rows)
		}
	}
}

// A snapshot of a key with many rows has the rows that are new, not all.
func TestSnapshotOfManyRows(t *testing.T) {
	l := newLong(t, `PARTITION BY id ORDER BY ts MEASURES COUNT(*) AS n, LAST(s) AS s PATTERN (A+ B) DEFINE A AS A.v < 5, B AS B.v > 5`,
		3000, func(i int) (int, string) { return 1, "1" })
	l.feed(2900)
	whole := l.snapshot(false)
	l.feed(2910)
	if part := l.snapshot(false); part*20 > whole {
		t.Errorf("10 rows more took %d bytes, all rows %d", part, whole)
	}
	if perRow := float64(l.m.Size().Bytes) / 2910; perRow > 110 { // 48 in the row, 48 for the string, a page half empty
		t.Errorf("%.0f bytes a row", perRow)
	}
}

// Keys that come and go leave nothing, in memory and in snapshots.
func TestKeysLeaveNothing(t *testing.T) {
	for _, clause := range []string{
		`PARTITION BY id ORDER BY ts MEASURES B.s AS s PATTERN (A B) WITHIN INTERVAL '100' SECOND DEFINE A AS A.v < 5, B AS B.v > 5`,
		`PARTITION BY s ORDER BY ts MEASURES COUNT(*) AS n PATTERN (A{2,} B) WITHIN INTERVAL '100' SECOND DEFINE A AS A.v < 5, B AS B.v > AVG(A.v)`,
		`PARTITION BY id ORDER BY ts MEASURES B.s AS s PATTERN (A -> B) WITHIN INTERVAL '100' SECOND DEFINE A AS A.v < 5, B AS B.v > A.v`,
		`PARTITION BY id ORDER BY ts MEASURES B.s AS s PATTERN (A ->> B) WITHIN INTERVAL '100' SECOND DEFINE A AS A.v < 5, B AS B.v > 8`,
	} {
		l := newLong(t, clause, 2000, func(i int) (int, string) { return i % 977, fmt.Sprint(i % 10) })
		for at := 250; at <= 2000; at += 250 {
			l.feed(at)
			l.snapshot(at == 1000)
		}
		must(t, l.m.Advance(&operators.Context{}, event.MaxTime-1, &l.out))
		l.snapshot(false)
		l.m.(operators.Spiller).Spill(1 << 40) // the deletions are in the store
		if s := l.m.Size(); s.Bytes != 0 || s.Rows != 0 || s.Keys != 0 || l.entries() != 1 || l.most.Keys < 40 {
			t.Errorf("%s: %+v and %d entries are left of at most %+v", clause, s, l.entries(), l.most)
		}
	}
}
