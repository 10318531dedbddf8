package function

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
)

// param says what one argument may be: accept gives the type to cast it to.
type param struct {
	what   string
	accept func(t event.Type) (event.Type, bool)
}

func exactly(what string, to event.Type, ok func(event.Type) bool) param {
	return param{what, func(t event.Type) (event.Type, bool) {
		return to, t.Kind == event.Null || ok(t)
	}}
}

func keeping(what string, null event.Type, ok func(event.Type) bool) param {
	return param{what, func(t event.Type) (event.Type, bool) {
		if t.Kind == event.Null {
			return null, true
		}
		return t, ok(t)
	}}
}

func isKind(k event.Kind) func(event.Type) bool {
	return func(t event.Type) bool { return t.Kind == k }
}

// The kinds of parameters.
var (
	pString  = exactly("STRING", event.TString, isKind(event.String))
	pBytes   = exactly("BYTES", event.TBytes, isKind(event.Bytes))
	pText    = exactly("value", event.TString, func(t event.Type) bool { return !nested(t) })
	pStrings = keeping("STRING or BYTES", event.TString, func(t event.Type) bool { return t.Physical() == event.PhysStr })
	pInt     = exactly("integer", event.TInt64, event.Type.Integer)
	pDouble  = exactly("number", event.TFloat64, event.Type.Numeric)
	pNumber  = keeping("number", event.TInt32, event.Type.Numeric)
	pBool    = exactly("BOOLEAN", event.TBool, isKind(event.Bool))
	pAny     = keeping("value", event.TNull, func(event.Type) bool { return true })
	pDated   = keeping("DATE, TIME or TIMESTAMP", event.TTimestamp, dated)
	pMoment  = keeping("DATE or TIMESTAMP", event.TTimestamp, func(t event.Type) bool { return t.Instant() || t.Kind == event.Date })
	pArray   = keeping("ARRAY", arrayOf(event.TNull), isKind(event.Array))
	pMap     = keeping("MAP", mapOf(event.TString, event.TString), isKind(event.Map))
)

func nested(t event.Type) bool { return t.Physical() == event.PhysNested }

func arrayOf(t event.Type) event.Type { return event.Type{Kind: event.Array, Elem: &t} }

func mapOf(k, v event.Type) event.Type { return event.Type{Kind: event.Map, Key: &k, Elem: &v} }

// sig resolves a call with min to len(params) arguments to a fixed result.
func sig(result event.Type, min int, params ...param) resolver {
	return derived(min, false, func([]event.Type) (event.Type, error) { return result, nil }, params...)
}

// variadic resolves a call with at least len(params) arguments, of which the
// last may repeat.
func variadic(result event.Type, params ...param) resolver {
	return derived(len(params), true, func([]event.Type) (event.Type, error) { return result, nil }, params...)
}

// sameAs resolves to the type of the first parameter.
func sameAs(min int, params ...param) resolver {
	return derived(min, false, func(p []event.Type) (event.Type, error) { return p[0], nil }, params...)
}

// derived resolves a call whose result type depends on the parameters'.
func derived(min int, repeat bool, result func(params []event.Type) (event.Type, error), params ...param) resolver {
	return func(args []event.Type) ([]event.Type, event.Type, error) {
		if err := checkCount(len(args), min, len(params), repeat); err != nil {
			return nil, event.TNull, err
		}
		types := make([]event.Type, len(args))
		for i, a := range args {
			want := params[len(params)-1]
			if i < len(params) {
				want = params[i]
			}
			t, ok := want.accept(a)
			if !ok {
				return nil, event.TNull, fmt.Errorf("argument %d must be a %s, not %s", i+1, want.what, a)
			}
			types[i] = t
		}
		r, err := result(types)
		return types, r, err
	}
}

func checkCount(n, min, max int, repeat bool) error {
	switch {
	case n < min && (repeat || min != max):
		return fmt.Errorf("%s expected, got %d", plural(min, "argument", "at least "), n)
	case n > max && !repeat && min != max:
		return fmt.Errorf("%s expected, got %d", plural(max, "argument", "at most "), n)
	case n < min || n > max && !repeat:
		return fmt.Errorf("%s expected, got %d", plural(max, "argument", ""), n)
	}
	return nil
}

func plural(n int, noun, before string) string {
	if n == 1 {
		return fmt.Sprintf("%s1 %s", before, noun)
	}
	return fmt.Sprintf("%s%d %ss", before, n, noun)
}

// common casts all arguments to their common type, which is also the result's.
func common(min int) resolver {
	return func(args []event.Type) ([]event.Type, event.Type, error) {
		if len(args) < min {
			return nil, event.TNull, checkCount(len(args), min, min, true)
		}
		t, err := CommonType(args...)
		if err != nil {
			return nil, event.TNull, err
		}
		params := make([]event.Type, len(args))
		for i := range params {
			params[i] = t
		}
		return params, t, nil
	}
}
