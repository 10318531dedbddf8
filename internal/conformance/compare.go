package conformance

import (
	"fmt"
	"strings"
)

// Compare says how two results of a case differ; empty when they do not. Rows
// of a key have to be in the same order. The key must be the query's first
// column.
func Compare(c *Case, want, got *Result) string {
	wantKeys, wantBy := byKey(c, want)
	gotKeys, gotBy := byKey(c, got)
	for _, key := range append(wantKeys, gotKeys...) {
		if difference := firstDifference(wantBy[key], gotBy[key]); difference != "" {
			return fmt.Sprintf("%d rows, expected %d; key %v: %s", len(got.Rows), len(want.Rows), key, difference)
		}
	}
	return ""
}

// shownRows is how many rows of each side a difference shows.
const shownRows = 12

func firstDifference(want, got [][]any) string {
	i := 0
	for i < len(want) && i < len(got) && sameRow(want[i], got[i]) {
		i++
	}
	if i == len(want) && i == len(got) {
		return ""
	}
	return fmt.Sprintf("from row %d on, expected\n%s    got\n%s", i,
		show(want[i:min(len(want), i+shownRows)]), show(got[i:min(len(got), i+shownRows)]))
}

// byKey groups rows by partition key, in order of appearance; without PARTITION
// BY all rows are of one.
func byKey(c *Case, r *Result) (keys []any, groups map[any][][]any) {
	partitioned := strings.Contains(c.Query, "PARTITION BY")
	groups = map[any][][]any{}
	for _, row := range r.Rows {
		var key any
		if partitioned {
			key = row[0]
		}
		if _, ok := groups[key]; !ok {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], row)
	}
	return keys, groups
}
