package pattern_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
)

const (
	flatPair = `PARTITION BY id ORDER BY ts MEASURES A.ts AS a, B.ts AS b, B.v AS v
		PATTERN (A B) WITHIN INTERVAL '10' MINUTE DEFINE A AS A.v < 10, B AS B.v > 1000`
	flatChain = `PARTITION BY id ORDER BY ts MEASURES A.ts AS a, B.ts AS b, C.ts AS c AFTER MATCH SKIP PAST LAST ROW
		PATTERN (A -> B -> C) WITHIN INTERVAL '%s' SECOND DEFINE A AS A.v < 10, B AS B.v > 1000, C AS C.v > 100 AND C.v > 5 * A.v`
)

// BenchmarkFlatKeys shows what an event costs as keys get more; what is left of
// a rise is the memory's. 10 million keys are left out with -short.
func BenchmarkFlatKeys(b *testing.B) {
	for _, keys := range []int64{1000, 10_000, 100_000, 1_000_000, 10_000_000} {
		if keys > 1_000_000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprintf("pair/%d", keys), func(b *testing.B) { benchmarkFlat(b, flatPair, keys) })
		b.Run(fmt.Sprintf("chain/%d", keys), func(b *testing.B) { benchmarkFlat(b, fmt.Sprintf(flatChain, "3600"), keys) })
	}
}

// BenchmarkFlatWindow shows what an event costs as the window gets longer: from
// a hundred rows of a key, of a hundred keys, to ten thousand.
func BenchmarkFlatWindow(b *testing.B) {
	for _, rows := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) { benchmarkFlat(b, fmt.Sprintf(flatChain, fmt.Sprint(rows/10)), 100) })
	}
}

// benchmarkFlat feeds rows a millisecond apart, keys at random, until each has
// had one or three million have come, and then measures.
func benchmarkFlat(b *testing.B, clause string, keys int64) {
	m := compileMatch(b, script("id BIGINT, v DOUBLE, ts TIMESTAMP(3)", clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(b, err)
	batches := transactions(m.Input.Schema(), 64)
	prepare, matcher, ctx := p.NewPrepare(), p.NewMatcher(0), &operators.Context{}
	out, r, at := &pass{ctx: ctx, next: matcher, out: &count{}}, rand.New(rand.NewPCG(3, 4)), int64(0)
	feed := func(rows int64) {
		for end := at + rows; at < end; at += event.MaxRows {
			batch := batches[r.IntN(len(batches))]
			for i := range batch.Time {
				batch.Time[i], batch.Cols[0].I64[i] = (at+int64(i))*1000, r.Int64N(keys)
			}
			must(b, prepare.Process(ctx, batch, out))
			must(b, matcher.Advance(ctx, (at+event.MaxRows)*1000-1, out.out))
		}
	}
	feed(max(3_000_000, keys))
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuSeconds(b)
	feed(int64(b.N))
	b.ReportMetric((cpuSeconds(b)-began)/float64(max(b.N, event.MaxRows))*1e9, "cpu-ns/event")
	b.ReportMetric(float64(matcher.Size().Bytes)/float64(max(1, matcher.Size().Keys)), "B/key")
}
