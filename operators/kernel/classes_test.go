package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var (
	classTypes  = []event.Type{event.TInt64, event.TFloat64, event.TString, event.TBool}
	classValues = [][]event.Value{
		{event.IntValue(math.MinInt64), event.IntValue(-1), event.IntValue(0), event.IntValue(3), event.IntValue(4), event.IntValue(math.MaxInt64), event.NullValue},
		{event.FloatValue(math.Inf(-1)), event.FloatValue(-0.5), event.FloatValue(math.Copysign(0, -1)), event.FloatValue(0), event.FloatValue(2.5), event.FloatValue(math.NaN()), event.FloatValue(math.Inf(1)), event.NullValue},
		{event.StringValue(""), event.StringValue("a"), event.StringValue("b"), event.StringValue("a longer text than fits a word"), event.NullValue},
		{event.IntValue(0), event.IntValue(1), event.NullValue},
	}
	boolean = expr.Base{T: event.TBool}
)

// TestClasses: the class of a row says of every condition what the filter says.
func TestClasses(t *testing.T) {
	for seed := range uint64(400) {
		g := &classGenerator{rand.New(rand.NewPCG(seed, 0))}
		b := g.batch()
		byColumn := map[int][]expr.Expr{}
		for range 1 + g.IntN(12) {
			e := g.condition(g.IntN(len(classTypes)), 2)
			if c, ok := SoleColumn(e); ok {
				byColumn[c] = append(byColumn[c], e)
			}
		}
		for c, conds := range byColumn {
			checkClasses(t, seed, b, c, conds)
		}
	}
}

// TestSoleColumn: what has no classes says so.
func TestSoleColumn(t *testing.T) {
	column := func(i int, typ event.Type) expr.Expr { return &expr.Column{Base: expr.Base{T: typ}, Index: i} }
	five := &expr.Const{Base: expr.Base{T: event.TInt64}, Value: event.IntValue(5)}
	less := func(x, y expr.Expr) expr.Expr { return &expr.Compare{Base: boolean, Op: expr.Lt, X: x, Y: y} }
	x, y := column(2, event.TInt64), column(3, event.TInt64)
	both := &expr.And{Base: boolean, Args: []expr.Expr{less(x, five), less(five, x)}}
	if c, ok := SoleColumn(both); !ok || c != 2 {
		t.Errorf("x < 5 AND 5 < x: column %d, %v", c, ok)
	}
	for _, e := range []expr.Expr{
		less(x, y),
		&expr.Or{Base: boolean, Args: []expr.Expr{less(x, five), less(y, five)}},
		less(&expr.Arith{Base: expr.Base{T: event.TInt64}, Op: expr.Add, X: x, Y: five}, five),
		&expr.Const{Base: boolean, Value: event.IntValue(1)},
	} {
		if c, ok := SoleColumn(e); ok {
			t.Errorf("%v: column %d", e, c)
		}
	}
}

type classGenerator struct{ *rand.Rand }

func (g *classGenerator) batch() *event.Batch {
	schema := event.NewSchema()
	for _, typ := range classTypes {
		schema.Fields = append(schema.Fields, event.Field{Name: "c", Type: typ})
	}
	b := event.NewBatch(schema)
	n := 1 + g.IntN(40)
	b.Reset(n)
	for c := range classTypes {
		for i := range n {
			b.Cols[c].Set(i, n, classValues[c][g.IntN(len(classValues[c]))])
		}
	}
	if g.IntN(2) == 0 {
		b.Sel = []int32{}
		for i := range n {
			if g.IntN(3) > 0 {
				b.Sel = append(b.Sel, int32(i))
			}
		}
	}
	return b
}

// condition is made of comparisons of one column.
func (g *classGenerator) condition(c, depth int) expr.Expr {
	if depth > 0 && g.IntN(3) == 0 {
		x, y := g.condition(c, depth-1), g.condition(c, depth-1)
		return []expr.Expr{
			&expr.And{Base: boolean, Args: []expr.Expr{x, y}},
			&expr.Or{Base: boolean, Args: []expr.Expr{x, y}},
			&expr.Not{Base: boolean, X: x},
			&expr.Is{Base: boolean, Test: expr.Truth(g.IntN(6)), X: x},
		}[g.IntN(4)]
	}
	typ := classTypes[c]
	x := expr.Expr(&expr.Column{Base: expr.Base{T: typ}, Index: c})
	k := expr.Expr(&expr.Const{Base: expr.Base{T: typ}, Value: g.constant(c)})
	switch n := g.IntN(10); {
	case typ.Kind == event.Bool && n < 5:
		return x
	case n == 0:
		return &expr.Is{Base: boolean, Test: expr.Truth(g.IntN(2)), X: x}
	case n < 3:
		return &expr.In{Base: boolean, X: x, List: []event.Value{g.constant(c), g.constant(c)}, HasNull: g.IntN(2) == 0}
	case n < 5:
		x, k = k, x
	}
	return &expr.Compare{Base: boolean, Op: expr.CompareOp(g.IntN(6)), X: x, Y: k}
}

func (g *classGenerator) constant(c int) event.Value {
	return classValues[c][g.IntN(len(classValues[c])-1)]
}

func checkClasses(t *testing.T, seed uint64, b *event.Batch, column int, conds []expr.Expr) {
	t.Helper()
	c, err := NewClasses(column, conds)
	if err != nil {
		t.Fatal(err)
	}
	codes := make([]int64, b.N)
	c.Mark(b, codes, 3)
	for k, cond := range conds {
		f, err := CompileFilter(cond)
		if err != nil {
			t.Fatal(err)
		}
		want := event.Bitmap{}.Resize(b.N)
		f.Bits(&Context{}, b, b.Sel, want)
		for _, i := range b.LiveRows() {
			class := int(codes[i] >> 3)
			if class >= c.Count() || c.Holds(k).Get(class) != want.Get(int(i)) {
				t.Fatalf("seed %d: row %d, condition %d of column %d: class %d of %d says %v", seed, i, k, column, class, c.Count(), !want.Get(int(i)))
			}
		}
	}
}
