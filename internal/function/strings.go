package function

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var stringFuncs = []*expr.Func{
	define("string", "UPPER(s)", "s in upper case.", sig(event.TString, 1, pString),
		text(func(dst []byte, a []event.Value) []byte { return mapRunes(dst, a[0].S, unicode.ToUpper) }),
		"UPPER('aß1')", "Aß1"),
	define("string", "LOWER(s)", "s in lower case.", sig(event.TString, 1, pString),
		text(func(dst []byte, a []event.Value) []byte { return mapRunes(dst, a[0].S, unicode.ToLower) }),
		"LOWER('ABC')", "abc"),
	define("string", "INITCAP(s)", "s with the first letter of each word in upper case and the others in lower case.", sig(event.TString, 1, pString),
		text(initcap), "INITCAP('hello wORLD')", "Hello World"),
	also(define("string", "CHAR_LENGTH(s)", "Number of characters.", sig(event.TInt32, 1, pString),
		integer(func(a []event.Value) int64 { return int64(utf8.RuneCount(a[0].S)) }),
		"CHAR_LENGTH('größe')", "5"), "CHARACTER_LENGTH", "LENGTH"),
	define("string", "OCTET_LENGTH(s)", "Number of bytes.", sig(event.TInt32, 1, pStrings),
		integer(func(a []event.Value) int64 { return int64(len(a[0].S)) }),
		"OCTET_LENGTH('größe')", "7"),
	also(define("string", "SUBSTRING(s, i [, n])", "n characters (default: all) of s from position i on; positions start at 1, negative ones count from the end.",
		sig(event.TString, 2, pString, pInt, pInt), text(substring),
		"SUBSTRING('abcdef' FROM 2 FOR 3)", "bcd", "SUBSTRING('abcdef', -2)", "ef"), "SUBSTR", "MID"),
	define("string", "LEFT(s, n)", "The first n characters.", sig(event.TString, 2, pString, pInt),
		text(func(dst []byte, a []event.Value) []byte { return append(dst, slice(a[0].S, 0, a[1].I)...) }),
		"LEFT('abc', 2)", "ab"),
	define("string", "RIGHT(s, n)", "The last n characters.", sig(event.TString, 2, pString, pInt),
		text(func(dst []byte, a []event.Value) []byte {
			return append(dst, slice(a[0].S, max(0, int64(utf8.RuneCount(a[0].S))-max(0, a[1].I)), a[1].I)...)
		}),
		"RIGHT('abc', 2)", "bc"),
	define("string", "TRIM([BOTH | LEADING | TRAILING] [chars FROM] s)", "s without the characters of chars (default: space) at its ends.",
		resolveTrim, text(trim), "TRIM(BOTH 'x' FROM 'xxaxx')", "a", "TRIM('  a ')", "a"),
	define("string", "LTRIM(s [, chars])", "s without the characters of chars (default: space) at its start.", sig(event.TString, 1, pString, pString),
		trimSides(true, false), "LTRIM('  a ')", "a "),
	define("string", "RTRIM(s [, chars])", "s without the characters of chars (default: space) at its end.", sig(event.TString, 1, pString, pString),
		trimSides(false, true), "RTRIM(' a  ')", " a"),
	define("string", "BTRIM(s [, chars])", "s without the characters of chars (default: space) at its ends.", sig(event.TString, 1, pString, pString),
		trimSides(true, true), "BTRIM('xyaxy', 'xy')", "a"),
	define("string", "POSITION(part IN s)", "Position of the first part in s, from 1; 0 when there is none.", sig(event.TInt32, 2, pString, pString),
		integer(func(a []event.Value) int64 { return locate(a[0].S, a[1].S, 1) }),
		"POSITION('c' IN 'abc')", "3"),
	define("string", "LOCATE(part, s [, start])", "Position of the first part in s from position start on; 0 when there is none.", sig(event.TInt32, 2, pString, pString, pInt),
		integer(func(a []event.Value) int64 { return locate(a[0].S, a[1].S, argInt(a, 2, 1)) }),
		"LOCATE('a', 'banana', 3)", "4"),
	define("string", "INSTR(s, part)", "Position of the first part in s, from 1; 0 when there is none.", sig(event.TInt32, 2, pString, pString),
		integer(func(a []event.Value) int64 { return locate(a[1].S, a[0].S, 1) }),
		"INSTR('banana', 'n')", "3"),
	define("string", "OVERLAY(s PLACING t FROM i [FOR n])", "s with n characters (default: as many as t has) from position i on replaced by t.",
		sig(event.TString, 3, pString, pString, pInt, pInt), text(overlay),
		"OVERLAY('abcdef' PLACING 'XY' FROM 2 FOR 3)", "aXYef"),
	define("string", "REPLACE(s, a, b)", "s with every a replaced by b.", sig(event.TString, 3, pString, pString, pString),
		text(func(dst []byte, a []event.Value) []byte {
			if len(a[1].S) == 0 {
				return append(dst, a[0].S...)
			}
			return append(dst, bytes.ReplaceAll(a[0].S, a[1].S, a[2].S)...)
		}), "REPLACE('a-b-c', '-', '+')", "a+b+c"),
	define("string", "TRANSLATE(s, from, to)", "s with each character of from replaced by the one at its place in to, or removed.", sig(event.TString, 3, pString, pString, pString),
		text(translate), "TRANSLATE('banana', 'an', 'o')", "booo"),
	also(define("string", "CONCAT(x, …)", "The texts of all arguments one after the other; as an operator: a || b. NULL when one is NULL.", variadic(event.TString, pText),
		text(func(dst []byte, a []event.Value) []byte {
			for i := range a {
				dst = append(dst, a[i].S...)
			}
			return dst
		}), "CONCAT('a', 'b', 1)", "ab1", "'a' || 'b'", "ab"), "||"),
	withNulls(define("string", "CONCAT_WS(separator, x, …)", "The texts of the arguments that are not NULL, with the separator between them.", variadic(event.TString, pString, pText),
		concatWS, "CONCAT_WS('-', 'a', NULL, 'b')", "a-b")),
	define("string", "LPAD(s, n, pad)", "s filled up on the left with pad to n characters, or cut to n.", sig(event.TString, 3, pString, pInt, pString),
		padding(true), "LPAD('7', 3, '0')", "007"),
	define("string", "RPAD(s, n, pad)", "s filled up on the right with pad to n characters, or cut to n.", sig(event.TString, 3, pString, pInt, pString),
		padding(false), "RPAD('a', 3, 'xy')", "axy"),
	define("string", "REPEAT(s, n)", "s n times.", sig(event.TString, 2, pString, pInt), repeat, "REPEAT('ab', 2)", "abab"),
	define("string", "REVERSE(s)", "The characters of s from last to first.", sig(event.TString, 1, pString),
		text(reverse), "REVERSE('abc')", "cba"),
	define("string", "SPLIT_INDEX(s, separator, i)", "Part i, from 0, of s split at each separator; NULL when there is none.", sig(event.TString, 3, pString, pString, pInt),
		splitIndex, "SPLIT_INDEX('a,b,c', ',', 1)", "b"),
	define("string", "SPLIT(s, separator)", "The parts of s between separators as an ARRAY.", sig(arrayOf(event.TString), 2, pString, pString),
		split, "SPLIT('a,b', ',')", "[a, b]"),
	define("string", "STARTSWITH(s, prefix)", "Whether s starts with prefix.", sig(event.TBool, 2, pStrings, pStrings),
		boolean(func(a []event.Value) bool { return bytes.HasPrefix(a[0].S, a[1].S) }), "STARTSWITH('abc', 'ab')", "TRUE"),
	define("string", "ENDSWITH(s, suffix)", "Whether s ends with suffix.", sig(event.TBool, 2, pStrings, pStrings),
		boolean(func(a []event.Value) bool { return bytes.HasSuffix(a[0].S, a[1].S) }), "ENDSWITH('abc', 'ab')", "FALSE"),
	define("string", "ASCII(s)", "Code of the first byte of s; 0 when it is empty.", sig(event.TInt32, 1, pString),
		integer(func(a []event.Value) int64 {
			if len(a[0].S) == 0 {
				return 0
			}
			return int64(a[0].S[0])
		}), "ASCII('A')", "65"),
	define("string", "CHR(n)", "The character with code n modulo 256; '' for a negative n.", sig(event.TString, 1, pInt),
		text(func(dst []byte, a []event.Value) []byte {
			if a[0].I < 0 {
				return dst
			}
			return utf8.AppendRune(dst, rune(a[0].I&0xff))
		}), "CHR(97)", "a"),
	withNulls(define("string", "LIKE(s, pattern [, escape])", "Whether s matches the pattern: % stands for any characters, _ for any one.", sig(event.TBool, 2, pString, pString, pString),
		like, "'abc' LIKE 'a%'", "TRUE")),
}

