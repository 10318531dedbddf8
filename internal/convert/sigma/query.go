package sigma

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/convert"
)

// correlate is the query of a correlation.
func (w *writer) correlate(r *rule, path []*rule) string {
	c := r.correlation
	branches := w.branches(r, path)
	if w.errs.HasErrors() {
		return ""
	}
	if c.kind == "event_count" && sameTable(branches) {
		w.refuse(c.node, "event_count over rules with different aliases", "an event that two of the rules match would count twice")
		return ""
	}
	input := w.events(c, branches)
	switch c.kind {
	case "event_count":
		return w.count(c, input, "COUNT(*)", "events")
	case "value_count":
		return w.count(c, input, "COUNT(DISTINCT counted)", "distinct_values")
	case "temporal":
		return w.temporal(c, input)
	}
	return w.ordered(c, input)
}

func sameTable(list []branch) bool {
	for i := range list {
		for j := range i {
			if list[i].table == list[j].table {
				return true
			}
		}
	}
	return false
}

// keys are the columns of the view.
func (c *correlation) keys() (list []string) {
	for _, g := range c.groupBy {
		list = append(list, keyName(g))
	}
	return list
}

// flag is the column that says whether the event is of a rule; equal rules have one.
func (c *correlation) flag(i int) string {
	for j, n := range c.rules {
		if n.Value == c.rules[i].Value {
			return fmt.Sprintf("is_%d", j+1)
		}
	}
	return ""
}

// events is the events of all rules: time, keys, what is counted, and of which rules
// they are.
func (w *writer) events(c *correlation, branches []branch) string {
	var selects []string
	for _, b := range branches {
		time := w.options.TimeColumn()
		columns := []string{time}
		where := []string{either(b.where)}
		if len(b.where) > 1 {
			where[0] = "(" + where[0] + ")"
		}
		if where[0] == "TRUE" {
			where = nil
		}
		for i, k := range b.keys {
			columns = append(columns, as(k, keyName(c.groupBy[i])))
			where = append(where, k+" IS NOT NULL")
		}
		if c.field != nil {
			columns = append(columns, as(b.field, "counted"))
		}
		columns = append(columns, c.flags(&b)...)
		s := "SELECT " + strings.Join(columns, ", ") + " FROM " + b.table
		if len(where) > 0 {
			s += " WHERE " + strings.Join(where, " AND ")
		}
		selects = append(selects, s)
	}
	return strings.Join(selects, " UNION ALL ")
}

func as(column, name string) string {
	if column == name {
		return column
	}
	return column + " AS " + name
}

// flags are the columns that say of which rules an event is.
func (c *correlation) flags(b *branch) (list []string) {
	if c.counts() {
		return nil
	}
	done := map[string]bool{}
	for i := range c.rules {
		name, value := c.flag(i), "FALSE"
		if done[name] {
			continue
		}
		done[name] = true
		if at := slices.Index(b.rules, i); at >= 0 {
			value = "TRUE"
			if len(b.rules) > 1 {
				value = "(" + b.where[at] + ") IS TRUE"
			}
		}
		list = append(list, value+" AS "+name)
	}
	return list
}

// frame is the time frame up to an event.
func (w *writer) frame(c *correlation) string {
	partition := ""
	if keys := c.keys(); len(keys) > 0 {
		partition = "PARTITION BY " + strings.Join(keys, ", ") + " "
	}
	return fmt.Sprintf("(%sORDER BY %s RANGE BETWEEN %s PRECEDING AND CURRENT ROW)", partition, w.options.TimeColumn(), convert.Interval(c.timespan))
}

func (w *writer) columns(c *correlation, more ...string) string {
	return strings.Join(slices.Concat([]string{w.options.TimeColumn()}, c.keys(), more), ", ")
}

func (w *writer) count(c *correlation, input, count, name string) string {
	return fmt.Sprintf("SELECT * FROM (SELECT %s, %s OVER %s AS %s FROM (%s)) WHERE %s >= %d",
		w.columns(c), count, w.frame(c), name, input, name, c.least)
}

// temporal counts the events of each rule in the time frame.
func (w *writer) temporal(c *correlation, input string) string {
	var counts, all, some []string
	for i := range c.rules {
		flag, name := c.flag(i), fmt.Sprintf("rule_%d", i+1)
		if flag != fmt.Sprintf("is_%d", i+1) {
			continue // a rule that is there already
		}
		counts = append(counts, fmt.Sprintf("COUNT(CASE WHEN %s THEN 1 END) OVER w AS %s", flag, name))
		all = append(all, name+" > 0")
		some = append(some, "CASE WHEN "+name+" > 0 THEN 1 ELSE 0 END")
	}
	where := strings.Join(all, " AND ")
	if c.least != 0 {
		where = fmt.Sprintf("%s >= %d", strings.Join(some, " + "), c.least)
	}
	return fmt.Sprintf("SELECT %s FROM (SELECT %s FROM (%s) WINDOW w AS %s) WHERE %s",
		w.columns(c), w.columns(c, counts...), input, w.frame(c), where)
}

// ordered is a pattern: of the ways that lead to an event of the last rule the latest is
// found.
func (w *writer) ordered(c *correlation, input string) string {
	time := w.options.TimeColumn()
	var variables, defines []string
	for i := range c.rules {
		v := fmt.Sprintf("E%d", i+1)
		d := fmt.Sprintf("%s AS %s.%s", v, v, c.flag(i))
		if i > 0 {
			d += fmt.Sprintf(" AND %s.%s > E%d.%s", v, time, i, time)
		}
		variables, defines = append(variables, v), append(defines, d)
	}
	partition := ""
	if keys := c.keys(); len(keys) > 0 {
		partition = "PARTITION BY " + strings.Join(keys, ", ")
	}
	return fmt.Sprintf("SELECT %s FROM (%s) MATCH_RECOGNIZE (%s ORDER BY %s MEASURES MATCH_ROWTIME() AS %s, E1.%s AS started AFTER MATCH SELECT LAST PATTERN (%s) WITHIN %s DEFINE %s)",
		w.columns(c, "started"), input, partition, time, time, time, strings.Join(variables, " ->> "), withinInclusive(c.timespan), strings.Join(defines, ", "))
}

// withinInclusive is WITHIN, which leaves its end out, with the end: times have
// microseconds.
func withinInclusive(d time.Duration) string { return convert.Interval(d + time.Microsecond) }
