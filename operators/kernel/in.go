package kernel

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// inFunc is X IN (list).
func inFunc(e *expr.In) rowFunc {
	has := listed(e.X.Type(), e.List)
	return rowFunc{[]expr.Expr{e.X}, true, func(_ *Context, args []event.Value, out *event.Value) error {
		found := has(args[0])
		out.I, out.Null = b2i(found), !found && e.HasNull
		return nil
	}}
}

// listed says whether a value is in the list; NaN is not even equal to itself.
func listed(t event.Type, list []event.Value) func(v event.Value) bool {
	return func(v event.Value) bool {
		if f := v.F(); t.Float() && f != f {
			return false
		}
		return slices.ContainsFunc(list, func(x event.Value) bool { return function.Equal(t, v, x) })
	}
}

// ints is a sorted set.
type ints []int64

func intSet(list []event.Value) ints {
	set := make(ints, len(list))
	for i, v := range list {
		set[i] = v.I
	}
	slices.Sort(set)
	return set
}

func (s ints) has(x int64) bool {
	lo, hi := 0, len(s)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(s) && s[lo] == x
}
