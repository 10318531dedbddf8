package function

import (
	"encoding/json"
	"regexp"
	"unicode"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var moreTextFuncs = []*expr.Func{
	withNulls(define("string", "ELT(n, s, …)", "The n-th of the texts, from 1; NULL when there is none.", eltTypes, elt, "ELT(2, 'a', 'b')", "b")),
	withNulls(define("string", "IS_ALPHA(s)", "Whether s has letters alone, and one at least; FALSE for NULL.", sig(event.TBool, 1, pString),
		boolean(func(a []event.Value) bool { return !a[0].Null && all(a[0].S, unicode.IsLetter) }), "IS_ALPHA('abc')", "TRUE", "IS_ALPHA('a1')", "FALSE")),
	withNulls(define("string", "IS_DIGIT(s)", "Whether s has digits alone, and one at least; FALSE for NULL.", sig(event.TBool, 1, pString),
		boolean(func(a []event.Value) bool { return !a[0].Null && all(a[0].S, unicode.IsDigit) }), "IS_DIGIT('007')", "TRUE")),
	withNulls(define("string", "IS_DECIMAL(s)", "Whether s is a number as DECIMAL has it; FALSE for NULL.", sig(event.TBool, 1, pString), boolean(func(a []event.Value) bool {
		if a[0].Null {
			return false
		}
		_, _, err := decimal.Shape(a[0].S)
		return err == nil
	}), "IS_DECIMAL('-1.50')", "TRUE", "IS_DECIMAL('1.5x')", "FALSE")),
	define("string", "REGEXP_SUBSTR(s, pattern)", "The first match of the regular expression; NULL when there is none.", sig(event.TString, 2, pString, pString),
		withRegexp(regexpExtract), "REGEXP_SUBSTR('id=17', '[0-9]+')", "17"),
	define("string", "REGEXP_EXTRACT_ALL(s, pattern [, group])", "A group (default: 1; 0 is the whole) of all matches of the regular expression; NULL when there is no such group.",
		sig(arrayOf(event.TString), 2, pString, pString, pInt), withRegexp(regexpExtractAll), "REGEXP_EXTRACT_ALL('a=1 b=2', '[a-z]=([0-9])')", "[1, 2]"),
	define("json", "JSON_QUOTE(s)", "s as a JSON string.", sig(event.TString, 1, pString), jsonQuote, `JSON_QUOTE('a"b')`, `"a\"b"`),
	define("json", "JSON_UNQUOTE(s)", "The text that a JSON string holds; another text stays as it is.", sig(event.TString, 1, pString), jsonUnquote, `JSON_UNQUOTE('"a\"b"')`, `a"b`),
	withNulls(define("conversion", "TYPEOF(x)", "The type of x.", sig(event.TString, 1, pAny), func(c *expr.Context, _ []event.Value, out *event.Value) error {
		out.S = append(out.S[:0], c.Args[0].String()...)
		return nil
	}, "TYPEOF(1)", "INT", "TYPEOF(1.5)", "DECIMAL(2, 1)")),
}

func eltTypes(args []event.Type) ([]event.Type, event.Type, error) {
	return variadic(event.TString, pInt, pString)(args)
}

func elt(_ *expr.Context, a []event.Value, out *event.Value) error {
	if out.Null = a[0].Null || a[0].I < 1 || a[0].I >= int64(len(a)); !out.Null {
		copyOut(out, a[a[0].I])
	}
	return nil
}

func all(s []byte, is func(rune) bool) bool {
	for _, r := range string(s) {
		if !is(r) {
			return false
		}
	}
	return len(s) > 0
}

func regexpExtractAll(re *regexp.Regexp, a []event.Value, out *event.Value) {
	group := argInt(a, 2, 1)
	if out.Null = group < 0 || group > int64(re.NumSubexp()); out.Null {
		return
	}
	list := []event.Value{}
	for _, m := range re.FindAllSubmatch(a[0].S, -1) {
		list = append(list, event.Value{S: append([]byte{}, m[group]...)})
	}
	out.L = list
}

func jsonQuote(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.S = appendJSONText(out.S[:0], a[0].S)
	return nil
}

func jsonUnquote(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.S = append(out.S[:0], a[0].S...)
	if len(a[0].S) > 0 && a[0].S[0] == '"' && json.Valid(a[0].S) {
		out.S = append(out.S[:0], unquote(a[0].S)...)
	}
	return nil
}
