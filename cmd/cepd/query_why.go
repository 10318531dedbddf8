package main

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/why"
)

func newQueryWhy(g *global, f *queryFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "why NAME", Short: "Say why a query of the server fired, or why it did not", Args: one("NAME"),
		Long: `why lets the server read the history of the query's sources again; see
` + "`cepd why --help`" + `. The query itself is left alone. An answer may take a minute at
most: --from makes it shorter.`,
		Example: "  cepd query why card_testing --key card=4083023 --from 2h",
	}
	flags := newWhyFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := flags.asked(time.Now())
		if err != nil {
			return err
		}
		var report why.Report
		path := queryPath(args[0]) + "/why?" + whyValues(r).Encode()
		if err := (&client{base: f.server}).call(c.Context(), http.MethodGet, path, nil, &report); err != nil {
			return err
		}
		return f.print(g.std.out, report, func(w io.Writer) { printReport(w, &report) })
	}
	return c
}

func whyValues(r why.Request) url.Values {
	v := url.Values{"limit": {strconv.Itoa(r.Limit)}}
	for name, text := range map[string]string{"key": r.Key, "detection": r.Detection} {
		if text != "" {
			v.Set(name, text)
		}
	}
	for name, t := range map[string]time.Time{"from": r.From, "to": r.To} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return v
}
