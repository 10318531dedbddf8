package convert

import (
	"fmt"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

// Options say what the rules' names are in the tables of cepd.
type Options struct {
	Tables []Table
	Fields map[string]string // field of the rule → column, or path into one
	Time   string            // column of the event time; "": ts
	Into   string            // table that detections are written to; "": they are printed
	Name   string            // of the view; "": as the rule says
}

// Table is the table of a log source; without Source it is that of all others.
type Table struct {
	Source map[string]string // such as category → process_creation
	Name   string
}

// ParseTable reads TABLE, or key=value[,key=value…]:TABLE.
func ParseTable(s string) (Table, error) {
	source, name, ok := strings.Cut(s, ":")
	if !ok {
		source, name = "", s
	}
	t := Table{Source: map[string]string{}, Name: name}
	for _, pair := range strings.FieldsFunc(source, func(r rune) bool { return r == ',' }) {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" || v == "" {
			return t, fmt.Errorf("%q is not key=value[,key=value]:TABLE", s)
		}
		t.Source[k] = v
	}
	if name == "" || ok && len(t.Source) == 0 {
		return t, fmt.Errorf("%q is not key=value[,key=value]:TABLE", s)
	}
	return t, nil
}

// TableOf finds the table of a log source: the mapping that names most of it. The
// error says which mapping is missing, or which two say the same.
func (o *Options) TableOf(source map[string]string) (string, error) {
	best, rank, tie := "", -1, false
	for _, t := range o.Tables {
		if !within(t.Source, source) || len(t.Source) < rank {
			continue
		}
		tie = len(t.Source) == rank && t.Name != best
		best, rank = t.Name, len(t.Source)
	}
	switch {
	case rank < 0:
		return "", fmt.Errorf("no table is given for it")
	case tie:
		return "", fmt.Errorf("two tables are given for it")
	}
	return best, nil
}

func within(some, all map[string]string) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}

// TimeColumn is the column of the event time, as SQL writes it.
func (o *Options) TimeColumn() string {
	if o.Time == "" {
		return "ts"
	}
	return Ident(o.Time)
}

// Column is the column of a field, as SQL writes it: a dot leads into a ROW.
func (o *Options) Column(field string) string {
	if to, ok := o.Fields[field]; ok {
		field = to
	}
	parts := strings.Split(field, ".")
	for i, p := range parts {
		parts[i] = Ident(p)
	}
	return strings.Join(parts, ".")
}

// Ident writes a name, in back quotes where it needs them.
func Ident(name string) string {
	if words := parse.Words(name); len(words) == 1 && words[0].IsName() && words[0].Text == name {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// Name makes a name of a title: letters, digits and underscores.
func Name(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := strings.Join(words, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "rule_" + name
	}
	return strings.TrimSuffix(name, "_")
}

// Text writes a string.
func Text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Interval writes a duration of microseconds, at its coarsest unit.
func Interval(d time.Duration) string {
	for _, u := range []struct {
		unit string
		d    time.Duration
	}{{"DAY", 24 * time.Hour}, {"HOUR", time.Hour}, {"MINUTE", time.Minute}} {
		if d%u.d == 0 && d/u.d < 100 {
			return fmt.Sprintf("INTERVAL '%d' %s", d/u.d, u.unit)
		}
	}
	s := fmt.Sprintf("%d.%06d", d/time.Second, d%time.Second/time.Microsecond)
	return fmt.Sprintf("INTERVAL '%s' SECOND", strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

// Wildcard is a piece of a pattern: a text as it stands, or a wildcard.
type Wildcard struct {
	Text string
	Any  bool // any characters
	One  bool // any one character
}

// Like writes that a text matches a pattern, with or without regard to case.
func Like(text string, pattern []Wildcard, cased bool) string {
	var like, plain strings.Builder
	wild, escaped := false, false
	for _, w := range pattern {
		switch {
		case w.Any:
			like.WriteByte('%')
			wild = true
		case w.One:
			like.WriteByte('_')
			wild = true
		default:
			plain.WriteString(w.Text)
			escaped = escaped || strings.ContainsAny(w.Text, `%_`)
			like.WriteString(strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(w.Text))
		}
	}
	fold := func(s string) string { return s }
	if !cased {
		text, fold = "LOWER("+text+")", strings.ToLower
	}
	switch {
	case !wild:
		return text + " = " + Text(fold(plain.String()))
	case escaped:
		return text + " LIKE " + Text(fold(like.String())) + " ESCAPE '!'"
	}
	return text + " LIKE " + Text(fold(strings.ReplaceAll(like.String(), "!!", "!")))
}

// Comment writes lines as comments.
func Comment(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		for s := range strings.Lines(l) {
			b.WriteString(strings.TrimRight("-- "+strings.TrimRight(s, "\r\n"), " ") + "\n")
		}
	}
	return b.String()
}

// Finish is the statements of a rule that is the view of a name, in the standard
// layout.
func (o *Options) Finish(header, statements, view string) (string, error) {
	into := ""
	if o.Into != "" {
		into = "INSERT INTO " + Ident(o.Into) + " "
	}
	out, err := format.Script(statements + into + "SELECT * FROM " + view + ";\n")
	return header + out, err
}

// Refuse adds why a rule is not converted: what it uses, and why cepd has nothing that
// means the same.
func Refuse(errs *diag.List, span diag.Span, what, why string, args ...any) *diag.Diagnostic {
	return errs.Add(diag.NotSupported, span, "%s is not converted: %s", what, fmt.Sprintf(why, args...))
}
