package constraint_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/plan"
)

// domains are the columns of the random conditions with the values that rows
// take and constants are made of.
var domains = []struct {
	t      event.Type
	values []event.Value
}{
	{event.TInt32, []event.Value{event.NullValue, event.IntValue(1), event.IntValue(2), event.IntValue(3), event.IntValue(4)}},
	{event.TInt32, []event.Value{event.NullValue, event.IntValue(1), event.IntValue(2), event.IntValue(3)}},
	{event.TFloat64, []event.Value{event.NullValue, event.FloatValue(1), event.FloatValue(1.5), event.FloatValue(2), event.FloatValue(math.NaN())}},
	{event.TFloat64, []event.Value{event.NullValue, event.FloatValue(1.5), event.FloatValue(math.Inf(1)), event.FloatValue(math.NaN())}},
	{event.TString, []event.Value{event.NullValue, event.StringValue("a"), event.StringValue("ab"), event.StringValue("b")}},
	{event.TBool, []event.Value{event.NullValue, event.BoolValue(true), event.BoolValue(false)}},
	{event.TTimestamp, []event.Value{event.NullValue, event.IntValue(0), event.IntValue(1000), event.IntValue(2000)}},
	{event.TTimestamp, []event.Value{event.NullValue, event.IntValue(0), event.IntValue(1000)}},
}

type generator struct{ *rand.Rand }

func boolBase() expr.Base { return expr.Base{T: event.TBool} }

func (g generator) column(i int) expr.Expr {
	return &expr.Column{Base: expr.Base{T: domains[i].t}, Index: i, Name: string(rune('a' + i))}
}

func (g generator) constant(i int) expr.Expr {
	v := domains[i].values
	return &expr.Const{Base: expr.Base{T: domains[i].t}, Value: v[1+g.IntN(len(v)-1)]}
}

// sibling is a column of the same type.
func sibling(i int) int { return map[int]int{0: 1, 1: 0, 2: 3, 3: 2, 6: 7, 7: 6}[i] }

func (g generator) condition(depth int) expr.Expr {
	if depth == 0 || g.IntN(4) == 0 {
		return g.atom()
	}
	switch g.IntN(5) {
	case 0, 1:
		return &expr.And{Base: boolBase(), Args: []expr.Expr{g.condition(depth - 1), g.condition(depth - 1), g.condition(depth - 1)}[:2+g.IntN(2)]}
	case 2:
		return &expr.Or{Base: boolBase(), Args: []expr.Expr{g.condition(depth - 1), g.condition(depth - 1)}}
	case 3:
		return &expr.Not{Base: boolBase(), X: g.condition(depth - 1)}
	}
	return &expr.Is{Base: boolBase(), Test: expr.IsTrue + expr.Truth(g.IntN(4)), X: g.condition(depth - 1)}
}

func (g generator) atom() expr.Expr {
	i := g.IntN(len(domains))
	x := g.column(i)
	switch g.IntN(6) {
	case 0:
		return &expr.Is{Base: boolBase(), Test: expr.Truth(g.IntN(2)), X: x}
	case 1:
		in := &expr.In{Base: boolBase(), X: x, HasNull: g.IntN(4) == 0}
		for range 1 + g.IntN(2) {
			in.List = append(in.List, g.constant(i).(*expr.Const).Value)
		}
		return in
	case 2:
		if domains[i].t.Kind == event.String {
			return &expr.Like{Base: boolBase(), X: x, Pattern: []string{"a%", "a", "%b", "_"}[g.IntN(4)]}
		}
	case 3:
		if domains[i].t.Kind == event.Bool {
			return x
		}
	}
	return g.compare(i, x)
}

func (g generator) compare(i int, x expr.Expr) expr.Expr {
	y := g.constant(i)
	if j := sibling(i); j != 0 || i == 1 {
		switch g.IntN(3) {
		case 0:
			y = g.column(j)
		case 1:
			if domains[i].t.Instant() {
				hour := &expr.Const{Base: expr.Base{T: event.TDay}, Value: event.IntValue(1000 * g.Int64N(3))}
				y = &expr.Arith{Base: expr.Base{T: domains[i].t}, Op: expr.ArithOp(g.IntN(2)), X: g.column(j), Y: hour}
			}
		}
	} else if g.IntN(8) == 0 {
		y = x
	}
	return &expr.Compare{Base: boolBase(), Op: expr.CompareOp(g.IntN(8)), X: x, Y: y}
}

// TestImpossibleIsProof evaluates random conditions on every row of a small
// world: what is called impossible must not come true, with each set of truth
// values.
func TestImpossibleIsProof(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	found, missed := 0, 0
	for range 3000 {
		conds := []expr.Expr{g.condition(2), g.condition(1)}
		is := []constraint.Truth{1 + constraint.Truth(g.IntN(7)), 1 + constraint.Truth(g.IntN(7))}
		possible := constraint.Possible(constraint.Assumption{Cond: conds[0], Is: is[0]}, constraint.Assumption{Cond: conds[1], Is: is[1]})
		row := witness(t, conds, is)
		switch {
		case row != nil && !possible:
			t.Fatalf("seed %d: %s is %03b and %s is %03b of %v", seed, plan.ExprString(conds[0], nil), is[0], plan.ExprString(conds[1], nil), is[1], row)
		case row == nil && possible:
			missed++
		case row == nil:
			found++
		}
	}
	t.Logf("impossible: %d found, %d others hold on no row of the small world", found, missed)
	if found == 0 {
		t.Error("nothing impossible among the conditions")
	}
}

// witness is a row of the small world of which the assumptions hold.
func witness(t *testing.T, conds []expr.Expr, is []constraint.Truth) []event.Value {
	var compiled []*kernel.Scalar
	for _, c := range conds {
		s, err := kernel.CompileScalar(c)
		if err != nil {
			t.Fatal(err)
		}
		compiled = append(compiled, s)
	}
	row := make([]event.Value, len(domains))
	used := columns(conds)
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(domains) {
			return holds(t, compiled, is, row)
		}
		if !used[i] {
			row[i] = event.NullValue
			return try(i + 1)
		}
		for _, v := range domains[i].values {
			row[i] = v
			if try(i + 1) {
				return true
			}
		}
		return false
	}
	if try(0) {
		return row
	}
	return nil
}

func columns(conds []expr.Expr) map[int]bool {
	used := map[int]bool{}
	for _, c := range conds {
		expr.Walk(c, func(e expr.Expr) bool {
			if col, ok := e.(*expr.Column); ok {
				used[col.Index] = true
			}
			return true
		})
	}
	return used
}

func holds(t *testing.T, conds []*kernel.Scalar, is []constraint.Truth, row []event.Value) bool {
	for i, c := range conds {
		v, err := c.Eval(&kernel.Context{}, row)
		if err != nil {
			t.Fatal(err)
		}
		truth := constraint.False
		switch {
		case v.Null:
			truth = constraint.Unknown
		case v.Bool():
			truth = constraint.True
		}
		if truth&is[i] == 0 {
			return false
		}
	}
	return true
}
