package function

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var arrayFuncs = []*expr.Func{
	withNulls(define("collection", "ARRAY_APPEND(a, x)", "The array with x behind it.", elementAdded, arrayAdd(false), "ARRAY_APPEND(ARRAY[1, 2], 3)", "[1, 2, 3]")),
	withNulls(define("collection", "ARRAY_PREPEND(a, x)", "The array with x before it.", elementAdded, arrayAdd(true), "ARRAY_PREPEND(ARRAY[1, 2], 3)", "[3, 1, 2]")),
	withNulls(define("collection", "ARRAY_REMOVE(a, x)", "The array without the elements equal to x; with NULL, without those that are NULL.", elementAdded, arrayRemove,
		"ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]")),
	define("collection", "ARRAY_CONCAT(a, …)", "The elements of all arrays, one after the other.", arraysAlike(1), arrayConcat, "ARRAY_CONCAT(ARRAY[1], ARRAY[2, 3])", "[1, 2, 3]"),
	define("collection", "ARRAY_UNION(a, b)", "The elements of both arrays, each once.", arraysAlike(2), arrayUnion, "ARRAY_UNION(ARRAY[1, 2, 1], ARRAY[2, 3])", "[1, 2, 3]"),
	define("collection", "ARRAY_EXCEPT(a, b)", "The elements of a that are not in b, each once.", arraysAlike(2), arrayKeep(false), "ARRAY_EXCEPT(ARRAY[1, 2, 1], ARRAY[2, 3])", "[1]"),
	define("collection", "ARRAY_INTERSECT(a, b)", "The elements of a that are in b too, each once.", arraysAlike(2), arrayKeep(true), "ARRAY_INTERSECT(ARRAY[1, 2, 2], ARRAY[2, 3])", "[2]"),
	define("collection", "ARRAY_SLICE(a, from [, to])", "The elements from one position to another (default: the last), both included; positions start at 1, negative ones count from the end.",
		sameAs(2, pArray, pInt, pInt), arraySlice, "ARRAY_SLICE(ARRAY[1, 2, 3, 4], 2, 3)", "[2, 3]", "ARRAY_SLICE(ARRAY[1, 2, 3, 4], -2)", "[3, 4]"),
	define("collection", "ARRAY_SORT(a [, ascending [, nulls first]])", "The array in order: ascending by default, NULLs first where it is ascending.", sameAs(1, pArray, pBool, pBool), arraySort,
		"ARRAY_SORT(ARRAY[3, 1, 2])", "[1, 2, 3]", "ARRAY_SORT(ARRAY[3, 1, 2], FALSE)", "[3, 2, 1]"),
	define("collection", "MAP_ENTRIES(m)", "The entries of a MAP as an ARRAY of ROW<key, value>.", derived(1, false, func(p []event.Type) (event.Type, error) {
		return arrayOf(event.Type{Kind: event.Row, Fields: []event.Field{{Name: "key", Type: *p[0].Key}, {Name: "value", Type: *p[0].Elem}}}), nil
	}, pMap), mapEntries, "MAP_ENTRIES(MAP['a', 1])", "[(a, 1)]"),
	define("collection", "MAP_FROM_ARRAYS(keys, values)", "The MAP of keys and values; an error where they are not as many.", derived(2, false, func(p []event.Type) (event.Type, error) {
		return mapOf(*p[0].Elem, *p[1].Elem), nil
	}, pArray, pArray), mapFromArrays, "MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"),
	define("collection", "MAP_UNION(m, …)", "The entries of all maps; of equal keys the last counts.", mapsAlike, mapUnion, "MAP_UNION(MAP['a', 1], MAP['a', 2])", "{a=2}"),
}

// elementAdded takes an array and an element; the result has their common type.
func elementAdded(args []event.Type) ([]event.Type, event.Type, error) {
	params, _, err := resolveNeedle(event.TNull)(args)
	if err != nil {
		return nil, event.TNull, err
	}
	return params, params[0], nil
}

// arraysAlike takes min arrays, or more where min is 1, of a common type.
func arraysAlike(min int) resolver {
	return func(args []event.Type) ([]event.Type, event.Type, error) {
		if _, _, err := derived(min, min == 1, func(p []event.Type) (event.Type, error) { return p[0], nil }, slices.Repeat([]param{pArray}, min)...)(args); err != nil {
			return nil, event.TNull, err
		}
		return common(min)(args)
	}
}

