package expr

import (
	"fmt"
	"testing"

	"github.com/cepd/cepd/internal/event"
)

func column(i int) *Column { return &Column{Base: Base{T: event.TInt32}, Index: i} }

// everyNode has one of each node with operands, over distinct columns.
func everyNode() []Expr {
	a, b, c, d, e := column(0), column(1), column(2), column(3), column(4)
	return []Expr{
		&Compare{X: a, Y: b}, &Arith{X: a, Y: b}, &Neg{X: a}, &And{Args: []Expr{a, b, c}}, &Or{Args: []Expr{a, b}}, &Not{X: a},
		&Is{X: a}, &In{X: a}, &Like{X: a}, &Case{When: []Arm{{a, b}, {c, d}}, Else: e}, &Cast{X: a}, &Field{X: a}, &Element{X: a, I: b},
		&Construct{Args: []Expr{a, b}}, &Call{Args: []Expr{a, b}}, &Nav{X: a},
		&Agg{Args: []Expr{a, b}, Filter: c, OrderBy: []SortKey{{X: d, Desc: true}, {X: e}}}, &Agg{Args: []Expr{a}, OrderBy: []SortKey{{X: b}}},
	}
}

// indexes lists the columns that the operands are, in order.
func indexes(e Expr) []int {
	var list []int
	for _, c := range e.Children() {
		list = append(list, c.(*Column).Index)
	}
	return list
}

func TestRewriteReachesEveryOperand(t *testing.T) {
	for _, e := range everyNode() {
		before := fmt.Sprint(indexes(e))
		moved := Rewrite(e, func(x Expr) Expr {
			if c, ok := x.(*Column); ok {
				return column(c.Index + 10)
			}
			return x
		})
		want := indexes(e)
		for i := range want {
			want[i] += 10
		}
		if got := fmt.Sprint(indexes(moved)); got != fmt.Sprint(want) || fmt.Sprint(indexes(e)) != before {
			t.Errorf("%T: operands %s became %s, the original has %v", e, before, got, indexes(e))
		}
		if fmt.Sprintf("%T", moved) != fmt.Sprintf("%T", e) {
			t.Errorf("%T became %T", e, moved)
		}
	}
}

func TestRewriteKeepsUnchanged(t *testing.T) {
	for _, e := range everyNode() {
		if Rewrite(e, func(x Expr) Expr { return x }) != e {
			t.Errorf("%T: a rewrite without changes must not copy", e)
		}
	}
}

func TestWalk(t *testing.T) {
	e := &And{Args: []Expr{&Not{X: column(1)}, column(2)}}
	var seen []string
	Walk(e, func(x Expr) bool {
		seen = append(seen, fmt.Sprintf("%T", x))
		_, not := x.(*Not)
		return !not
	})
	if got := fmt.Sprint(seen); got != "[*expr.And *expr.Not *expr.Column]" {
		t.Errorf("Walk visited %s", got)
	}
}

func TestVarSet(t *testing.T) {
	if s := (VarSet{1, 3}); s.Has(2) || !s.Has(3) || !VarSet(nil).Has(7) || (VarSet{}).Has(0) {
		t.Error("nil is every variable, any other set its members")
	}
}
