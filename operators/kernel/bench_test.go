package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// payments has amount DECIMAL(12, 2), country STRING, id BIGINT, score DOUBLE.
func payments(n int) *event.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	b := event.NewBatch(event.NewSchema(
		event.Field{Name: "amount", Type: narrow}, event.Field{Name: "country", Type: event.TString},
		event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "score", Type: event.TFloat64}))
	b.Reset(n)
	countries := []string{"US", "DE", "FR", "GB", "US", "US"}
	for i := range n {
		b.Cols[0].Set(i, n, event.IntValue(r.Int64N(200000)))
		b.Cols[1].Set(i, n, event.StringValue(countries[r.IntN(len(countries))]))
		b.Cols[2].Set(i, n, event.IntValue(r.Int64N(1000000)))
		b.Cols[3].Set(i, n, event.FloatValue(r.Float64()))
	}
	return b
}

func col(i int, t event.Type) expr.Expr { return &expr.Column{Base: base(t), Index: i} }

func intConst(i int64) expr.Expr {
	return &expr.Const{Base: base(event.TInt32), Value: event.IntValue(i)}
}

func compare(op expr.CompareOp, x, y expr.Expr) expr.Expr {
	t, err := function.Comparable(x.Type(), y.Type())
	if err != nil {
		panic(err)
	}
	return &expr.Compare{Base: base(event.TBool), Op: op, X: castTo(x, t), Y: castTo(y, t)}
}

func arithmetic(op expr.ArithOp, x, y expr.Expr) expr.Expr {
	t, px, py, err := function.Arith(op, x.Type(), y.Type())
	if err != nil {
		panic(err)
	}
	return &expr.Arith{Base: base(t), Op: op, X: castTo(x, px), Y: castTo(y, py)}
}

// foreign is amount > 1000 AND country <> 'US'.
func foreign() expr.Expr {
	us := &expr.Const{Base: base(event.TString), Value: event.StringValue("US")}
	return &expr.And{Base: base(event.TBool), Args: []expr.Expr{
		compare(expr.Gt, col(0, narrow), intConst(1000)), compare(expr.Ne, col(1, event.TString), us)}}
}

func benchFilter(b *testing.B, e expr.Expr) {
	f, err := CompileFilter(e)
	if err != nil {
		b.Fatal(err)
	}
	batch, ctx := payments(event.MaxRows), &Context{}
	out := make([]int32, 0, event.MaxRows)
	b.ReportAllocs()
	for b.Loop() {
		out = f.Select(ctx, batch, nil, out)
	}
	b.ReportMetric(float64(b.N)*event.MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkFilterForeign(b *testing.B) { benchFilter(b, foreign()) }

func BenchmarkFilterBigint(b *testing.B) {
	benchFilter(b, compare(expr.Lt, col(2, event.TInt64), intConst(500)))
}

func BenchmarkFilterDouble(b *testing.B) {
	half := &expr.Const{Base: base(event.TFloat64), Value: event.FloatValue(0.5)}
	benchFilter(b, compare(expr.Gt, col(3, event.TFloat64), half))
}

func BenchmarkFilterIn(b *testing.B) {
	list := []event.Value{event.StringValue("DE"), event.StringValue("FR"), event.StringValue("GB")}
	benchFilter(b, &expr.In{Base: base(event.TBool), X: col(1, event.TString), List: list})
}

func BenchmarkFilterLike(b *testing.B) {
	benchFilter(b, &expr.Like{Base: base(event.TBool), X: col(1, event.TString), Pattern: "%E"})
}

func BenchmarkFilterOr(b *testing.B) {
	e := foreign().(*expr.And)
	benchFilter(b, &expr.Or{Base: e.Base, Args: e.Args})
}

func benchProgram(b *testing.B, e expr.Expr) {
	p, err := Compile(e)
	if err != nil {
		b.Fatal(err)
	}
	batch, ctx := payments(event.MaxRows), &Context{}
	b.ReportAllocs()
	for b.Loop() {
		p.Eval(ctx, batch, nil)
	}
	b.ReportMetric(float64(b.N)*event.MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkProgramDecimal(b *testing.B) {
	half := &expr.Const{Base: base(event.TDecimal(2, 1)), Value: event.IntValue(5)}
	benchProgram(b, arithmetic(expr.Mul, col(0, narrow), half))
}

func BenchmarkProgramWideDecimal(b *testing.B) {
	benchProgram(b, arithmetic(expr.Mul, col(0, narrow), intConst(5)))
}

func BenchmarkProgramBigint(b *testing.B) {
	benchProgram(b, arithmetic(expr.Add, col(2, event.TInt64), intConst(5)))
}

func BenchmarkProgramUpper(b *testing.B) {
	f, _ := function.Lookup("UPPER")
	benchProgram(b, &expr.Call{Base: base(event.TString), Fn: f, Args: []expr.Expr{col(1, event.TString)}})
}

// aboveAverage is frame[0] > 5 * frame[1], of an amount and an average.
func aboveAverage() expr.Expr {
	return compare(expr.Gt, col(0, narrow), arithmetic(expr.Mul, intConst(5), col(1, event.TDecimal(38, 6))))
}

func benchScalar(b *testing.B, e expr.Expr, frame []event.Value) {
	s, err := CompileScalar(e)
	if err != nil {
		b.Fatal(err)
	}
	ctx := &Context{}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.True(ctx, frame)
	}
}

func BenchmarkScalarDecimal(b *testing.B) {
	benchScalar(b, aboveAverage(), []event.Value{event.IntValue(12345), event.IntValue(20_000_000)})
}

func BenchmarkScalarDouble(b *testing.B) {
	benchScalar(b, compare(expr.Gt, col(0, event.TFloat64), arithmetic(expr.Mul, intConst(5), col(1, event.TFloat64))),
		[]event.Value{event.FloatValue(12), event.FloatValue(2)})
}

func TestNoAllocations(t *testing.T) {
	batch, ctx := payments(256), &Context{}
	out := make([]int32, 0, 256)
	filter, _ := CompileFilter(foreign())
	upper, _ := function.Lookup("UPPER")
	program, _ := Compile(&expr.Case{Base: base(event.TString),
		When: []expr.Arm{{Cond: foreign(), Then: &expr.Call{Base: base(event.TString), Fn: upper, Args: []expr.Expr{col(1, event.TString)}}}},
		Else: &expr.Const{Base: base(event.TString), Value: event.StringValue("home")}})
	scalar, _ := CompileScalar(aboveAverage())
	frame := []event.Value{event.IntValue(12345), event.IntValue(20_000_000)}
	for name, f := range map[string]func(){
		"filter":  func() { out = filter.Select(ctx, batch, nil, out) },
		"program": func() { program.Eval(ctx, batch, nil) },
		"scalar":  func() { _, _ = scalar.True(ctx, frame) },
	} {
		if n := testing.AllocsPerRun(10, f); n != 0 {
			t.Errorf("%s: %v allocations per batch", name, n)
		}
	}
}
