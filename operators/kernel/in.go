package kernel

import (
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// inFunc is X IN (list).
func inFunc(e *expr.In) rowFunc {
	has := memberOf(e.X.Type(), e.List)
	return rowFunc{[]expr.Expr{e.X}, true, func(_ *Context, args []event.Value, out *event.Value) error {
		found := has(args[0])
		out.I, out.Null = b2i(found), !found && e.HasNull
		return nil
	}}
}

func memberOf(t event.Type, list []event.Value) func(v event.Value) bool {
	switch t.Physical() {
	case event.PhysI64:
		set := intSet(list)
		return func(v event.Value) bool { return set.has(v.I) }
	case event.PhysStr:
		set := make(map[string]struct{}, len(list))
		for _, v := range list {
			set[string(v.S)] = struct{}{}
		}
		return func(v event.Value) bool { _, ok := set[string(v.S)]; return ok }
	}
	return func(v event.Value) bool {
		for _, x := range list {
			if v.F() == v.F() && function.Equal(t, v, x) || !t.Float() && function.Equal(t, v, x) {
				return true
			}
		}
		return false
	}
}

// ints is a sorted set.
type ints []int64

func intSet(list []event.Value) ints {
	set := make(ints, len(list))
	for i, v := range list {
		set[i] = v.I
	}
	sort.Slice(set, func(i, j int) bool { return set[i] < set[j] })
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
