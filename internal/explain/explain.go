// Package explain shows how a query runs: its plan, its operators, and for a
// pattern its automaton with samples, as text, as data, and drawn.
package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
)

// Query is a query's plan and its operators.
type Query struct {
	Root  *plan.Insert
	Sinks []string     // tables
	Graph *build.Graph // nil after an error
	Err   error        // it cannot be built
}

// Of builds a query, with every column of each insert sent to a sink; inserts of
// the same columns into one table share it.
func Of(root *plan.Insert) *Query {
	e := &Query{Root: root}
	var outputs []build.Output
	var schemas []*event.Schema
	for _, n := range root.All() {
		schema := n.Input.Schema()
		columns := make([]int, len(schema.Fields))
		for c := range columns {
			columns[c] = c
		}
		sink := e.sink(schemas, n.Table.Name, schema)
		if sink == len(schemas) {
			schemas, e.Sinks = append(schemas, schema), append(e.Sinks, n.Table.Name)
		}
		outputs = append(outputs, build.Output{Name: n.Name, Input: n.Input, Columns: columns, Sink: sink})
	}
	e.Graph, e.Err = build.Build(outputs, schemas, build.Options{Lookup: engine.LookupOptions, ToldByFiles: engine.ToldByFiles})
	return e
}

// sink is the one of a table for rows of a schema; a new one if there is none.
func (e *Query) sink(schemas []*event.Schema, table string, s *event.Schema) int {
	for i := range schemas {
		if e.Sinks[i] == table && slices.EqualFunc(schemas[i].Fields, s.Fields, sameField) {
			return i
		}
	}
	return len(schemas)
}

func sameField(a, b event.Field) bool { return a.Name == b.Name && a.Type.Equal(b.Type) }

// Text shows plan, operators and automata.
func (e *Query) Text() string {
	var b strings.Builder
	b.WriteString("== Logical plan\n" + plan.Explain(e.Root))
	b.WriteString("\n== Operators\n")
	if e.Err != nil {
		fmt.Fprintln(&b, e.Err)
		return b.String()
	}
	for i := range e.Graph.Sources {
		name := strings.Join(sourceTitle(&e.Graph.Sources[i]), ": ")
		for _, r := range e.Graph.Sources[i].Branches {
			fmt.Fprintf(&b, "%s%s -> %s\n", name, arrows(r.Chain), e.target(r.To))
			name = strings.Repeat(" ", len(name))
		}
		b.WriteString(filesText(&e.Graph.Sources[i]))
	}
	for i := range e.Graph.Stages {
		s := &e.Graph.Stages[i]
		name := fmt.Sprintf("%s %d, %s: %s%s", s.Kind, i, unit(s), ordering(s), s.Kind)
		for _, r := range s.Branches {
			fmt.Fprintf(&b, "%s%s -> %s\n", name, arrows(r.Chain), e.target(r.To))
			name = strings.Repeat(" ", len(name))
		}
	}
	for i := range e.Graph.Stages {
		s := &e.Graph.Stages[i]
		fmt.Fprintf(&b, "\n== %s%s %d\n%s", strings.ToUpper(s.Kind[:1]), s.Kind[1:], i, s.Explain())
		b.WriteString(membersText(s))
	}
	return b.String()
}

// mostMembers is how many of the patterns that run together are explained each.
const mostMembers = 10

// patterns are those of a stage.
func patterns(s *build.Stage) (list []*pattern.Program, names []string) {
	if s.Pattern != nil {
		return []*pattern.Program{s.Pattern}, []string{""}
	}
	for _, m := range s.Members[:min(mostMembers, len(s.Members))] {
		if p, err := m.Alone(); err == nil {
			list, names = append(list, p), append(names, m.Name)
		}
	}
	return list, names
}

// membersText shows sequences of rows of each of the patterns that run together.
func membersText(s *build.Stage) string {
	if s.Pattern != nil {
		return ""
	}
	var b strings.Builder
	list, names := patterns(s)
	for i, p := range list {
		fmt.Fprintf(&b, "%s: %s", names[i], p.Samples())
	}
	return b.String()
}

// sourceTitle is what a source reads, and how.
func sourceTitle(s *build.Source) []string {
	if s.Scan == nil {
		return []string{"values"}
	}
	return []string{"each partition of " + s.Scan.Table.Name, "scan"}
}

// filesText says which files of a table are read.
func filesText(s *build.Source) string {
	if s.Files == nil {
		return ""
	}
	cond := s.Files.String(s.Scan)
	switch engine.PruningOf(s) {
	case engine.ReadNone:
		return fmt.Sprintf("    files: only those with %s\n", cond)
	case engine.ReadTime:
		return fmt.Sprintf("    files: those with %s; the others, whose rows move the watermark, for its columns only, or as a whole where a file is of records: '%s' = '%s' does not read them\n",
			cond, connectors.OptPruning, connectors.PruneAlways)
	}
	return fmt.Sprintf("    files: all, though rows are taken only of those with %s: '%s' = '%s'\n", cond, connectors.OptPruning, connectors.PruneNever)
}

// unit is what a stage has one operator of.
func unit(s *build.Stage) string {
	if s.Spread {
		return "each shard of partitions"
	}
	if len(s.Key) == 0 {
		return "one shard"
	}
	return "each shard of (" + strings.Join(keyNames(s), ", ") + ")"
}

// ordering is the stage's order buffer, if rows go through it.
func ordering(s *build.Stage) string {
	if s.Unordered {
		return ""
	}
	return "order -> "
}

func keyNames(s *build.Stage) []string {
	keys := make([]string, len(s.Key))
	for k, column := range s.Key {
		keys[k] = s.Prepared.Fields[column].Name
	}
	return keys
}

func (e *Query) target(to int) string {
	if i, ok := build.SinkOf(to); ok {
		return "sink " + e.Sinks[i]
	}
	return fmt.Sprintf("%s %d", e.Graph.Stages[to].Kind, to)
}

// arrows names the operators of a chain, in order.
func arrows(c build.Chain) string {
	var b strings.Builder
	for _, name := range chain(c) {
		b.WriteString(" -> " + name)
	}
	return b.String()
}

func chain(c build.Chain) []string {
	ops, err := c.New()
	if err != nil {
		return []string{err.Error()}
	}
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = operatorName(op)
	}
	return names
}

func operatorName(op operators.Operator) string {
	name := fmt.Sprintf("%T", op)
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}

// Explanation is a query's explanation for programs.
type Explanation struct {
	Query    string               `json:"query"`
	Text     string               `json:"text"`
	Patterns []PatternExplanation `json:"patterns,omitempty"`
}

// PatternExplanation is one of a query.
type PatternExplanation struct {
	Stage   int                 `json:"stage"`
	Name    string              `json:"name,omitempty"` // of the insert, of several that run together
	States  []pattern.StateInfo `json:"states"`
	Samples *pattern.Samples    `json:"samples,omitempty"`
}

// Explanation is the query for programs. Of one that cannot be built it is the
// text alone.
func (e *Query) Explanation() Explanation {
	out := Explanation{Query: e.Root.Name, Text: e.Text()}
	if e.Err != nil {
		return out
	}
	for k := range e.Graph.Stages {
		list, names := patterns(&e.Graph.Stages[k])
		for n, p := range list {
			out.Patterns = append(out.Patterns, PatternExplanation{Stage: k, Name: names[n], States: p.Describe(), Samples: p.Samples()})
		}
	}
	return out
}
