package assist

import "unicode/utf8"

// UTF16 is the number of UTF-16 code units in front of a byte of the text, which
// is how editors and browsers count.
func UTF16(text string, offset int) (n int) {
	for _, r := range text[:min(max(offset, 0), len(text))] {
		n += units(r)
	}
	return n
}

// FromUTF16 is the byte behind n UTF-16 code units.
func FromUTF16(text string, n int) int {
	for i, r := range text {
		if n <= 0 {
			return i
		}
		n -= units(r)
	}
	return len(text)
}

func units(r rune) int {
	if r >= 0x10000 && r != utf8.RuneError {
		return 2
	}
	return 1
}
