package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/internal/why"
)

// whyCommand says what became of the rows of a key.
type whyCommand struct {
	*global
	*bindings
	*whyFlags
	query  string
	output string
	remote clientFlags
}

// whyFlags are what is asked.
type whyFlags struct {
	request  why.Request
	from, to string
}

func newWhyFlags(c *cobra.Command) *whyFlags {
	f := &whyFlags{}
	c.Flags().StringVar(&f.request.Key, "key", "", "value of a partition column: 17, or card=17")
	c.Flags().StringVar(&f.request.Detection, "detection", "", "id of a detection")
	c.Flags().StringVar(&f.from, "from", "", "first record: a time such as 2026-03-01T00:00:00Z, or an age such as 2h")
	c.Flags().StringVar(&f.to, "to", "", "end of the records, likewise")
	c.Flags().IntVar(&f.request.Limit, "limit", why.DefaultLimit, "at most so many that came to nothing")
	return f
}

// asked is the request, with its times.
func (f *whyFlags) asked(now time.Time) (why.Request, error) {
	r := f.request
	var errs [2]error
	r.From, errs[0] = instant("--from", f.from, now)
	r.To, errs[1] = instant("--to", f.to, now)
	return r, errors.Join(errs[:]...)
}

func newWhy(g *global) *cobra.Command {
	w := &whyCommand{global: g}
	c := &cobra.Command{
		Use: "why FILE... | DETECTION | --query NAME", Short: "Say why a rule fired, or why it did not",
		Long: `why reads the history of a query's sources again and says what became of the rows
of one key: what each match was made of, with partition and offset and the values
of the conditions; and of the matches that began and came to nothing, which
condition failed on which row, or what ran out of time. With --detection it tells
of that detection alone; its id is in the header cepd-id of a Kafka record.

Nothing is written, no offset is committed, and the query that runs is left alone.
--from and --to choose Kafka records by their timestamps; files are read whole.

Without FILE the question goes to a server that runs the query: --query names it; of
the id of a detection that was delivered lately the server knows the query itself.`,
		Example: `  cepd why fraud.sql --key 4083023
  cepd why fraud.sql --key card=4083023 --from 2026-03-01T00:00:00Z
  cepd why fraud.sql --detection 9f86d081884c7d659a2feaa0c55ad015
  cepd why 9f86d081884c7d659a2feaa0c55ad015
  cepd why --query card_testing --key 4083023 --from 2h`,
		RunE: func(c *cobra.Command, args []string) error { return w.run(c, args) },
	}
	c.Flags().StringVar(&w.query, "query", "", "name of the query: of the server, or when the files have several")
	w.whyFlags = newWhyFlags(c)
	outputFlag(c, &w.output)
	w.addServer(c)
	w.bindings = newBindings(c)
	return c
}

func (w *whyCommand) run(c *cobra.Command, names []string) error {
	if err := checkOutput(w.output); err != nil {
		return err
	}
	request, err := w.asked(time.Now())
	if err != nil {
		return err
	}
	switch {
	case isDetection(names):
		request.Detection = names[0]
		return w.ask(c, request)
	case len(names) == 0 && (w.query != "" || request.Detection != ""):
		return w.ask(c, request)
	case len(names) == 0:
		return files(c, names)
	}
	log, err := w.logger()
	if err != nil {
		return err
	}
	q, err := w.chosen(w.global, names, w.query)
	if err != nil {
		return err
	}
	report, err := why.Run(c.Context(), *q, engineOptions(log), request)
	if err != nil {
		return err
	}
	if w.output == "json" {
		return writeJSON(w.std.out, report)
	}
	printReport(w.std.out, report)
	return nil
}

// instant is a time, or so long before now; "" is the zero time.
func instant(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil {
		return now.Add(-age), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usagef("%s %s: want a time such as 2026-03-01T00:00:00Z or an age such as 2h", flag, text)
	}
	return t, nil
}

// chosen compiles files and gives the query of a name, or the only one.
func (b *bindings) chosen(g *global, names []string, name string) (*history.Query, error) {
	texts, err := readTexts(names, g.std)
	if err != nil {
		return nil, err
	}
	programs, err := b.compile(texts, g.std.err)
	if err != nil {
		return nil, err
	}
	return chosenQuery(programs, name)
}

