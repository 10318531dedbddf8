package conformance

import (
	"fmt"
	"strings"
)

// Compare says how two results of a case differ; empty when they do not. Rows
// of a key have to be in the same order. The key must be the query's first
// column.
func Compare(c *Case, want, got *Result) string {
	if len(want.Rows) != len(got.Rows) {
		return fmt.Sprintf("%d rows, expected %d%s", len(got.Rows), len(want.Rows), both(want.Rows, got.Rows))
	}
	wantKeys, wantBy := byKey(c, want)
	_, gotBy := byKey(c, got)
	for _, key := range wantKeys {
		if !equalRows(wantBy[key], gotBy[key], true) {
			return fmt.Sprintf("rows of key %v differ%s", key, both(wantBy[key], gotBy[key]))
		}
	}
	return ""
}

const shownRows = 30

func both(want, got [][]any) string {
	return fmt.Sprintf("; expected\n%s    got\n%s", show(want[:min(len(want), shownRows)]), show(got[:min(len(got), shownRows)]))
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
