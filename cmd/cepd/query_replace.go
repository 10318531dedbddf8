package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
)

func newReplace(g *global, f *queryFlags) *cobra.Command {
	r := &api.Replacement{}
	params, mapping := pairs{}, pairs{}
	c := &cobra.Command{
		Use: "replace NAME FILE", Short: "Give a query another text, and say what becomes of its state", Args: cobra.ExactArgs(2),
		Long: `replace compares the text of a file (- is stdin) with the one that runs, and says
what becomes of the state: which operators keep theirs, and why one cannot, with
the place in the text. If everything can be kept, and matches that are open stay as
they are, the query goes on with the new text as its next version; what it has
found before is delivered first. Otherwise nothing happens until a mode is chosen.
The exit code is 1 when the query was to be replaced and was not.

The file may have the definitions of the query's tables too, as the server has them.`,
		Example: `  cepd query replace card_testing fraud.sql --dry-run
  cepd query replace card_testing fraud.sql --map BIG=LARGE
  cepd query replace card_testing fraud.sql --mode drop`,
	}
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "only say what would become of the state")
	c.Flags().StringVar(&r.Mode, "mode", "", "keep, drop or replay the state, whatever the answer")
	c.Flags().StringVar(&r.From, "from", "", "with --mode replay: since when")
	c.Flags().IntVar(&r.Version, "version", 0, "the `number` of the version that is to be replaced: if another one runs, nothing happens")
	c.Flags().Var(mapping, "map", "old=new name of a pattern variable; may be repeated")
	c.Flags().Var(params, "param", "value of :name in the text; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		texts, err := readTexts(args[1:], g.std)
		if err != nil {
			return err
		}
		r.File, r.SQL, r.Params, r.Mapping = texts[0].name, texts[0].sql, params, mapping
		var out api.ReplaceAnswer
		if err := f.callLong(c.Context(), http.MethodPost, queryPath(args[0])+"/replace", r, &out); err != nil {
			return err
		}
		if err := f.print(g.std.out, out, func(w io.Writer) { printReplaced(w, &out) }); err != nil || out.Done || out.Replaying || r.DryRun {
			return err
		}
		return fmt.Errorf("query %s stays as it is: choose --mode keep, drop or replay", out.Query)
	}
	return c
}

func printReplaced(w io.Writer, a *api.ReplaceAnswer) {
	if a.Done {
		fmt.Fprintf(w, "query %s runs as version %d\n", a.Query, a.Version)
	} else if a.Replaying {
		fmt.Fprintf(w, "query %s goes on at version %d while a shadow reads history from %s, and then takes its place: cepd query shadow %s\n", a.Query, a.Version, a.ReplayFrom, a.Query)
	} else {
		fmt.Fprintf(w, "query %s is at version %d; advice: %s", a.Query, a.Version, a.Advice)
		if a.ReplayFrom != "" {
			fmt.Fprintf(w, " from %s", a.ReplayFrom)
		}
		fmt.Fprintln(w)
	}
	var rows [][]string
	for _, o := range a.Operators {
		rows = append(rows, []string{o.Operator, o.State})
	}
	if len(rows) > 0 {
		table(w, []string{"operator", "state"}, rows)
	}
	for i := range a.Reasons {
		fmt.Fprintf(w, "cannot be kept: %s\n", a.Reasons[i].String())
	}
	for _, n := range a.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	for _, d := range a.Warnings {
		fmt.Fprintf(w, "%d:%d: %s[%s]: %s\n", d.Line, d.Column, d.Severity, d.Code, d.Message)
	}
}
