package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/draw"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
)

// explainCommand is the flags of cepd explain.
type explainCommand struct {
	*global
	*bindings
	format string
	query  string
	out    string
}

// explainFormats are what --format may be.
const explainFormats = "text, dot, svg or json"

func newExplain(g *global) *cobra.Command {
	e := &explainCommand{global: g}
	c := &cobra.Command{
		Use: "explain FILE", Short: "Show how the queries of a file run", Args: one("FILE"),
		Long: `explain shows, for each query of the file (- is stdin): the logical plan; the
operators, beside the source and per shard; and for a pattern its symbols, its
automaton, sequences of rows that it matches and that it does not, each tried on
the matcher, and what each partial match keeps. Nothing is run.

--format dot and svg draw the operators and the automata: dot for Graphviz, svg
for a browser. A circle is a state, a double one a match; an arrow is the row
that is taken, dashed where a match waits for time to run out.`,
		Example: `  cepd explain fraud.sql
  cepd explain fraud.sql --format svg -o fraud.svg
  cepd explain fraud.sql --query takeover --format dot | dot -Tpng -o takeover.png`,
	}
	f := c.Flags()
	f.StringVar(&e.format, "format", "text", explainFormats)
	f.StringVar(&e.format, "output", "text", "as --format")
	_ = f.MarkHidden("output") // what other commands call it
	f.StringVar(&e.query, "query", "", "only the query of this name")
	f.StringVarP(&e.out, "out", "o", "", "write to this file")
	e.bindings = newBindings(c)
	c.RunE = func(_ *cobra.Command, args []string) error { return e.run(args) }
	return c
}

func (e *explainCommand) run(args []string) error {
	write, ok := map[string]func(io.Writer, []*explained) error{"text": writeText, "dot": writeDOT, "svg": writeSVG, "json": writeExplained}[e.format]
	if !ok {
		return usagef("--format %s: use %s", e.format, explainFormats)
	}
	texts, err := readTexts(args, e.std)
	if err != nil {
		return err
	}
	programs, err := e.compile(texts, e.std.err)
	if err != nil {
		return err
	}
	list, err := e.explained(programs)
	if err != nil {
		return err
	}
	if e.out == "" {
		return write(e.std.out, list)
	}
	file, err := os.Create(e.out)
	if err != nil {
		return err
	}
	return firstError(write(file, list), file.Close())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// explained builds the queries that are asked for.
func (e *explainCommand) explained(programs []program) (list []*explained, err error) {
	var names []string
	for _, root := range roots(programs) {
		names = append(names, root.Name)
		if e.query == "" || e.query == root.Name {
			list = append(list, explain(root))
		}
	}
	if e.query != "" && len(list) == 0 {
		return nil, fmt.Errorf("there is no query %q, only %s", e.query, strings.Join(names, ", "))
	}
	return list, nil
}

// roots are the plans of queries and of EXPLAIN.
func roots(programs []program) (list []*plan.Insert) {
	for _, p := range programs {
		for i := range p.result.Queries {
			list = append(list, p.result.Queries[i].Insert)
		}
		for _, a := range p.result.Actions {
			if a.Plan != nil {
				list = append(list, a.Plan)
			}
		}
	}
	return list
}

// explained is a query's plan and its operators.
type explained struct {
	root  *plan.Insert
	sinks []string // tables
	graph *build.Graph
	err   error // it cannot be built
}

// explain builds a query, with every column of each insert sent to a sink;
// inserts of the same columns into one table share it.
func explain(root *plan.Insert) *explained {
	e := &explained{root: root}
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
			schemas, e.sinks = append(schemas, schema), append(e.sinks, n.Table.Name)
		}
		outputs = append(outputs, build.Output{Name: n.Name, Input: n.Input, Columns: columns, Sink: sink})
	}
	e.graph, e.err = build.Build(outputs, schemas, build.Options{Lookup: engine.LookupOptions})
	return e
}

// sink is the one of a table for rows of a schema; a new one if there is none.
func (e *explained) sink(schemas []*event.Schema, table string, s *event.Schema) int {
	for i := range schemas {
		if e.sinks[i] == table && slices.EqualFunc(schemas[i].Fields, s.Fields, sameField) {
			return i
		}
	}
	return len(schemas)
}

func sameField(a, b event.Field) bool { return a.Name == b.Name && a.Type.Equal(b.Type) }

func writeText(w io.Writer, list []*explained) error {
	for _, e := range list {
		if _, err := fmt.Fprintf(w, "-- %s\n%s\n", e.root.Name, e.text()); err != nil {
			return err
		}
	}
	return nil
}

// text shows plan, operators and automata.
func (e *explained) text() string {
	var b strings.Builder
	b.WriteString("== Logical plan\n" + plan.Explain(e.root))
	b.WriteString("\n== Operators\n")
	if e.err != nil {
		fmt.Fprintln(&b, e.err)
		return b.String()
	}
	for i := range e.graph.Sources {
		name := strings.Join(sourceTitle(&e.graph.Sources[i]), ": ")
		for _, r := range e.graph.Sources[i].Branches {
			fmt.Fprintf(&b, "%s%s -> %s\n", name, arrows(r.Chain), e.target(r.To))
			name = strings.Repeat(" ", len(name))
		}
	}
	for i := range e.graph.Stages {
		s := &e.graph.Stages[i]
		name := fmt.Sprintf("%s %d, %s: %s%s", s.Kind, i, unit(s), ordering(s), s.Kind)
		for _, r := range s.Branches {
			fmt.Fprintf(&b, "%s%s -> %s\n", name, arrows(r.Chain), e.target(r.To))
			name = strings.Repeat(" ", len(name))
		}
	}
	for i := range e.graph.Stages {
		s := &e.graph.Stages[i]
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

func (e *explained) target(to int) string {
	if i, ok := build.SinkOf(to); ok {
		return "sink " + e.sinks[i]
	}
	return fmt.Sprintf("%s %d", e.graph.Stages[to].Kind, to)
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

func writeDOT(w io.Writer, list []*explained) error {
	graphs, err := drawings(list)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, draw.DOT("cepd", graphs))
	return err
}

func writeSVG(w io.Writer, list []*explained) error {
	graphs, err := drawings(list)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, draw.SVG(graphs))
	return err
}
