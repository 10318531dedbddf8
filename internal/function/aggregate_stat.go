package function

import (
	"fmt"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// moments is Welford's running mean and squared deviation, of two variables
// for the covariances: registers n, mean x, m2 x, mean y, m2 y, c xy.
func addMoments(state, args []event.Value) error {
	state[0].I++
	n := float64(state[0].I)
	x := args[0].F()
	dx := x - state[1].F()
	state[1] = event.FloatValue(state[1].F() + dx/n)
	state[2] = event.FloatValue(state[2].F() + dx*(x-state[1].F()))
	if len(args) < 2 {
		return nil
	}
	y := args[1].F()
	dy := y - state[3].F()
	state[3] = event.FloatValue(state[3].F() + dy/n)
	state[4] = event.FloatValue(state[4].F() + dy*(y-state[3].F()))
	state[5] = event.FloatValue(state[5].F() + dx*(y-state[3].F()))
	return nil
}

// statistic makes an aggregate of the moments; f gets them when there are at
// least min rows.
func statistic(name string, aliases []string, args string, doc string, min int64, f func(n float64, s []event.Value) float64) *expr.AggFunc {
	params, size := []param{pDouble}, 3
	if len(args) > 1 {
		params, size = []param{pDouble, pDouble}, 6
	}
	bind := func([]event.Type, event.Type) expr.Accumulator {
		return &fold{size: size, add: skipNull(addMoments), result: func(s []event.Value, out *event.Value) error {
			*out = event.NullValue
			if s[0].I >= min {
				*out = event.FloatValue(f(float64(s[0].I), s))
			}
			return nil
		}}
	}
	return &expr.AggFunc{Name: name, Aliases: aliases, Usage: fmt.Sprintf("%s(%s)", name, args), Doc: doc, Resolve: sig(event.TFloat64, len(params), params...), Bind: bind}
}

// skipNull passes over rows where the second argument is NULL.
func skipNull(add func(state, args []event.Value) error) func(state, args []event.Value) error {
	return func(state, args []event.Value) error {
		if len(args) > 1 && args[1].Null {
			return nil
		}
		return add(state, args)
	}
}

var statisticAggregates = []*expr.AggFunc{
	statistic("VAR_POP", nil, "x", "Population variance.", 1,
		func(n float64, s []event.Value) float64 { return s[2].F() / n }),
	statistic("VAR_SAMP", []string{"VARIANCE"}, "x", "Sample variance; NULL for a single value.", 2,
		func(n float64, s []event.Value) float64 { return s[2].F() / (n - 1) }),
	statistic("STDDEV_POP", nil, "x", "Population standard deviation.", 1,
		func(n float64, s []event.Value) float64 { return math.Sqrt(s[2].F() / n) }),
	statistic("STDDEV_SAMP", []string{"STDDEV"}, "x", "Sample standard deviation; NULL for a single value.", 2,
		func(n float64, s []event.Value) float64 { return math.Sqrt(s[2].F() / (n - 1)) }),
	statistic("COVAR_POP", nil, "x, y", "Population covariance.", 1,
		func(n float64, s []event.Value) float64 { return s[5].F() / n }),
	statistic("COVAR_SAMP", nil, "x, y", "Sample covariance; NULL for a single pair.", 2,
		func(n float64, s []event.Value) float64 { return s[5].F() / (n - 1) }),
	statistic("CORR", nil, "x, y", "Correlation coefficient; NaN when x or y does not vary.", 2,
		func(_ float64, s []event.Value) float64 { return s[5].F() / math.Sqrt(s[2].F()*s[4].F()) }),
	{
		Name: "GEOMETRIC_MEAN", Usage: "GEOMETRIC_MEAN(x)",
		Doc:     "n-th root of the product of n values.",
		Resolve: sig(event.TFloat64, 1, pDouble),
		Bind: func([]event.Type, event.Type) expr.Accumulator {
			return &fold{size: 2, add: addLog, result: func(s []event.Value, out *event.Value) error {
				*out = event.NullValue
				if s[1].I > 0 {
					*out = event.FloatValue(math.Exp(s[0].F() / float64(s[1].I)))
				}
				return nil
			}}
		},
	},
}

func addLog(state, args []event.Value) error {
	state[0] = event.FloatValue(state[0].F() + math.Log(args[0].F()))
	state[1].I++
	return nil
}