func mapRunes(dst, s []byte, f func(rune) rune) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError {
			dst = append(dst, s[i:i+size]...)
		} else {
			dst = utf8.AppendRune(dst, f(r))
		}
		i += size
	}
	return dst
}

func initcap(dst []byte, a []event.Value) []byte {
	inWord := false
	return mapRunes(dst, a[0].S, func(r rune) rune {
		first := !inWord
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
		if first {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	})
}

// slice is n characters of s after the first skip.
func slice(s []byte, skip, n int64) []byte {
	start := offset(s, skip)
	return s[start : start+offset(s[start:], n)]
}

// offset is the number of bytes of the first n characters.
func offset(s []byte, n int64) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRune(s[i:])
		i += size
	}
	return i
}

// argInt is an optional argument.
func argInt(a []event.Value, i int, missing int64) int64 {
	if i < len(a) {
		return a[i].I
	}
	return missing
}

func substring(dst []byte, a []event.Value) []byte {
	s, from, n := a[0].S, a[1].I, argInt(a, 2, int64(len(a[0].S)))
	switch {
	case from > 0:
		from--
	case from < 0:
		from += int64(utf8.RuneCount(s))
	}
	if from < 0 {
		return dst
	}
	return append(dst, slice(s, from, n)...)
}

// resolveTrim takes TRIM(s) and TRIM(side, chars, s).
func resolveTrim(args []event.Type) ([]event.Type, event.Type, error) {
	if len(args) == 1 {
		return sig(event.TString, 1, pString)(args)
	}
	return sig(event.TString, 3, pString, pString, pString)(args)
}

