package function

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// Text is a value as CAST(v AS STRING) gives it, and "NULL" for NULL. Zone
// shows TIMESTAMP_LTZ; nil is UTC.
func Text(t event.Type, v event.Value, zone *time.Location) string {
	return string(AppendText(nil, t, v, zone))
}

// AppendText appends Text.
func AppendText(dst []byte, t event.Type, v event.Value, zone *time.Location) []byte {
	if v.Null {
		return append(dst, "NULL"...)
	}
	switch t.Kind {
	case event.Null:
		return append(dst, "NULL"...)
	case event.Bool:
		return append(dst, [...]string{"FALSE", "TRUE"}[v.I&1]...)
	case event.Float32:
		return appendFloat(dst, v.F(), 32)
	case event.Float64:
		return appendFloat(dst, v.F(), 64)
	case event.Decimal:
		return decimal.Append(dst, Dec(t, v), t.Scale)
	case event.String, event.Bytes:
		return append(dst, v.S...)
	case event.Array, event.Map, event.Row:
		return appendNested(dst, t, v.L, zone)
	}
	return appendIntegral(dst, t, v.I, zone)
}

func appendIntegral(dst []byte, t event.Type, i int64, zone *time.Location) []byte {
	switch t.Kind {
	case event.Date:
		return appendDate(dst, i)
	case event.TimeOfDay:
		return appendClock(dst, i, t.Precision)
	case event.Timestamp:
		return appendTimestamp(dst, i, t.Precision)
	case event.TimestampLTZ:
		return appendTimestamp(dst, wall(i, zone), t.Precision)
	case event.IntervalDay:
		return appendDaySecond(dst, i)
	case event.IntervalYear:
		return appendYearMonth(dst, i)
	}
	return strconv.AppendInt(dst, i, 10)
}

// appendFloat appends the shortest text that reads back as f, always with a
// point, in scientific form from 1E7 up and below 1E-3, as Flink does.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case a == 0 || a >= 1e-3 && a < 1e7:
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		return withPoint(dst, start)
	}
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], f, 'e', -1, bits)
	mantissa, exponent, _ := strings.Cut(string(s), "e")
	start := len(dst)
	dst = append(withPoint(append(dst, mantissa...), start), 'E')
	n, _ := strconv.Atoi(exponent)
	return strconv.AppendInt(dst, int64(n), 10)
}

func withPoint(dst []byte, start int) []byte {
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, '.', '0')
}

func appendNested(dst []byte, t event.Type, l []event.Value, zone *time.Location) []byte {
	brackets := map[event.Kind]string{event.Array: "[]", event.Map: "{}", event.Row: "()"}[t.Kind]
	dst = append(dst, brackets[0])
	for i, part := range l {
		switch {
		case i == 0:
		case t.Kind == event.Map && i%2 == 1:
			dst = append(dst, '=')
		default:
			dst = append(dst, ", "...)
		}
		dst = AppendText(dst, partType(t, i), part, zone)
	}
	return append(dst, brackets[1])
}

// Format is a value as an SQL literal, for EXPLAIN.
func Format(t event.Type, v event.Value) string {
	if v.Null {
		return "NULL"
	}
	text := Text(t, v, time.UTC)
	switch t.Kind {
	case event.String:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case event.Bytes:
		return "X'" + strings.ToUpper(hex.EncodeToString(v.S)) + "'"
	case event.Date:
		return "DATE '" + text + "'"
	case event.TimeOfDay:
		return "TIME '" + text + "'"
	case event.Timestamp:
		return "TIMESTAMP '" + text + "'"
	case event.TimestampLTZ:
		return "TIMESTAMP_LTZ '" + text + "'"
	case event.IntervalDay:
		return formatDaySecond(v.I, text)
	case event.IntervalYear:
		sign, body := signOf(text)
		return "INTERVAL " + sign + "'" + body + "' YEAR TO MONTH"
	case event.Array, event.Map, event.Row:
		return formatNested(t, v.L)
	}
	return text
}

func signOf(text string) (sign, body string) {
	if text[0] == '-' {
		return "-", text[1:]
	}
	return "", text[1:]
}

// formatDaySecond prefers a single unit: INTERVAL '5' MINUTE.
func formatDaySecond(us int64, text string) string {
	sign, body := signOf(text)
	for _, u := range []struct {
		micros int64
		name   string
	}{{microsPerDay, "DAY"}, {microsPerHour, "HOUR"}, {microsPerMinute, "MINUTE"}, {microsPerSecond, "SECOND"}} {
		if us%u.micros == 0 {
			n := strings.TrimPrefix(strconv.FormatInt(us/u.micros, 10), "-")
			return "INTERVAL " + sign + "'" + n + "' " + u.name
		}
	}
	return "INTERVAL " + sign + "'" + body + "' DAY TO SECOND"
}

func formatNested(t event.Type, l []event.Value) string {
	parts := make([]string, len(l))
	for i, part := range l {
		parts[i] = Format(partType(t, i), part)
	}
	list := strings.Join(parts, ", ")
	switch t.Kind {
	case event.Array:
		return "ARRAY[" + list + "]"
	case event.Map:
		return "MAP[" + list + "]"
	}
	return "ROW(" + list + ")"
}
