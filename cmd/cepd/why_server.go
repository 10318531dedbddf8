package main

import (
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/why"
)

// addServer adds the flags of a question to a server; --key is that of the rows.
func (w *whyCommand) addServer(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&w.remote.server, "server", defaultServer(), "address of the server, where no FILE is given")
	f.StringVar(&w.remote.tokenFile, "token-file", "", "`file` with the server's token, in place of CEPD_TOKEN")
	f.StringVar(&w.remote.ca, "ca", "", "PEM `file` of the server's certificates to trust, beside the system's")
}

// isDetection says whether an argument is the id of a detection.
func isDetection(args []string) bool {
	if len(args) != 1 {
		return false
	}
	_, err := event.ParseID(args[0])
	return err == nil
}

// ask asks the server, of a query that it runs.
func (w *whyCommand) ask(c *cobra.Command, r why.Request) error {
	name := w.query
	if name == "" {
		var err error
		if name, err = w.maker(c, r.Detection); err != nil {
			return err
		}
	}
	var report why.Report
	if err := w.remote.call(c.Context(), http.MethodGet, queryPath(name)+"/why?"+whyValues(r).Encode(), nil, &report); err != nil {
		return err
	}
	f := queryFlags{output: w.output}
	return f.print(w.std.out, report, func(out io.Writer) { printReport(out, &report) })
}

// maker is the query that has delivered a detection lately.
func (w *whyCommand) maker(c *cobra.Command, id string) (string, error) {
	var list []api.Info
	if err := w.remote.call(c.Context(), http.MethodGet, "/v1/queries", nil, &list); err != nil {
		return "", err
	}
	for i := range list {
		made, err := w.made(c, list[i].Name, id)
		if made || err != nil {
			return list[i].Name, err
		}
	}
	return "", usagef("no query of the server has delivered %s lately: name the query by --query", id)
}

// made says whether a detection is among those that a query has delivered lately.
func (w *whyCommand) made(c *cobra.Command, query, id string) (bool, error) {
	for after := engine.FromOldest; ; {
		var page engine.Detections
		path := queryPath(query) + "/detections?limit=1000&after=" + url.QueryEscape(after)
		if err := w.remote.call(c.Context(), http.MethodGet, path, nil, &page); err != nil {
			return false, err
		}
		for i := range page.Detections {
			if page.Detections[i].ID == id {
				return true, nil
			}
		}
		if len(page.Detections) == 0 {
			return false, nil
		}
		after = page.Next
	}
}
