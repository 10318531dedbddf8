package ruletest

import "slices"

// Sum is what all tests have shown of each pattern.
func Sum(results []Result) []Covered {
	var all []Covered
	for i := range results {
		for _, c := range results[i].Covered {
			same := func(o Covered) bool { return o.SQL == c.SQL && o.Query == c.Query && o.Stage == c.Stage }
			if k := slices.IndexFunc(all, same); k >= 0 {
				all[k].Add(c.Coverage)
			} else {
				all = append(all, c)
			}
		}
	}
	return all
}
