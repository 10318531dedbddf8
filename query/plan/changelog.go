package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/catalog"
)

// Changelog is what the rows of a stream may do to rows before them.
type Changelog = catalog.Changelog

// The modes.
const (
	AppendOnly = catalog.AppendOnly
	Upsert     = catalog.Upsert
	Retract    = catalog.Retract
)

// ChangelogOf is the mode of the rows that a node gives.
func ChangelogOf(n Node) Changelog {
	switch n := n.(type) {
	case *Scan:
		return n.Table.Gives()
	case *Normalize:
		return Retract
	case *Aggregate:
		return n.changelog()
	case *TopN:
		if n.Windowed() {
			return AppendOnly
		}
		return updates(n.Upsert)
	case *Insert, *Filter, *Project, *Union, *Unnest:
		mode := AppendOnly
		for _, in := range n.Inputs() {
			mode = max(mode, ChangelogOf(in))
		}
		return mode
	}
	return AppendOnly
}

func updates(byKey bool) Changelog {
	if byKey {
		return Upsert
	}
	return Retract
}

func (n *Aggregate) changelog() Changelog {
	final := n.Window.Kind != Unwindowed && n.Emit == nil
	distinct := n.Window.Kind == Unwindowed && len(n.Calls) == 0 && ChangelogOf(n.Input) == AppendOnly
	if final || distinct {
		return AppendOnly
	}
	return updates(n.Upsert)
}

// Updating is the node nearest to n from which its changes come; nil: there are
// none.
func Updating(n Node) Node {
	switch n.(type) {
	case *Filter, *Project, *Union, *Unnest, *Insert:
		for _, in := range n.Inputs() {
			if u := Updating(in); u != nil {
				return u
			}
		}
		return nil
	}
	if ChangelogOf(n) == AppendOnly {
		return nil
	}
	return n
}

// Normalize makes +I, -U, +U and -D of a stream of upserts and deletes by key.
type Normalize struct {
	Input Node
	Key   []int // input columns
}

// Schema is that of the input.
func (n *Normalize) Schema() *event.Schema { return n.Input.Schema() }

// Inputs is the one input.
func (n *Normalize) Inputs() []Node { return []Node{n.Input} }

// keepTime keeps the event time of an input: it says when keys are idle.
func keepTime(n Node, need []bool) {
	if t := n.Schema().Rowtime; t >= 0 {
		need[t] = true
	}
}

func pruneNormalize(n *Normalize, need []bool) (Node, []int) {
	need = slices.Clone(need)
	for _, k := range n.Key {
		need[k] = true
	}
	keepTime(n.Input, need)
	in, at := pruneTo(n.Input, need)
	return &Normalize{Input: in, Key: moveAll(n.Key, at)}, at
}

// Emit is when the results of windows are shown beside their end: delays on the
// clock, µs; 0: with each row.
type Emit struct {
	Early    int64 // before the end of a window; below zero: not
	Late     int64 // of late rows
	Lateness int64 // µs of event time after the end in which rows still count
}

// String is the policy as text.
func (e *Emit) String() string {
	span := func(us int64) string {
		if us == 0 {
			return "with each row"
		}
		return "every " + function.Format(event.TDay, event.IntValue(us))
	}
	text := "at the end of a window"
	if e.Early >= 0 {
		text = span(e.Early) + ", and " + text
	}
	if e.Lateness > 0 {
		text += fmt.Sprintf("; late rows %s, until %s after it", span(e.Late), function.Format(event.TDay, event.IntValue(e.Lateness)))
	}
	return text
}

// toUpserts leaves out what an update replaces, where the table that is written
// knows its rows by the same key as the query does.
func toUpserts(n *Insert) Node {
	var key []int
	for _, k := range n.Table.PrimaryKey {
		at := slices.Index(n.Write, k)
		if at < 0 {
			return n
		}
		key = append(key, at)
	}
	in := n.Input
	if n.Table.Takes() == Upsert && len(key) > 0 {
		in = byKey(in, key)
	}
	return withInputs(n, []Node{in})
}

// byKey is n as upserts by a key, if it can be; else n.
func byKey(n Node, key []int) Node {
	switch n := n.(type) {
	case *Project:
		below := make([]int, len(key))
		for i, k := range key {
			cols, ok := columnsOf(n.Exprs[k : k+1])
			if !ok {
				return n
			}
			below[i] = cols[0]
		}
		return withInputs(n, []Node{byKey(n.Input, below)})
	case *Normalize:
		if sameColumns(key, n.Key) {
			return n.Input
		}
	case *Aggregate:
		c := *n
		c.Upsert = sameColumns(key, n.resultKey()) && n.changelog() != AppendOnly
		return &c
	case *TopN:
		own := slices.Clone(n.PartitionBy)
		if n.Numbered {
			own = append(own, len(n.Out.Fields)-1)
		}
		c := *n
		c.Upsert = !n.Windowed() && (n.Numbered || n.Limit == 1) && sameColumns(key, own)
		return &c
	}
	return n
}

// resultKey is the output columns that tell the results from each other.
func (n *Aggregate) resultKey() []int {
	key := ordinals(len(n.Keys))
	if n.Emit != nil {
		key = append(key, len(n.Keys)+OutStart, len(n.Keys)+OutEnd)
	}
	if len(n.Sets) > 1 {
		key = append(key, n.CallsAt()-1)
	}
	return key
}

func sameColumns(a, b []int) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func describeNormalize(n *Normalize) (string, []string) {
	return "Normalize(" + strings.Join(names(n.Key, n.Schema()), ", ") + ")", nil
}