func trim(dst []byte, a []event.Value) []byte {
	if len(a) == 1 {
		return append(dst, trimmed(a[0].S, nil, true, true)...)
	}
	side := string(a[0].S)
	return append(dst, trimmed(a[2].S, a[1].S, side != "TRAILING", side != "LEADING")...)
}

func trimSides(left, right bool) evalFunc {
	return text(func(dst []byte, a []event.Value) []byte {
		var chars []byte
		if len(a) > 1 {
			chars = a[1].S
		}
		return append(dst, trimmed(a[0].S, chars, left, right)...)
	})
}

func trimmed(s, chars []byte, left, right bool) []byte {
	cut := " "
	if chars != nil {
		cut = string(chars)
	}
	if left {
		s = bytes.TrimLeft(s, cut)
	}
	if right {
		s = bytes.TrimRight(s, cut)
	}
	return s
}

func locate(part, s []byte, start int64) int64 {
	if start < 1 {
		return 0
	}
	skip := offset(s, start-1)
	i := bytes.Index(s[skip:], part)
	if i < 0 {
		return 0
	}
	return int64(utf8.RuneCount(s[:skip+i])) + 1
}

func overlay(dst []byte, a []event.Value) []byte {
	s, t, from := a[0].S, a[1].S, a[2].I
	n := argInt(a, 3, int64(utf8.RuneCount(t)))
	if from < 1 || from > int64(utf8.RuneCount(s)) {
		return append(dst, s...)
	}
	dst = append(append(dst, slice(s, 0, from-1)...), t...)
	return append(dst, s[offset(s, from-1+max(0, n)):]...)
}

