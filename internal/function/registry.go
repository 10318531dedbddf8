package function

import (
	"fmt"
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

type resolver = func(args []event.Type) (params []event.Type, result event.Type, err error)

// The registries are filled once, here, and never change.
var (
	scalars    = scalarIndex(stringFuncs, regexpFuncs, mathFuncs, timeFuncs, hashFuncs, jsonFuncs, collectionFuncs, arrayFuncs, netFuncs, geoFuncs, moreTextFuncs)
	aggregates = aggregateIndex(basicAggregates, statisticAggregates, collectAggregates, approximateAggregates)
)

func scalarIndex(groups ...[]*expr.Func) map[string]*expr.Func {
	index := map[string]*expr.Func{}
	for _, group := range groups {
		for _, f := range group {
			f.Resolve = named(f.Usage, f.Resolve)
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if index[name] != nil {
					panic("function registered twice: " + name)
				}
				index[name] = f
			}
		}
	}
	return index
}

func aggregateIndex(groups ...[]*expr.AggFunc) map[string]*expr.AggFunc {
	index := map[string]*expr.AggFunc{}
	for _, group := range groups {
		for _, f := range group {
			f.Resolve = named(f.Usage, f.Resolve)
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if index[name] != nil {
					panic("aggregate registered twice: " + name)
				}
				index[name] = f
			}
		}
	}
	return index
}

// named puts the usage before a resolver's error.
func named(usage string, r resolver) resolver {
	return func(args []event.Type) ([]event.Type, event.Type, error) {
		params, result, err := r(args)
		if err != nil {
			err = fmt.Errorf("%s: %w", usage, err)
		}
		return params, result, err
	}
}

// Lookup finds a scalar function by name or alias, without regard to case.
func Lookup(name string) (*expr.Func, bool) {
	f, ok := scalars[strings.ToUpper(name)]
	return f, ok
}

// Aggregate finds an aggregate function by name or alias, without regard to case.
func Aggregate(name string) (*expr.AggFunc, bool) {
	f, ok := aggregates[strings.ToUpper(name)]
	return f, ok
}

// Names lists the names and aliases of the scalar functions, sorted.
func Names() []string { return sortedNames(scalars) }

// AggregateNames lists the names and aliases of the aggregates, sorted.
func AggregateNames() []string { return sortedNames(aggregates) }

func sortedNames[T any](index map[string]T) []string {
	names := make([]string, 0, len(index))
	for name := range index {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// All lists the scalar functions by name, each once.
func All() []*expr.Func {
	var all []*expr.Func
	for _, name := range Names() {
		if f := scalars[name]; f.Name == name {
			all = append(all, f)
		}
	}
	return all
}

// AllAggregates lists the aggregates by name, each once.
func AllAggregates() []*expr.AggFunc {
	var all []*expr.AggFunc
	for _, name := range AggregateNames() {
		if f := aggregates[name]; f.Name == name {
			all = append(all, f)
		}
	}
	return all
}
