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

// wholeNumber reads up to 18 digits that are a whole number by themselves;
// end is 0 for every other form of number, which is left to cell.ScanNumber.
func wholeNumber(p []byte, i int) (v int64, end int) {
	neg := i < len(p) && p[i] == '-'
	if neg {
		i++
	}
	digits := i
	if i+8 <= len(p) {
		if w := binary.LittleEndian.Uint64(p[i:]); eightDigits(w) {
			v = parseEight(w)
			i += 8
		}
	}
	for i < len(p) && p[i]-'0' <= 9 {
		v = v*10 + int64(p[i]-'0')
		i++
	}
	n := i - digits
	if n == 0 || n > 18 || n > 1 && p[digits] == '0' {
		return 0, 0
	}
	if i < len(p) && (p[i] == '.' || p[i]|0x20 == 'e') {
		return 0, 0
	}
	if neg {
		v = -v
	}
	return v, i
}

func eightDigits(w uint64) bool {
	return w&0xF0F0F0F0F0F0F0F0|(w+0x0606060606060606)&0xF0F0F0F0F0F0F0F0>>4 == 0x3333333333333333
}

// parseEight adds neighbouring digits, then pairs, then fours.
func parseEight(w uint64) int64 {
	w = w & 0x0F0F0F0F0F0F0F0F * (10<<8 + 1) >> 8
	w = w & 0x00FF00FF00FF00FF * (100<<16 + 1) >> 16
	return int64(w & 0x0000FFFF0000FFFF * (10000<<32 + 1) >> 32)
}

// literal is the place after word, which starts at p[i]; 0 when it does not.
func literal(p []byte, i int, word string) int {
	if i+len(word) <= len(p) && string(p[i:i+len(word)]) == word {
		return i + len(word)
	}
	return 0
}
