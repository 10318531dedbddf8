package function

import (
	"strconv"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Lengths of time in µs.
const (
	microsPerSecond = int64(time.Second / time.Microsecond)
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// civil is the proleptic Gregorian date of a day number since 1970-01-01. Years
// are counted from 1 March, so that the leap day ends a year and months have
// a closed form.
func civil(days int64) (year, month, day int64) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if mp >= 10 {
		month = mp - 9
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// dayNumber is the inverse of civil; month and day must be valid.
func dayNumber(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	doy := (153*((month+9)%12)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func daysInMonth(year, month int64) int64 {
	next, y := month%12+1, year
	if next == 1 {
		y++
	}
	return dayNumber(y, next, 1) - dayNumber(year, month, 1)
}

// AddMonths moves a day number by months; a day beyond the month's end becomes
// its last.
func AddMonths(days, months int64) int64 {
	y, m, d := civil(days)
	n := y*12 + m - 1 + months
	y, m = floorDiv(n, 12), floorMod(n, 12)+1
	return dayNumber(y, m, min(d, daysInMonth(y, m)))
}

// AddMonthsMicros is AddMonths for a time in µs.
func AddMonthsMicros(us, months int64) int64 {
	days := floorDiv(us, microsPerDay)
	return AddMonths(days, months)*microsPerDay + us - days*microsPerDay
}

// wall is an instant as the µs that a clock in the zone shows.
func wall(us int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return us
	}
	_, offset := time.UnixMicro(us).In(zone).Zone()
	return us + int64(offset)*microsPerSecond
}

// instant is the inverse of wall.
func instant(us int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return us
	}
	days := floorDiv(us, microsPerDay)
	y, m, d := civil(days)
	rest := us - days*microsPerDay
	return time.Date(int(y), time.Month(m), int(d), 0, 0, int(rest/microsPerSecond), int(rest%microsPerSecond)*1000, zone).UnixMicro()
}

// local is a DATE, TIMESTAMP or TIMESTAMP_LTZ as wall-clock µs.
func local(c *expr.Context, t event.Type, v event.Value) int64 {
	switch t.Kind {
	case event.Date:
		return v.I * microsPerDay
	case event.TimestampLTZ:
		return wall(v.I, c.Zone)
	}
	return v.I
}

// fromLocal is the inverse of local.
func fromLocal(c *expr.Context, t event.Type, us int64) int64 {
	switch t.Kind {
	case event.Date:
		return floorDiv(us, microsPerDay)
	case event.TimestampLTZ:
		return instant(us, c.Zone)
	}
	return us
}

func appendPadded(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], n, 10)
	for i := len(digits); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendDate appends yyyy-MM-dd.
func appendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	dst = append(appendPadded(dst, y, 4), '-')
	dst = append(appendPadded(dst, m, 2), '-')
	return appendPadded(dst, d, 2)
}

// appendClock appends HH:mm:ss and precision digits of the fraction.
func appendClock(dst []byte, us int64, precision int) []byte {
	dst = append(appendPadded(dst, us/microsPerHour, 2), ':')
	dst = append(appendPadded(dst, us/microsPerMinute%60, 2), ':')
	dst = appendPadded(dst, us/microsPerSecond%60, 2)
	if precision <= 0 {
		return dst
	}
	dst = append(dst, '.')
	fraction := len(dst)
	dst = appendPadded(dst, us%microsPerSecond, 6)
	return dst[:fraction+min(precision, 6)]
}

func appendTimestamp(dst []byte, us int64, precision int) []byte {
	days := floorDiv(us, microsPerDay)
	dst = append(appendDate(dst, days), ' ')
	return appendClock(dst, us-days*microsPerDay, precision)
}

// appendDaySecond appends an interval as "+1 02:03:04.005".
func appendDaySecond(dst []byte, us int64) []byte {
	sign := byte('+')
	n := uint64(us)
	if us < 0 {
		sign, n = '-', -n
	}
	dst = strconv.AppendUint(append(dst, sign), n/uint64(microsPerDay), 10)
	rest := int64(n % uint64(microsPerDay))
	precision := 3
	if rest%1000 != 0 {
		precision = 6
	}
	return appendClock(append(dst, ' '), rest, precision)
}

// appendYearMonth appends an interval as "+1-02".
func appendYearMonth(dst []byte, months int64) []byte {
	sign := byte('+')
	n := uint64(months)
	if months < 0 {
		sign, n = '-', -n
	}
	dst = strconv.AppendUint(append(dst, sign), n/12, 10)
	return appendPadded(append(dst, '-'), int64(n%12), 2)
}
