package sigma

import (
	"net/netip"
	"regexp/syntax"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/internal/convert"
)

// values writes that a column has one of the values, or all of them.
func (r *reader) values(column string, m modifiers, n *yaml.Node) string {
	if s := plainList(column, m, n); s != "" {
		return s
	}
	var list []string
	for _, v := range items(n) {
		if s := r.value(column, m, v); s != "" {
			list = append(list, s)
		}
	}
	word := " OR "
	if m.all {
		word = " AND "
	}
	s := strings.Join(list, word)
	switch {
	case m.neq:
		return "(" + s + ") IS NOT TRUE"
	case len(list) > 1:
		return "(" + s + ")"
	case len(list) == 0 && !r.errs.HasErrors():
		r.mistake(n, "expected a value")
	}
	return s
}

// plainList writes a list of numbers, or of texts without wildcards, as IN; "": it is
// none.
func plainList(column string, m modifiers, n *yaml.Node) string {
	if n.Kind != yaml.SequenceNode || len(n.Content) < 2 || m.kind != "" || m.all || m.neq {
		return ""
	}
	var list []string
	for _, v := range n.Content {
		pattern := wildcards(v.Value)
		switch {
		case v.Tag != n.Content[0].Tag:
			return ""
		case isNumber(v):
			list = append(list, literal(v))
		case v.Tag == "!!str" && len(pattern) == 1 && pattern[0].Text != "" && m.cased:
			list = append(list, convert.Text(pattern[0].Text))
		case v.Tag == "!!str" && len(pattern) == 1 && pattern[0].Text != "":
			list = append(list, convert.Text(strings.ToLower(pattern[0].Text)))
		default:
			return ""
		}
	}
	if n.Content[0].Tag == "!!str" && !m.cased {
		column = "LOWER(" + column + ")"
	}
	return column + " IN (" + strings.Join(list, ", ") + ")"
}

func isNumber(n *yaml.Node) bool { return n.Tag == "!!int" || n.Tag == "!!float" }

// literal is a number as SQL writes it.
func literal(n *yaml.Node) string {
	var i int64
	if n.Tag == "!!int" && n.Decode(&i) == nil {
		return strconv.FormatInt(i, 10)
	}
	return n.Value
}

// value writes that a column has a value.
func (r *reader) value(column string, m modifiers, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		r.mistake(n, "expected a value")
		return ""
	}
	switch m.kind {
	case "exists":
		return r.exists(column, n)
	case "lt", "lte", "gt", "gte":
		if !isNumber(n) {
			r.mistake(n, "expected a number")
		}
		return column + map[string]string{"lt": " < ", "lte": " <= ", "gt": " > ", "gte": " >= "}[m.kind] + literal(n)
	case "re":
		return r.regex(column, m.flags, n)
	case "cidr":
		if _, err := netip.ParsePrefix(n.Value); err != nil {
			r.mistake(n, "expected a block of addresses such as 10.0.0.0/8")
		}
		return "CIDR_MATCH(" + column + ", " + convert.Text(n.Value) + ")"
	case "":
		switch {
		case n.Tag == "!!null":
			return column + " IS NULL"
		case isNumber(n):
			return column + " = " + literal(n)
		case n.Tag == "!!bool":
			return column + " = " + strings.ToUpper(n.Value)
		}
	}
	return r.pattern(column, m, n)
}

func (r *reader) exists(column string, n *yaml.Node) string {
	switch n.Value {
	case "true":
		return column + " IS NOT NULL"
	case "false":
		return column + " IS NULL"
	}
	r.mistake(n, "expected true or false")
	return ""
}

func (r *reader) pattern(column string, m modifiers, n *yaml.Node) string {
	pattern := wildcards(n.Value)
	star := convert.Wildcard{Any: true}
	if m.kind == "contains" || m.kind == "endswith" {
		pattern = append([]convert.Wildcard{star}, pattern...)
	}
	if m.kind == "contains" || m.kind == "startswith" {
		pattern = append(pattern, star)
	}
	return convert.Like(column, pattern, m.cased)
}

// regex writes that a regular expression matches somewhere.
func (r *reader) regex(column, flags string, n *yaml.Node) string {
	pattern := n.Value
	if flags != "" {
		pattern = "(?" + flags + ")" + pattern
	}
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		r.refuse(n, "the regular expression", "RE2 does not have it: %v", err)
	}
	return "REGEXP(" + column + ", " + convert.Text(pattern) + ")"
}

// wildcards reads * and ?, which a backslash makes plain, as it does another backslash.
func wildcards(s string) (list []convert.Wildcard) {
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			list = append(list, convert.Wildcard{Text: plain.String()})
			plain.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`\*?`, s[i+1]) >= 0:
			i++
			plain.WriteByte(s[i])
		case c == '*' || c == '?':
			flush()
			list = append(list, convert.Wildcard{Any: c == '*', One: c == '?'})
		default:
			plain.WriteByte(c)
		}
	}
	flush()
	return list
}