func translate(dst []byte, a []event.Value) []byte {
	from, to := []rune(string(a[1].S)), []rune(string(a[2].S))
	for _, r := range string(a[0].S) {
		at := -1
		for i, f := range from {
			if f == r {
				at = i
				break
			}
		}
		switch {
		case at < 0:
			dst = utf8.AppendRune(dst, r)
		case at < len(to):
			dst = utf8.AppendRune(dst, to[at])
		}
	}
	return dst
}

func concatWS(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.Null = a[0].Null
	out.S = out.S[:0]
	some := false
	for _, v := range a[1:] {
		if v.Null {
			continue
		}
		if some {
			out.S = append(out.S, a[0].S...)
		}
		out.S = append(out.S, v.S...)
		some = true
	}
	return nil
}

func padding(left bool) evalFunc {
	return func(_ *expr.Context, a []event.Value, out *event.Value) error {
		s, n, pad := a[0].S, a[1].I, a[2].S
		if n < 0 || len(pad) == 0 {
			out.Null = true
			return nil
		}
		if n > maxText {
			return tooLong(n)
		}
		missing := n - int64(utf8.RuneCount(s))
		if missing <= 0 {
			out.S = append(out.S[:0], slice(s, 0, n)...)
			return nil
		}
		out.S = out.S[:0]
		if !left {
			out.S = append(out.S, s...)
		}
		width := int64(utf8.RuneCount(pad))
		for ; missing >= width; missing -= width {
			out.S = append(out.S, pad...)
		}
		out.S = append(out.S, slice(pad, 0, missing)...)
		if left {
			out.S = append(out.S, s...)
		}
		return nil
	}
}

func repeat(_ *expr.Context, a []event.Value, out *event.Value) error {
	n := max(0, a[1].I)
	if len(a[0].S) > 0 && n > int64(maxText/len(a[0].S)) {
		return tooLong(n)
	}
	out.S = out.S[:0]
	for ; n > 0 && len(a[0].S) > 0; n-- {
		out.S = append(out.S, a[0].S...)
	}
	return nil
}

func reverse(dst []byte, a []event.Value) []byte {
	s := a[0].S
	for len(s) > 0 {
		_, size := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-size:]...)
		s = s[:len(s)-size]
	}
	return dst
}

func splitIndex(_ *expr.Context, a []event.Value, out *event.Value) error {
	s, sep, i := a[0].S, a[1].S, a[2].I
	for ; i > 0 && len(sep) > 0; i-- {
		_, rest, ok := bytes.Cut(s, sep)
		if !ok {
			break
		}
		s = rest
	}
	out.Null = i != 0 || len(sep) == 0
	if !out.Null {
		part, _, _ := bytes.Cut(s, sep)
		out.S = append(out.S[:0], part...)
	}
	return nil
}

func split(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.L = out.L[:0]
	for _, part := range bytes.Split(a[0].S, a[1].S) {
		out.L = append(out.L, event.Value{S: bytes.Clone(part)})
	}
	return nil
}

func like(c *expr.Context, a []event.Value, out *event.Value) error {
	if a[0].Null || a[1].Null || len(a) > 2 && a[2].Null {
		out.Null = true
		return nil
	}
	p, err := fromCache(c, patternKey(a), func(key string) (*LikePattern, error) {
		pattern, escape, err := splitKey(key)
		if err != nil {
			return nil, err
		}
		return CompileLike([]byte(pattern), escape)
	})
	if err != nil {
		return err
	}
	out.I = int64(b2i(p.Match(a[0].S)))
	return nil
}
