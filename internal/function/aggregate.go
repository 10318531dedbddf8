package function

import (
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// fold is an Accumulator of one to five registers made of plain functions.
type fold struct {
	size   int
	init   func(state []event.Value) // nil: zeros
	add    func(state, args []event.Value) error
	merge  func(state, other []event.Value) error
	result func(state []event.Value, out *event.Value) error
}

func (f *fold) Size() int { return f.size }

func (f *fold) Init(state []event.Value) {
	clear(state[:f.size])
	if f.init != nil {
		f.init(state)
	}
}

func (f *fold) Add(state, args []event.Value) error { return f.add(state, args) }

func (f *fold) Merge(state, other []event.Value) error { return f.merge(state, other) }

func (f *fold) Result(state []event.Value, out *event.Value) error {
	out.Null = false
	return f.result(state, out)
}

type binder = func(params []event.Type, result event.Type) expr.Accumulator

func startNull(state []event.Value) { state[0].Null = true }

// addCounts merges states whose first register is a number of rows.
func addCounts(state, other []event.Value) error {
	state[0].I += other[0].I
	return nil
}

// keepFirst and takeLast merge states of one value, NULL where there is none.
func keepFirst(state, other []event.Value) error {
	if state[0].Null {
		state[0] = other[0]
	}
	return nil
}

func takeLast(state, other []event.Value) error {
	if !other[0].Null {
		state[0] = other[0]
	}
	return nil
}

func firstRegister(state []event.Value, out *event.Value) error {
	*out = state[0]
	return nil
}

var basicAggregates = []*expr.AggFunc{
	{
		Name: "COUNT", Usage: "COUNT(*) or COUNT(x, …)",
		Doc:      "Number of rows; of rows where no argument is NULL.",
		Resolve:  resolveCount,
		Bind:     bindCount,
		NullArgs: true,
	},
	{
		Name: "COUNT_IF", Usage: "COUNT_IF(condition)",
		Doc:     "Number of rows for which the condition is true.",
		Resolve: sig(event.TInt64, 1, pBool),
		Bind: func([]event.Type, event.Type) expr.Accumulator {
			return &fold{size: 1, merge: addCounts, result: firstRegister, add: func(state, args []event.Value) error {
				state[0].I += args[0].I
				return nil
			}}
		},
	},
	{
		Name: "SUM", Usage: "SUM(x)",
		Doc:     "Sum of the values that are not NULL, in x's type (DECIMAL: 38 digits). A sum that does not fit is an error.",
		Resolve: derived(1, false, sumType, numberOrInterval),
		Bind:    bindSum,
	},
	{
		Name: "AVG", Usage: "AVG(x)",
		Doc:     "Mean of the values that are not NULL: DOUBLE for integers and floats, DECIMAL(38, s) for DECIMAL.",
		Resolve: derived(1, false, avgType, numberOrInterval),
		Bind:    bindAvg,
	},
	{
		Name: "MIN", Usage: "MIN(x)",
		Doc:     "Least of the values that are not NULL.",
		Resolve: sameAs(1, pAny),
		Bind:    bindExtreme(-1),
	},
	{
		Name: "MAX", Usage: "MAX(x)",
		Doc:     "Greatest of the values that are not NULL.",
		Resolve: sameAs(1, pAny),
		Bind:    bindExtreme(1),
	},
	{
		Name: "MIN_BY", Usage: "MIN_BY(x, y)", NullArgs: true, Ordered: true,
		Doc:     "x of the first row with the least y.",
		Resolve: sameAs(2, pAny, pAny),
		Bind:    bindExtremeBy(-1),
	},
	{
		Name: "MAX_BY", Usage: "MAX_BY(x, y)", NullArgs: true, Ordered: true,
		Doc:     "x of the first row with the greatest y.",
		Resolve: sameAs(2, pAny, pAny),
		Bind:    bindExtremeBy(1),
	},
	{
		Name: "BOOL_AND", Aliases: []string{"EVERY"}, Usage: "BOOL_AND(condition)",
		Doc:     "TRUE when no value is FALSE; NULL when there is no value.",
		Resolve: sig(event.TBool, 1, pBool),
		Bind:    bindBool(func(a, b int64) int64 { return a & b }),
	},
	{
		Name: "BOOL_OR", Aliases: []string{"SOME", "ANY"}, Usage: "BOOL_OR(condition)",
		Doc:     "TRUE when a value is TRUE; NULL when there is no value.",
		Resolve: sig(event.TBool, 1, pBool),
		Bind:    bindBool(func(a, b int64) int64 { return a | b }),
	},
	{
		Name: "FIRST_VALUE", Usage: "FIRST_VALUE(x)", Ordered: true,
		Doc:     "First value that is not NULL.",
		Resolve: sameAs(1, pAny),
		Bind: func([]event.Type, event.Type) expr.Accumulator {
			return &fold{size: 1, init: startNull, merge: keepFirst, result: firstRegister, add: func(state, args []event.Value) error {
				if state[0].Null {
					state[0] = Clone(args[0])
				}
				return nil
			}}
		},
	},
	{
		Name: "LAST_VALUE", Usage: "LAST_VALUE(x)", Ordered: true,
		Doc:     "Last value that is not NULL.",
		Resolve: sameAs(1, pAny),
		Bind: func([]event.Type, event.Type) expr.Accumulator {
			return &fold{size: 1, init: startNull, merge: takeLast, result: firstRegister, add: func(state, args []event.Value) error {
				state[0] = Clone(args[0])
				return nil
			}}
		},
	},
}

func resolveCount(args []event.Type) ([]event.Type, event.Type, error) {
	return args, event.TInt64, nil
}

func bindCount([]event.Type, event.Type) expr.Accumulator {
	return &fold{size: 1, merge: addCounts, result: firstRegister, add: func(state, args []event.Value) error {
		for i := range args {
			if args[i].Null {
				return nil
			}
		}
		state[0].I++
		return nil
	}}
}

var numberOrInterval = keeping("number or interval", event.TInt32, func(t event.Type) bool { return t.Numeric() || interval(t) })

func sumType(params []event.Type) (event.Type, error) {
	if t := params[0]; t.Kind == event.Decimal {
		return event.TDecimal(event.MaxPrecision, t.Scale), nil
	}
	return params[0], nil
}

func avgType(params []event.Type) (event.Type, error) {
	switch t := params[0]; {
	case t.Kind == event.Decimal:
		return event.TDecimal(event.MaxPrecision, max(6, t.Scale)), nil
	case interval(t):
		return t, nil
	}
	return event.TFloat64, nil
}

// addExact adds a number to the 128-bit register of a sum. Order does not
// matter: integers are summed beyond 64 bits and checked in the end.
func addExact(t event.Type) func(register *event.Value, x event.Value) error {
	return func(register *event.Value, x event.Value) error {
		sum, err := decimal.Add(decimal.Int{Hi: register.Hi, Lo: uint64(register.I)}, Dec(t, x))
		register.I, register.Hi = int64(sum.Lo), sum.Hi
		return err
	}
}

// addSum adds a register to another: both are sums of values of type t.
func addSum(t event.Type) func(register *event.Value, x event.Value) error {
	if t.Float() {
		return func(register *event.Value, x event.Value) error {
			*register = event.FloatValue(register.F() + x.F())
			return nil
		}
	}
	return addExact(event.TDecimal(event.MaxPrecision, 0))
}

// addValue adds a value of type t to a sum.
func addValue(t event.Type) func(register *event.Value, x event.Value) error {
	if t.Float() {
		return addSum(t)
	}
	return addExact(t)
}

func bindSum(params []event.Type, result event.Type) expr.Accumulator {
	t := params[0]
	add, join := addValue(t), addSum(t)
	f := &fold{size: 1, init: startNull, result: firstRegister}
	f.add = func(state, args []event.Value) error {
		state[0].Null = false
		return add(&state[0], args[0])
	}
	f.merge = func(state, other []event.Value) error {
		if other[0].Null {
			return nil
		}
		state[0].Null = false
		return join(&state[0], other[0])
	}
	if t.Float() || t.Kind == event.Decimal {
		return f
	}
	lo, hi := IntRange(result)
	f.result = func(state []event.Value, out *event.Value) error {
		*out = state[0]
		if i, ok := Dec(event.TDecimal(event.MaxPrecision, 0), state[0]).Int64(); !ok || i < lo || i > hi {
			return overflow(result)
		}
		return nil
	}
	return f
}

func bindAvg(params []event.Type, result event.Type) expr.Accumulator {
	t := params[0]
	add, join, mean := addValue(t), addSum(t), meanOf(t, result)
	return &fold{size: 2,
		add: func(state, args []event.Value) error {
			state[1].I++
			return add(&state[0], args[0])
		},
		merge: func(state, other []event.Value) error {
			state[1].I += other[1].I
			return join(&state[0], other[0])
		},
		result: func(state []event.Value, out *event.Value) error {
			if state[1].I == 0 {
				*out = event.NullValue
				return nil
			}
			return mean(state[0], state[1].I, out)
		}}
}

// meanOf is sum / n in the type of the result.
func meanOf(t, result event.Type) func(sum event.Value, n int64, out *event.Value) error {
	wide := event.TDecimal(event.MaxPrecision, 0)
	up := 0
	switch {
	case t.Float():
		return func(sum event.Value, n int64, out *event.Value) error {
			*out = event.FloatValue(sum.F() / float64(n))
			return nil
		}
	case t.Integer():
		return func(sum event.Value, n int64, out *event.Value) error {
			*out = event.FloatValue(decimal.Float64(Dec(wide, sum), 0) / float64(n))
			return nil
		}
	case t.Kind == event.Decimal:
		up = result.Scale - t.Scale
	}
	return func(sum event.Value, n int64, out *event.Value) error {
		q, err := decimal.Div(Dec(wide, sum), decimal.FromInt64(n), up)
		*out = DecValue(q)
		return err
	}
}

func bindExtreme(sign int) binder {
	return func(params []event.Type, _ event.Type) expr.Accumulator {
		t := params[0]
		take := func(state, x []event.Value) error {
			if !x[0].Null && (state[0].Null || Compare(t, x[0], state[0])*sign > 0) {
				state[0] = Clone(x[0])
			}
			return nil
		}
		return &fold{size: 1, init: startNull, result: firstRegister, add: take, merge: take}
	}
}

func bindExtremeBy(sign int) binder {
	return func(params []event.Type, _ event.Type) expr.Accumulator {
		t := params[1]
		start := func(state []event.Value) { state[0].Null, state[1].Null = true, true }
		take := func(state, x []event.Value) error {
			if !x[1].Null && (state[1].Null || Compare(t, x[1], state[1])*sign > 0) {
				state[0], state[1] = Clone(x[0]), Clone(x[1])
			}
			return nil
		}
		return &fold{size: 2, init: start, result: firstRegister, add: take, merge: take}
	}
}

func bindBool(join func(a, b int64) int64) binder {
	return func([]event.Type, event.Type) expr.Accumulator {
		take := func(state, x []event.Value) error {
			switch {
			case x[0].Null:
			case state[0].Null:
				state[0] = event.Value{I: x[0].I}
			default:
				state[0].I = join(state[0].I, x[0].I)
			}
			return nil
		}
		return &fold{size: 1, init: startNull, result: firstRegister, add: take, merge: take}
	}
}
