package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/query/plan"
)

func newExplain(g *global) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "explain FILE", Short: "Show how the queries of a file run", Args: one("FILE"),
		Long: `explain shows, for each query of the file (- is stdin): the logical plan; the
operators, beside the source and per shard; and for a pattern its symbols, its
automaton, and what each partial match keeps. Nothing is run.`,
		Example: "  cepd explain fraud.sql",
	}
	outputFlag(c, &output)
	b := newBindings(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		texts, err := readTexts(args, g.std)
		if err != nil {
			return err
		}
		programs, err := b.compile(texts, g.std.err)
		if err != nil {
			return err
		}
		return printPlans(g, programs, output)
	}
	return c
}

// explained is a query's explanation for programs.
type explained struct {
	Query string `json:"query"`
	Text  string `json:"text"`
}

func printPlans(g *global, programs []program, output string) error {
	var list []explained
	for _, p := range programs {
		for i := range p.result.Queries {
			q := &p.result.Queries[i]
			list = append(list, explained{q.Name, explainText(q.Insert)})
		}
		for _, a := range p.result.Actions {
			if a.Plan != nil {
				list = append(list, explained{a.Plan.Name, explainText(a.Plan)})
			}
		}
	}
	if output == "json" {
		return writeJSON(g.std.out, list)
	}
	for _, e := range list {
		fmt.Fprintf(g.std.out, "-- %s\n%s\n", e.Query, e.Text)
	}
	return nil
}

// explainText shows plan, operators and automata.
func explainText(root *plan.Insert) string {
	var b strings.Builder
	b.WriteString("== Logical plan\n" + plan.Explain(root))
	outputs, schemas, tables := allOutputs(root)
	graph, err := build.Build(outputs, schemas, build.Options{})
	if err != nil {
		fmt.Fprintf(&b, "\n== Operators\n%v\n", err)
		return b.String()
	}
	b.WriteString("\n== Operators\n")
	for i := range graph.Sources {
		explainSource(&b, &graph.Sources[i], graph.Stages, tables)
	}
	for i := range graph.Stages {
		explainStage(&b, i, graph.Stages, tables)
	}
	for i := range graph.Stages {
		s := &graph.Stages[i]
		fmt.Fprintf(&b, "\n== %s%s %d\n%s", strings.ToUpper(s.Kind[:1]), s.Kind[1:], i, s.Explain())
	}
	return b.String()
}

// allOutputs sends every column of each insert to a sink of its own.
func allOutputs(root *plan.Insert) (outputs []build.Output, schemas []*event.Schema, tables []string) {
	for i, n := range root.All() {
		schema := n.Input.Schema()
		columns := make([]int, len(schema.Fields))
		for c := range columns {
			columns[c] = c
		}
		outputs = append(outputs, build.Output{Name: n.Name, Input: n.Input, Columns: columns, Sink: i})
		schemas, tables = append(schemas, schema), append(tables, n.Table.Name)
	}
	return outputs, schemas, tables
}

func explainSource(b *strings.Builder, s *build.Source, stages []build.Stage, sinks []string) {
	name := "values"
	if s.Scan != nil {
		name = "each partition of " + s.Scan.Table.Name + ": scan"
	}
	for _, r := range s.Branches {
		fmt.Fprintf(b, "%s%s -> %s\n", name, chain(r.Chain), target(stages, sinks, r.To))
		name = strings.Repeat(" ", len(name))
	}
}

func explainStage(b *strings.Builder, i int, stages []build.Stage, sinks []string) {
	m := &stages[i]
	keys := make([]string, len(m.Key))
	for k, column := range m.Key {
		keys[k] = m.Prepared.Fields[column].Name
	}
	unit := "one shard"
	if len(keys) > 0 {
		unit = "each shard of (" + strings.Join(keys, ", ") + ")"
	}
	fmt.Fprintf(b, "%s %d, %s: order -> %s%s -> %s\n", m.Kind, i, unit, m.Kind, chain(m.Chain), target(stages, sinks, m.To))
}

func target(stages []build.Stage, sinks []string, to int) string {
	if i, ok := build.SinkOf(to); ok {
		return "sink " + sinks[i]
	}
	return fmt.Sprintf("%s %d", stages[to].Kind, to)
}

// chain names the operators of a chain, in order.
func chain(c build.Chain) string {
	ops, err := c.New()
	if err != nil {
		return " -> " + err.Error()
	}
	var b strings.Builder
	for _, op := range ops {
		b.WriteString(" -> " + operatorName(op))
	}
	return b.String()
}

func operatorName(op operators.Operator) string {
	name := fmt.Sprintf("%T", op)
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}
