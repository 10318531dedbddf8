package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/internal/systables"
)

func newSelect(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "select 'SELECT …'", Short: "Ask a server what there is now: open matches, queries, partitions, operators, sinks, shadows, tables", Args: one("'SELECT …'"),
		Long: `select answers one SELECT over the system tables of a server, as of now: cepd.instances
(the open matches), cepd.queries, cepd.partitions, cepd.operators, cepd.sinks,
cepd.fields (of records, that are no column), cepd.comparisons (shadows beside their
queries), cepd.differences and cepd.tables.`,
		Example: `  cepd select 'SELECT query, COUNT(*) AS open FROM cepd.instances GROUP BY query ORDER BY open DESC'
  cepd select "SELECT id, key, expires FROM cepd.instances WHERE waits_for = 'PAID' ORDER BY since LIMIT 20"`,
	}
	f.add(c.Flags())
	outputFlag(c, &f.output)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkOutput(f.output); err != nil {
			return err
		}
		var a systables.Selected
		if err := f.call(c.Context(), http.MethodPost, "/v1/select", api.Selection{SQL: args[0]}, &a); err != nil {
			return err
		}
		return f.print(g.std.out, a, func(w io.Writer) { printSelected(w, &a) })
	}
	return c
}

func printSelected(w io.Writer, a *systables.Selected) {
	var columns []string
	for _, c := range a.Columns {
		columns = append(columns, c.Name)
	}
	rows := make([][]string, len(a.Rows))
	for i, row := range a.Rows {
		for _, v := range row {
			rows[i] = append(rows[i], cellText(v))
		}
	}
	table(w, columns, rows)
	if a.More {
		fmt.Fprintln(w, "there are more rows")
	}
	for _, t := range a.Partial {
		fmt.Fprintf(w, "not all rows of %s were read\n", t)
	}
}

// cellText is a value for people.
func cellText(v json.RawMessage) string {
	var s string
	switch {
	case string(v) == "null":
		return "-"
	case json.Unmarshal(v, &s) == nil:
		return strings.ReplaceAll(s, "\n", " ")
	}
	return string(v)
}
