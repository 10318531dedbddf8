package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/draw"
	"github.com/cepd/cepd/internal/explain"
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
	write, ok := map[string]func(io.Writer, []*explain.Query) error{"text": writeText, "dot": writeDOT, "svg": writeSVG, "json": writeExplained}[e.format]
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
func (e *explainCommand) explained(programs []program) (list []*explain.Query, err error) {
	var names []string
	for _, root := range roots(programs) {
		names = append(names, root.Name)
		if e.query == "" || e.query == root.Name {
			list = append(list, explain.Of(root))
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

func writeText(w io.Writer, list []*explain.Query) error {
	for _, e := range list {
		if _, err := fmt.Fprintf(w, "-- %s\n%s\n", e.Root.Name, e.Text()); err != nil {
			return err
		}
	}
	return nil
}

func writeDOT(w io.Writer, list []*explain.Query) error {
	graphs, err := explain.Drawings(list)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, draw.DOT("cepd", graphs))
	return err
}

func writeSVG(w io.Writer, list []*explain.Query) error {
	graphs, err := explain.Drawings(list)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, draw.SVG(graphs))
	return err
}

func writeExplained(w io.Writer, list []*explain.Query) error {
	out := make([]explain.Explanation, len(list))
	for i, e := range list {
		out[i] = e.Explanation()
	}
	return writeJSON(w, out)
}
