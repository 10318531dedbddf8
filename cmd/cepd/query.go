package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
)

// queryFlags are the flags of the clients of a server.
type queryFlags struct {
	clientFlags
	output string
}

func newQuery(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "query", Short: "Submit, list, inspect and drop the queries of a server", Args: noArgs,
		Long: "query speaks to a server that `cepd serve` runs. Its address is --server, or\nthe environment's CEPD_SERVER; the token it wants is in --token-file, or the\nenvironment's CEPD_TOKEN.",
		Example: `  cepd query submit fraud.sql
  cepd query list
  cepd query status card_testing
  cepd query instances card_testing --key 4083023
  cepd query why card_testing --key 4083023 --from 2h
  cepd query drop card_testing`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c.PersistentFlags())
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
	c.AddCommand(newSubmit(g, f), newList(g, f), newShow(g, f), newStatus(g, f), newInstances(g, f), newEnd(g, f), newRaise(g, f), newQueryWhy(g, f), newDetections(g, f), newReplace(g, f), newPause(f), newResume(f), newVersions(g, f), newDrop(g, f))
	c.AddCommand(newShadow(g, f), newPromote(g, f), newUnshadow(f))
	completeQueries(c, &f.clientFlags)
	return c
}

func defaultServer() string {
	if s := os.Getenv("CEPD_SERVER"); s != "" {
		return s
	}
	return "http://127.0.0.1:8080"
}

func newSubmit(g *global, f *queryFlags) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "submit FILE...", Short: "Run the statements of files on the server", Args: files,
		Long: `submit sends the statements of each file (- is stdin) to the server: definitions
fill its catalog, each INSERT becomes a query that runs until it is dropped. Of a
file, all statements are carried out or, after an error, none.`,
		Example: "  cepd query submit fraud.sql\n  cepd query submit --name big --param least=500 big.sql\n  cepd query submit fraud.sql --from-savepoint before-upgrade --sinks deduplicate",
	}
	var from, sinks string
	c.Flags().StringVar(&from, "from-savepoint", "", "savepoint of the server that the query goes on from")
	sinksFlag(c, &sinks)
	params := pairs{}
	c.Flags().StringVar(&name, "name", "", "name of the query, when the file has one")
	c.Flags().Var(params, "param", "value of :name in the text; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		texts, err := readTexts(args, g.std)
		if err != nil {
			return err
		}
		for _, t := range texts {
			var out api.Outcome
			sub := api.Submission{Name: name, File: t.name, SQL: t.sql, Params: params, FromSavepoint: from, Sinks: sinks}
			if err := f.callLong(c.Context(), http.MethodPost, "/v1/queries", sub, &out); err != nil {
				return err
			}
			if err := f.print(g.std.out, out, func(w io.Writer) { printOutcome(w, &out) }); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func printOutcome(w io.Writer, out *api.Outcome) {
	for _, d := range out.Warnings {
		fmt.Fprintf(w, "%d:%d: %s[%s]: %s\n", d.Line, d.Column, d.Severity, d.Code, d.Message)
	}
	for _, a := range out.Answers {
		printAnswer(w, a.Columns, a.Rows, a.Text)
	}
	for _, q := range out.Dropped {
		fmt.Fprintf(w, "query %s dropped\n", q)
	}
	for _, q := range out.Paused {
		fmt.Fprintf(w, "query %s paused\n", q)
	}
	for _, q := range out.Queries {
		fmt.Fprintf(w, "query %s runs\n", q)
	}
}

// printAnswer prints the answer of SHOW, DESCRIBE or EXPLAIN.
func printAnswer(w io.Writer, columns []string, rows [][]string, text string) {
	if text != "" {
		fmt.Fprintln(w, strings.TrimRight(text, "\n"))
	}
	if len(columns) > 0 {
		table(w, columns, rows)
	}
}

func table(w io.Writer, columns []string, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, strings.ToUpper(strings.Join(columns, "\t")))
	for _, row := range rows {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	_ = tw.Flush()
}

func newList(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the queries", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var list []api.Info
			if err := f.call(c.Context(), http.MethodGet, "/v1/queries", nil, &list); err != nil {
				return err
			}
			return f.print(g.std.out, list, func(w io.Writer) {
				var rows [][]string
				for _, q := range list {
					rows = append(rows, []string{q.Name, string(q.State), strconv.Itoa(q.Version), q.Created.Format(time.DateTime), firstLine(q.Error)})
				}
				table(w, []string{"query", "state", "version", "created", "error"}, rows)
			})
		},
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func newShow(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a query's text", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var q api.Info
			if err := f.call(c.Context(), http.MethodGet, queryPath(args[0]), nil, &q); err != nil {
				return err
			}
			return f.print(g.std.out, q, func(w io.Writer) {
				fmt.Fprintf(w, "-- %s: %s, version %d of %s\n%s;\n", q.Name, string(q.State), q.Version, q.Created.Format(time.DateTime), q.SQL)
			})
		},
	}
}

