package function

import (
	"bytes"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// push appends v to a list that other states may share: nothing that list
// points to is modified. The list is kept as runs whose lengths are falling
// powers of two, so that an append copies O(log n) values on average.
func push(list, v event.Value) event.Value {
	run := []event.Value{Clone(v)}
	runs := list.L
	for len(runs) > 0 && len(runs[len(runs)-1].L) == len(run) {
		last := runs[len(runs)-1].L
		run = append(append(make([]event.Value, 0, 2*len(run)), last...), run...)
		runs = runs[:len(runs)-1]
	}
	next := make([]event.Value, len(runs), len(runs)+1)
	copy(next, runs)
	return event.Value{I: list.I + 1, L: append(next, event.Value{L: run})}
}

// items is the list that push has built, in order.
func items(list event.Value) []event.Value {
	all := make([]event.Value, 0, list.I)
	for _, run := range list.L {
		all = append(all, run.L...)
	}
	return all
}

// concat is list followed by more: more's runs stay as they are where list is
// empty, else its values are pushed one by one.
func concat(list, more event.Value) event.Value {
	if list.I == 0 {
		return more
	}
	for _, v := range items(more) {
		list = push(list, v)
	}
	return list
}

func concatFirst(state, other []event.Value) error {
	state[0] = concat(state[0], other[0])
	return nil
}

func pushFirst(state, args []event.Value) error {
	state[0] = push(state[0], args[0])
	return nil
}

// listOrNull is the collected list, NULL when it is empty.
func listOrNull(state []event.Value, out *event.Value) error {
	*out = event.NullValue
	if state[0].I > 0 {
		*out = event.Value{L: items(state[0])}
	}
	return nil
}

var collectAggregates = []*expr.AggFunc{
	{
		Name: "ARRAY_AGG", Usage: "ARRAY_AGG(x)", NullArgs: true, Ordered: true,
		Doc:     "All values, NULL among them, as an ARRAY in the order of the rows.",
		Resolve: derived(1, false, func(p []event.Type) (event.Type, error) { return arrayOf(p[0]), nil }, pAny),
		Bind: func([]event.Type, event.Type) expr.Accumulator {
			return &fold{size: 1, add: pushFirst, merge: concatFirst, result: listOrNull}
		},
	},
	{
		Name: "LISTAGG", Aliases: []string{"STRING_AGG"}, Usage: "LISTAGG(s [, separator])", Ordered: true,
		Doc:     "The texts that are not NULL, joined by the separator (default ',').",
		Resolve: sig(event.TString, 1, pText, pString),
		Bind:    bindJoin,
	},
	{
		Name: "COLLECT", Usage: "COLLECT(x)",
		Doc:     "The distinct values that are not NULL, each with the number of its rows, as a MAP in ascending order.",
		Resolve: derived(1, false, func(p []event.Type) (event.Type, error) { return mapOf(p[0], event.TInt32), nil }, pAny),
		Bind:    bindCollect,
	},
}

func bindJoin([]event.Type, event.Type) expr.Accumulator {
	return &fold{size: 2,
		init: func(state []event.Value) { state[1] = event.StringValue(",") },
		add: func(state, args []event.Value) error {
			if len(args) > 1 && !args[1].Null && !bytes.Equal(state[1].S, args[1].S) {
				state[1] = Clone(args[1])
			}
			return pushFirst(state, args)
		},
		merge: func(state, other []event.Value) error {
			if other[0].I > 0 {
				state[1] = other[1]
			}
			return concatFirst(state, other)
		},
		result: func(state []event.Value, out *event.Value) error {
			out.Null = state[0].I == 0
			out.S = nil // out may still show another aggregate's register
			for i, v := range items(state[0]) {
				if i > 0 {
					out.S = append(out.S, state[1].S...)
				}
				out.S = append(out.S, v.S...)
			}
			return nil
		}}
}

func bindCollect(params []event.Type, _ event.Type) expr.Accumulator {
	t := params[0]
	return &fold{size: 1, add: pushFirst, merge: concatFirst, result: func(state []event.Value, out *event.Value) error {
		*out = event.NullValue
		if state[0].I > 0 {
			*out = event.Value{L: countDistinct(t, items(state[0]))}
		}
		return nil
	}}
}

// countDistinct is value, count, value, count … in ascending order.
func countDistinct(t event.Type, all []event.Value) []event.Value {
	sortValues(t, all)
	var counts []event.Value
	for i, v := range all {
		if i > 0 && Equal(t, v, all[i-1]) {
			counts[len(counts)-1].I++
		} else {
			counts = append(counts, v, event.IntValue(1))
		}
	}
	return counts
}

func sortValues(t event.Type, all []event.Value) {
	slices.SortFunc(all, func(a, b event.Value) int { return Compare(t, a, b) })
}
