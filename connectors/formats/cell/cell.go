package cell

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// Style is how a format writes times.
type Style struct {
	ISO bool // 2024-01-02T03:04:05 instead of 2024-01-02 03:04:05
}

func (s Style) separator() byte {
	if s.ISO {
		return 'T'
	}
	return ' '
}

// Set writes row i of a column that is neither string, nor bytes, nor nested,
// from the text of the value; spaces around it do not count. False: the text
// is no such value, or out of range.
func Set(v *event.Vec, i int, s []byte, style Style) (ok bool) {
	s = bytes.TrimSpace(s)
	switch t := &v.Type; t.Kind {
	case event.Bool:
		v.I64[i], ok = parseBool(s)
	case event.Date:
		v.I64[i], ok = ParseDate(s)
	case event.TimeOfDay:
		v.I64[i], ok = ParseTime(s)
		v.I64[i] = Truncate(v.I64[i], t.Precision)
	case event.Timestamp, event.TimestampLTZ:
		v.I64[i], ok = ParseTimestamp(s, style.separator(), t.Kind == event.TimestampLTZ)
		v.I64[i] = Truncate(v.I64[i], t.Precision)
	default:
		return setNumberText(v, i, s)
	}
	return ok
}

// SetMillis writes row i of a TIMESTAMP column from milliseconds since the
// epoch.
func SetMillis(v *event.Vec, i int, ms int64) bool {
	if ms > math.MaxInt64/1000 || ms < math.MinInt64/1000 {
		return false
	}
	v.I64[i] = ms * 1000
	if v.Type.Precision < 3 {
		v.I64[i] = Truncate(ms*1000, v.Type.Precision)
	}
	return true
}

// SetBase64 writes row i of a BYTES column; the rows before are final.
func SetBase64(v *event.Vec, i int, s []byte) bool {
	v.Own(i)
	from := len(v.Buf)
	buf, err := base64.StdEncoding.AppendDecode(v.Buf, s)
	if err != nil {
		return false
	}
	v.Buf = buf
	v.Str[i] = event.Span{Off: uint32(from), Len: uint32(len(buf) - from)}
	return true
}

// SetView makes p[from:to] the string of row i: a view where the column is one
// of p.
func SetView(v *event.Vec, i int, p []byte, from, to int) {
	if v.Aliased() {
		v.Str[i] = event.Span{Off: uint32(from), Len: uint32(to - from)}
		return
	}
	v.SetBytes(i, p[from:to])
}

// SetUnscaled writes row i of a DECIMAL column from x × 10^-scale; false: it
// does not fit, or would lose digits.
func SetUnscaled(v *event.Vec, i int, x decimal.Int, scale int) bool {
	if to := v.Type.Scale; to != scale {
		y, err := decimal.Rescale(x, scale, to)
		if err != nil {
			return false
		}
		if back, err := decimal.Rescale(y, to, scale); err != nil || back != x {
			return false
		}
		x = y
	}
	v.I64[i] = int64(x.Lo)
	if v.Type.Wide() {
		v.Hi[i] = x.Hi
	}
	return x.Fits(v.Type.Precision)
}

// SetNull makes row i NULL, with what is nested in it.
func SetNull(v *event.Vec, i int) { v.Set(i, v.Rows(), event.NullValue) }

// Alias makes the strings in v, also nested ones, views of buf.
func Alias(v *event.Vec, buf []byte) {
	if v.Type.Physical() == event.PhysStr {
		v.Alias(buf)
	}
	for i := range v.Kids {
		Alias(&v.Kids[i], buf)
	}
}

func parseBool(s []byte) (int64, bool) {
	switch {
	case bytes.EqualFold(s, []byte("true")):
		return 1, true
	case bytes.EqualFold(s, []byte("false")):
		return 0, true
	}
	return 0, false
}

// Append writes row i, which is not NULL, of a column that is neither string
// nor nested; BYTES are written as base64.
func Append(dst []byte, v *event.Vec, i int, style Style) []byte {
	switch t := &v.Type; t.Kind {
	case event.Bool:
		return strconv.AppendBool(dst, v.I64[i] != 0)
	case event.Decimal:
		return decimal.Append(dst, Unscaled(v, i), t.Scale)
	case event.Float32:
		return appendFloat(dst, v.F64[i], 32)
	case event.Float64:
		return appendFloat(dst, v.F64[i], 64)
	case event.Date:
		return AppendDate(dst, v.I64[i])
	case event.TimeOfDay:
		return AppendTime(dst, v.I64[i], t.Precision)
	case event.Timestamp:
		return AppendTimestamp(dst, v.I64[i], t.Precision, style.separator())
	case event.TimestampLTZ:
		return append(AppendTimestamp(dst, v.I64[i], t.Precision, style.separator()), 'Z')
	case event.Bytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
	}
	return strconv.AppendInt(dst, v.I64[i], 10)
}

// Unscaled is row i of a DECIMAL column.
func Unscaled(v *event.Vec, i int) decimal.Int {
	if v.Type.Wide() {
		return decimal.Int{Hi: v.Hi[i], Lo: uint64(v.I64[i])}
	}
	return decimal.FromInt64(v.I64[i])
}

// appendFloat writes the shortest digits that give f again.
func appendFloat(dst []byte, f float64, bitCount int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, bitCount)
}

// Expected says what text a column of type t takes.
func Expected(t event.Type, style Style) string {
	sep := string(style.separator())
	switch t.Kind {
	case event.Timestamp:
		return "a time yyyy-MM-dd" + sep + "HH:mm:ss or milliseconds for " + t.String()
	case event.TimestampLTZ:
		return "a time yyyy-MM-dd" + sep + "HH:mm:ssZ or milliseconds for " + t.String()
	case event.Date:
		return "a date yyyy-MM-dd"
	case event.TimeOfDay:
		return "a time HH:mm:ss"
	case event.Bool:
		return "true or false"
	case event.Bytes:
		return "base64 text for BYTES"
	}
	return "a number for " + t.String()
}

// Supported says whether values of type t, which is not nested, have a text.
func Supported(t event.Type) bool {
	return t.Kind != event.Null && t.Kind != event.IntervalDay && t.Kind != event.IntervalYear && t.Physical() != event.PhysNested
}
