package eql

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// Convert converts a query. Its view has the name of the file, unless the options have
// one. The error is a diag.List with the place of what cannot be
// converted.
func Convert(file, src string, o convert.Options) (string, error) {
	errs := &diag.List{File: file, Source: src}
	q := parseQuery(src, errs)
	if errs.HasErrors() {
		return "", errs
	}
	table, err := o.TableOf(nil)
	if err != nil {
		return "", fmt.Errorf("%s: say which table has the events: --table NAME; it is one, and event.category tells them apart", file)
	}
	if o.Name == "" {
		base := filepath.Base(file)
		o.Name = convert.Name(strings.TrimSuffix(base, filepath.Ext(base)))
	}
	view := convert.Ident(o.Name)
	w := &writer{options: &o, errs: errs, table: convert.Ident(table)}
	body := ""
	if q.event != nil {
		body = "SELECT * FROM " + w.table + " WHERE " + w.of("").event(q.event)
	} else {
		body = w.sequence(q.sequence)
	}
	if errs.HasErrors() {
		return "", errs
	}
	header := convert.Comment("Converted from EQL:", src)
	return o.Finish(header, "CREATE VIEW "+view+" AS "+body+";\n", view)
}

// writer writes a sequence as a pattern. The variables are E1 E2 … for the events, R1
// for the first one again, U for the until, M for what is missing.
type writer struct {
	options *convert.Options
	errs    *diag.List
	table   string
	defines []string
}

func (w *writer) of(variable string) *conditions {
	return &conditions{w.options, w.errs, variable}
}

func (w *writer) define(variable string, conditions ...string) {
	conditions = slices.DeleteFunc(conditions, func(s string) bool { return s == "" })
	if d := variable + " AS " + strings.Join(conditions, " AND "); !slices.Contains(w.defines, d) {
		w.defines = append(w.defines, d)
	}
}

func (w *writer) sequence(s *sequence) string {
	if !w.check(s) {
		return ""
	}
	pattern := w.pattern(s)
	last := w.last(s)
	measures := w.measures(s, last)
	selection := ""
	if w.stages(s) > 1 {
		selection = "AFTER MATCH SELECT LAST"
	}
	return fmt.Sprintf("SELECT * FROM %s MATCH_RECOGNIZE (%s ORDER BY %s MEASURES %s %s PATTERN (%s) WITHIN %s DEFINE %s)",
		w.input(s), w.partition(s), w.options.TimeColumn(), measures, selection, pattern,
		convert.Interval(s.maxspan+time.Microsecond), strings.Join(w.defines, ", "))
}

// stages is how many events a sequence has.
func (w *writer) stages(s *sequence) (n int) {
	for i := range s.items {
		if !s.items[i].missing {
			n += s.items[i].runs
		}
	}
	return n
}

// last is the variable of the last event.
func (w *writer) last(s *sequence) string {
	for i := len(s.items) - 1; i > 0; i-- {
		if !s.items[i].missing {
			return variable(i)
		}
	}
	if s.items[0].runs > 1 {
		return "R1"
	}
	return variable(0)
}

func variable(i int) string { return fmt.Sprintf("E%d", i+1) }

// input is the table with the keys as columns, without the rows that lack one.
func (w *writer) input(s *sequence) string {
	columns, where := "*", []string{}
	for i, k := range s.by {
		if c := w.options.Column(k.path); strings.Contains(c, ".") {
			columns += ", " + c + " AS " + w.keyName(s, i)
		}
		if !k.optional {
			where = append(where, w.options.Column(k.path)+" IS NOT NULL")
		}
	}
	if columns == "*" && len(where) == 0 {
		return w.table
	}
	query := "SELECT " + columns + " FROM " + w.table
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return "(" + query + ")"
}

// keyName is the column of key i of the sequence.
func (w *writer) keyName(s *sequence, i int) string {
	c := w.options.Column(s.by[i].path)
	if !strings.Contains(c, ".") {
		return c
	}
	return convert.Ident(convert.Name(s.by[i].path))
}

