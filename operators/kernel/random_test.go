package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

var (
	narrow = event.TDecimal(12, 2)
	wide   = event.TDecimal(25, 4)
	ltz    = event.Type{Kind: event.TimestampLTZ, Precision: 3}
	arr    = event.Type{Kind: event.Array, Elem: &event.TInt32}
	dict   = event.Type{Kind: event.Map, Key: &event.TString, Elem: &event.TInt64}
	record = event.Type{Kind: event.Row, Fields: []event.Field{{Name: "a", Type: event.TInt32}, {Name: "b", Type: event.TString}, {Name: "c", Type: arr}}}
)

var testTypes = []event.Type{
	event.TBool, event.TInt32, event.TInt64, event.TFloat64, narrow, wide, event.TString, event.TTimestamp, ltz,
	event.TDate, event.TTime, event.TDay, event.TYear, arr, dict, record, event.TInt8, event.TFloat32,
}

// generator makes random batches and typed expressions over them.
type generator struct{ *rand.Rand }

func (g generator) value(t event.Type, nulls bool) event.Value {
	if nulls && g.IntN(6) == 0 {
		return event.NullValue
	}
	switch t.Kind {
	case event.Bool:
		return event.BoolValue(g.IntN(2) == 0)
	case event.Int8, event.Int16, event.Int32, event.Int64:
		lo, hi := function.IntRange(t)
		if g.IntN(20) == 0 {
			return event.IntValue([]int64{lo, hi}[g.IntN(2)])
		}
		return event.IntValue(g.Int64N(9) - 4)
	case event.Float32, event.Float64:
		return event.FloatValue([]float64{0, 1, -1.5, 2.25, 1e9, math.NaN(), math.Inf(1), math.Copysign(0, -1)}[g.IntN(8)])
	case event.Decimal:
		x := decimal.FromInt64(g.Int64N(2000) - 1000)
		if g.IntN(10) == 0 {
			x, _ = decimal.Sub(decimal.Pow10(t.Precision), decimal.FromInt64(1))
		}
		return function.DecValue(x)
	case event.String:
		return event.StringValue([]string{"", "a", "ab", "abc", "US", "12", "2024-05-17", "ä_%", "1.5"}[g.IntN(9)])
	case event.Date:
		return event.IntValue(g.Int64N(40000) - 10000)
	case event.TimeOfDay:
		return event.IntValue(g.Int64N(86400) * 1_000_000)
	case event.Timestamp, event.TimestampLTZ:
		return event.IntValue((g.Int64N(4e12) - 1e12) * 1000)
	case event.IntervalDay:
		return event.IntValue((g.Int64N(20) - 10) * 43_200_000_000)
	case event.IntervalYear:
		return event.IntValue(g.Int64N(30) - 15)
	}
	return g.nested(t)
}

func (g generator) nested(t event.Type) event.Value {
	l := []event.Value{}
	switch t.Kind {
	case event.Array:
		for range g.IntN(4) {
			l = append(l, g.value(*t.Elem, true))
		}
	case event.Map:
		for i := range g.IntN(3) {
			l = append(l, event.StringValue([]string{"a", "ab", "US"}[i]), g.value(*t.Elem, true))
		}
	case event.Row:
		for _, f := range t.Fields {
			l = append(l, g.value(f.Type, true))
		}
	}
	return event.Value{L: l}
}

// batch has for each test type a column with NULLs and one without.
func (g generator) batch(n int) *event.Batch {
	var fields []event.Field
	for i, t := range testTypes {
		fields = append(fields, event.Field{Name: fmt.Sprint("n", i), Type: t}, event.Field{Name: fmt.Sprint("v", i), Type: t})
	}
	b := event.NewBatch(event.NewSchema(fields...))
	b.Reset(n)
	for c := range b.Cols {
		for i := range n {
			b.Cols[c].Set(i, n, g.value(b.Cols[c].Type, c%2 == 0))
		}
	}
	return b
}

func (g generator) selection(n int) []int32 {
	if g.IntN(3) == 0 {
		return nil
	}
	sel := []int32{}
	keep := g.IntN(10)
	for i := range n {
		if g.IntN(10) <= keep {
			sel = append(sel, int32(i))
		}
	}
	return sel
}

func base(t event.Type) expr.Base { return expr.Base{T: t} }

func (g generator) leaf(t event.Type) expr.Expr {
	if g.IntN(4) == 0 {
		return &expr.Const{Base: base(t), Value: g.value(t, true)}
	}
	for i, u := range testTypes {
		if u.Equal(t) {
			c := 2*i + g.IntN(2)
			return &expr.Column{Base: base(t), Index: c, Name: fmt.Sprint("c", c)}
		}
	}
	return &expr.Const{Base: base(t), Value: g.value(t, true)}
}

func (g generator) anyType() event.Type { return testTypes[g.IntN(len(testTypes))] }

// expr makes an expression of type t of at most the depth.
func (g generator) expr(t event.Type, depth int) expr.Expr {
	if depth == 0 {
		return g.leaf(t)
	}
	depth--
	switch g.IntN(8) {
	case 0:
		return g.leaf(t)
	case 1:
		return g.conditional(t, depth)
	case 2:
		return g.cast(t, depth)
	case 3:
		return g.part(t, depth)
	}
	switch {
	case t.Kind == event.Bool:
		return g.boolean(depth)
	case t.Kind == event.String:
		return g.call(t, depth, "UPPER", "SUBSTRING", "CONCAT", "REVERSE")
	case t.Kind == event.Array, t.Kind == event.Row:
		return g.construct(t, depth)
	}
	return g.arith(t, depth)
}

