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

// mergeMoments joins two sets of moments: Chan, Golub and LeVeque, "Updating
// formulae and a pairwise algorithm for computing sample variances" (1979).
func mergeMoments(a, b []event.Value) error {
	if b[0].I == 0 {
		return nil
	}
	if a[0].I == 0 {
		copy(a, b)
		return nil
	}
	na, nb := float64(a[0].I), float64(b[0].I)
	n := na + nb
	dx := b[1].F() - a[1].F()
	a[0].I += b[0].I
	a[1] = event.FloatValue(a[1].F() + dx*nb/n)
	a[2] = event.FloatValue(a[2].F() + b[2].F() + dx*dx*na*nb/n)
	if len(a) < 6 {
		return nil
	}
	dy := b[3].F() - a[3].F()
	a[3] = event.FloatValue(a[3].F() + dy*nb/n)
	a[4] = event.FloatValue(a[4].F() + b[4].F() + dy*dy*na*nb/n)
	a[5] = event.FloatValue(a[5].F() + b[5].F() + dx*dy*na*nb/n)
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
		return &fold{size: size, add: skipNull(addMoments), merge: mergeMoments, result: func(s []event.Value, out *event.Value) error {
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
	statistic("REGR_COUNT", nil, "y, x", "Number of rows where neither y nor x is NULL.", 0,
		func(n float64, _ []event.Value) float64 { return n }),
	statistic("REGR_AVGX", nil, "y, x", "Mean of x.", 1,
		func(_ float64, s []event.Value) float64 { return s[3].F() }),
	statistic("REGR_AVGY", nil, "y, x", "Mean of y.", 1,
		func(_ float64, s []event.Value) float64 { return s[1].F() }),
	statistic("REGR_SXX", nil, "y, x", "Sum of the squared deviations of x from its mean.", 1,
		func(_ float64, s []event.Value) float64 { return s[4].F() }),
	statistic("REGR_SYY", nil, "y, x", "Sum of the squared deviations of y from its mean.", 1,
		func(_ float64, s []event.Value) float64 { return s[2].F() }),
	statistic("REGR_SXY", nil, "y, x", "Sum of the products of the deviations of x and y.", 1,
		func(_ float64, s []event.Value) float64 { return s[5].F() }),
	statistic("REGR_SLOPE", nil, "y, x", "Slope of the line of least squares through the points (x, y); NaN when x does not vary.", 2,
		func(_ float64, s []event.Value) float64 { return s[5].F() / s[4].F() }),
	statistic("REGR_INTERCEPT", nil, "y, x", "Where the line of least squares through the points (x, y) meets x = 0.", 2,
		func(_ float64, s []event.Value) float64 { return s[1].F() - s[5].F()/s[4].F()*s[3].F() }),
	statistic("REGR_R2", nil, "y, x", "Square of the correlation coefficient: the part of the variance that the line explains.", 2,
		func(_ float64, s []event.Value) float64 { return s[5].F() * s[5].F() / (s[2].F() * s[4].F()) }),
	{
		Name: "GEOMETRIC_MEAN", Usage: "GEOMETRIC_MEAN(x)",
		Doc:     "n-th root of the product of n values.",
		Resolve: sig(event.TFloat64, 1, pDouble),
		Bind: func([]event.Type, event.Type) expr.Accumulator {
			return &fold{size: 2, add: addLog, merge: addLogs, result: func(s []event.Value, out *event.Value) error {
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

func addLogs(state, other []event.Value) error {
	state[0] = event.FloatValue(state[0].F() + other[0].F())
	state[1].I += other[1].I
	return nil
}
