package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
)

func newPause(f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "pause NAME", Short: "Stop a query, keeping its state, until it is resumed", Args: one("NAME"),
		Long: `pause stops a query in order: what it has found is delivered, its state is kept,
and it reads nothing until it is resumed, also when the server starts again in
between. Resumed, it goes on exactly where it was.`,
		Example: "  cepd query pause card_testing\n  cepd query resume card_testing",
		RunE: func(c *cobra.Command, args []string) error {
			return f.callLong(c.Context(), http.MethodPost, queryPath(args[0])+"/pause", nil, nil)
		},
	}
}

func newResume(f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "resume NAME", Short: "Start a query again that is paused or has failed", Args: one("NAME"),
		Long: `resume starts a query where it was that is paused or has failed. Of those that
failed, the server tries by itself, with growing pauses, until 'restart-strategy.…'
says that it is enough: then mend what was wrong, and resume.`,
		Example: "  cepd query resume card_testing",
		RunE: func(c *cobra.Command, args []string) error {
			return f.call(c.Context(), http.MethodPost, queryPath(args[0])+"/resume", nil, nil)
		},
	}
}

func newVersions(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "versions NAME", Short: "List the versions of a query: who changed it, when, and what became of its state", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var list []api.Version
			if err := f.call(c.Context(), http.MethodGet, queryPath(args[0])+"/versions", nil, &list); err != nil {
				return err
			}
			return f.print(g.std.out, list, func(w io.Writer) {
				var rows [][]string
				for _, v := range list {
					rows = append(rows, []string{strconv.Itoa(v.Number), v.Created.Format(time.DateTime), orNone(v.By), orNone(v.State)})
				}
				table(w, []string{"version", "created", "by", "state"}, rows)
				for _, v := range list {
					fmt.Fprintf(w, "\n-- version %d\n%s;\n", v.Number, v.SQL)
				}
			})
		},
	}
}
