package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cepd/cepd/internal/backtest"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/query/catalog"
)

// backtestCommand tries a query on history.
type backtestCommand struct {
	*global
	*bindings
	request  backtest.Request
	query    string
	against  string
	params   pairs // of the version before
	from, to string
	report   string
	output   string
	reach    clientFlags
	remote   bool // a server does it
}

func newBacktest(g *global) *cobra.Command {
	b := &backtestCommand{global: g, params: pairs{}}
	c := &cobra.Command{
		Use: "backtest FILE...", Short: "Try a rule on history, beside the version before", Args: files,
		Long: `backtest runs a query on what its sources have had, and counts what it finds per
day and, with --by, per value of an output column. With --against it runs another
version too, and tells which detections appear, disappear, or have other values:
detections are the same when they are made of the same rows.

--label names a BOOLEAN column of a source that marks the rows to be found: then
precision is the share of detections that such a row is part of, and recall the
share of such rows that are part of a detection; --amount sums what they are worth.

Nothing is written and no offset is committed. --from and --to choose Kafka records
by their timestamps; files are read whole. What is open at the end is decided as if
nothing more came.

With --server, that server does it, beside its queries: --against is then the name
of a query that it has, and tables of the server need not be in the files.`,
		Example: `  cepd backtest fraud.sql --from 720h
  cepd backtest fraud-new.sql --against fraud.sql --by country --report report.html
  cepd backtest fraud.sql --param least=750 --against-param least=500
  cepd backtest fraud.sql --label is_fraud --amount amount
  cepd backtest fraud-new.sql --server http://127.0.0.1:8080 --against fraud`,
		RunE: func(c *cobra.Command, args []string) error {
			b.remote = c.Flags().Changed("server")
			return b.run(c.Context(), args)
		},
	}
	c.Flags().StringVar(&b.query, "query", "", "name of the query, when the files have several")
	c.Flags().StringVar(&b.against, "against", "", "file with the version before")
	c.Flags().Var(b.params, "against-param", "value of :name in the version before, where it differs; without --against the same files are that version")
	c.Flags().StringVar(&b.from, "from", "", "first record: a time such as 2026-03-01T00:00:00Z, or an age such as 720h")
	c.Flags().StringVar(&b.to, "to", "", "end of the records, likewise")
	c.Flags().StringVar(&b.request.By, "by", "", "output column whose values are counted apart")
	c.Flags().StringVar(&b.request.Label, "label", "", "source column that marks the rows to be found")
	c.Flags().StringVar(&b.request.Amount, "amount", "", "source column with what a marked row is worth")
	c.Flags().IntVar(&b.request.Limit, "limit", 10, "detections to list of each kind")
	c.Flags().StringVar(&b.report, "report", "", "also write a page for a browser to this file")
	outputFlag(c, &b.output)
	b.reach.add(c.Flags())
	b.bindings = newBindings(c)
	return c
}

func (b *backtestCommand) run(ctx context.Context, names []string) error {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if b.remote {
		return b.onServer(ctx, names)
	}
	if err := b.prepare(names); err != nil {
		return err
	}
	log, err := b.logger()
	if err != nil {
		return err
	}
	if terminal, ok := b.std.err.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(terminal.Fd())) {
		b.request.Progress = func(p backtest.Progress) { fmt.Fprintf(b.std.err, "\r\x1b[K%s", bar(&p)) }
		defer fmt.Fprint(b.std.err, "\r\x1b[K")
	}
	r, err := backtest.Run(ctx, b.request, engineOptions(log))
	if err != nil {
		return err
	}
	if b.report != "" {
		if err := writeFile(b.report, func(w io.Writer) error { return r.WriteReport(w, names[0], cmp.Or(b.against, names[0])) }); err != nil {
			return err
		}
	}
	return b.print(r)
}

func (b *backtestCommand) print(r *backtest.Report) error {
	if b.output == "json" {
		return writeJSON(b.std.out, r)
	}
	printBacktest(b.std.out, r)
	return nil
}

