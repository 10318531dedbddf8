package function

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var collectionFuncs = []*expr.Func{
	define("collection", "CARDINALITY(x)", "Number of elements of an ARRAY or entries of a MAP.", sig(event.TInt32, 1, pCollection), cardinality,
		"CARDINALITY(ARRAY[1, 2])", "2"),
	withNulls(define("collection", "ARRAY_CONTAINS(a, x)", "Whether the array has an element equal to x.", resolveNeedle(event.TBool), arrayContains,
		"ARRAY_CONTAINS(ARRAY[1, 2], 2)", "TRUE")),
	define("collection", "ARRAY_POSITION(a, x)", "Position of the first element equal to x, from 1; 0 when there is none.", resolveNeedle(event.TInt32), arrayPosition,
		"ARRAY_POSITION(ARRAY['a', 'b'], 'b')", "2"),
	define("collection", "ARRAY_DISTINCT(a)", "The array without repeated elements, in the order of first occurrence.", sameAs(1, pArray), arrayDistinct,
		"ARRAY_DISTINCT(ARRAY[1, 2, 1])", "[1, 2]"),
	define("collection", "ARRAY_REVERSE(a)", "The array from last to first.", sameAs(1, pArray), arrayReverse,
		"ARRAY_REVERSE(ARRAY[1, 2])", "[2, 1]"),
	define("collection", "ARRAY_MAX(a)", "The greatest element that is not NULL.", element(pArray), arrayExtreme(1), "ARRAY_MAX(ARRAY[1, 3, 2])", "3"),
	define("collection", "ARRAY_MIN(a)", "The least element that is not NULL.", element(pArray), arrayExtreme(-1), "ARRAY_MIN(ARRAY[2, 1, 3])", "1"),
	define("collection", "ARRAY_JOIN(a, separator)", "The elements that are not NULL as text, with the separator between them.", sig(event.TString, 2, pArray, pString), arrayJoin,
		"ARRAY_JOIN(ARRAY[1, 2], '-')", "1-2"),
	define("collection", "ELEMENT(a)", "The only element of an array; NULL when it is empty, an error when there are more.", element(pArray), onlyElement,
		"ELEMENT(ARRAY[7])", "7"),
	define("collection", "MAP_KEYS(m)", "The keys of a MAP.", derived(1, false, func(p []event.Type) (event.Type, error) { return arrayOf(*p[0].Key), nil }, pMap), mapParts(0),
		"MAP_KEYS(MAP['a', 1])", "[a]"),
	define("collection", "MAP_VALUES(m)", "The values of a MAP, in the order of its keys.", derived(1, false, func(p []event.Type) (event.Type, error) { return arrayOf(*p[0].Elem), nil }, pMap), mapParts(1),
		"MAP_VALUES(MAP['a', 1])", "[1]"),
	define("collection", "STR_TO_MAP(s [, pair separator [, key separator]])", "The MAP written in s as k1=v1,k2=v2; of equal keys the last counts.",
		sig(mapOf(event.TString, event.TString), 1, pString, pString, pString), textToMap, "STR_TO_MAP('a=1,b=2')", "{a=1, b=2}"),
}

var pCollection = keeping("ARRAY or MAP", arrayOf(event.TInt32), func(t event.Type) bool { return t.Kind == event.Array || t.Kind == event.Map })

func element(p param) resolver {
	return derived(1, false, func(p []event.Type) (event.Type, error) { return *p[0].Elem, nil }, p)
}

// resolveNeedle takes an array and a value of its element's type.
func resolveNeedle(result event.Type) resolver {
	return func(args []event.Type) ([]event.Type, event.Type, error) {
		params, _, err := sig(result, 2, pArray, pAny)(args)
		if err != nil {
			return nil, result, err
		}
		t, err := CommonType(*params[0].Elem, params[1])
		if err != nil {
			return nil, result, fmt.Errorf("the array holds %s, not %s", params[0].Elem, params[1])
		}
		return []event.Type{arrayOf(t), t}, result, nil
	}
}

