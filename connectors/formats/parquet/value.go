package parquet

import (
	"encoding/hex"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// setter writes a value into row i of a column; false: it does not fit.
type setter func(v *event.Vec, i int, x parquet.Value) bool

// setterOf is how values of a column of the file become values of a type.
func setterOf(c *parquet.Column, t event.Type) (setter, error) {
	var set setter
	kind := c.Type().Kind()
	switch l := logical(c).(type) {
	case *format.DecimalType:
		set = decimalSetter(kind, int(l.Scale), t)
	case *format.DateType:
		set = when(t.Kind == event.Date, setInt)
	case *format.TimeType:
		set = timeSetter(l.Unit, kind, t, t.Kind == event.TimeOfDay)
	case *format.TimestampType:
		set = timeSetter(l.Unit, kind, t, t.Instant())
	case *format.IntType:
		set = wholeSetter(kind, l.IsSigned, t)
	case *format.UUIDType:
		set = when(t.Kind == event.String, setUUID)
	case *format.StringType, *format.EnumType, *format.JsonType:
		set = textSetter(t)
	case *format.BsonType:
		set = when(t.Kind == event.Bytes, setBytes)
	case nil:
		set = physicalSetter(kind, t)
	}
	if set == nil {
		return nil, fmt.Errorf("it is %s in the file, which cannot be read as %s", c.Type(), t)
	}
	return set, nil
}

func when(ok bool, set setter) setter {
	if !ok {
		return nil
	}
	return set
}

// physicalSetter is for columns without a logical type.
func physicalSetter(kind parquet.Kind, t event.Type) setter {
	switch kind {
	case parquet.Boolean:
		return when(t.Kind == event.Bool, setBool)
	case parquet.Int96:
		return when(t.Instant(), setInt96)
	case parquet.Float:
		return when(t.Float(), setFloat)
	case parquet.Double:
		return when(t.Kind == event.Float64, setDouble)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return textSetter(t)
	}
	return wholeSetter(kind, true, t)
}

func setBool(v *event.Vec, i int, x parquet.Value) bool {
	v.I64[i] = 0
	if x.Boolean() {
		v.I64[i] = 1
	}
	return true
}

func setInt(v *event.Vec, i int, x parquet.Value) bool {
	v.I64[i] = int64(x.Int32())
	return true
}

func setFloat(v *event.Vec, i int, x parquet.Value) bool {
	v.F64[i] = float64(x.Float())
	return true
}

func setDouble(v *event.Vec, i int, x parquet.Value) bool {
	v.F64[i] = x.Double()
	return true
}

// maxBytes is how many bytes of text a column of a batch has at most: a few bytes
// of a dictionary may stand for very many.
const maxBytes = 256 << 20

func setBytes(v *event.Vec, i int, x parquet.Value) bool { return put(v, i, x.ByteArray()) }

func put(v *event.Vec, i int, p []byte) bool {
	if len(v.Buf)+len(p) > maxBytes {
		return false
	}
	v.SetBytes(i, p)
	return true
}

// textSetter is for bytes and text: as STRING they have to be UTF-8.
func textSetter(t event.Type) setter {
	switch t.Kind {
	case event.Bytes:
		return setBytes
	case event.String:
		return func(v *event.Vec, i int, x parquet.Value) bool {
			return utf8.Valid(x.ByteArray()) && put(v, i, x.ByteArray())
		}
	}
	return nil
}

// setUUID writes 16 bytes as RFC 9562 does: in groups of 4, 2, 2, 2 and 6.
func setUUID(v *event.Vec, i int, x parquet.Value) bool {
	id := x.ByteArray()
	if len(id) != 16 {
		return false
	}
	var text [36]byte
	dst := hex.AppendEncode(text[:0], id[:4])
	for k := 4; k < 10; k += 2 {
		dst = hex.AppendEncode(append(dst, '-'), id[k:k+2])
	}
	return put(v, i, hex.AppendEncode(append(dst, '-'), id[10:]))
}

// whole is an INT32 or INT64; ok is false for an unsigned one beyond int64.
func whole(x parquet.Value, kind parquet.Kind, signed bool) (n int64, ok bool) {
	switch {
	case kind == parquet.Int32 && signed:
		return int64(x.Int32()), true
	case kind == parquet.Int32:
		return int64(x.Uint32()), true
	}
	n = x.Int64()
	return n, signed || n >= 0
}

// wholeSetter is for whole numbers.
func wholeSetter(kind parquet.Kind, signed bool, t event.Type) setter {
	switch {
	case t.Integer():
		bits := map[event.Kind]uint{event.Int8: 8, event.Int16: 16, event.Int32: 32, event.Int64: 64}[t.Kind]
		return func(v *event.Vec, i int, x parquet.Value) bool {
			n, ok := whole(x, kind, signed)
			v.I64[i] = n
			return ok && n>>(bits-1) == n>>63
		}
	case t.Float():
		return func(v *event.Vec, i int, x parquet.Value) bool {
			n, ok := whole(x, kind, signed)
			if v.F64[i] = float64(n); t.Kind == event.Float32 {
				v.F64[i] = float64(float32(n))
			}
			return ok
		}
	case t.Kind == event.Decimal:
		return func(v *event.Vec, i int, x parquet.Value) bool {
			n, ok := whole(x, kind, signed)
			d := decimal.FromInt64(n)
			if !ok {
				d = decimal.Int{Lo: uint64(n)}
			}
			return cell.SetUnscaled(v, i, d, 0)
		}
	}
	return nil
}

// decimalSetter is for decimals, which lose no digit.
func decimalSetter(kind parquet.Kind, scale int, t event.Type) setter {
	if t.Kind != event.Decimal || scale < 0 || scale > event.MaxPrecision {
		return nil
	}
	if kind == parquet.Int32 || kind == parquet.Int64 {
		return func(v *event.Vec, i int, x parquet.Value) bool {
			n, _ := whole(x, kind, true)
			return cell.SetUnscaled(v, i, decimal.FromInt64(n), scale)
		}
	}
	return func(v *event.Vec, i int, x parquet.Value) bool {
		d, ok := cell.BigEndian(x.ByteArray())
		return ok && cell.SetUnscaled(v, i, d, scale)
	}
}

const microsPerDay = 86400 * 1_000_000

// timeSetter is for times of the day and instants, whose digits beyond the
// precision are cut off.
func timeSetter(unit format.TimeUnit, kind parquet.Kind, t event.Type, fits bool) setter {
	if !fits || unit.Value == nil {
		return nil
	}
	mul, div := int64(1), int64(1)
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		mul = 1000
	case *format.NanoSeconds:
		div = 1000
	}
	return func(v *event.Vec, i int, x parquet.Value) bool {
		n, _ := whole(x, kind, true)
		if n > math.MaxInt64/mul || n < math.MinInt64/mul {
			return false
		}
		n = floorDiv(n*mul, div)
		v.I64[i] = cell.Truncate(n, t.Precision)
		return t.Kind != event.TimeOfDay || n >= 0 && n < microsPerDay
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// The Julian day of 1970-01-01, and the days around it that are taken: the years
// 0 to 9999 are inside.
const (
	julianEpoch = 2_440_588
	maxDays     = 4_000_000
)

// setInt96 writes an instant as Impala and old Spark write it: nanoseconds of the
// day, then the Julian day.
func setInt96(v *event.Vec, i int, x parquet.Value) bool {
	p := x.Int96()
	day := int64(p[2]) - julianEpoch
	nanos := int64(p[1])<<32 | int64(p[0])
	if day < -maxDays || day > maxDays || nanos < 0 || nanos >= microsPerDay*1000 {
		return false
	}
	v.I64[i] = cell.Truncate(day*microsPerDay+nanos/1000, v.Type.Precision)
	return true
}
