package pattern_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
)

// BenchmarkMatcher measures Prepare and Matcher per row on sorted batches of
// 4,096 rows over 100,000 keys.
func BenchmarkMatcher(b *testing.B) {
	for _, c := range []struct{ name, clause string }{
		{"pair", `PARTITION BY id ORDER BY ts MEASURES A.ts AS a, B.ts AS b, B.v AS v
			PATTERN (A B) WITHIN INTERVAL '10' MINUTE DEFINE A AS A.v < 10, B AS B.v > 1000`},
		{"kleene", `PARTITION BY id ORDER BY ts MEASURES A.ts AS a, COUNT(A.*) AS n, B.v AS v
			PATTERN (A{3,} B) DEFINE A AS A.v < 10, B AS B.v > 5 * AVG(A.v)`},
		{"rise", `PARTITION BY id ORDER BY ts MEASURES FIRST(A.v) AS a, LAST(B.v) AS v
			PATTERN (A B{3,}) DEFINE B AS B.v > PREV(B.v)`},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkMatcher(b, c.clause) })
	}
}

func benchmarkMatcher(b *testing.B, clause string) {
	m := compileMatch(b, script("id BIGINT, v DOUBLE, ts TIMESTAMP(3)", clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(b, err)
	batches := transactions(m.Input.Schema(), 256)
	prepare, matcher, ctx := p.NewPrepare(), p.NewMatcher(0), &operators.Context{}
	out := &pass{ctx: ctx, next: matcher, out: &count{}}
	step := event.Time(0)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += event.MaxRows {
		batch := batches[n/event.MaxRows%len(batches)]
		for i := range batch.Time { // time goes on when the batches come round again
			batch.Time[i] = step + event.Time(i)*1000
		}
		step += event.MaxRows * 1000
		must(b, prepare.Process(ctx, batch, out))
		must(b, matcher.Advance(ctx, step-1, out.out))
	}
}

type pass struct {
	ctx  *operators.Context
	next operators.Operator
	out  operators.Collector
}

func (p *pass) Emit(b *event.Batch) error { return p.next.Process(p.ctx, b, p.out) }

type count struct{ rows int }

func (c *count) Emit(b *event.Batch) error {
	c.rows += b.Live()
	return nil
}

// transactions makes n batches: 1 % large amounts, the others below 200.
func transactions(s *event.Schema, n int) []*event.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]*event.Batch, n)
	for k := range list {
		b := event.NewBatch(s)
		b.Reset(event.MaxRows)
		for i := range b.N {
			b.Cols[0].I64[i] = r.Int64N(100_000)
			b.Cols[1].F64[i] = 1 + float64(r.IntN(19900))/100
			if r.IntN(100) == 0 {
				b.Cols[1].F64[i] *= 20
			}
			b.ID[i] = event.ID{Lo: uint64(k*event.MaxRows + i)}
		}
		list[k] = b
	}
	return list
}
