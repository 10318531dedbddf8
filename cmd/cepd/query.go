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
)

// queryFlags are the flags of the clients of a server.
type queryFlags struct {
	server string
	output string
}

func newQuery(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "query", Short: "Submit, list, inspect and drop the queries of a server", Args: noArgs,
		Long: "query speaks to a server that `cepd serve` runs. Its address is --server, or\nthe environment's CEPD_SERVER.",
		Example: `  cepd query submit fraud.sql
  cepd query list
  cepd query status card_testing
  cepd query drop card_testing`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&f.server, "server", defaultServer(), "address of the server")
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
	c.AddCommand(newSubmit(g, f), newList(g, f), newShow(g, f), newStatus(g, f), newDrop(g, f))
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
		Example: "  cepd query submit fraud.sql\n  cepd query submit --name big --param least=500 big.sql",
	}
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
			sub := api.Submission{Name: name, File: t.name, SQL: t.sql, Params: params}
			if err := (&client{f.server}).call(c.Context(), http.MethodPost, "/v1/queries", sub, &out); err != nil {
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
			if err := (&client{f.server}).call(c.Context(), http.MethodGet, "/v1/queries", nil, &list); err != nil {
				return err
			}
			return f.print(g.std.out, list, func(w io.Writer) {
				var rows [][]string
				for _, q := range list {
					rows = append(rows, []string{q.Name, q.State, q.Created.Format(time.DateTime), firstLine(q.Error)})
				}
				table(w, []string{"query", "state", "created", "error"}, rows)
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
			if err := (&client{f.server}).call(c.Context(), http.MethodGet, queryPath(args[0]), nil, &q); err != nil {
				return err
			}
			return f.print(g.std.out, q, func(w io.Writer) {
				fmt.Fprintf(w, "-- %s: %s since %s\n%s;\n", q.Name, q.State, q.Created.Format(time.DateTime), q.SQL)
			})
		},
	}
}

func newDrop(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "drop NAME", Short: "Stop a query and delete its state", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return (&client{f.server}).call(c.Context(), http.MethodDelete, queryPath(args[0]), nil, nil)
		},
	}
}

func newStatus(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "status NAME", Short: "Show how a query does, and why nothing comes out", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var s api.Status
			if err := (&client{f.server}).call(c.Context(), http.MethodGet, queryPath(args[0])+"/status", nil, &s); err != nil {
				return err
			}
			return f.print(g.std.out, s, func(w io.Writer) { printStatus(w, &s) })
		},
	}
}

func printStatus(w io.Writer, s *api.Status) {
	fmt.Fprintf(w, "%s: %s\n", s.Name, s.State)
	if s.Error != "" {
		fmt.Fprintln(w, s.Error)
	}
	for _, h := range s.Hints {
		fmt.Fprintf(w, "  %s\n", h)
	}
	fmt.Fprintf(w, "events %d, detections %d, lag %d, late %d, rejected %d\n", s.Events, s.Detections, s.Lag, s.Late, s.Rejected)
	fmt.Fprintf(w, "keys %d, partial matches %d, state %d bytes, watermark %s\n", s.Keys, s.PartialMatches, s.StateBytes, timeText(s.Watermark))
	var rows [][]string
	for _, p := range s.Partitions {
		rows = append(rows, []string{p.Table, strconv.Itoa(int(p.Partition)), strconv.FormatInt(p.Position, 10), strconv.FormatInt(p.End, 10), timeText(p.Watermark), partitionNote(&p)})
	}
	table(w, []string{"table", "partition", "position", "end", "watermark", "note"}, rows)
}

func partitionNote(p *api.PartitionStatus) string {
	switch {
	case p.Ended:
		return "ended"
	case p.Idle:
		return "idle"
	case p.Holding:
		return "holds the watermark back"
	}
	return ""
}

func timeText(t *time.Time) string {
	if t == nil {
		return "none"
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

// print writes v as JSON, or lets text write it for a person.
func (f *queryFlags) print(w io.Writer, v any, text func(io.Writer)) error {
	if f.output == "json" {
		return writeJSON(w, v)
	}
	text(w)
	return nil
}
