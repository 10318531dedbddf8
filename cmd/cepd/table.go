package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/api/client"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
)

func newTable(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "table", Short: "Look at the tables of a server", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.addTo(c)
	c.AddCommand(newTableList(g, f), newTableShow(g, f), newTableSample(g, f), newTableTail(g, f))
	completeTables(c, &f.clientFlags)
	return c
}

func newTableList(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tables", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			list, err := cl.Tables(c.Context())
			if err != nil {
				return err
			}
			return f.print(g.std.out, list, func(w io.Writer) {
				var rows [][]string
				for _, t := range list {
					rows = append(rows, []string{t.Name, t.Options["connector"], strconv.Itoa(len(t.Columns)), orNone(t.Watermark)})
				}
				table(w, []string{"table", "connector", "columns", "watermark"}, rows)
			})
		},
	}
}

func newTableShow(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a table, and what its records have beside its columns", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			t, err := cl.Table(c.Context(), args[0])
			if err != nil {
				return err
			}
			return f.print(g.std.out, t, func(w io.Writer) { printTable(w, t) })
		},
	}
}

func printTable(w io.Writer, t *api.Table) {
	var rows [][]string
	for _, c := range t.Columns {
		rows = append(rows, []string{c.Name, c.Type, columnNote(t, &c)})
	}
	for _, u := range t.Unknown {
		rows = append(rows, []string{u.Name, orNone(u.Type), "in records, and no column"})
	}
	table(w, []string{"column", "type", "note"}, rows)
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		fmt.Fprintf(w, "%s = %s\n", k, t.Options[k])
	}
	for _, sql := range t.Added {
		fmt.Fprintln(w, "since then:", sql)
	}
	if len(t.Behind) > 0 {
		fmt.Fprintf(w, "without the last columns, until they are replaced (cepd query replace NAME FILE): %s\n", strings.Join(t.Behind, ", "))
	}
	if t.Note != "" {
		fmt.Fprintln(w, t.Note)
	}
}

func columnNote(t *api.Table, c *api.Column) string {
	var notes []string
	if c.Name == t.Watermark {
		notes = append(notes, "event time")
	}
	if c.NotNull {
		notes = append(notes, "not null")
	}
	if c.Metadata != "" {
		notes = append(notes, "metadata "+c.Metadata)
	}
	if c.Computed {
		notes = append(notes, "computed")
	}
	if slices.Contains(t.Missing, c.Name) {
		notes = append(notes, "in none of the records looked at")
	}
	return strings.Join(notes, ", ")
}

func newTableSample(g *global, f *queryFlags) *cobra.Command {
	var rows int
	var earliest bool
	c := &cobra.Command{
		Use: "sample NAME", Short: "Show some rows of a table, and why others are rejected", Args: one("NAME"),
		Long: `sample reads some rows of a table with a reader of its own: no query is disturbed
and no offset committed. It shows the last rows where the connector knows where
they are (Kafka), or the first.`,
		Example: "  cepd table sample payments\n  cepd table sample payments --rows 5 --earliest --output json",
	}
	c.Flags().IntVar(&rows, "rows", 20, "at most so many, up to 1000")
	c.Flags().BoolVar(&earliest, "earliest", false, "the first rows")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := f.client()
		if err != nil {
			return err
		}
		s, err := cl.Sample(c.Context(), args[0], engine.SampleRequest{Rows: rows, Latest: !earliest})
		if err != nil {
			return err
		}
		return f.print(g.std.out, s, func(w io.Writer) { printSample(w, s) })
	}
	return c
}

func printSample(w io.Writer, s *engine.TableSample) {
	var rows [][]string
	for _, r := range s.Rows {
		text := string(r.Columns)
		if r.Rejected != "" {
			text = "rejected: " + r.Rejected + ": " + r.Record
		}
		rows = append(rows, []string{strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10), orNone(r.Time), text})
	}
	table(w, []string{"partition", "offset", "time", "row"}, rows)
	if s.Incomplete {
		fmt.Fprintln(w, "time ran out before there were enough")
	}
}

func newTableTail(g *global, f *queryFlags) *cobra.Command {
	var o client.TableStream
	c := &cobra.Command{
		Use: "tail NAME", Short: "Follow a table with 'connector' = 'stream'", Args: one("NAME"),
		Long: `tail shows the rows that queries write to a table with 'connector' = 'stream', as
they come, through lost connections and restarts of the server. It says how many
rows it could not show when it is too slow. With --output json each row is a line
with its cursor, for --after.`,
		Example: "  cepd table tail board\n  cepd table tail board --after 0 --where region=eu --output json",
	}
	c.Flags().StringVar(&o.After, "after", "", "cursor to go on behind; 0: the oldest row that is kept")
	c.Flags().StringArrayVar(&o.Where, "where", nil, "`column=value`: only rows of which all these hold")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := f.client()
		if err != nil {
			return err
		}
		for e, err := range cl.StreamTable(c.Context(), args[0], o) {
			if err == nil {
				err = f.printEvent(g, &e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// printEvent shows a row, or says on stderr that some are missing.
func (f *queryFlags) printEvent(g *global, e *client.TableEvent) error {
	switch {
	case e.Gap != nil:
		fmt.Fprintln(g.std.err, tableGap(e.Gap))
		return nil
	case f.output == "json":
		return json.NewEncoder(g.std.out).Encode(struct {
			Cursor string `json:"cursor"`
			*client.TableRow
		}{e.Cursor, e.Row})
	}
	_, err := fmt.Fprintf(g.std.out, "%s  %s  %s\n", e.Row.ID, e.Row.Op, e.Row.Row)
	return err
}

func tableGap(x *stream.Gap) string {
	if x.Reason == "restarted" {
		return "the table began anew"
	}
	return fmt.Sprintf("%d rows are not shown: they are not kept any more", x.Missed)
}
