package function

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// datePattern is a compiled pattern of Java's DateTimeFormatter: letters of the
// table in format, repeated, and literal text.
type datePattern []dateToken

type dateToken struct {
	letter  byte // 0: literal
	n       int
	literal string
}

const dateLetters = "yuMLdDHhkKmsSaEe"

func compileDatePattern(pattern string) (datePattern, error) {
	var p datePattern
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, next, err := quoted(pattern, i)
			if err != nil {
				return nil, err
			}
			p = append(p, dateToken{literal: text})
			i = next
			continue
		case c|0x20 < 'a' || c|0x20 > 'z':
			p = append(p, dateToken{literal: string(c)})
			i++
			continue
		case strings.IndexByte(dateLetters, c) < 0:
			return nil, fmt.Errorf("date pattern '%s': letter %c is not one of %s; put text in quotes", clip([]byte(pattern)), c, dateLetters)
		}
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		p = append(p, dateToken{letter: c, n: n})
		i += n
	}
	return p, nil
}

// quoted reads the quoted text that starts at i; a doubled quote is one quote.
func quoted(pattern string, i int) (text string, next int, err error) {
	if strings.HasPrefix(pattern[i:], "''") {
		return "'", i + 2, nil
	}
	for j := i + 1; j < len(pattern); j++ {
		switch {
		case pattern[j] != '\'':
			text += string(pattern[j])
		case j+1 < len(pattern) && pattern[j+1] == '\'':
			text += "'"
			j++
		default:
			return text, j + 1, nil
		}
	}
	return "", 0, fmt.Errorf("date pattern '%s': a quote is not closed", clip([]byte(pattern)))
}

// append formats wall-clock µs.
func (p datePattern) append(dst []byte, us int64) []byte {
	days := floorDiv(us, microsPerDay)
	rest := us - days*microsPerDay
	for _, t := range p {
		dst = t.append(dst, days, rest)
	}
	return dst
}

func (t dateToken) append(dst []byte, days, us int64) []byte {
	y, m, d := civil(days)
	hour := us / microsPerHour
	switch t.letter {
	case 0:
		return append(dst, t.literal...)
	case 'y', 'u':
		if t.n == 2 {
			return appendPadded(dst, floorMod(y, 100), 2)
		}
		return appendPadded(dst, y, t.n)
	case 'M', 'L':
		return t.appendName(dst, m, time.Month(m).String())
	case 'd':
		return appendPadded(dst, d, t.n)
	case 'D':
		return appendPadded(dst, days-dayNumber(y, 1, 1)+1, t.n)
	case 'E':
		t.n = max(t.n, 3)
		return t.appendName(dst, 0, time.Weekday(floorMod(days+4, 7)).String())
	case 'e':
		return appendPadded(dst, isoWeekday(days), t.n)
	case 'H':
		return appendPadded(dst, hour, t.n)
	case 'k':
		return appendPadded(dst, (hour+23)%24+1, t.n)
	case 'K':
		return appendPadded(dst, hour%12, t.n)
	case 'h':
		return appendPadded(dst, (hour+11)%12+1, t.n)
	case 'm':
		return appendPadded(dst, us/microsPerMinute%60, t.n)
	case 's':
		return appendPadded(dst, us/microsPerSecond%60, t.n)
	case 'a':
		return append(dst, [...]string{"AM", "PM"}[hour/12]...)
	}
	return appendFraction(dst, us%microsPerSecond, t.n)
}

// appendName appends a number up to two letters, a short name for three, the
// full name for more.
func (t dateToken) appendName(dst []byte, n int64, name string) []byte {
	switch {
	case t.n < 3:
		return appendPadded(dst, n, t.n)
	case t.n == 3:
		name = name[:3]
	}
	return append(dst, name...)
}

func appendFraction(dst []byte, us int64, n int) []byte {
	at := len(dst)
	dst = appendPadded(dst, us, 6)
	for len(dst)-at < n {
		dst = append(dst, '0')
	}
	return dst[:at+n]
}

