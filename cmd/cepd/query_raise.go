package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
)

func newRaise(g *global, f *queryFlags) *cobra.Command {
	var in string
	values := pairs{}
	c := &cobra.Command{
		Use: "raise NAME ID", Short: "Raise an event for an open match of a query", Args: cobra.ExactArgs(2),
		Long: `raise puts a row into a table that the query reads, with the partition columns of
the open match filled in. The table has 'connector' = 'http' or 'kafka'.`,
		Example: "  cepd query raise orders 5f0c9a3be1d27c44 --set step=PAID --set 'ts=2026-03-02 12:00:00'",
	}
	c.Flags().StringVar(&in, "table", "", "table that the query reads, when it reads several")
	c.Flags().Var(values, "set", "column=value; JSON, or else text; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		r := api.Raise{Table: in, Values: map[string]json.RawMessage{}}
		for column, v := range values {
			r.Values[column] = asJSON(v)
		}
		var out api.Raised
		path := queryPath(args[0]) + "/instances/" + url.PathEscape(args[1]) + "/events"
		if err := f.call(c.Context(), http.MethodPost, path, r, &out); err != nil {
			return err
		}
		return f.print(g.std.out, out, func(w io.Writer) {
			if fmt.Fprintf(w, "event raised in %s", out.Table); out.Event != nil {
				fmt.Fprintf(w, ": %s", out.Event.ID)
			}
			fmt.Fprintln(w)
		})
	}
	return c
}

// asJSON is a value as it is, or, when it is no JSON, as a text.
func asJSON(v string) json.RawMessage {
	if json.Valid([]byte(v)) {
		return json.RawMessage(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil // there is no such text
	}
	return text
}
