package sigma_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd"
	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/convert/sigma"
)

// occurrence is an event of the random test; "" is NULL.
type occurrence struct {
	at         int // seconds
	user, host string
	id         int
}

// base is a detection: its text, and what it says of an occurrence.
type base struct {
	name, text string
	is         func(occurrence) bool
}

var bases = []base{
	{"one", "{s: {id: 1}, condition: s}", func(o occurrence) bool { return o.id == 1 }},
	{"two", "{s: {id: [2, 3]}, condition: s}", func(o occurrence) bool { return o.id == 2 || o.id == 3 }},
	{"notann", "{s: {user: 'A?N'}, t: {id|gt: 3}, condition: not s and not t}", func(o occurrence) bool { return o.user != "ann" && o.id <= 3 }},
	{"bs", "{s: {user|startswith: [b, x]}, t: {user: null, id: 2}, condition: 1 of them}", func(o occurrence) bool {
		return strings.HasPrefix(o.user, "b") || o.user == "" && o.id == 2
	}},
}

// correlated is a random correlation.
type correlated struct {
	kind     string
	rules    []base
	groupBy  []string
	timespan int
	least    int
	aliased  bool // the alias who is host in the first rule, and user in the others
}

func randomCorrelation(r *rand.Rand) correlated {
	c := correlated{kind: []string{"event_count", "value_count", "temporal", "temporal_ordered"}[r.IntN(4)], timespan: 1 + r.IntN(9)}
	for _, i := range r.Perm(len(bases))[:2+r.IntN(2)] {
		c.rules = append(c.rules, bases[i])
	}
	c.groupBy = [][]string{nil, {"user"}, {"host"}, {"host", "user"}}[r.IntN(4)]
	switch c.kind {
	case "event_count", "value_count":
		c.least = 1 + r.IntN(3)
	case "temporal":
		c.least = r.IntN(len(c.rules) + 1)
	}
	if c.kind != "event_count" && r.IntN(3) == 0 {
		c.aliased, c.groupBy = true, []string{"who"}
	}
	return c
}

func (c *correlated) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "title: t\ncorrelation:\n  type: %s\n  timespan: %ds\n  rules:\n", c.kind, c.timespan)
	for _, r := range c.rules {
		fmt.Fprintf(&b, "    - %s\n", r.name)
	}
	if c.groupBy != nil {
		fmt.Fprintf(&b, "  group-by: [%s]\n", strings.Join(c.groupBy, ", "))
	}
	if c.aliased {
		b.WriteString("  aliases:\n    who:\n")
		for i, r := range c.rules {
			fmt.Fprintf(&b, "      %s: %s\n", r.name, c.field(i, "who"))
		}
	}
	switch {
	case c.kind == "value_count":
		fmt.Fprintf(&b, "  condition: {field: id, gte: %d}\n", c.least)
	case c.least > 0:
		fmt.Fprintf(&b, "  condition: {gt: %d}\n", c.least-1)
	}
	for _, r := range c.rules {
		fmt.Fprintf(&b, "---\ntitle: %s\nname: %s\nlogsource: {product: p}\ndetection: %s\n", r.name, r.name, r.text)
	}
	return b.String()
}

// field is the field of rule i that a name stands for.
func (c *correlated) field(i int, name string) string {
	if name != "who" {
		return name
	}
	if i == 0 {
		return "host"
	}
	return "user"
}

// seen is an event of a group: at what time, and of which rules it is.
type seen struct {
	at, id int
	rules  []bool
}

// groups are the events of each group, as the rules see them: those without a key are
// left out, and one that has different keys for different rules is in both groups.
func (c *correlated) groups(events []occurrence) map[string][]seen {
	groups := map[string][]seen{}
	for _, e := range events {
		found := map[string]*seen{}
		var order []string
		for i, r := range c.rules {
			key, ok := c.key(i, e)
			if !r.is(e) || !ok {
				continue
			}
			if found[key] == nil {
				found[key], order = &seen{e.at, e.id, make([]bool, len(c.rules))}, append(order, key)
			}
			found[key].rules[i] = true
		}
		for _, key := range order {
			groups[key] = append(groups[key], *found[key])
		}
	}
	return groups
}

