package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
)

func newParameters(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "parameters", Short: "List, set and delete the parameters of rules while they run", Args: noArgs,
		Long: `parameters are the rows of a server's table of 'connector' = 'parameters'. Rules that
join it FOR SYSTEM_TIME AS OF judge each row by the version that was valid at its
time: a change takes effect at once, or from --valid-from on, without a restart. Each
change has a version number, and is in the audit log.`,
		Example: `  cepd parameters list limits
  cepd parameters set limits acme allowed=200
  cepd parameters set limits acme allowed=200 --if-version 7 --valid-from 2026-03-01T00:00:00Z
  cepd parameters history limits acme
  cepd parameters load limits seed.csv`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c.PersistentFlags())
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.AddCommand(newParametersList(g, f), newParametersSet(g, f), newParametersDelete(g, f), newParametersHistory(g, f), newParametersLoad(g, f))
	completeTables(c, &f.clientFlags)
	return c
}

func parametersPath(table string) string {
	return "/v1/tables/" + url.PathEscape(table) + "/parameters"
}

func newParametersList(g *global, f *queryFlags) *cobra.Command {
	var after string
	var limit int
	c := &cobra.Command{Use: "list TABLE", Short: "List the parameters of a table", Args: one("TABLE")}
	c.Flags().StringVar(&after, "after", "", "go on behind this key")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many, up to 1000")
	c.RunE = func(c *cobra.Command, args []string) error {
		var page api.ParameterPage
		q := url.Values{"after": {after}, "limit": {strconv.Itoa(limit)}}
		if err := f.call(c.Context(), http.MethodGet, parametersPath(args[0])+"?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		return f.print(g.std.out, page, func(w io.Writer) {
			printParameters(w, page.Parameters)
			if page.Next != "" {
				fmt.Fprintf(w, "go on with --after %q\n", page.Next)
			}
		})
	}
	return c
}

func printParameters(w io.Writer, list []api.Parameter) {
	var rows [][]string
	for i := range list {
		p := &list[i]
		var values []string
		for _, name := range slices.Sorted(maps.Keys(p.Values)) {
			values = append(values, name+"="+string(p.Values[name]))
		}
		text := strings.Join(values, " ")
		if p.Deleted {
			text = "(deleted)"
		}
		rows = append(rows, []string{p.Key, text, strconv.FormatInt(p.Version, 10), p.ValidFrom.Format(time.RFC3339Nano), orNone(p.By)})
	}
	table(w, []string{"key", "values", "version", "valid from", "by"}, rows)
}

// changeFlags say when and on what a change is made.
type changeFlags struct {
	validFrom string
	version   int64
}

func (n *changeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&n.validFrom, "valid-from", "", "`time` from which on it is valid, such as 2026-03-01T00:00:00Z; default: now")
	c.Flags().Int64Var(&n.version, "if-version", 0, "only if this is the row's version")
}

func (n *changeFlags) time() (t time.Time, err error) {
	if n.validFrom == "" {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339Nano, n.validFrom); err != nil {
		return t, usagef("--valid-from: expected a time such as 2026-03-01T00:00:00Z, found %q", n.validFrom)
	}
	return t, nil
}

func newParametersSet(g *global, f *queryFlags) *cobra.Command {
	n := &changeFlags{}
	c := &cobra.Command{Use: "set TABLE KEY COLUMN=VALUE…", Short: "Set a row: the next version of it", Args: cobra.MinimumNArgs(3),
		Long: "set gives a row of parameters new values; a column that is not named becomes NULL. A key of\nseveral columns is a JSON array, such as '[\"acme\", 7]'."}
	n.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		values := map[string]string{}
		for _, x := range args[2:] {
			if err := pairs(values).Set(x); err != nil {
				return usageError{err}
			}
		}
		from, err := n.time()
		if err != nil {
			return err
		}
		types, err := columnTypes(c.Context(), f, args[0])
		if err != nil {
			return err
		}
		in := api.NewValues{Values: jsonValues(types, values), ValidFrom: from}
		cl, err := f.client()
		if err != nil {
			return err
		}
		p, err := cl.SetParameter(c.Context(), args[0], args[1], in, n.version)
		if err != nil {
			return err
		}
		return f.print(g.std.out, p, func(w io.Writer) {
			fmt.Fprintf(w, "%s: version %d, valid from %s\n", p.Key, p.Version, p.ValidFrom.Format(time.RFC3339Nano))
		})
	}
	return c
}

