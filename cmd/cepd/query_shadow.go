package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
)

func shadowPath(name string) string { return queryPath(name) + "/shadow" }

func newShadow(g *global, f *queryFlags) *cobra.Command {
	params := pairs{}
	n := api.NewShadow{Params: params}
	c := &cobra.Command{
		Use: "shadow NAME [FILE]", Short: "Run another text of a query beside it, and compare what both deliver", Args: cobra.RangeArgs(1, 2),
		Long: `shadow runs the text of FILE (- is stdin) beside a query: with a state of its own,
on all that comes, and without its sinks. Without FILE it shows how the two
compare: detections that are the same, that only one of them has, and those with
other values. A shadow takes its query's place with cepd query promote.`,
		Example: "  cepd query shadow card_testing bolder.sql --from 2026-03-01T00:00:00Z\n  cepd query shadow card_testing\n  cepd query promote card_testing",
		RunE: func(c *cobra.Command, args []string) error {
			var out api.ShadowInfo
			if len(args) == 1 {
				if err := f.call(c.Context(), http.MethodGet, shadowPath(args[0]), nil, &out); err != nil {
					return err
				}
				return f.print(g.std.out, out, func(w io.Writer) { printShadow(w, &out) })
			}
			texts, err := readTexts(args[1:], g.std)
			if err != nil {
				return err
			}
			n.File, n.SQL = texts[0].name, texts[0].sql
			if err := f.callLong(c.Context(), http.MethodPost, shadowPath(args[0]), n, &out); err != nil {
				return err
			}
			return f.print(g.std.out, out, func(w io.Writer) { printShadow(w, &out) })
		},
	}
	c.Flags().StringVar(&n.From, "from", "now", "where it begins: now, state (a copy of the query's), or a `time` since when it reads history, as 2026-01-31T00:00:00Z")
	c.Flags().BoolVar(&n.Promote, "promote", false, "it takes the query's place as soon as it has caught up, without a comparison")
	c.Flags().Var(params, "param", "value of :name in the text; may be repeated")
	return c
}

func newPromote(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "promote NAME", Short: "Have the shadow of a query take its place", Args: one("NAME"),
		Long: `promote brings a query and its shadow to the same place of their sources. What is
made of all before it is delivered by the query, also where a sink has not got it
yet; what is made of all behind it by the shadow, which is then the query.`,
		RunE: func(c *cobra.Command, args []string) error {
			var q api.Info
			if err := f.callLong(c.Context(), http.MethodPost, shadowPath(args[0])+"/promote", nil, &q); err != nil {
				return err
			}
			return f.print(g.std.out, q, func(w io.Writer) { fmt.Fprintf(w, "query %s is at version %d\n", q.Name, q.Version) })
		},
	}
}

func newUnshadow(f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "unshadow NAME", Short: "End the shadow of a query, and forget what was compared", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.call(c.Context(), http.MethodDelete, shadowPath(args[0]), nil, nil)
		},
	}
}

func printShadow(w io.Writer, s *api.ShadowInfo) {
	fmt.Fprintf(w, "shadow of %s, from %s: %s\n", s.Name, s.From, s.Phase)
	for _, line := range []string{s.Error, s.Hint, s.Query.Error} {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	if s.Behind > 0 {
		fmt.Fprintf(w, "behind its query by %d records\n", s.Behind)
	}
	if s.Comparison != nil {
		printComparison(w, s.Comparison)
	}
}

func printComparison(w io.Writer, c *engine.Comparison) {
	fmt.Fprintf(w, "since %s: same %d, only old %d, only new %d, changed %d; waiting %d and %d, not compared %d\n",
		c.Since, c.Same, c.OnlyOld, c.OnlyNew, c.Changed, c.WaitingOld, c.WaitingNew, c.Uncompared)
	if c.Error != "" {
		fmt.Fprintf(w, "  %s\n", c.Error)
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	var rows [][]string
	for _, d := range c.Days {
		rows = append(rows, []string{d.Day, number(d.Same), number(d.OnlyOld), number(d.OnlyNew), number(d.Changed)})
	}
	table(w, []string{"day", "same", "only old", "only new", "changed"}, rows)
	for _, x := range c.Columns {
		fmt.Fprintf(w, "column %s: %d other values\n", x.Column, x.Rows)
	}
	for _, d := range c.Differences {
		fmt.Fprintf(w, "%s %s %s %s\n", strings.ReplaceAll(d.Kind, "_", " "), d.Time, d.Table, strings.Join(d.Columns, ", "))
		if len(d.Old) > 0 {
			fmt.Fprintf(w, "  - %s\n", d.Old)
		}
		if len(d.New) > 0 {
			fmt.Fprintf(w, "  + %s\n", d.New)
		}
	}
}