func chosenQuery(programs []program, name string) (*history.Query, error) {
	var found *history.Query
	var names []string
	for _, p := range programs {
		for i := range p.result.Queries {
			q := &p.result.Queries[i]
			names = append(names, q.Name)
			if name == "" || strings.EqualFold(q.Name, name) {
				found = &history.Query{Root: q.Insert, Catalog: api.WithSettings(p.cat, q)}
			}
		}
	}
	switch {
	case len(names) == 0:
		return nil, usagef("there is no query in the files: no INSERT")
	case found == nil:
		return nil, usagef("there is no query %q: there are %s", name, strings.Join(names, ", "))
	case name == "" && len(names) > 1:
		return nil, usagef("the files have several queries: choose one by --query: %s", strings.Join(names, ", "))
	}
	return found, nil
}

// printReport writes a report for a person.
func printReport(w io.Writer, r *why.Report) {
	if r.Version > 0 {
		fmt.Fprintf(w, "query %s, version %d\n", r.Query, r.Version)
	}
	if len(r.Patterns) == 0 {
		fmt.Fprintf(w, "query %s: no row of that key reached its pattern: none was read, or WHERE left them out\n", r.Query)
	}
	for i := range r.Patterns {
		p := &r.Patterns[i]
		fmt.Fprintf(w, "%s  %s\n", pairsText(p.Key), plural(p.Rows, "row"))
		for k := range p.Matches {
			printMatch(w, &p.Matches[k])
		}
		for k := range p.Open {
			printMiss(w, &p.Open[k])
		}
		for k := range p.Misses {
			printMiss(w, &p.Misses[k])
		}
		if p.Others > 0 {
			fmt.Fprintf(w, "\n%s of other keys have that value too: name the column, as in --key card=17\n", plural(p.Others, "row"))
		}
		if p.Cut {
			fmt.Fprintln(w, "\nthere was more to follow than the limits allow: choose less by --from and --to")
		}
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func printMatch(w io.Writer, m *why.Match) {
	what := "MATCH"
	if m.TimedOut {
		what = "TIMED OUT"
	}
	fmt.Fprintf(w, "\n%s at %s, detection %s\n", what, m.Time, strings.Join(m.IDs, ", "))
	printRows(w, m.Rows, "  ")
}

func printMiss(w io.Writer, m *why.Miss) {
	switch m.Cause {
	case "open":
		fmt.Fprintf(w, "\nOPEN: waits for %s", waitText(m))
		if m.Ended != "" {
			fmt.Fprintf(w, " until %s", m.Ended)
		}
		fmt.Fprintln(w)
	case "time":
		fmt.Fprintf(w, "\nNO MATCH: waited for %s, time was up at %s\n", waitText(m), m.Ended)
	case "skipped":
		fmt.Fprintf(w, "\nNO MATCH: another match left no room for it at %s\n", m.Ended)
	case "forbidden":
		fmt.Fprintf(w, "\nNO MATCH: a row came that must not\n")
	default:
		fmt.Fprintf(w, "\nNO MATCH: the next row is not %s\n", waitText(m))
	}
	printRows(w, m.Rows, "  ")
	if len(m.Nearest) > 0 && (m.Cause == "time" || m.Cause == "open") {
		fmt.Fprintln(w, "  nearest to it:")
	}
	printRows(w, m.Nearest, "  > ")
}

func waitText(m *why.Miss) string {
	text := strings.Join(m.Waited, " or ")
	if len(m.NoneOf) > 0 {
		text = strings.TrimSpace(text + " without " + strings.Join(m.NoneOf, ", "))
	}
	return text
}

func printRows(w io.Writer, rows []why.Row, margin string) {
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(w, "%s%-4s %s  %s\n", margin, r.Variable, r.Time, origin(r))
		for k := range r.Conditions {
			c := &r.Conditions[k]
			fmt.Fprintf(w, "%*s%-4s %s%s\n", len(margin)+5, "", mark(c), c.Text, valuesText(c))
		}
	}
}

func origin(r *why.Row) string {
	if r.Detection != "" {
		return "detection " + r.Detection
	}
	return fmt.Sprintf("%s %d@%d", r.Table, r.Partition, r.Offset)
}

func mark(c *why.Condition) string {
	switch {
	case c.Error != "":
		return "err"
	case c.Holds:
		return "yes"
	}
	return "NO"
}

func valuesText(c *why.Condition) string {
	if c.Error != "" {
		return ": " + c.Error
	}
	if len(c.Values) == 0 {
		return ""
	}
	return "    [" + pairsText(c.Values) + "]"
}

func pairsText(values map[string]json.RawMessage) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+" = "+string(values[name]))
	}
	return strings.Join(list, ", ")
}
