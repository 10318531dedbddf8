package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// lows and highs have the lowest and the highest bit of each byte set.
const lows, highs = 0x0101010101010101, 0x8080808080808080

// stops marks the bytes of w that end a run of plain string text: quote,
// backslash, control characters. Above the lowest mark there may be wrong ones.
func stops(w uint64) uint64 {
	quote, slash := w^lows*'"', w^lows*'\\'
	return ((quote-lows)&^quote | (slash-lows)&^slash | (w-lows*0x20)&^w) & highs
}

// space skips white space.
func space(p []byte, i int) int {
	if i < len(p) && p[i] > ' ' {
		return i
	}
	return spaces(p, i)
}

func spaces(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\n' || p[i] == '\t' || p[i] == '\r') {
		i++
	}
	return i
}

// scanString finds the quote that ends the string whose text starts at p[i],
// checking the text. end < 0: it is wrong at p[^end].
func scanString(p []byte, i int) (end int, escaped bool) {
	from, foreign := i, uint64(0)
	for {
		for i+8 <= len(p) {
			w := binary.LittleEndian.Uint64(p[i:])
			m := stops(w)
			if m == 0 {
				foreign |= w
				i += 8
				continue
			}
			foreign |= w & (m&-m - 1)
			i += bits.TrailingZeros64(m) >> 3
			break
		}
		for i < len(p) && p[i] >= ' ' && p[i] != '"' && p[i] != '\\' {
			foreign |= uint64(p[i])
			i++
		}
		if i >= len(p) || p[i] < ' ' {
			return ^i, escaped
		}
		if p[i] == '"' {
			break
		}
		escaped = true
		n := escape(p, i)
		if n == 0 {
			return ^i, escaped
		}
		i += n
	}
	if foreign&highs != 0 && !utf8.Valid(p[from:i]) {
		return ^invalid(p, from), escaped
	}
	return i, escaped
}

// invalid is the place of the first byte from i on that is not UTF-8.
func invalid(p []byte, i int) int {
	for i < len(p) {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}

// escape is the length of the escape at p[i], 0 when it is none.
func escape(p []byte, i int) int {
	if i+1 >= len(p) {
		return 0
	}
	switch p[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(p, i+2); ok {
			return 6
		}
	}
	return 0
}

func hex4(p []byte, i int) (r rune, ok bool) {
	if i+4 > len(p) {
		return 0, false
	}
	for _, c := range p[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the text s, which scanString has accepted, to dst.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		if s[i+1] != 'u' {
			dst = append(dst, unescaped[s[i+1]])
			i += 2
			continue
		}
		r, _ := hex4(s, i+2)
		i += 6
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if i+1 < len(s) && s[i] == '\\' && s[i+1] == 'u' {
				low, ok = hex4(s, i+2)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// literal is the place after word, which starts at p[i]; 0 when it does not.
func literal(p []byte, i int, word string) int {
	if i+len(word) <= len(p) && string(p[i:i+len(word)]) == word {
		return i + len(word)
	}
	return 0
}
