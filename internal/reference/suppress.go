package reference

import (
	"fmt"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
)

// episode is the first detection of a key and those less than For after it.
type episode []Row

// suppress divides the rows of each key into episodes and shows of each the
// first row and the last, in the order in which that is known.
func suppress(n *plan.Suppress, tables Tables, opt Options) ([]Row, error) {
	in, err := Evaluate(n.Input, tables, opt)
	if err != nil {
		return nil, err
	}
	sort.SliceStable(in, func(i, j int) bool { return in[i].Time < in[j].Time })
	episodes, err := episodesOf(n, in)
	if err != nil {
		return nil, err
	}
	var out []Row // Time: when it is known
	for _, e := range episodes {
		out = append(out, suppressedRow(n, e[0], 0, e[0].Time))
	}
	for _, e := range episodes {
		if count := len(e) - 1; count > 0 {
			out = append(out, suppressedRow(n, e[count], count, later(e[0].Time, n.For)))
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Time < out[j].Time })
	return out, nil
}

// episodesOf lists the episodes by their first rows.
func episodesOf(n *plan.Suppress, in []Row) ([]episode, error) {
	var list []*episode
	open := map[string]*episode{}
	for _, r := range in {
		key := ""
		for _, e := range n.By {
			s, err := newScalar(e)
			if err != nil {
				return nil, err
			}
			v, err := s.eval(r.Values)
			if err != nil {
				return nil, err
			}
			key += fmt.Sprintf("%t %d %d %q|", v.Null, v.I, v.Hi, v.S)
		}
		if e := open[key]; e != nil && r.Time < later((*e)[0].Time, n.For) {
			*e = append(*e, r)
			continue
		}
		open[key] = &episode{r}
		list = append(list, open[key])
	}
	out := make([]episode, len(list))
	for i, e := range list {
		out[i] = *e
	}
	return out, nil
}

func suppressedRow(n *plan.Suppress, r Row, count int, known event.Time) Row {
	out := Row{Time: known}
	status := "FIRST"
	if count > 0 {
		status = "SUMMARY"
	}
	for _, c := range n.Columns {
		switch c {
		case plan.SuppressCount:
			out.Values = append(out.Values, event.IntValue(int64(count)))
		case plan.SuppressStatus:
			out.Values = append(out.Values, event.StringValue(status))
		default:
			out.Values = append(out.Values, r.Values[c])
		}
	}
	return out
}