func mapsAlike(args []event.Type) ([]event.Type, event.Type, error) {
	if _, _, err := variadic(event.TNull, pMap)(args); err != nil {
		return nil, event.TNull, err
	}
	return common(1)(args)
}

func arrayAdd(first bool) evalFunc {
	return func(_ *expr.Context, a []event.Value, out *event.Value) error {
		if out.Null = a[0].Null; out.Null {
			return nil
		}
		x := []event.Value{Clone(a[1])}
		if first {
			out.L = slices.Concat(x, a[0].L)
		} else {
			out.L = slices.Concat(a[0].L, x)
		}
		return nil
	}
}

func arrayRemove(c *expr.Context, a []event.Value, out *event.Value) error {
	if out.Null = a[0].Null; out.Null {
		return nil
	}
	out.L = slices.DeleteFunc(slices.Clone(a[0].L), func(v event.Value) bool { return Equal(c.Args[1], v, a[1]) })
	return nil
}

func arrayConcat(_ *expr.Context, a []event.Value, out *event.Value) error {
	list := []event.Value{}
	for _, x := range a {
		list = append(list, x.L...)
	}
	out.L = list
	return nil
}

func arrayUnion(c *expr.Context, a []event.Value, out *event.Value) error {
	both := event.Value{L: slices.Concat(a[0].L, a[1].L)}
	return arrayDistinct(c, []event.Value{both}, out)
}

// arrayKeep keeps the elements that are in the second array, or those that are not.
func arrayKeep(in bool) evalFunc {
	return func(c *expr.Context, a []event.Value, out *event.Value) error {
		t := *c.Args[0].Elem
		kept := event.Value{L: slices.DeleteFunc(slices.Clone(a[0].L), func(v event.Value) bool { return (indexOf(t, a[1].L, v) >= 0) != in })}
		return arrayDistinct(c, []event.Value{kept}, out)
	}
}

func arraySlice(_ *expr.Context, a []event.Value, out *event.Value) error {
	n := int64(len(a[0].L))
	place := func(i int64) int64 { // from 1
		if i < 0 {
			return n + i + 1
		}
		return i
	}
	from, to := max(1, place(a[1].I)), min(n, place(argInt(a, 2, n)))
	out.L = []event.Value{}
	if from <= to {
		out.L = slices.Clone(a[0].L[from-1 : to])
	}
	return nil
}

func arraySort(c *expr.Context, a []event.Value, out *event.Value) error {
	t, sign := *c.Args[0].Elem, 1
	if len(a) > 1 && a[1].I == 0 {
		sign = -1
	}
	nullsFirst := sign > 0
	if len(a) > 2 {
		nullsFirst = a[2].I != 0
	}
	out.L = slices.Clone(a[0].L)
	slices.SortStableFunc(out.L, func(x, y event.Value) int {
		if x.Null != y.Null {
			if x.Null == nullsFirst {
				return -1
			}
			return 1
		}
		return sign * Compare(t, x, y)
	})
	return nil
}

func mapEntries(_ *expr.Context, a []event.Value, out *event.Value) error {
	list := make([]event.Value, 0, len(a[0].L)/2)
	for i := 0; i < len(a[0].L); i += 2 {
		list = append(list, event.Value{L: a[0].L[i : i+2 : i+2]})
	}
	out.L = list
	return nil
}

func mapFromArrays(c *expr.Context, a []event.Value, out *event.Value) error {
	if len(a[0].L) != len(a[1].L) {
		return fmt.Errorf("MAP_FROM_ARRAYS: %d keys and %d values", len(a[0].L), len(a[1].L))
	}
	var list []event.Value
	for i, k := range a[0].L {
		list = putEntry(*c.Result.Key, list, k, a[1].L[i])
	}
	out.L = list
	return nil
}

func mapUnion(c *expr.Context, a []event.Value, out *event.Value) error {
	var list []event.Value
	for _, m := range a {
		for i := 0; i < len(m.L); i += 2 {
			list = putEntry(*c.Result.Key, list, m.L[i], m.L[i+1])
		}
	}
	out.L = list
	return nil
}

// putEntry adds an entry to a map, or replaces the value of its key.
func putEntry(t event.Type, list []event.Value, k, v event.Value) []event.Value {
	for i := 0; i < len(list); i += 2 {
		if Equal(t, list[i], k) {
			list[i+1] = v
			return list
		}
	}
	return append(list, k, v)
}
