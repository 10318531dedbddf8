package function

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

func trimSpace(s []byte) []byte { return bytes.Trim(s, " \t\n\r\f\v") }

func parseBool(s []byte) (bool, error) {
	switch strings.ToLower(string(trimSpace(s))) {
	case "true", "t", "yes", "y", "1":
		return true, nil
	case "false", "f", "no", "n", "0":
		return false, nil
	}
	return false, badText(s, event.TBool)
}

// parseInt reads an integer; digits after a point are checked and dropped.
func parseInt(s []byte, t event.Type) (int64, error) {
	text, fraction, _ := bytes.Cut(trimSpace(s), []byte("."))
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, badText(s, t)
		}
	}
	x, err := decimal.Parse(text, decimal.MaxDigits, 0)
	i, ok := x.Int64()
	switch {
	case err == decimal.ErrSyntax || bytes.ContainsAny(text, "eE"):
		return 0, badText(s, t)
	case err != nil || !ok:
		return 0, overflow(t)
	}
	return i, nil
}

func parseFloat(s []byte, t event.Type) (float64, error) {
	text := trimSpace(s)
	bits := 64
	if t.Kind == event.Float32 {
		bits = 32
	}
	f, err := strconv.ParseFloat(string(text), bits)
	if bytes.ContainsAny(text, "_xXpP") || err != nil && !math.IsInf(f, 0) {
		return 0, badText(s, t)
	}
	return f, nil
}

// digits reads up to most digits.
func digits(s []byte, most int) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(s) && i < most && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

// after reads a separator and then up to most digits.
func after(s []byte, sep byte, most int) (n int64, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != sep {
		return 0, s, false
	}
	return digits(s[1:], most)
}

// parseDate reads yyyy-MM-dd, yyyy-MM or yyyy.
func parseDate(s []byte) (days int64, ok bool) {
	y, s, ok := digits(s, 4)
	m, d := int64(1), int64(1)
	if ok && len(s) > 0 {
		if m, s, ok = after(s, '-', 2); ok && len(s) > 0 {
			d, s, ok = after(s, '-', 2)
		}
	}
	if !ok || len(s) > 0 || !validDate(y, m, d) {
		return 0, false
	}
	return dayNumber(y, m, d), true
}

func validDate(y, m, d int64) bool {
	return m >= 1 && m <= 12 && d >= 1 && d <= daysInMonth(y, m)
}

// parseClock reads HH:mm[:ss[.fraction]] as µs of the day.
func parseClock(s []byte) (us int64, ok bool) {
	h, s, ok := digits(s, 2)
	var m, sec, fraction int64
	if ok && len(s) > 0 {
		m, s, ok = after(s, ':', 2)
	}
	if ok && len(s) > 0 {
		sec, s, ok = after(s, ':', 2)
	}
	if ok && len(s) > 0 {
		fraction, s, ok = parseFraction(s)
	}
	if !ok || len(s) > 0 || h > 23 || m > 59 || sec > 59 {
		return 0, false
	}
	return h*microsPerHour + m*microsPerMinute + sec*microsPerSecond + fraction, true
}

// parseFraction reads .ddd as µs; digits beyond six are dropped.
func parseFraction(s []byte) (us int64, rest []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, false
	}
	s = s[1:]
	us, rest, ok = digits(s, 6)
	if !ok {
		return 0, s, false
	}
	us *= microsOfDigit[len(s)-len(rest)]
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
		rest = rest[1:]
	}
	return us, rest, true
}

// parseTimestamp reads a date, and after a space or T a time, as µs.
func parseTimestamp(s []byte) (us int64, ok bool) {
	i := bytes.IndexAny(s, " T")
	if i < 0 {
		days, ok := parseDate(s)
		return days * microsPerDay, ok
	}
	days, ok := parseDate(s[:i])
	clock, ok2 := parseClock(s[i+1:])
	return days*microsPerDay + clock, ok && ok2
}

// parseInstant reads a timestamp with Z, with an offset +HH:mm, or of the zone.
func parseInstant(s []byte, zone *time.Location) (us int64, ok bool) {
	if n := len(s); n > 0 && (s[n-1] == 'Z' || s[n-1] == 'z') {
		return parseTimestamp(s[:n-1])
	}
	if n := len(s) - len("+00:00"); n > len("yyyy-MM-dd") && (s[n] == '+' || s[n] == '-') {
		offset, ok := parseClock(s[n+1:])
		if s[n] == '-' {
			offset = -offset
		}
		us, ok2 := parseTimestamp(trimSpace(s[:n]))
		return us - offset, ok && ok2
	}
	us, ok = parseTimestamp(s)
	return instant(us, zone), ok
}

func cutSign(s []byte) (negative bool, rest []byte) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		return s[0] == '-', s[1:]
	}
	return false, s
}

// parseDaySecond reads [+-]d HH:mm:ss[.fraction].
func parseDaySecond(s []byte) (us int64, ok bool) {
	negative, s := cutSign(s)
	days, s, ok := digits(s, 8)
	if !ok || len(s) < 2 || s[0] != ' ' {
		return 0, false
	}
	clock, ok := parseClock(s[1:])
	us = days*microsPerDay + clock
	if negative {
		us = -us
	}
	return us, ok
}

// parseYearMonth reads [+-]y-m.
func parseYearMonth(s []byte) (months int64, ok bool) {
	negative, s := cutSign(s)
	y, s, ok := digits(s, 8)
	if !ok {
		return 0, false
	}
	m, s, ok := after(s, '-', 2)
	months = y*12 + m
	if negative {
		months = -months
	}
	return months, ok && len(s) == 0 && m < 12
}
