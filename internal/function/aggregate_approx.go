package function

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/sketch"
)

// The approximate aggregates as Accumulators collect what they are given, since
// states are copied by assignment when partial matches fork, and make the
// sketch when asked. Windows keep sketches in place of lists.
var approximateAggregates = []*expr.AggFunc{
	{
		Name: "APPROX_COUNT_DISTINCT", Usage: "APPROX_COUNT_DISTINCT(x)",
		Doc:     "Number of distinct values that are not NULL, estimated with a standard error of 0.8 % (HyperLogLog).",
		Resolve: sig(event.TInt64, 1, pAny),
		Bind:    bindApproxDistinct,
	},
	{
		Name: "APPROX_PERCENTILE", Usage: "APPROX_PERCENTILE(x, p)",
		Doc:     "The value below which the part p (0 … 1) of the finite values lies, estimated within 1 % of the value (DDSketch).",
		Resolve: sig(event.TFloat64, 2, pDouble, pDouble),
		Bind:    bindApproxPercentile,
	},
}

func bindApproxDistinct(params []event.Type, _ event.Type) expr.Accumulator {
	t := params[0]
	return &fold{size: 1, merge: concatFirst,
		add: func(state, args []event.Value) error {
			state[0] = push(state[0], event.IntValue(int64(Hash(t, args[0]))))
			return nil
		},
		result: func(state []event.Value, out *event.Value) error {
			d := sketch.NewDistinct()
			for _, v := range items(state[0]) {
				d.Add(uint64(v.I))
			}
			*out = event.IntValue(d.Count())
			return nil
		}}
}

func bindApproxPercentile([]event.Type, event.Type) expr.Accumulator {
	return &fold{size: 2, init: func(state []event.Value) { state[1].Null = true },
		add: func(state, args []event.Value) error {
			state[1] = args[1]
			return pushFirst(state, args)
		},
		merge: func(state, other []event.Value) error {
			if other[0].I > 0 {
				state[1] = other[1]
			}
			return concatFirst(state, other)
		},
		result: func(state []event.Value, out *event.Value) error {
			q := sketch.NewQuantiles()
			for _, v := range items(state[0]) {
				if err := q.Add(v.F()); err != nil {
					return err
				}
			}
			return Percentile(q, state[1], out)
		}}
}

// Percentile is the p-quantile of a sketch, NULL when it is empty or p is NULL.
func Percentile(q *sketch.Quantiles, p event.Value, out *event.Value) error {
	*out = event.NullValue
	if q.Empty() || p.Null {
		return nil
	}
	x, err := q.At(p.F())
	*out = event.FloatValue(x)
	return err
}