func newDrop(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "drop NAME", Short: "Stop a query and delete its state", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.call(c.Context(), http.MethodDelete, queryPath(args[0]), nil, nil)
		},
	}
}

func newStatus(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "status NAME", Short: "Show how a query does, and why nothing comes out", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var s engine.Status
			if err := f.call(c.Context(), http.MethodGet, queryPath(args[0])+"/status", nil, &s); err != nil {
				return err
			}
			return f.print(g.std.out, s, func(w io.Writer) { printStatus(w, &s) })
		},
	}
}

func printStatus(w io.Writer, s *engine.Status) {
	fmt.Fprintf(w, "%s: %s\n", s.Name, s.State)
	for _, line := range []string{s.Error, s.Hint, s.HeldBackBy} {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	if s.Next != nil {
		fmt.Fprintf(w, "  %s\n", s.Next)
	}
	t := api.Sum(s)
	fmt.Fprintf(w, "events %d, detections %d, lag %s, late %d, watermark %s\n", t.Events, t.Detections, known(t.Lag), t.Late, orNone(s.Watermark))
	for _, src := range s.Sources {
		if src.Advice != "" {
			fmt.Fprintf(w, "%s: %s\n", src.Table, src.Advice)
		}
		if src.Difference != nil {
			fmt.Fprintf(w, "%s: %s\n", src.Table, src.Difference.Text)
		}
	}
	var rows [][]string
	for _, p := range s.Partitions {
		rows = append(rows, []string{p.Table, strconv.Itoa(int(p.Partition)), strconv.FormatInt(p.Position, 10), known(p.Lag), orNone(p.Watermark), partitionNote(&p)})
	}
	table(w, []string{"table", "partition", "position", "lag", "watermark", "note"}, rows)
	if len(s.Operators) > 0 {
		printOperators(w, s.Operators)
	}
}

func printOperators(w io.Writer, list []engine.OperatorStatus) {
	var rows [][]string
	for _, o := range list {
		row := []string{}
		for _, n := range []int64{int64(o.Stage), int64(o.Shards), o.Keys, o.Rows, o.Items, o.Waiting, o.Bytes} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		rows = append(rows, row)
	}
	table(w, []string{"stage", "shards", "keys", "rows", "partial matches", "waiting rows", "bytes"}, rows)
}

func partitionNote(p *engine.PartitionStatus) string {
	switch {
	case p.Ended:
		return "ended"
	case p.Idle:
		return "idle"
	case p.Paused:
		return "paused: ahead of its group"
	}
	return ""
}

// known writes a number of which -1 means that it is not known.
func known(n int64) string {
	if n < 0 {
		return "?"
	}
	return strconv.FormatInt(n, 10)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// print writes v as JSON, or lets text write it for a person.
func (f *queryFlags) print(w io.Writer, v any, text func(io.Writer)) error {
	if f.output == "json" {
		return writeJSON(w, v)
	}
	text(w)
	return nil
}
