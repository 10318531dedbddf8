package eql

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// conditions writes conditions on the events of a variable.
type conditions struct {
	options  *convert.Options
	errs     *diag.List
	variable string // "": of a table
}

func (c *conditions) column(path string) string {
	if c.variable == "" {
		return c.options.Column(path)
	}
	return c.variable + "." + c.options.Column(path)
}

// event is the condition that a row is the event.
func (c *conditions) event(e *event) string {
	if b, ok := e.where.(*boolean); ok && b.value && e.category != "" {
		return c.category(e)
	}
	where := c.boolean(e.where)
	if e.category == "" {
		return where
	}
	if l, ok := e.where.(*logic); ok && l.op == "OR" {
		where = "(" + where + ")"
	}
	return c.category(e) + " AND " + where
}

func (c *conditions) category(e *event) string {
	return c.column("event.category") + " = " + convert.Text(e.category)
}

func (c *conditions) refuse(x expr, what, why string, args ...any) string {
	convert.Refuse(c.errs, x.at(), what, why, args...)
	return "NULL"
}

func (c *conditions) boolean(x expr) string {
	switch x := x.(type) {
	case *boolean:
		return strings.ToUpper(fmt.Sprint(x.value))
	case *logic:
		return c.operand(x.l, x.op) + " " + x.op + " " + c.operand(x.r, x.op)
	case *not:
		return "NOT (" + c.boolean(x.x) + ")"
	case *compare:
		return c.compare(x)
	case *call:
		return c.call(x)
	case *field:
		return c.column(x.path)
	}
	return c.refuse(x, "a condition that is no comparison", "it is neither true nor false")
}

// operand writes a condition under AND or OR.
func (c *conditions) operand(x expr, op string) string {
	if l, ok := x.(*logic); ok && l.op != op {
		return "(" + c.boolean(x) + ")"
	}
	return c.boolean(x)
}

func (c *conditions) compare(x *compare) string {
	if _, ok := x.l.(*null); ok {
		return c.refuse(x, "null "+x.op, "write the field on the left")
	}
	for _, v := range x.values {
		if _, ok := v.(*field); ok {
			return c.refuse(v, "a comparison of two fields", "EQL does not have it")
		}
	}
	switch x.op {
	case ":":
		return c.some(x, func(t *text) string { return convert.Like(c.value(x.l), wildcards(t.value), false) })
	case "like":
		return c.some(x, func(t *text) string { return convert.Like(c.value(x.l), wildcards(t.value), !x.tilde) })
	case "regex":
		return c.some(x, func(t *text) string { return c.regex(x, t) })
	case "in":
		return c.in(x)
	}
	return c.plain(x)
}

// plain writes a comparison with one value.
func (c *conditions) plain(x *compare) string {
	equal := map[string]string{"==": "=", "!=": "<>"}[x.op]
	switch x.values[0].(type) {
	case *null:
		if equal == "" {
			return c.refuse(x, "null "+x.op, "nothing is less or more than null")
		}
		return c.value(x.l) + map[string]string{"=": " IS NULL", "<>": " IS NOT NULL"}[equal]
	case *text:
		if equal == "" {
			return c.refuse(x, "the order of strings", "it is that of their UTF-16 in EQL and of their UTF-8 in cepd")
		}
	}
	if equal == "" {
		equal = x.op
	}
	return c.value(x.l) + " " + equal + " " + c.value(x.values[0])
}

// some writes that one of the values fits, each of them a string.
func (c *conditions) some(x *compare, one func(*text) string) string {
	var list []string
	for _, v := range x.values {
		t, ok := v.(*text)
		if !ok {
			return c.refuse(v, "what is not a string after "+x.op, "EQL does not have it")
		}
		list = append(list, one(t))
	}
	return negated(x.negate, strings.Join(list, " OR "), len(list) > 1)
}

func negated(negate bool, s string, several bool) string {
	switch {
	case negate:
		return "NOT (" + s + ")"
	case several:
		return "(" + s + ")"
	}
	return s
}

func (c *conditions) in(x *compare) string {
	l := c.value(x.l)
	if x.tilde {
		l = "LOWER(" + l + ")"
	}
	var list []string
	for _, v := range x.values {
		switch v := v.(type) {
		case *text:
			s := v.value
			if x.tilde {
				s = strings.ToLower(s)
			}
			list = append(list, convert.Text(s))
		case *number, *boolean:
			list = append(list, c.value(v))
		default:
			return c.refuse(v, "what is no constant after in", "EQL does not have it")
		}
	}
	word := " IN ("
	if x.negate {
		word = " NOT IN ("
	}
	return l + word + strings.Join(list, ", ") + ")"
}

// value writes what is no condition.
func (c *conditions) value(x expr) string {
	switch x := x.(type) {
	case *field:
		return c.column(x.path)
	case *text:
		return convert.Text(x.value)
	case *number:
		return x.literal
	case *boolean:
		return strings.ToUpper(fmt.Sprint(x.value))
	case *arithmetic:
		return c.arithmetic(x)
	case *call:
		return c.call(x)
	}
	return c.refuse(x, "a condition in place of a value", "cepd compares values")
}

func (c *conditions) arithmetic(x *arithmetic) string {
	if x.op == "/" || x.op == "%" {
		return c.refuse(x, "the operator "+x.op, "EQL rounds a quotient of integers down, cepd towards zero, and a divisor of 0 is an error in cepd")
	}
	return "(" + c.value(x.l) + " " + x.op + " " + c.value(x.r) + ")"
}

// wildcards reads a pattern of * and ?; it has no escapes.
func wildcards(s string) (list []convert.Wildcard) {
	for s != "" {
		n := strings.IndexAny(s, "*?")
		switch {
		case n < 0:
			return append(list, convert.Wildcard{Text: s})
		case n > 0:
			list = append(list, convert.Wildcard{Text: s[:n]})
		}
		list = append(list, convert.Wildcard{Any: s[n] == '*', One: s[n] == '?'})
		s = s[n+1:]
	}
	return list
}