func (w *writer) partition(s *sequence) string {
	var list []string
	for i := range s.by {
		list = append(list, w.keyName(s, i))
	}
	if len(list) == 0 {
		return ""
	}
	return "PARTITION BY " + strings.Join(list, ", ")
}

func (w *writer) measures(s *sequence, last string) string {
	time := w.options.TimeColumn()
	list := []string{"E1." + time + " AS started", last + "." + time + " AS ended"}
	for _, k := range s.items[0].by {
		list = append(list, "E1."+w.options.Column(k.path)+" AS "+convert.Ident(convert.Name(k.path)))
	}
	return strings.Join(list, ", ")
}

// pattern writes the events with the edges between them, and the conditions.
func (w *writer) pattern(s *sequence) string {
	var b strings.Builder
	for i := range s.items {
		if !s.items[i].missing {
			w.event(&b, s, i)
		}
	}
	if n := len(s.items); s.items[n-1].missing {
		b.WriteString(" -> NOT " + w.forbidden(s, n))
	}
	return b.String()
}

// event writes an event, as often as it runs.
func (w *writer) event(b *strings.Builder, s *sequence, i int) {
	it, v := &s.items[i], variable(i)
	again := v
	if i == 0 {
		b.WriteString(v)
		w.define(v, parenthesised(w.of(v).event(&it.event)), w.first(s))
		again = "R1"
	} else {
		b.WriteString(w.edge(s, i) + v)
		w.define(v, w.joined(v, it, s))
	}
	if it.runs == 1 {
		return
	}
	if i == 0 {
		w.define(again, w.joined(again, it, s))
	}
	b.WriteString(strings.Repeat(w.edge(s, 0)+again, it.runs-1))
}

// first is what else the first event must be: it has its keys, and is not the until.
func (w *writer) first(s *sequence) string {
	var list []string
	for _, k := range s.items[0].by {
		if !k.optional {
			list = append(list, "E1."+w.options.Column(k.path)+" IS NOT NULL")
		}
	}
	if s.until != nil {
		list = append(list, "("+w.joined("E1", s.until, s)+") IS NOT TRUE")
	}
	return strings.Join(list, " AND ")
}

// edge leads to item i; 0 stands for an event again.
func (w *writer) edge(s *sequence, i int) string {
	if v := w.forbidden(s, i); v != "" {
		return " -> NOT " + v + " -> "
	}
	return " -> "
}

// forbidden is the variable of what must not come before item i: U for the until, M for
// what is missing, N for either; "": nothing.
func (w *writer) forbidden(s *sequence, i int) string {
	var missing []*item
	for m := i - 1; m >= 0 && s.items[m].missing; m-- {
		missing = append(missing, &s.items[m])
	}
	v := "M"
	switch {
	case s.until == nil && missing == nil:
		return ""
	case missing == nil:
		v = "U"
	case s.until != nil:
		v = "N"
	}
	slices.Reverse(missing)
	if s.until != nil {
		missing = append(missing, s.until)
	}
	var list []string
	for _, it := range missing {
		list = append(list, w.joined(v, it, s))
	}
	if len(list) > 1 {
		list = []string{"(" + strings.Join(list, ") OR (") + ")"}
	}
	w.define(v, list...)
	return v
}

// joined is that the event of a variable is the item, with the keys of the first one.
func (w *writer) joined(v string, it *item, s *sequence) string {
	list := []string{parenthesised(w.of(v).event(&it.event))}
	for i, k := range it.by {
		first, op := s.items[0].by[i], " = "
		if k.optional && first.optional {
			op = " IS NOT DISTINCT FROM "
		}
		list = append(list, v+"."+w.options.Column(k.path)+op+"E1."+w.options.Column(first.path))
	}
	return strings.Join(list, " AND ")
}

// parenthesised keeps a condition together beside others.
func parenthesised(s string) string {
	if strings.Contains(s, " OR ") {
		return "(" + s + ")"
	}
	return s
}