func (c *correlated) key(i int, e occurrence) (string, bool) {
	var parts []string
	for _, g := range c.groupBy {
		value := map[string]string{"host": e.host, "user": e.user}[c.field(i, g)]
		if value == "" {
			return "", false
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, "|"), true
}

// matches are the moments at which the correlation holds: of each group, the times of
// the events at which it does, each once.
func (c *correlated) matches(events []occurrence) (found []string) {
	for key, list := range c.groups(events) {
		for _, e := range list {
			var frame []seen
			for _, o := range list {
				if o.at <= e.at && o.at >= e.at-c.timespan {
					frame = append(frame, o)
				}
			}
			if c.holds(e, frame) {
				found = append(found, fmt.Sprint(e.at, key))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (c *correlated) holds(e seen, frame []seen) bool {
	switch c.kind {
	case "event_count":
		return len(frame) >= c.least
	case "value_count":
		values := map[int]bool{}
		for _, o := range frame {
			values[o.id] = true
		}
		return len(values) >= c.least
	case "temporal":
		least := c.least
		if least == 0 {
			least = len(c.rules)
		}
		n := 0
		for i := range c.rules {
			if slices.ContainsFunc(frame, func(o seen) bool { return o.rules[i] }) {
				n++
			}
		}
		return n >= least
	}
	return e.rules[len(c.rules)-1] && leads(frame, len(c.rules)-2, e.at)
}

// leads says that events of the rules up to i come one after another before a time.
func leads(frame []seen, i, before int) bool {
	return i < 0 || slices.ContainsFunc(frame, func(o seen) bool {
		return o.rules[i] && o.at < before && leads(frame, i-1, o.at)
	})
}

func randomEvents(r *rand.Rand) []occurrence {
	events := make([]occurrence, 25)
	at := 0
	for i := range events {
		at += r.IntN(4)
		events[i] = occurrence{at, []string{"ann", "Bob", "bill", "", "eve"}[r.IntN(5)], []string{"ann", "bill", ""}[r.IntN(3)], r.IntN(6)}
		events[i].user = strings.ToLower(events[i].user)
	}
	return events
}

// TestCorrelationsFindWhatSigmaSays converts random correlations, runs them over random
// events, and compares the moments that they find with the definition.
func TestCorrelationsFindWhatSigmaSays(t *testing.T) {
	seeds := uint64(250)
	if testing.Short() {
		seeds = 60
	}
	total := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		c, events := randomCorrelation(r), randomEvents(r)
		want := c.matches(events)
		got, sql := run(t, &c, events)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %s\n%s\n%v\ngot  %v\nwant %v", seed, c.text(), sql, events, got, want)
		}
		total += len(got)
	}
	if total < int(seeds) {
		t.Errorf("only %d moments over %d seeds", total, seeds)
	}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// run runs the converted correlation over the events: the moments it finds.
func run(t *testing.T, c *correlated, events []occurrence) (found []string, sql string) {
	t.Helper()
	ctx := context.Background()
	sql, err := sigma.Convert("", c.text(), convert.Options{Tables: []convert.Table{{Name: "events"}}, Into: "found"})
	if err != nil {
		t.Fatalf("%s\n%v", c.text(), err)
	}
	columns := "at TIMESTAMP(3)"
	for _, g := range c.groupBy {
		columns += ", " + g + " STRING"
	}
	switch c.kind {
	case "event_count", "value_count":
		columns += ", n BIGINT"
	case "temporal_ordered":
		columns += ", started TIMESTAMP(3)"
	}
	e, err := cepd.Open(cepd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(ctx)
	e.On("found", func(row cepd.Row) error {
		var keys []string
		for _, v := range row.Values[1 : 1+len(c.groupBy)] {
			keys = append(keys, v.(string))
		}
		found = append(found, fmt.Sprint(int(row.Values[0].(time.Time).Sub(epoch)/time.Second), strings.Join(keys, "|")))
		return nil
	})
	queries, err := e.Exec(ctx, `CREATE TABLE events (`+"`user`"+` STRING, host STRING, id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'go');
		CREATE TABLE found (`+strings.ReplaceAll(columns, "user", "`user`")+`) WITH ('connector' = 'go');`+sql, nil)
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	for _, o := range events {
		row := cepd.Row{Values: []any{null(o.user), null(o.host), o.id, epoch.Add(time.Duration(o.at) * time.Second)}}
		if err := e.Push(ctx, "events", row); err != nil {
			t.Fatal(err)
		}
	}
	e.End("events")
	if err := queries[0].Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found), sql
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
