package join_test

import (
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/join"
)

// discard is a Collector that counts rows.
type discard struct{ rows int }

func (d *discard) Emit(b *event.Batch) error { d.rows += b.Live(); return nil }

// BenchmarkJoin takes rows of both sides in turn, each with about one partner.
func BenchmarkJoin(b *testing.B) {
	for _, mode := range modes {
		b.Run(mode, func(b *testing.B) { benchmarkMode(b, mode) })
	}
}

func benchmarkMode(b *testing.B, mode string) {
	const keys = 10_000
	p, err := join.Compile(newSetup("left", mode, -keys, 0, false).plan, join.Options{Name: "q"})
	if err != nil {
		b.Fatal(err)
	}
	op := p.New(0)
	in := event.NewBatch(p.Prepared())
	text := make([]byte, 8)
	fill := func(from int64, right func(int) bool) {
		in.Reset(event.MaxRows)
		for i := range event.MaxRows {
			n := from + int64(i)
			in.Cols[0].I64[i] = 0
			if right(i) {
				in.Cols[0].I64[i] = 1
			}
			for d, k := 7, n/2%keys; d >= 0; d, k = d-1, k/10 {
				text[d] = byte('0' + k%10)
			}
			in.Cols[1].SetBytes(i, text)
			in.Cols[2].I64[i] = n
			in.Time[i], in.ID[i] = n/2, event.ID{Lo: uint64(n)}
		}
	}
	var ctx operators.Context
	out := &discard{}
	alternate := func(i int) bool { return i%2 == 0 }
	if mode == "static" {
		for n := int64(0); n < 2*keys; n += event.MaxRows {
			fill(n, func(int) bool { return true })
			if err := op.Process(&ctx, in, out); err != nil {
				b.Fatal(err)
			}
		}
		alternate = func(int) bool { return false }
	}
	b.ReportAllocs()
	b.ResetTimer()
	n := int64(0)
	for range b.N {
		fill(n, alternate)
		if err := op.Process(&ctx, in, out); err != nil {
			b.Fatal(err)
		}
		n += event.MaxRows
		if err := op.Advance(&ctx, n/2-1, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*event.MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(out.rows)/float64(b.N), "out/op")
}
