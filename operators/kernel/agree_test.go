package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

func frameOf(b *event.Batch, i int) []event.Value {
	frame := make([]event.Value, len(b.Cols))
	for c := range b.Cols {
		frame[c] = b.Cols[c].Value(i)
	}
	return frame
}

// TestPathsAgree compares programs, filters, scalars and the naive reference on
// random expressions,
// each over several batches so that left-over scratch would show.
func TestPathsAgree(t *testing.T) {
	seed := rand.Uint64()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		zone = time.FixedZone("test", -5*3600)
	}
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for round := range rounds {
		g := generator{rand.New(rand.NewPCG(seed, uint64(round)))}
		e := g.expr(g.anyType(), 1+g.IntN(4))
		checkProgram(t, g, e, zone)
		if e.Type().Kind == event.Bool {
			checkFilter(t, g, e, zone)
		}
		if t.Failed() {
			t.Fatalf("seed %d, round %d: %s", seed, round, show(e))
		}
	}
}

func checkProgram(t *testing.T, g generator, e expr.Expr, zone *time.Location) {
	p, err := Compile(e)
	if err != nil {
		t.Errorf("Compile: %v", err)
		return
	}
	s, err := CompileScalar(e)
	if err != nil {
		t.Errorf("CompileScalar: %v", err)
		return
	}
	ctx, sctx := &Context{Zone: zone}, &Context{Zone: zone}
	for _, n := range []int{1, 0, 3, 70, 200} {
		b, sel := g.batch(n), g.selection(n)
		checkNaive(t, e, s, b, zone)
		ctx.Reset()
		v := p.Eval(ctx, b, sel)
		r := run{b: b, n: n}
		for k := range r.count(sel) {
			i := row(sel, k)
			want, err := s.Eval(sctx, frameOf(b, i))
			if got := v.Value(i); !Equal(e.Type(), got, want) || (err != nil) != ctx.Failed(int32(i)) {
				t.Errorf("row %d: vector %s (failed %v), scalar %s (%v)", i, Format(e.Type(), got), ctx.Failed(int32(i)), Format(e.Type(), want), err)
				return
			}
		}
	}
}

// TestInstants: whole numbers as instants, in range and out of it.
func TestInstants(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	x := &expr.Column{Base: base(event.TInt64), Index: 4, Name: "n2"}
	number := func(n int64) expr.Expr { return &expr.Const{Base: base(event.TInt64), Value: event.IntValue(n)} }
	factor := number(math.MaxInt64 / 4000)
	for _, args := range [][]expr.Expr{
		{x}, {x, number(0)}, {x, number(3)}, {x, number(1)}, {x, x},
		{&expr.Arith{Base: base(event.TInt64), Op: expr.Mul, X: x, Y: factor}},
		{&expr.Arith{Base: base(event.TInt64), Op: expr.Add, X: x, Y: number(math.MaxInt64 / 1000)}},
	} {
		for range 50 {
			checkProgram(t, g, call("TO_TIMESTAMP_LTZ", ltz, args...), time.UTC)
		}
	}
}

// checkFilter compares a filter with the condition's value. A filter may leave
// a failing operand unevaluated, so that it fails for fewer rows.
func checkFilter(t *testing.T, g generator, e expr.Expr, zone *time.Location) {
	f, err := CompileFilter(e)
	if err != nil {
		t.Errorf("CompileFilter: %v", err)
		return
	}
	s, _ := CompileScalar(e)
	ctx, sctx := &Context{Zone: zone}, &Context{Zone: zone}
	var out []int32
	for _, n := range []int{1, 0, 3, 70, 200} {
		b, sel := g.batch(n), g.selection(n)
		ctx.Reset()
		out = f.Select(ctx, b, sel, out)
		bits := event.Bitmap(nil).Resize(n)
		got := append([]int32{}, out...)
		f.Bits(ctx, b, sel, bits)
		r := run{b: b, n: n}
		for k := range r.count(sel) {
			i := row(sel, k)
			want, err := s.True(sctx, frameOf(b, i))
			selected := len(got) > 0 && got[0] == int32(i)
			if selected {
				got = got[1:]
			}
			if err == nil && (selected != want || bits.Get(i) != want) || ctx.Failed(int32(i)) && err == nil {
				t.Errorf("row %d: filter %v, bits %v, scalar %v (%v)", i, selected, bits.Get(i), want, err)
				return
			}
		}
		if len(got) > 0 {
			t.Errorf("filter selected %d rows too many", len(got))
		}
	}
}
