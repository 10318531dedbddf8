package expr

import (
	"bytes"
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// Equal says whether two expressions compute the same: same nodes, types and
// constants; places and column names do not count.
func Equal(a, b Expr) bool {
	if !a.Type().Equal(b.Type()) || !shallowEqual(a, b) {
		return false
	}
	ca, cb := a.Children(), b.Children()
	return slices.EqualFunc(ca, cb, Equal)
}

func shallowEqual(a, b Expr) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Index == b.Index
	case *Const:
		b, ok := b.(*Const)
		return ok && sameValue(a.Value, b.Value)
	case *Compare:
		b, ok := b.(*Compare)
		return ok && a.Op == b.Op
	case *Arith:
		b, ok := b.(*Arith)
		return ok && a.Op == b.Op
	case *Is:
		b, ok := b.(*Is)
		return ok && a.Test == b.Test
	case *In:
		b, ok := b.(*In)
		return ok && a.HasNull == b.HasNull && slices.EqualFunc(a.List, b.List, sameValue)
	case *Like:
		b, ok := b.(*Like)
		return ok && a.Pattern == b.Pattern && a.Escape == b.Escape
	case *Case:
		b, ok := b.(*Case)
		return ok && len(a.When) == len(b.When)
	case *Cast:
		b, ok := b.(*Cast)
		return ok && a.Try == b.Try
	case *Field:
		b, ok := b.(*Field)
		return ok && a.Index == b.Index
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Fn == b.Fn && !a.Fn.Volatile
	}
	return shallowEqualPattern(a, b)
}

func shallowEqualPattern(a, b Expr) bool {
	switch a := a.(type) {
	case *Nav:
		b, ok := b.(*Nav)
		return ok && a.First == b.First && a.Offset == b.Offset && a.Physical == b.Physical && a.Final == b.Final && sameVars(a.Vars, b.Vars)
	case *Agg:
		b, ok := b.(*Agg)
		return ok && a.Fn == b.Fn && a.Star == b.Star && a.Distinct == b.Distinct && a.Final == b.Final && sameVars(a.Vars, b.Vars) &&
			(a.Filter == nil) == (b.Filter == nil) && slices.EqualFunc(a.OrderBy, b.OrderBy, sameOrder)
	case *Neg:
		_, ok := b.(*Neg)
		return ok
	case *And:
		_, ok := b.(*And)
		return ok
	case *Or:
		_, ok := b.(*Or)
		return ok
	case *Not:
		_, ok := b.(*Not)
		return ok
	case *Element:
		_, ok := b.(*Element)
		return ok
	case *Construct:
		_, ok := b.(*Construct)
		return ok
	case *Classifier:
		_, ok := b.(*Classifier)
		return ok
	case *MatchNumber:
		_, ok := b.(*MatchNumber)
		return ok
	case *MatchStatus:
		_, ok := b.(*MatchStatus)
		return ok
	case *MatchTime:
		_, ok := b.(*MatchTime)
		return ok
	}
	return false
}

func sameVars(a, b VarSet) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

func sameOrder(a, b SortKey) bool { return a.Desc == b.Desc && a.NullsFirst == b.NullsFirst }

func sameValue(a, b event.Value) bool {
	return a.Null == b.Null && a.I == b.I && a.Hi == b.Hi && bytes.Equal(a.S, b.S) && slices.EqualFunc(a.L, b.L, sameValue)
}