// columnTypes are the types of a table's columns.
func columnTypes(ctx context.Context, f *queryFlags, name string) (map[string]string, error) {
	var t api.Table
	if err := f.call(ctx, http.MethodGet, "/v1/tables/"+url.PathEscape(name), nil, &t); err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, c := range t.Columns {
		types[c.Name] = c.Type
	}
	return types, nil
}

// jsonValues writes texts as their columns want them; what is wrong with them the
// server says.
func jsonValues(types, values map[string]string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, text := range values {
		kind := types[name]
		quoted := kind == "STRING" || strings.HasPrefix(kind, "TIME") || kind == "DATE" || kind == "BYTES"
		if !quoted && text == "" {
			text = "null"
		}
		if quoted || !json.Valid([]byte(text)) {
			out[name], _ = json.Marshal(text) // a text can be
			continue
		}
		out[name] = json.RawMessage(text)
	}
	return out
}

func newParametersDelete(g *global, f *queryFlags) *cobra.Command {
	n := &changeFlags{}
	c := &cobra.Command{Use: "delete TABLE KEY", Short: "Delete a row; its history stays", Args: cobra.ExactArgs(2)}
	n.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		from, err := n.time()
		if err != nil {
			return err
		}
		cl, err := f.client()
		if err != nil {
			return err
		}
		p, err := cl.DeleteParameter(c.Context(), args[0], args[1], from, n.version)
		if err != nil {
			return err
		}
		return f.print(g.std.out, p, func(w io.Writer) { fmt.Fprintf(w, "%s: deleted, version %d\n", p.Key, p.Version) })
	}
	return c
}

func newParametersHistory(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{Use: "history TABLE KEY", Short: "List the versions of a row, the last first", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var list []api.Parameter
			if err := f.call(c.Context(), http.MethodGet, parametersPath(args[0])+"/"+url.PathEscape(args[1])+"/history", nil, &list); err != nil {
				return err
			}
			return f.print(g.std.out, list, func(w io.Writer) { printParameters(w, list) })
		}}
}

func newParametersLoad(g *global, f *queryFlags) *cobra.Command {
	n := &changeFlags{}
	c := &cobra.Command{Use: "load TABLE FILE.csv", Short: "Set the rows of a CSV file, whose first line names the columns", Args: cobra.ExactArgs(2),
		Long: `load sets a row for each line of a CSV file, one after the other; the first column is
the key. For parameters that events of the past are judged by, give --valid-from. A
line that is refused ends it: those before it are set.`}
	c.Flags().StringVar(&n.validFrom, "valid-from", "", "`time` from which on they are valid; default: now")
	c.RunE = func(c *cobra.Command, args []string) error {
		from, err := n.time()
		if err != nil {
			return err
		}
		cl, err := f.client()
		if err != nil {
			return err
		}
		types, err := columnTypes(c.Context(), f, args[0])
		if err != nil {
			return err
		}
		file, err := os.Open(args[1])
		if err != nil {
			return err
		}
		defer file.Close()
		rows, err := loadRows(file, func(line int, key string, values map[string]string) error {
			in := api.NewValues{Values: jsonValues(types, values), ValidFrom: from}
			if _, err := cl.SetParameter(c.Context(), args[0], key, in, 0); err != nil {
				return fmt.Errorf("%s:%d: %w", args[1], line, err)
			}
			return nil
		})
		fmt.Fprintf(g.std.out, "%d rows\n", rows)
		return err
	}
	return c
}

// loadRows calls set for each row of a CSV text.
func loadRows(in io.Reader, set func(line int, key string, values map[string]string) error) (rows int, err error) {
	r := csv.NewReader(in)
	names, err := r.Read()
	if err != nil {
		return 0, fmt.Errorf("expected a line with the names of the columns: %w", err)
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		values := map[string]string{}
		for i, text := range record[1:] {
			values[strings.TrimSpace(names[i+1])] = text
		}
		line, _ := r.FieldPos(0)
		if err := set(line, record[0], values); err != nil {
			return rows, err
		}
		rows++
	}
}