// prepare compiles the versions.
func (b *backtestCommand) prepare(names []string) error {
	now := time.Now()
	var errs [2]error
	b.request.From, errs[0] = instant("--from", b.from, now)
	b.request.To, errs[1] = instant("--to", b.to, now)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	after, err := b.chosen(b.global, names, b.query)
	if err != nil {
		return err
	}
	b.request.After = *after
	b.request.Before, err = b.before(names)
	return err
}

// before is the version before; nil: there is none. It need not use every
// parameter.
func (b *backtestCommand) before(names []string) (*history.Query, error) {
	if b.against != "" {
		names = []string{b.against}
	} else if len(b.params) == 0 {
		return nil, nil
	}
	texts, err := readTexts(names, b.std)
	if err != nil {
		return nil, err
	}
	params := maps.Clone(b.bindings.params)
	maps.Copy(params, b.params)
	cat := catalog.New()
	maps.Copy(cat.Settings, b.settings)
	programs, err := compileTexts(cat, texts, params, io.Discard)
	if err != nil {
		return nil, err
	}
	return chosenQuery(programs, b.query)
}

// bar shows how far a back-test is.
func bar(p *backtest.Progress) string {
	const width = 30
	full := min(width, int(p.Share*width))
	left := ""
	if p.ETASeconds > 0 {
		left = ", " + (time.Duration(p.ETASeconds) * time.Second).String() + " left"
	}
	return fmt.Sprintf("%-6s [%s%s] %3.0f %%  %d events, %d detections, %d of %d partitions%s", p.Part, strings.Repeat("█", full), strings.Repeat(" ", width-full),
		100*p.Share, p.Rows, p.Detections, p.Ended, p.Partitions, left)
}

// printBacktest writes a report for a person.
func printBacktest(w io.Writer, r *backtest.Report) {
	printVersion(w, "after", &r.After)
	if r.Before != nil {
		printVersion(w, "before", r.Before)
		fmt.Fprintf(w, "same %d, appear %d, disappear %d, change %d\n", r.Same, r.Appear.Count, r.Disappear.Count, r.Change.Count)
	}
	fmt.Fprintln(w)
	printParts(w, "day", r.Days, r.Before != nil)
	if r.By != "" {
		fmt.Fprintln(w)
		printParts(w, r.By, r.Segments, r.Before != nil)
	}
	printDifference(w, "APPEARS", &r.Appear)
	printDifference(w, "DISAPPEARS", &r.Disappear)
	printDifference(w, "CHANGES", &r.Change)
}

func printVersion(w io.Writer, name string, v *backtest.Version) {
	fmt.Fprintf(w, "%-7s %d detections in %d rows\n", name, v.Detections, v.Rows)
	if s := v.Score; s != nil {
		fmt.Fprintf(w, "        precision %.3f (%d of %d detections), recall %.3f (%d of %d labelled rows)", s.Precision, s.Right, s.Detections, s.Recall, s.Found, s.Labelled)
		if s.Worth != 0 {
			fmt.Fprintf(w, ", worth %.2f of %.2f", s.FoundWorth, s.Worth)
		}
		fmt.Fprintln(w)
	}
}

func printParts(w io.Writer, name string, parts []backtest.Part, compared bool) {
	columns := []string{name, "detections"}
	if compared {
		columns = append(columns, "before", "appear", "disappear", "change")
	}
	var rows [][]string
	for _, p := range parts {
		row := []string{p.Name, strconv.Itoa(p.After)}
		if compared {
			row = append(row, strconv.Itoa(p.Before), strconv.Itoa(p.Appear), strconv.Itoa(p.Disappear), strconv.Itoa(p.Change))
		}
		rows = append(rows, row)
	}
	table(w, columns, rows)
}

func printDifference(w io.Writer, what string, d *backtest.Difference) {
	if d.Count == 0 {
		return
	}
	fmt.Fprintln(w)
	for _, x := range d.First {
		switch {
		case x.Row == nil:
			fmt.Fprintf(w, "%s  %s\n", what, x.Before)
		case x.Before != nil:
			fmt.Fprintf(w, "%s  %s\n     was %s\n", what, x.Row, x.Before)
		default:
			fmt.Fprintf(w, "%s  %s\n", what, x.Row)
		}
	}
	if more := d.Count - len(d.First); more > 0 {
		fmt.Fprintf(w, "%s  %d more: --limit lists them\n", what, more)
	}
}
