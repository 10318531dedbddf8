package eql

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/convert"
)

// functions are those that mean the same in cepd, by their argument counts.
var functions = map[string]struct {
	least, most int
	write       func(args []string) string
}{
	"startsWith":     {2, 2, func(a []string) string { return "STARTSWITH(" + a[0] + ", " + a[1] + ")" }},
	"endsWith":       {2, 2, func(a []string) string { return "ENDSWITH(" + a[0] + ", " + a[1] + ")" }},
	"stringContains": {2, 2, func(a []string) string { return "POSITION(" + a[1] + " IN " + a[0] + ") > 0" }},
	"concat":         {2, 100, func(a []string) string { return "CONCAT(" + strings.Join(a, ", ") + ")" }},
	"add":            {2, 2, func(a []string) string { return "(" + a[0] + " + " + a[1] + ")" }},
	"subtract":       {2, 2, func(a []string) string { return "(" + a[0] + " - " + a[1] + ")" }},
	"multiply":       {2, 2, func(a []string) string { return "(" + a[0] + " * " + a[1] + ")" }},
	"cidrMatch": {2, 100, func(a []string) string {
		var list []string
		for _, block := range a[1:] {
			list = append(list, "CIDR_MATCH("+a[0]+", "+block+")")
		}
		return negated(false, strings.Join(list, " OR "), len(list) > 1)
	}},
}

// others are the functions of EQL that are refused, with the reason.
var others = map[string]string{
	"between":   "the text between two others has no function in cepd",
	"divide":    "EQL rounds a quotient of integers down, cepd towards zero",
	"modulo":    "a divisor of 0 is an error in cepd",
	"indexOf":   "it counts UTF-16 units, cepd counts characters",
	"length":    "it counts UTF-16 units, cepd counts characters",
	"substring": "it counts UTF-16 units, cepd counts characters",
	"number":    "a text that is no number is an error in EQL",
	"string":    "EQL writes numbers otherwise",
	"toString":  "EQL writes numbers otherwise",
	"match":     "it is not a function of Elasticsearch's EQL; write regex",
	"wildcard":  "it is not a function of Elasticsearch's EQL any more; write like",
}

// tildes are the functions that may disregard case.
var tildes = []string{"startsWith", "endsWith", "stringContains"}

func (c *conditions) call(x *call) string {
	f, ok := functions[x.name]
	switch why, known := others[x.name]; {
	case known:
		return c.refuse(x, "the function "+x.name, "%s", why)
	case !ok:
		return c.refuse(x, "the function "+x.name, "EQL has none of this name")
	case len(x.args) < f.least || len(x.args) > f.most:
		return c.refuse(x, "the function "+x.name, "it has another number of arguments")
	case x.tilde && !slices.Contains(tildes, x.name):
		return c.refuse(x, "the function "+x.name+"~", "it has no form without regard to case")
	}
	var args []string
	for _, a := range x.args {
		v := c.value(a)
		if x.tilde {
			v = "LOWER(" + v + ")"
		}
		if t, ok := a.(*text); ok && x.tilde {
			v = convert.Text(strings.ToLower(t.value))
		}
		args = append(args, v)
	}
	return f.write(args)
}

// lucene is what a regular expression of Lucene may have to be one of cepd, and mean the
// same: no optional operators, no anchors, which are characters there, no classes of
// Perl.
var lucene = regexp.MustCompile(`^(?:[^\\~<>&@#"^$\[\](){}?*+|]|\\[^a-zA-Z0-9]|\[\^?(?:[^\[\]\\^&~]|\\[^a-zA-Z0-9])+\]|\((?:[^?]|$)|[(){}?*+|])*$`)

// regex writes a match of the whole text.
func (c *conditions) regex(x *compare, t *text) string {
	if !lucene.MatchString(t.value) || strings.Contains(t.value, "(?") || doubled.MatchString(t.value) {
		return c.refuse(t, "the regular expression", `it has what Lucene reads otherwise than RE2: one of ~ < > & @ # " ^ $, a \ before a letter or digit, or one quantifier after another`)
	}
	flags := "s"
	if x.tilde {
		flags = "is"
	}
	pattern := fmt.Sprintf(`(?%s)^(?:%s)\z`, flags, t.value)
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return c.refuse(t, "the regular expression", "RE2 does not have it: %v", err)
	}
	return "REGEXP(" + c.value(x.l) + ", " + convert.Text(pattern) + ")"
}

// doubled is a quantifier behind another, which is lazy or possessive elsewhere.
var doubled = regexp.MustCompile(`[*+?}][*+?{]`)