// dateParts are the fields that a text has given.
type dateParts struct {
	y, m, d, doy, hour, min, sec, us int64
	pm, twelve                       bool
}

// parse reads a text that the pattern has written, as wall-clock µs.
func (p datePattern) parse(s []byte) (us int64, ok bool) {
	v := dateParts{y: 1970, m: 1, d: 1}
	for i, t := range p {
		adjacent := i+1 < len(p) && p[i+1].numeric()
		if s, ok = t.parse(s, &v, adjacent); !ok {
			return 0, false
		}
	}
	return v.micros(len(s) == 0)
}

func (v *dateParts) micros(complete bool) (us int64, ok bool) {
	if v.twelve {
		v.hour %= 12
		if v.pm {
			v.hour += 12
		}
	}
	if !complete || !validDate(v.y, v.m, v.d) || v.hour > 23 || v.min > 59 || v.sec > 59 {
		return 0, false
	}
	days := dayNumber(v.y, v.m, v.d)
	if v.doy > 0 {
		days = dayNumber(v.y, 1, 1) + v.doy - 1
	}
	return days*microsPerDay + v.hour*microsPerHour + v.min*microsPerMinute + v.sec*microsPerSecond + v.us, true
}

func (t dateToken) numeric() bool {
	return t.letter != 0 && t.letter != 'a' && t.letter != 'E' && !((t.letter == 'M' || t.letter == 'L') && t.n > 2)
}

func (t dateToken) parse(s []byte, v *dateParts, adjacent bool) (rest []byte, ok bool) {
	switch {
	case t.letter == 0:
		return bytes.CutPrefix(s, []byte(t.literal))
	case t.letter == 'a':
		return parseHalf(s, v)
	case t.letter == 'S':
		return parseFractionDigits(s, t.n, v)
	case !t.numeric():
		return t.parseName(s, v)
	}
	width := 9
	if adjacent || t.n == 2 {
		width = t.n
	}
	n, rest, ok := digits(s, width)
	if !ok || adjacent && len(s)-len(rest) < t.n {
		return s, false
	}
	t.store(v, n)
	return rest, true
}

func (t dateToken) store(v *dateParts, n int64) {
	switch t.letter {
	case 'y', 'u':
		v.y = n
		if t.n == 2 {
			v.y += 2000
		}
	case 'M', 'L':
		v.m = n
	case 'd':
		v.d = n
	case 'D':
		v.doy = n
	case 'H', 'k':
		v.hour = n % 24
		if t.letter == 'H' {
			v.hour = n
		}
	case 'h', 'K':
		v.hour, v.twelve = n, true
	case 'm':
		v.min = n
	case 's':
		v.sec = n
	}
}

func parseHalf(s []byte, v *dateParts) (rest []byte, ok bool) {
	if len(s) < 2 {
		return s, false
	}
	half := strings.ToUpper(string(s[:2]))
	v.pm = half == "PM"
	return s[2:], half == "AM" || half == "PM"
}

func parseFractionDigits(s []byte, n int, v *dateParts) (rest []byte, ok bool) {
	us, rest, ok := digits(s, min(n, 6))
	if !ok {
		return s, false
	}
	v.us = us * microsOfDigit[len(s)-len(rest)]
	_, beyond, _ := digits(rest, max(0, n-6))
	return beyond, true
}

// parseName reads the name of a month (kept) or of a weekday (passed over).
func (t dateToken) parseName(s []byte, v *dateParts) (rest []byte, ok bool) {
	count := 12
	if t.letter == 'E' {
		count = 7
	}
	for i := range count {
		name := time.Month(i + 1).String()
		if t.letter == 'E' {
			name = time.Weekday(i).String()
		}
		if t.n <= 3 {
			name = name[:3]
		}
		if len(s) >= len(name) && strings.EqualFold(string(s[:len(name)]), name) {
			if t.letter != 'E' {
				v.m = int64(i + 1)
			}
			return s[len(name):], true
		}
	}
	return s, false
}
