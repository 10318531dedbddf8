package main

import (
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

	"github.com/cepd/cepd/engine"
)

// instancesFlags choose open matches.
type instancesFlags struct {
	key, waitsFor, after string
	olderThan            time.Duration
	limit                int
}

func newInstances(g *global, f *queryFlags) *cobra.Command {
	n := &instancesFlags{}
	c := &cobra.Command{
		Use: "instances NAME", Short: "List the open matches of a query: what they have and what they wait for", Args: one("NAME"),
		Long: `instances lists the matches that have begun and are not decided, the oldest first:
their rows with partition and offset, the measures so far, of which variables a
row may be next (waits for) or may not come (none of), and when time decides. The
query stands still while it is looked at.`,
		Example: "  cepd query instances card_testing\n  cepd query instances card_testing --key card=4083023\n  cepd query instances orders --waits-for PAID --older-than 2h",
	}
	c.Flags().StringVar(&n.key, "key", "", "value of a partition column: 17, or card=17")
	c.Flags().StringVar(&n.waitsFor, "waits-for", "", "only those of which a row of this variable may be next")
	c.Flags().DurationVar(&n.olderThan, "older-than", 0, "only those whose first row is older than this")
	c.Flags().StringVar(&n.after, "after", "", "go on behind this place, which the page before names")
	c.Flags().IntVar(&n.limit, "limit", engine.DefaultInstances, fmt.Sprintf("at most so many, up to %d", engine.MaxInstances))
	c.RunE = func(c *cobra.Command, args []string) error {
		var page engine.Instances
		path := queryPath(args[0]) + "/instances?" + n.values(time.Now()).Encode()
		if err := (&client{base: f.server}).call(c.Context(), http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		return f.print(g.std.out, page, func(w io.Writer) { printInstances(w, &page) })
	}
	return c
}

func (n *instancesFlags) values(now time.Time) url.Values {
	v := url.Values{"limit": {strconv.Itoa(n.limit)}}
	for name, text := range map[string]string{"key": n.key, "waits_for": n.waitsFor, "after": n.after} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if n.olderThan > 0 {
		v.Set("before", now.Add(-n.olderThan).UTC().Format(time.RFC3339Nano))
	}
	return v
}

func printInstances(w io.Writer, page *engine.Instances) {
	var rows [][]string
	for i := range page.Instances {
		x := &page.Instances[i]
		var path []string
		for _, r := range x.Rows {
			path = append(path, r.Variable)
		}
		rows = append(rows, []string{x.ID, pairsOf(x), x.Since, orNone(x.Expires), orNone(strings.Join(path, " ")), waiting(x)})
	}
	table(w, []string{"id", "measures", "since", "expires", "rows", "waits for"}, rows)
	switch more := page.Total - len(page.Instances); {
	case page.Next != "":
		fmt.Fprintf(w, "%d in all; go on with --after %s\n", page.Total, page.Next)
	case more > 0:
		fmt.Fprintf(w, "%d in all\n", page.Total)
	}
	if page.Partial {
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
