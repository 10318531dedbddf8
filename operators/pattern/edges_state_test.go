package pattern_test

import (
	"fmt"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
)

// edgeStream makes rows of (id, k, v, ts) and matches them.
type edgeStream struct {
	t       testing.TB
	prepare operators.Operator
	matcher operators.Stateful
	ctx     operators.Context
	out     count
	batch   *event.Batch
	time    event.Time
	rows    uint64
}

func newEdgeStream(t testing.TB, clause string) *edgeStream {
	m := compileMatch(t, script("id BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3)", clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q", MaxRows: 1 << 30, MaxThreads: 1 << 30})
	must(t, err)
	s := &edgeStream{t: t, prepare: p.NewPrepare(), matcher: p.NewMatcher(0), batch: event.NewBatch(m.Input.Schema())}
	s.batch.Reset(event.MaxRows)
	s.batch.N = 0
	return s
}

// row adds a row some µs after the one before.
func (s *edgeStream) row(after event.Time, id, k, v int64) {
	s.time += after
	i := s.batch.N
	for c := range s.batch.Cols {
		x := &s.batch.Cols[c].I64[i]
		switch s.batch.Schema.Fields[c].Name {
		case "id":
			*x = id
		case "k":
			*x = k
		case "v":
			*x = v
		case "ts":
			*x = s.time
		}
	}
	s.rows++
	s.batch.Time[i], s.batch.ID[i] = s.time, event.ID{Lo: s.rows}
	s.batch.N++
	if s.batch.N == event.MaxRows {
		s.flush()
	}
}

func (s *edgeStream) flush() {
	if s.batch.N > 0 {
		out := &pass{ctx: &s.ctx, next: s.matcher, out: &s.out}
		must(s.t, s.prepare.Process(&s.ctx, s.batch, out))
	}
	must(s.t, s.matcher.Advance(&s.ctx, s.time-1, &s.out))
	s.batch.N = 0
}

func (s *edgeStream) size() operators.Size {
	return s.matcher.(interface{ Size() operators.Size }).Size()
}

const (
	correlated = `PARTITION BY id ORDER BY ts MEASURES A.k AS a, B.ts AS b PATTERN (A -> NOT C -> B) WITHIN INTERVAL '1' SECOND
		DEFINE A AS A.v = 1, B AS B.v = 2 AND B.k = A.k, C AS C.v = 3 AND C.k = A.k`
	sharedSteps = `PARTITION BY id ORDER BY ts MEASURES A.ts AS a, B.ts AS b, B.k AS k PATTERN (A ->> B ->> C) WITHIN INTERVAL '1' SECOND
		DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 9`
	withParts = `PARTITION BY id ORDER BY ts MEASURES A.k AS k, B.ts AS b PATTERN ((A ->> B WITHIN INTERVAL '1' SECOND) ->> C) WITHIN INTERVAL '2' SECOND
		DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 9`
	withGap = `PARTITION BY id ORDER BY ts MEASURES A.k AS k, B.ts AS b PATTERN (A -> B) WITHIN INTERVAL '1' SECOND BETWEEN ROWS
		DEFINE A AS A.v = 1, B AS B.v = 2 AND B.k = A.k`
	absent = `PARTITION BY id ORDER BY ts MEASURES A.k AS k, A.ts AS a PATTERN (A -> NOT B) WITHIN INTERVAL '1' SECOND
		DEFINE A AS A.v = 1, B AS B.v = 2 AND B.k = A.k`
)

// TestEdgesLeaveNothing: keys whose partial matches have run out of time take no
// memory, whichever way these are kept.
func TestEdgesLeaveNothing(t *testing.T) {
	for _, clause := range []string{correlated, sharedSteps, withParts, withGap, absent} {
		s := newEdgeStream(t, clause)
		for i := range int64(20_000) {
			s.row(1000, i%7, i%113, i*i%5)
		}
		s.flush()
		if size := s.size(); size.Keys == 0 || size.Rows == 0 || size.Bytes == 0 {
			t.Errorf("%s: nothing is kept: %+v", clause, size)
		}
		must(t, s.matcher.Advance(&s.ctx, s.time+3_000_000, &s.out))
		if size := s.size(); size != (operators.Size{}) {
			t.Errorf("%s: when all is out of time, this is left: %+v", clause, size)
		}
	}
}

// TestEdgesAllocateNothing: in the steady state a row costs no allocation.
func TestEdgesAllocateNothing(t *testing.T) {
	for _, clause := range []string{correlated, sharedSteps, withParts, withGap, absent} {
		s := newEdgeStream(t, clause)
		i := int64(0)
		feed := func() {
			for range event.MaxRows {
				i++
				s.row(1000, i%7, i%113, i*i%5)
			}
		}
		for range 20 {
			feed()
		}
		if n := testing.AllocsPerRun(10, feed); n > event.MaxRows/1000 {
			t.Errorf("%s: %v allocations for %d rows", clause, n, event.MaxRows)
		}
	}
}

// TestHopelessPatterns: of loops in loops, which rows fit in very many ways, a key
// keeps one partial match for each start and length, not one for each way.
func TestHopelessPatterns(t *testing.T) {
	const rows = 60
	for _, inside := range []string{"(A*)* -> B", "((A+)+)+ -> B", "(A | A)+ -> B", "(A{1,3})+ -> B", "A (-> A?)* -> B", "A ((-> A)*)* -> B"} {
		for _, define := range []string{"B.v = 2", "B.v > 1 + MAX(A.v)"} {
			s := newEdgeStream(t, fmt.Sprintf(`PARTITION BY id ORDER BY ts MEASURES COUNT(A.*) AS n, A.k AS k AFTER MATCH NO SKIP PATTERN (%s)
				DEFINE A AS A.v < 2, B AS %s`, inside, define))
			for i := range int64(rows) {
				s.row(1000, 1, i, 1)
			}
			s.flush()
			if n := s.size().Items; n > 4*rows*rows {
				t.Errorf("%s, %s: %d partial matches after %d rows", inside, define, n, rows)
			}
		}
	}
}
