package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/api/client"
	"github.com/cepd/cepd/engine"
)

func newDetections(g *global, f *queryFlags) *cobra.Command {
	var after string
	var limit, rate int
	var follow bool
	c := &cobra.Command{
		Use: "detections NAME", Short: "Show what a query has delivered lately, or follow it", Args: one("NAME"),
		Long: `detections shows the rows that a query has delivered lately, whatever its sinks:
the newest, or those behind a cursor that was shown before. With --follow it goes
on, through lost connections and restarts of the server, and says how many rows
it could not show when it is too slow. With --output json each row is a line.`,
		Example: "  cepd query detections card_testing\n  cepd query detections card_testing --follow --output json",
	}
	c.Flags().StringVar(&after, "after", "", "cursor to go on behind; 0: the oldest that is kept")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many, up to 1000")
	c.Flags().BoolVar(&follow, "follow", false, "go on with what is delivered from now on, or behind --after")
	c.Flags().IntVar(&rate, "rate", 0, "with --follow, at most so many a second: the newest")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := f.client()
		if err != nil {
			return err
		}
		if follow {
			return f.follow(c, g, cl, args[0], client.StreamOptions{After: after, Rate: rate})
		}
		page, err := cl.Detections(c.Context(), args[0], client.Page{After: after, Limit: limit})
		if err != nil {
			return err
		}
		return f.print(g.std.out, page, func(w io.Writer) { printDetections(w, page) })
	}
	return c
}

func (f *queryFlags) follow(c *cobra.Command, g *global, cl *client.Client, name string, o client.StreamOptions) error {
	lines := json.NewEncoder(g.std.out)
	for e, err := range cl.StreamDetections(c.Context(), name, o) {
		switch {
		case err != nil:
			return err
		case e.Gap != nil:
			fmt.Fprintln(g.std.err, gapText(e.Gap))
		case f.output == "json":
			if err := lines.Encode(e.Detection); err != nil {
				return err
			}
		default:
			d := e.Detection
			fmt.Fprintf(g.std.out, "%s  %s  %s  %s\n", orNone(d.Time), d.ID, d.Sink, d.Columns)
		}
	}
	return nil
}

func gapText(x *engine.Gap) string {
	if x.Reason == "restarted" {
		return fmt.Sprintf("%s began anew", x.Query)
	}
	if x.Missed == 0 {
		return fmt.Sprintf("rows of %s are not shown: they are not kept any more", x.Query)
	}
	return fmt.Sprintf("%d rows of %s are not shown", x.Missed, x.Query)
}

func printDetections(w io.Writer, page *engine.Detections) {
	for i := range page.Gaps {
		fmt.Fprintln(w, gapText(&page.Gaps[i]))
	}
	var rows [][]string
	for _, d := range page.Detections {
		rows = append(rows, []string{orNone(d.Time), d.ID, d.Sink, d.Change, string(d.Columns)})
	}
	table(w, []string{"time", "id", "sink", "change", "columns"}, rows)
	fmt.Fprintf(w, "go on with --after %s\n", page.Next)
}

// addTo adds the flags to a command and those below it.
func (f *queryFlags) addTo(c *cobra.Command) {
	f.add(c.PersistentFlags())
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
}

// noteOf is what there is to say of a connection: why its query failed, what its
// connector warned of last, or advice.
func noteOf(c *api.Connection) string {
	switch {
	case c.Error != "":
		return firstLine(c.Error)
	case c.Warnings != nil:
		return fmt.Sprintf("%d warnings, at %s: %s", c.Warnings.Count, c.Warnings.At, firstLine(c.Warnings.Last))
	}
	return firstLine(c.Advice)
}

func newConnectors(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "connectors", Short: "Show the sources and sinks of a server's queries, and how they do", Args: noArgs,
	}
	f.addTo(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cl, err := f.client()
		if err != nil {
			return err
		}
		list, err := cl.Connectors(c.Context())
		if err != nil {
			return err
		}
		return f.print(g.std.out, list, func(w io.Writer) {
			var rows [][]string
			for _, x := range list {
				rows = append(rows, []string{x.Query, x.Role, x.Table, x.Connector, x.Address, string(x.State), strconv.FormatInt(x.Rows, 10), known(x.Lag), noteOf(&x)})
			}
			table(w, []string{"query", "role", "table", "connector", "address", "state", "rows", "lag", "note"}, rows)
		})
	}
	return c
}
