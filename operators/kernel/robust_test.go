package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

var oddTexts = []string{"", "'", "%", "\xff\xfe", "$", "$.a[", "[", "{", `{"a":[1,{"b":null}]}`, "lax $[*]", "yyyy-MM-dd", "DAY", "BOTH", "UTC",
	"2024-05-17 10:11:12", "-", "9999999999999999999999", "http://[::1", "1e999", "NaN", "ß", "DEFAULT", "a=1,b"}

// TestFunctionsAreRobust calls every function with random values of every
// type it accepts: none may panic, keep or change its arguments, or give a
// value that does not fit its result type.
func TestFunctionsAreRobust(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	for _, f := range function.All() {
		calls := 0
		for n := 0; n < 3000 || calls == 0 && n < 1_000_000; n++ {
			args := make([]event.Type, g.IntN(5))
			for i := range args {
				args[i] = g.anyType()
				if g.IntN(2) == 0 {
					args[i] = event.TString
				}
			}
			params, result, err := f.Resolve(args)
			if err != nil {
				continue
			}
			calls++
			callRandomly(t, g, f, params, result)
		}
		if calls == 0 && f.Name != "DECODE" { // BYTES are not among the random types
			t.Errorf("%s: no random arguments were accepted", f.Name)
		}
	}
}

func callRandomly(t *testing.T, g generator, f *expr.Func, params []event.Type, result event.Type) {
	values, copies := make([]event.Value, len(params)), make([]event.Value, len(params))
	for i, p := range params {
		values[i] = g.value(p, f.NullArgs)
		if p.Kind == event.String && g.IntN(2) == 0 {
			values[i] = event.StringValue(oddTexts[g.IntN(len(oddTexts))])
		}
		copies[i] = function.Clone(values[i])
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s of %v: panic %v", f.Name, texts(params, values), r)
		}
	}()
	var out event.Value
	c := &expr.Context{Args: params, Result: result, Zone: time.UTC}
	if err := f.Eval(c, values, &out); err != nil {
		return
	}
	for i := range out.S {
		out.S[i] ^= 0xff
	}
	for i, p := range params {
		if function.Compare(p, values[i], copies[i]) != 0 || !bytes.Equal(values[i].S, copies[i].S) {
			t.Errorf("%s of %v changes an argument, or its result shares its memory", f.Name, texts(params, copies))
		}
	}
	if result.Integer() && !out.Null {
		if lo, hi := function.IntRange(result); out.I < lo || out.I > hi {
			t.Errorf("%s of %v gives %d, out of %s", f.Name, texts(params, values), out.I, result)
		}
	}
	if result.Kind == event.Decimal && !out.Null && !function.Dec(result, out).Fits(result.Precision) {
		t.Errorf("%s of %v does not fit %s", f.Name, texts(params, values), result)
	}
}

func texts(types []event.Type, values []event.Value) (list []string) {
	for i, v := range values {
		list = append(list, Format(types[i], v))
	}
	return list
}
