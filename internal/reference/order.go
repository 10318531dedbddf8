package reference

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
)

// partitions groups the rows by key, in order of first appearance, and sorts
// each group; rows with equal keys keep their order of arrival.
func partitions(m *plan.Match, rows []Row) [][]Row {
	var groups [][]Row
	index := map[string]int{}
	for _, r := range rows {
		key := partitionKey(m, r)
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	for _, g := range groups {
		sort.SliceStable(g, func(i, j int) bool { return before(m, g[i], g[j]) })
	}
	return groups
}

// ranked numbers the rows in the order in which they are looked at.
func ranked(m *plan.Match, rows []Row) []Row {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return before(m, rows[order[i]], rows[order[j]]) })
	out := slices.Clone(rows)
	for rank, i := range order {
		out[i].rank = rank
	}
	return out
}

func partitionKey(m *plan.Match, r Row) string {
	var key string
	for _, c := range m.PartitionBy {
		v := r.Values[c]
		if v.Null {
			v = event.NullValue
		}
		key += fmt.Sprintf("%t %d %d %q %+v|", v.Null, v.I, v.Hi, v.S, v.L)
	}
	return key
}

func before(m *plan.Match, a, b Row) bool {
	fields := m.Input.Schema().Fields
	for _, k := range m.OrderBy {
		if c := compareKey(fields[k.Column].Type, k.Desc, k.NullsFirst, a.Values[k.Column], b.Values[k.Column]); c != 0 {
			return c < 0
		}
	}
	return false
}

func compareKey(t event.Type, desc, nullsFirst bool, a, b event.Value) int {
	if a.Null || b.Null {
		switch {
		case a.Null && b.Null:
			return 0
		case a.Null == nullsFirst:
			return -1
		}
		return 1
	}
	c := compare(t, a, b)
	if desc {
		return -c
	}
	return c
}

func compare(t event.Type, a, b event.Value) int {
	switch t.Physical() {
	case event.PhysF64:
		return cmp.Compare(a.F(), b.F())
	case event.PhysStr:
		return bytes.Compare(a.S, b.S)
	case event.PhysI128:
		if c := cmp.Compare(a.Hi, b.Hi); c != 0 {
			return c
		}
		return cmp.Compare(uint64(a.I), uint64(b.I))
	}
	return cmp.Compare(a.I, b.I)
}