func (g generator) conditional(t event.Type, depth int) expr.Expr {
	e := &expr.Case{Base: base(t), Else: g.expr(t, depth)}
	if g.IntN(4) == 0 {
		e.Else = &expr.Const{Base: base(event.TNull), Value: event.NullValue}
	}
	for range 1 + g.IntN(2) {
		e.When = append(e.When, expr.Arm{Cond: g.expr(event.TBool, depth), Then: g.expr(t, depth)})
	}
	return e
}

func (g generator) cast(t event.Type, depth int) expr.Expr {
	from := g.anyType()
	if ok, _ := function.CanCast(from, t); !ok {
		return g.leaf(t)
	}
	return &expr.Cast{Base: base(t), X: g.expr(from, depth), Try: g.IntN(2) == 0}
}

// part takes a value out of a nested one.
func (g generator) part(t event.Type, depth int) expr.Expr {
	switch {
	case t.Equal(event.TInt32) && g.IntN(2) == 0:
		return &expr.Element{Base: base(t), X: g.expr(arr, depth), I: g.expr(event.TInt32, depth)}
	case t.Equal(event.TInt32):
		return &expr.Field{Base: base(t), X: g.expr(record, depth), Index: 0}
	case t.Kind == event.String:
		return &expr.Field{Base: base(t), X: g.expr(record, depth), Index: 1}
	case t.Kind == event.Array:
		return &expr.Field{Base: base(t), X: g.expr(record, depth), Index: 2}
	case t.Equal(event.TInt64):
		return &expr.Element{Base: base(t), X: g.expr(dict, depth), I: g.expr(event.TString, depth)}
	}
	return g.leaf(t)
}

func (g generator) construct(t event.Type, depth int) expr.Expr {
	e := &expr.Construct{Base: base(t)}
	if t.Kind == event.Array {
		for range g.IntN(3) {
			e.Args = append(e.Args, g.expr(*t.Elem, depth))
		}
		return e
	}
	for _, f := range t.Fields {
		e.Args = append(e.Args, g.expr(f.Type, depth))
	}
	return e
}

func (g generator) call(t event.Type, depth int, names ...string) expr.Expr {
	f, _ := function.Lookup(names[g.IntN(len(names))])
	args := []expr.Expr{g.expr(t, depth)}
	if f.Name == "CONCAT" {
		args = append(args, g.expr(t, depth))
	}
	if f.Name == "SUBSTRING" {
		args = append(args, g.expr(event.TInt64, depth))
	}
	return &expr.Call{Base: base(t), Fn: f, Args: args}
}

func (g generator) boolean(depth int) expr.Expr {
	bs := func() []expr.Expr { return []expr.Expr{g.expr(event.TBool, depth), g.expr(event.TBool, depth)} }
	switch g.IntN(7) {
	case 0:
		return &expr.And{Base: base(event.TBool), Args: bs()}
	case 1:
		return &expr.Or{Base: base(event.TBool), Args: bs()}
	case 2:
		return &expr.Not{Base: base(event.TBool), X: g.expr(event.TBool, depth)}
	case 3:
		if g.IntN(2) == 0 {
			return &expr.Is{Base: base(event.TBool), Test: expr.Truth(g.IntN(2)), X: g.expr(g.anyType(), depth)}
		}
		return &expr.Is{Base: base(event.TBool), Test: expr.Truth(2 + g.IntN(4)), X: g.expr(event.TBool, depth)}
	case 4:
		return g.in(depth)
	case 5:
		return &expr.Like{Base: base(event.TBool), X: g.expr(event.TString, depth), Pattern: []string{"a%", "%b%", "_b", "%", "a_c", ""}[g.IntN(6)]}
	}
	return g.compare(depth)
}

func (g generator) in(depth int) expr.Expr {
	t := g.anyType()
	e := &expr.In{Base: base(event.TBool), X: g.expr(t, depth), HasNull: g.IntN(2) == 0}
	for range 1 + g.IntN(4) {
		e.List = append(e.List, g.value(t, false))
	}
	return e
}

func (g generator) compare(depth int) expr.Expr {
	x := g.expr(g.anyType(), depth)
	y := g.leaf(x.Type())
	switch g.IntN(3) {
	case 0:
		y = g.expr(x.Type(), depth)
	case 1:
		if u := g.anyType(); true {
			if t, err := function.CommonType(x.Type(), u); err == nil {
				x, y = castTo(x, t), castTo(g.leaf(u), t)
			}
		}
	}
	if g.IntN(2) == 0 {
		x, y = y, x
	}
	return &expr.Compare{Base: base(event.TBool), Op: expr.CompareOp(g.IntN(8)), X: x, Y: y}
}

func castTo(e expr.Expr, t event.Type) expr.Expr {
	if e.Type().Equal(t) {
		return e
	}
	return &expr.Cast{Base: base(t), X: e}
}

// arith makes an operation, cast to t where the type rules give another type.
func (g generator) arith(t event.Type, depth int) expr.Expr {
	if g.IntN(5) == 0 {
		if _, err := function.Neg(t); err == nil {
			return &expr.Neg{Base: base(t), X: g.expr(t, depth)}
		}
	}
	for range 20 {
		op, x, y := expr.ArithOp(g.IntN(5)), g.anyType(), g.anyType()
		r, px, py, err := function.Arith(op, x, y)
		if err != nil {
			continue
		}
		if ok, _ := function.CanCast(r, t); !ok {
			continue
		}
		e := &expr.Arith{Base: base(r), Op: op, X: castTo(g.expr(x, depth), px), Y: castTo(g.expr(y, depth), py)}
		return castTo(e, t)
	}
	return g.leaf(t)
}
