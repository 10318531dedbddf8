package eql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/diag"
)

type kind uint8

const (
	endOfText kind = iota
	name
	quotedName
	str
	num
	sign
)

type token struct {
	kind kind
	span diag.Span
	text string // of a name or string: what it means
}

// signs, the longer before those they begin with.
var signs = []string{"==", "!=", "<=", ">=", "<", ">", "=", ":", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", "|", "?", "!", "~"}

// lex splits a text, up to the first thing that is none of the language.
func lex(src string, errs *diag.List) []token {
	var list []token
	for i := 0; ; {
		i = skip(src, i)
		t, n, why := next(src, i)
		if why != "" {
			errs.Add(diag.Syntax, diag.Span{Start: i, End: i + n}, "%s", why)
			t = token{}
		}
		if t.kind == endOfText {
			return append(list, token{span: diag.Span{Start: i, End: i}})
		}
		t.span = diag.Span{Start: i, End: i + n}
		list, i = append(list, t), i+n
	}
}

// skip passes over blanks and comments.
func skip(src string, i int) int {
	for i < len(src) {
		switch rest := src[i:]; {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			i++
		case strings.HasPrefix(rest, "//"):
			i += len(rest)
			if n := strings.IndexByte(rest, '\n'); n >= 0 {
				i += n - len(rest)
			}
		case strings.HasPrefix(rest, "/*") && strings.Contains(rest, "*/"):
			i += strings.Index(rest, "*/") + 2
		default:
			return i
		}
	}
	return i
}

// next is the token at i and its length, or why there is none.
func next(src string, i int) (t token, n int, why string) {
	if i >= len(src) {
		return t, 0, ""
	}
	rest := src[i:]
	switch c := rest[0]; {
	case isLetter(c):
		n = span(rest, func(c byte) bool { return isLetter(c) || isDigit(c) })
		return token{kind: name, text: rest[:n]}, n, ""
	case isDigit(c):
		n = numberLength(rest)
		return token{kind: num, text: rest[:n]}, n, ""
	case c == '"':
		return quoted(rest)
	case c == '`':
		return backQuoted(rest)
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{kind: sign, text: s}, len(s), ""
		}
	}
	_, n = utf8.DecodeRuneInString(rest)
	return t, n, fmt.Sprintf("%q is nothing that EQL has", rest[:n])
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '@'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func span(s string, is func(byte) bool) int {
	for i := range len(s) {
		if !is(s[i]) {
			return i
		}
	}
	return len(s)
}

func numberLength(s string) int {
	n := span(s, isDigit)
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + span(s[n+1:], isDigit)
	}
	return n
}

func backQuoted(s string) (t token, n int, why string) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '`':
		case i+1 < len(s) && s[i+1] == '`':
			i++
		default:
			return token{kind: quotedName, text: strings.ReplaceAll(s[1:i], "``", "`")}, i + 1, ""
		}
	}
	return t, len(s), "the name has no end"
}

func quoted(s string) (t token, n int, why string) {
	if raw, ok := strings.CutPrefix(s, `"""`); ok {
		if end := strings.Index(raw, `"""`); end >= 0 {
			return token{kind: str, text: raw[:end]}, end + 6, ""
		}
		return t, len(s), "the string has no end"
	}
	var b strings.Builder
	for i := 1; i < len(s); {
		switch s[i] {
		case '"':
			return token{kind: str, text: b.String()}, i + 1, ""
		case '\\':
			r, n := escape(s[i:])
			if n == 0 {
				return t, i + 1, "the string has an escape that EQL does not have"
			}
			b.WriteRune(r)
			i += n
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return t, len(s), "the string has no end"
}

// escape is the character of an escape sequence, and its length; 0: there is none.
func escape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if at := strings.IndexByte(`nrt\"`, s[1]); at >= 0 {
		return rune("\n\r\t\\\""[at]), 2
	}
	if hex, ok := strings.CutPrefix(s, `\u{`); ok {
		if digits, _, ok := strings.Cut(hex, "}"); ok && len(digits) >= 2 && len(digits) <= 8 {
			if r, err := strconv.ParseUint(digits, 16, 32); err == nil && r <= utf8.MaxRune {
				return rune(r), len(digits) + 4
			}
		}
	}
	return 0, 0
}
