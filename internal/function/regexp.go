package function

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var regexpFuncs = []*expr.Func{
	define("string", "REGEXP(s, pattern)", "Whether s has a match of the regular expression (RE2 syntax).", sig(event.TBool, 2, pString, pString),
		withRegexp(func(re *regexp.Regexp, a []event.Value, out *event.Value) { out.I = int64(b2i(re.Match(a[0].S))) }),
		"REGEXP('payment-17', '[0-9]+')", "TRUE"),
	define("string", "REGEXP_EXTRACT(s, pattern [, group])", "The first match of the regular expression, or one of its groups; NULL when there is none.", sig(event.TString, 2, pString, pString, pInt),
		withRegexp(regexpExtract), "REGEXP_EXTRACT('id=17', 'id=([0-9]+)', 1)", "17"),
	define("string", "REGEXP_REPLACE(s, pattern, t)", "s with every match of the regular expression replaced by t, in which $1 is the first group.", sig(event.TString, 3, pString, pString, pString),
		withRegexp(func(re *regexp.Regexp, a []event.Value, out *event.Value) {
			out.S = append(out.S[:0], re.ReplaceAll(a[0].S, braced(a[2].S))...)
		}), "REGEXP_REPLACE('a1b22', '[0-9]+', '#')", "a#b#"),
	define("string", "REGEXP_COUNT(s, pattern)", "Number of matches of the regular expression.", sig(event.TInt32, 2, pString, pString),
		withRegexp(func(re *regexp.Regexp, a []event.Value, out *event.Value) {
			out.I = int64(len(re.FindAllIndex(a[0].S, -1)))
		}), "REGEXP_COUNT('a1b22', '[0-9]+')", "2"),
	define("string", "REGEXP_INSTR(s, pattern)", "Position of the first match of the regular expression, from 1; 0 when there is none.", sig(event.TInt32, 2, pString, pString),
		withRegexp(func(re *regexp.Regexp, a []event.Value, out *event.Value) {
			out.I = 0
			if at := re.FindIndex(a[0].S); at != nil {
				out.I = int64(len([]rune(string(a[0].S[:at[0]])))) + 1
			}
		}), "REGEXP_INSTR('ab12', '[0-9]')", "3"),
	define("string", "SIMILAR_TO(s, pattern [, escape])", "Whether all of s matches the SQL regular expression: % and _ as in LIKE, and | * + ? {n,m} ( ) [ ]. Written s SIMILAR TO pattern.",
		sig(event.TBool, 2, pString, pString, pString), similar, "'abc' SIMILAR TO '(a|x)%'", "TRUE"),
}

func withRegexp(f func(re *regexp.Regexp, a []event.Value, out *event.Value)) evalFunc {
	return func(c *expr.Context, a []event.Value, out *event.Value) error {
		re, err := fromCache(c, a[1].S, compileRegexp)
		if err != nil {
			return err
		}
		f(re, a, out)
		return nil
	}
}

func compileRegexp(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression '%s': %w", clip([]byte(pattern)), err)
	}
	return re, nil
}

func regexpExtract(re *regexp.Regexp, a []event.Value, out *event.Value) {
	group := argInt(a, 2, 0)
	m := re.FindSubmatchIndex(a[0].S)
	out.Null = m == nil || group < 0 || group > int64(re.NumSubexp()) || m[2*group] < 0
	if !out.Null {
		out.S = append(out.S[:0], a[0].S[m[2*group]:m[2*group+1]]...)
	}
}

var groupRef = regexp.MustCompile(`\$([0-9]+)`)

// braced writes $1x as ${1}x: a group reference ends with its digits.
func braced(t []byte) []byte { return groupRef.ReplaceAll(t, []byte("$${$1}")) }

func similar(c *expr.Context, a []event.Value, out *event.Value) error {
	re, err := fromCache(c, patternKey(a), func(key string) (*regexp.Regexp, error) {
		pattern, escape, err := splitKey(key)
		if err != nil {
			return nil, err
		}
		return compileRegexp(similarRegexp(pattern, escape))
	})
	if err != nil {
		return err
	}
	out.I = int64(b2i(re.Match(a[0].S)))
	return nil
}

// similarRegexp translates a SIMILAR TO pattern.
func similarRegexp(pattern string, escape rune) string {
	var b strings.Builder
	b.WriteString(`\A(?s:`)
	escaped, class := false, false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case escape != 0 && r == escape:
			escaped = true
		case class:
			class = r != ']'
			b.WriteRune(r)
		case r == '[':
			class = true
			b.WriteRune(r)
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteByte('.')
		case strings.ContainsRune("|*+?{}()", r):
			b.WriteRune(r)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`)\z`)
	return b.String()
}
