package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
)

// instancesFlags choose open matches.
type instancesFlags struct {
	key, waitsFor, reached, after string
	olderThan                     time.Duration
	limit                         int
}

func newInstances(g *global, f *queryFlags) *cobra.Command {
	n := &instancesFlags{}
	c := &cobra.Command{
		Use: "instances [NAME]", Short: "List the open matches of a query, or of all: what they have and what they wait for", Args: cobra.MaximumNArgs(1),
		Long: `instances lists the matches that have begun and are not decided, the oldest first:
their rows with partition and offset, the measures so far, of which variables a
row may be next (waits for) or may not come (none of), and when time decides.`,
		Example: "  cepd query instances\n  cepd query instances card_testing --key card=4083023\n  cepd query instances orders --waits-for PAID --older-than 2h",
	}
	c.Flags().StringVar(&n.key, "key", "", "value of a partition column: 17, or card=17")
	c.Flags().StringVar(&n.waitsFor, "waits-for", "", "only those of which a row of this variable may be next")
	c.Flags().StringVar(&n.reached, "reached", "", "only those whose last row is of this variable")
	c.Flags().DurationVar(&n.olderThan, "older-than", 0, "only those whose first row is older than this")
	c.Flags().StringVar(&n.after, "after", "", "go on behind this place, which the page before names")
	c.Flags().IntVar(&n.limit, "limit", engine.DefaultInstances, fmt.Sprintf("at most so many, up to %d", engine.MaxInstances))
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return n.ofAll(c.Context(), g, f)
		}
		var page engine.Instances
		path := queryPath(args[0]) + "/instances?" + n.values(time.Now()).Encode()
		if err := f.call(c.Context(), http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		return f.print(g.std.out, page, func(w io.Writer) { printInstances(w, &page) })
	}
	return c
}

// ofAll lists the open matches of all queries.
func (n *instancesFlags) ofAll(ctx context.Context, g *global, f *queryFlags) error {
	var page api.AllInstances
	if err := f.call(ctx, http.MethodGet, "/v1/instances?"+n.values(time.Now()).Encode(), nil, &page); err != nil {
		return err
	}
	return f.print(g.std.out, page, func(w io.Writer) {
		var rows [][]string
		for i := range page.Instances {
			x := &page.Instances[i]
			rows = append(rows, append([]string{x.Query}, instanceCells(&x.Instance)...))
		}
		table(w, append([]string{"query"}, instanceColumns...), rows)
		printMore(w, page.Total, len(page.Instances), page.Next, page.Partial)
		for _, q := range page.NotListed {
			fmt.Fprintf(w, "query %s is not looked at: %s\n", q.Query, q.Reason)
		}
	})
}

func newEnd(g *global, f *queryFlags) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "end NAME ID", Short: "End an open match of a query", Args: cobra.ExactArgs(2),
		Long: `end ends an open match, whose ID cepd query instances shows, with those that the
same row began: it comes to nothing. The server's audit log has who did it, and
the reason. When end returns, a crash does not undo it.`,
		Example: "  cepd query end orders 5f0c9a3be1d27c44 --reason 'cancelled by phone'",
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	c.RunE = func(c *cobra.Command, args []string) error {
		path := queryPath(args[0]) + "/instances/" + url.PathEscape(args[1]) + "?" + url.Values{"reason": {reason}}.Encode()
		var x engine.Instance
		if err := f.call(c.Context(), http.MethodDelete, path, nil, &x); err != nil {
			return err
		}
		return f.print(g.std.out, x, func(w io.Writer) { fmt.Fprintf(w, "match %s of %s has ended: %s\n", x.ID, args[0], pairsOf(&x)) })
	}
	return c
}

func (n *instancesFlags) values(now time.Time) url.Values {
	v := url.Values{"limit": {strconv.Itoa(n.limit)}}
	for name, text := range map[string]string{"key": n.key, "waits_for": n.waitsFor, "reached": n.reached, "after": n.after} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if n.olderThan > 0 {
		v.Set("before", now.Add(-n.olderThan).UTC().Format(time.RFC3339Nano))
	}
	return v
}

var instanceColumns = []string{"id", "measures", "since", "expires", "rows", "waits for"}

func instanceCells(x *engine.Instance) []string {
	var path []string
	for _, r := range x.Rows {
		path = append(path, r.Variable)
	}
	return []string{x.ID, pairsOf(x), x.Since, orNone(x.Expires), orNone(strings.Join(path, " ")), waiting(x)}
}

func printInstances(w io.Writer, page *engine.Instances) {
	var rows [][]string
	for i := range page.Instances {
		rows = append(rows, instanceCells(&page.Instances[i]))
	}
	table(w, instanceColumns, rows)
	printMore(w, page.Total, len(page.Instances), page.Next, page.Partial)
	if page.Cut > 0 {
		fmt.Fprintf(w, "%d keys have more than were looked at\n", page.Cut)
	}
}

func printMore(w io.Writer, total, shown int, next string, partial bool) {
	switch {
	case next != "":
		fmt.Fprintf(w, "%d in all; go on with --after %s\n", total, next)
	case total > shown:
		fmt.Fprintf(w, "%d in all\n", total)
	}
	if partial {
		fmt.Fprintln(w, "there are more than were looked at")
	}
}

// pairsOf writes the measures, and what of the key is not among them.
func pairsOf(x *engine.Instance) string {
	all := maps.Clone(x.Key)
	maps.Copy(all, x.Measures)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if text := string(all[name]); text != "null" {
			list = append(list, name+"="+text)
		}
	}
	return strings.Join(list, " ")
}

func waiting(x *engine.Instance) string {
	text := strings.Join(x.WaitsFor, " or ")
	if len(x.NoneOf) > 0 {
		text = strings.TrimSpace(text + " no " + strings.Join(x.NoneOf, ", "))
	}
	if x.Complete {
		text = strings.TrimSpace(text + " (complete)")
	}
	return orNone(text)
}