func cardinality(c *expr.Context, a []event.Value, out *event.Value) error {
	out.I = int64(len(a[0].L))
	if c.Args[0].Kind == event.Map {
		out.I /= 2
	}
	return nil
}

func indexOf(t event.Type, list []event.Value, x event.Value) int {
	return slices.IndexFunc(list, func(v event.Value) bool { return Equal(t, v, x) })
}

func arrayContains(c *expr.Context, a []event.Value, out *event.Value) error {
	out.Null = a[0].Null
	out.I = int64(b2i(indexOf(c.Args[1], a[0].L, a[1]) >= 0))
	return nil
}

func arrayPosition(c *expr.Context, a []event.Value, out *event.Value) error {
	out.I = int64(indexOf(c.Args[1], a[0].L, a[1]) + 1)
	return nil
}

func arrayDistinct(c *expr.Context, a []event.Value, out *event.Value) error {
	t := *c.Args[0].Elem
	list := []event.Value{}
	for _, v := range a[0].L {
		if indexOf(t, list, v) < 0 {
			list = append(list, v)
		}
	}
	out.L = list
	return nil
}

func arrayReverse(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.L = slices.Clone(a[0].L)
	slices.Reverse(out.L)
	return nil
}

func arrayExtreme(sign int) evalFunc {
	return func(c *expr.Context, a []event.Value, out *event.Value) error {
		best := event.NullValue
		for _, v := range a[0].L {
			if !v.Null && (best.Null || Compare(c.Result, v, best)*sign > 0) {
				best = v
			}
		}
		copyOut(out, best)
		return nil
	}
}

// copyOut stores v in out, in out's own memory.
func copyOut(out *event.Value, v event.Value) {
	out.Null, out.I, out.Hi, out.L = v.Null, v.I, v.Hi, v.L
	out.S = append(out.S[:0], v.S...)
}

func arrayJoin(c *expr.Context, a []event.Value, out *event.Value) error {
	out.S = out.S[:0]
	some := false
	for _, v := range a[0].L {
		if v.Null {
			continue
		}
		if some {
			out.S = append(out.S, a[1].S...)
		}
		out.S = AppendText(out.S, *c.Args[0].Elem, v, c.Zone)
		some = true
	}
	return nil
}

var errNotOne = errors.New("ELEMENT: the array has more than one element")

func onlyElement(_ *expr.Context, a []event.Value, out *event.Value) error {
	switch len(a[0].L) {
	case 0:
		out.Null = true
	case 1:
		copyOut(out, a[0].L[0])
	default:
		return errNotOne
	}
	return nil
}

func mapParts(first int) evalFunc {
	return func(_ *expr.Context, a []event.Value, out *event.Value) error {
		list := make([]event.Value, 0, len(a[0].L)/2)
		for i := first; i < len(a[0].L); i += 2 {
			list = append(list, a[0].L[i])
		}
		out.L = list
		return nil
	}
}

func textToMap(_ *expr.Context, a []event.Value, out *event.Value) error {
	pair, key := []byte(","), []byte("=")
	if len(a) > 1 {
		pair = a[1].S
	}
	if len(a) > 2 {
		key = a[2].S
	}
	var list []event.Value
	for _, p := range bytes.Split(a[0].S, pair) {
		k, v, ok := bytes.Cut(p, key)
		entry := event.Value{S: bytes.Clone(v), Null: !ok}
		if at := keyIndex(list, k); at >= 0 {
			list[at+1] = entry
		} else {
			list = append(list, event.Value{S: bytes.Clone(k)}, entry)
		}
	}
	out.L = list
	return nil
}

func keyIndex(l []event.Value, key []byte) int {
	for i := 0; i < len(l); i += 2 {
		if bytes.Equal(l[i].S, key) {
			return i
		}
	}
	return -1
}
