package function

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// literal reads the small part of SQL that tests are written in: constants,
// ARRAY[…], MAP[…] and calls in the plain form of the package comment.
type literal struct{ s string }

type typed struct {
	t event.Type
	v event.Value
}

func (l *literal) space() { l.s = strings.TrimLeft(l.s, " ") }

func (l *literal) take(token string) bool {
	l.space()
	rest, ok := strings.CutPrefix(l.s, token)
	if ok {
		l.s = rest
	}
	return ok
}

func (l *literal) list(end string) (all []typed, err error) {
	for !l.take(end) {
		if len(all) > 0 && !l.take(",") {
			return nil, fmt.Errorf("no , or %s at %q", end, l.s)
		}
		x, err := l.value()
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func (l *literal) text() string {
	var b strings.Builder
	for {
		i := strings.IndexByte(l.s, '\'')
		b.WriteString(l.s[:i])
		l.s = l.s[i+1:]
		if !strings.HasPrefix(l.s, "'") {
			return b.String()
		}
		b.WriteByte('\'')
		l.s = l.s[1:]
	}
}

func (l *literal) value() (typed, error) {
	l.space()
	switch c := l.s[0]; {
	case l.take("'"):
		return typed{event.TString, event.StringValue(l.text())}, nil
	case c >= '0' && c <= '9' || c == '-':
		return l.number()
	}
	n := strings.IndexFunc(l.s, func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') })
	if n < 0 {
		n = len(l.s)
	}
	name := l.s[:n]
	l.s = l.s[n:]
	switch name {
	case "NULL":
		return typed{event.TNull, event.NullValue}, nil
	case "TRUE", "FALSE":
		return typed{event.TBool, event.BoolValue(name == "TRUE")}, nil
	case "ARRAY", "MAP":
		return l.collection(name)
	case "DATE", "TIME", "TIMESTAMP":
		l.take("'")
		to := map[string]event.Type{"DATE": event.TDate, "TIME": event.TTime, "TIMESTAMP": {Kind: event.Timestamp}}[name]
		return castTyped(typed{event.TString, event.StringValue(l.text())}, to)
	}
	if !l.take("(") {
		return typed{}, fmt.Errorf("no ( after %s", name)
	}
	args, err := l.list(")")
	if err != nil {
		return typed{}, err
	}
	return callByName(name, args)
}

func (l *literal) number() (typed, error) {
	n := strings.IndexFunc(l.s[1:], func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if n < 0 {
		n = len(l.s) - 1
	}
	s := l.s[:n+1]
	l.s = l.s[n+1:]
	t := event.TInt32
	if strings.Contains(s, ".") {
		p, scale, _ := decimal.Shape([]byte(s))
		t = event.TDecimal(p, scale)
	}
	return castTyped(typed{event.TString, event.StringValue(s)}, t)
}

func (l *literal) collection(name string) (typed, error) {
	l.take("[")
	all, err := l.list("]")
	if err != nil {
		return typed{}, err
	}
	var values []event.Value
	for _, x := range all {
		values = append(values, x.v)
	}
	t := arrayOf(all[0].t)
	if name == "MAP" {
		t = mapOf(all[0].t, all[1].t)
	}
	return typed{t, event.Value{L: values}}, nil
}

func castTyped(x typed, to event.Type) (typed, error) {
	f, err := Cast(x.t, to)
	if err != nil || f == nil || x.v.Null {
		return typed{to, x.v}, err
	}
	var out event.Value
	err = f(&expr.Context{Zone: time.UTC}, x.v, &out)
	return typed{to, out}, err
}

func callByName(name string, args []typed) (typed, error) {
	f, ok := Lookup(name)
	if !ok {
		return typed{}, fmt.Errorf("no function %s", name)
	}
	types := make([]event.Type, len(args))
	for i, a := range args {
		types[i] = a.t
	}
	params, result, err := f.Resolve(types)
	if err != nil {
		return typed{}, err
	}
	values := make([]event.Value, len(args))
	for i, a := range args {
		x, err := castTyped(a, params[i])
		if err != nil {
			return typed{}, err
		}
		if values[i] = x.v; x.v.Null && !f.NullArgs {
			return typed{result, event.NullValue}, nil
		}
	}
	out := typed{t: result}
	c := &expr.Context{Args: params, Result: result, Zone: time.UTC, Now: 1715936887123456}
	err = f.Eval(c, values, &out.v)
	return out, err
}

func evalText(sql string) string {
	l := &literal{sql}
	x, err := l.value()
	switch {
	case err != nil:
		return "error: " + err.Error()
	case strings.TrimSpace(l.s) != "":
		return "special syntax"
	}
	return Text(x.t, x.v, time.UTC)
}

// special says that an example uses syntax of the SQL front end, whose tests
// run it.
func special(sql string) bool {
	for _, w := range []string{" FROM ", " IN ", " TO ", " PLACING ", " LIKE ", " SIMILAR ", " IS ", "||", " WITH ", " ON ", "KEY ", "JSON_ARRAY", "TIMESTAMPADD", "TIMESTAMPDIFF"} {
		if strings.Contains(sql, w) {
			return true
		}
	}
	return false
}

func TestExamples(t *testing.T) {
	for _, f := range All() {
		if f.Doc == "" || f.Category == "" || len(f.Examples) == 0 && !f.Volatile {
			t.Errorf("%s: documentation or example missing", f.Name)
		}
		for _, e := range f.Examples {
			if special(e.SQL) {
				continue
			}
			if got := evalText(e.SQL); got != e.Result {
				t.Errorf("%s = %s, want %s", e.SQL, got, e.Result)
			}
		}
	}
}
