package function

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var (
	tTimestamp = event.TTimestamp
	tLTZ       = event.Type{Kind: event.TimestampLTZ, Precision: 3}
)

var timeFuncs = append([]*expr.Func{
	define("time", "EXTRACT(unit FROM x)", "A part of a date, time, timestamp or interval: MILLENNIUM, CENTURY, DECADE, YEAR, ISOYEAR, QUARTER, MONTH, WEEK (ISO), DAY, DOY, DOW (1 = Sunday), ISODOW, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND, EPOCH.",
		sig(event.TInt64, 2, pString, pTemporal), extract, "EXTRACT(DAY FROM DATE '2024-05-17')", "17", "EXTRACT(WEEK FROM DATE '2024-01-01')", "1"),
	define("time", "TIMESTAMPADD(unit, n, t)", "t moved by n units (YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND).",
		resolveTimestampAdd, timestampAdd, "TIMESTAMPADD(MONTH, 1, DATE '2024-01-31')", "2024-02-29"),
	define("time", "TIMESTAMPDIFF(unit, a, b)", "The number of whole units from a to b.", resolveTimestampDiff, timestampDiff,
		"TIMESTAMPDIFF(HOUR, TIMESTAMP '2024-05-17 10:00:00', TIMESTAMP '2024-05-17 12:59:59')", "2"),
	define("time", "DATE_FORMAT(t, pattern)", "t as text by a pattern of y M d D H h m s S a E and text in quotes, as in Java's DateTimeFormatter.",
		derived(2, false, func([]event.Type) (event.Type, error) { return event.TString, nil }, pFormattable, pString), dateFormat,
		"DATE_FORMAT(TIMESTAMP '2024-05-17 09:08:07', 'dd.MM.yyyy HH:mm')", "17.05.2024 09:08"),
	define("time", "TO_TIMESTAMP(s [, pattern])", "The TIMESTAMP(3) written in s by the pattern (default 'yyyy-MM-dd HH:mm:ss'); NULL when s does not fit.", sig(tTimestamp, 1, pString, pString), toTimestamp,
		"TO_TIMESTAMP('17.05.2024', 'dd.MM.yyyy')", "2024-05-17 00:00:00.000"),
	define("time", "TO_TIMESTAMP_LTZ(n [, precision]) or (s [, pattern])", "The instant n seconds (precision 0) or milliseconds (precision 3, default) after the epoch, or the one written in s in the session's zone; NULL when s does not fit.", resolveToLTZ, toTimestampLTZ,
		"TO_TIMESTAMP_LTZ(1715936887, 0)", "2024-05-17 09:08:07.000"),
	define("time", "TO_DATE(s [, pattern])", "The DATE written in s by the pattern (default 'yyyy-MM-dd'); NULL when s does not fit.", sig(event.TDate, 1, pString, pString), toDate,
		"TO_DATE('20240517', 'yyyyMMdd')", "2024-05-17"),
	volatile(define("time", "FROM_UNIXTIME(n [, pattern])", "The instant n seconds after the epoch in the session's zone as text (default 'yyyy-MM-dd HH:mm:ss').", sig(event.TString, 1, pInt, pString), fromUnixtime,
		"FROM_UNIXTIME(0)", "1970-01-01 00:00:00")),
	volatile(define("time", "UNIX_TIMESTAMP([s [, pattern]])", "Seconds from the epoch to the instant written in s in the session's zone; without argument, to now.", sig(event.TInt64, 0, pString, pString), unixTimestamp,
		"UNIX_TIMESTAMP('1970-01-01 00:01:00')", "60")),
	define("time", "CONVERT_TZ(s, from, to)", "The timestamp s of one zone as that of another, as text; NULL when s or a zone is malformed.", sig(event.TString, 3, pString, pString, pString), convertTZ,
		"CONVERT_TZ('2024-05-17 10:00:00', 'UTC', 'Europe/Berlin')", "2024-05-17 12:00:00"),
	also(volatile(define("time", "CURRENT_TIMESTAMP", "The processing time.", sig(tLTZ, 0), now(func(us int64, _ *time.Location) int64 { return us }))), "NOW", "PROCTIME", "CURRENT_ROW_TIMESTAMP"),
	volatile(define("time", "LOCALTIMESTAMP", "The processing time in the session's zone.", sig(tTimestamp, 0), now(wall))),
	volatile(define("time", "CURRENT_DATE", "The processing time's date in the session's zone.", sig(event.TDate, 0), now(func(us int64, z *time.Location) int64 { return floorDiv(wall(us, z), microsPerDay) }))),
	also(volatile(define("time", "CURRENT_TIME", "The processing time's time of day in the session's zone.", sig(event.TTime, 0), now(func(us int64, z *time.Location) int64 { return floorMod(wall(us, z), microsPerDay) }))), "LOCALTIME"),
}, partFuncs()...)

var (
	pTemporal    = keeping("date, time, timestamp or interval", event.TTimestamp, temporal)
	pFormattable = param{"date, time, timestamp or STRING", func(t event.Type) (event.Type, bool) {
		if t.Kind == event.String || t.Kind == event.Null {
			return event.Type{Kind: event.Timestamp, Precision: 6}, true
		}
		return t, dated(t)
	}}
)

// partFuncs are YEAR(x) and so on for EXTRACT(YEAR FROM x).
func partFuncs() []*expr.Func {
	var list []*expr.Func
	for _, p := range []struct{ name, unit, want string }{
		{"YEAR", "YEAR", "2024"}, {"QUARTER", "QUARTER", "2"}, {"MONTH", "MONTH", "5"}, {"WEEK", "WEEK", "20"},
		{"DAYOFYEAR", "DOY", "138"}, {"DAYOFMONTH", "DAY", "17"}, {"DAYOFWEEK", "DOW", "6"},
		{"HOUR", "HOUR", "9"}, {"MINUTE", "MINUTE", "8"}, {"SECOND", "SECOND", "7"},
	} {
		unit := p.unit
		eval := func(c *expr.Context, a []event.Value, out *event.Value) (err error) {
			out.I, err = extractUnit(c, unit, c.Args[0], a[0])
			return err
		}
		list = append(list, define("time", p.name+"(t)", "Short for EXTRACT("+unit+" FROM t).", sig(event.TInt64, 1, pTemporal), eval,
			p.name+"(TIMESTAMP '2024-05-17 09:08:07')", p.want))
	}
	return list
}

func now(f func(us int64, zone *time.Location) int64) evalFunc {
	return func(c *expr.Context, _ []event.Value, out *event.Value) error {
		us := f(c.Now, c.Zone)
		if c.Result.Kind != event.Date {
			us = truncateFraction(us, c.Result.Precision)
		}
		out.I = us
		return nil
	}
}

// unitMicros are the units of fixed length.
var unitMicros = map[string]int64{
	"WEEK": 7 * microsPerDay, "DAY": microsPerDay, "HOUR": microsPerHour, "MINUTE": microsPerMinute,
	"SECOND": microsPerSecond, "MILLISECOND": 1000, "MICROSECOND": 1,
}

// unitMonths are the units of whole months.
var unitMonths = map[string]int64{"MONTH": 1, "QUARTER": 3, "YEAR": 12, "DECADE": 120, "CENTURY": 1200, "MILLENNIUM": 12000}

// unitName is a unit as written: DAY, DAYS, SQL_TSI_DAY.
func unitName(s []byte) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.ToUpper(string(s)), "SQL_TSI_"), "S")
}

// roundTime is FLOOR and CEIL of a time to a unit.
func roundTime(c *expr.Context, a []event.Value, out *event.Value, up bool) error {
	t, unit := c.Args[0], unitName(a[1].S)
	us := local(c, t, a[0])
	start, next, ok := unitBounds(unit, us)
	if !ok {
		return badUnit(unit, t)
	}
	if up && start != us {
		start = next
	}
	out.I = fromLocal(c, t, start)
	return nil
}

// unitBounds is the start of the unit that holds us, and of the next.
func unitBounds(unit string, us int64) (start, next int64, ok bool) {
	if months, ok := unitMonths[unit]; ok {
		y, m, _ := civil(floorDiv(us, microsPerDay))
		n := floorDiv(y*12+m-1, months) * months
		first := func(n int64) int64 { return dayNumber(floorDiv(n, 12), floorMod(n, 12)+1, 1) * microsPerDay }
		return first(n), first(n + months), true
	}
	micros, ok := unitMicros[unit]
	if !ok {
		return 0, 0, false
	}
	origin := int64(0)
	if unit == "WEEK" {
		origin = -4 * microsPerDay // Sunday, 1969-12-28
	}
	start = floorDiv(us-origin, micros)*micros + origin
	return start, start + micros, true
}

func resolveTimestampAdd(args []event.Type) ([]event.Type, event.Type, error) {
	return derived(3, false, func(p []event.Type) (event.Type, error) { return shifted(p[2]), nil }, pString, pInt, pMoment)(args)
}

func timestampAdd(c *expr.Context, a []event.Value, out *event.Value) error {
	t, unit, n := c.Args[2], unitName(a[0].S), a[1].I
	us := local(c, t, a[2])
	if months, ok := unitMonths[unit]; ok {
		if n > math.MaxInt32 || n < math.MinInt32 {
			return overflow(t)
		}
		out.I = fromLocal(c, t, AddMonthsMicros(us, n*months))
		return nil
	}
	micros, ok := unitMicros[unit]
	if !ok || t.Kind == event.Date && micros < microsPerDay {
		return badUnit(unit, t)
	}
	if n > math.MaxInt64/micros/2 || n < -math.MaxInt64/micros/2 {
		return overflow(t)
	}
	out.I = fromLocal(c, t, us+n*micros)
	return nil
}

func resolveTimestampDiff(args []event.Type) ([]event.Type, event.Type, error) {
	params, result, err := sig(event.TInt32, 3, pString, pMoment, pMoment)(args)
	if err != nil {
		return nil, result, err
	}
	t, err := CommonType(params[1], params[2])
	return []event.Type{params[0], t, t}, result, err
}

func timestampDiff(c *expr.Context, a []event.Value, out *event.Value) error {
	t, unit := c.Args[1], unitName(a[0].S)
	from, to := local(c, t, a[1]), local(c, t, a[2])
	if months, ok := unitMonths[unit]; ok {
		out.I = monthsBetween(from, to) / months
	} else if micros, ok := unitMicros[unit]; ok {
		out.I = (to - from) / micros
	} else {
		return badUnit(unit, t)
	}
	if out.I > math.MaxInt32 || out.I < math.MinInt32 {
		return overflow(event.TInt32)
	}
	return nil
}

// monthsBetween is the number of whole months.
func monthsBetween(from, to int64) int64 {
	if from > to {
		return -monthsBetween(to, from)
	}
	y1, m1, _ := civil(floorDiv(from, microsPerDay))
	y2, m2, _ := civil(floorDiv(to, microsPerDay))
	n := (y2-y1)*12 + m2 - m1
	if AddMonthsMicros(from, n) > to {
		n--
	}
	return n
}

func dateFormat(c *expr.Context, a []event.Value, out *event.Value) error {
	p, err := fromCache(c, a[1].S, compileDatePattern)
	if err != nil {
		return err
	}
	out.S = p.append(out.S[:0], local(c, c.Args[0], a[0]))
	return nil
}

// readTime reads a text by the pattern argument, or by the type's own form.
func readTime(c *expr.Context, a []event.Value) (us int64, ok bool, err error) {
	if len(a) < 2 {
		us, ok = parseTimestamp(trimSpace(a[0].S))
		return us, ok, nil
	}
	p, err := fromCache(c, a[1].S, compileDatePattern)
	if err != nil {
		return 0, false, err
	}
	us, ok = p.parse(a[0].S)
	return us, ok, nil
}

func toTimestamp(c *expr.Context, a []event.Value, out *event.Value) error {
	us, ok, err := readTime(c, a)
	if len(a) == 1 {
		ok = ok && bytes.Count(a[0].S, []byte("-")) > 1 // as in Flink SQL, for which a year alone is a DATE and no TIMESTAMP
	}
	out.I, out.Null = truncateFraction(us, 3), !ok
	return err
}

func toDate(c *expr.Context, a []event.Value, out *event.Value) error {
	us, ok, err := readTime(c, a)
	out.I, out.Null = floorDiv(us, microsPerDay), !ok
	return err
}

func resolveToLTZ(args []event.Type) ([]event.Type, event.Type, error) {
	if len(args) > 0 && args[0].Kind == event.String {
		return sig(tLTZ, 1, pString, pString)(args)
	}
	return sig(tLTZ, 1, pInt, pInt)(args)
}

func toTimestampLTZ(c *expr.Context, a []event.Value, out *event.Value) error {
	if c.Args[0].Kind == event.String {
		us, ok, err := readTime(c, a)
		out.I, out.Null = instant(truncateFraction(us, 3), c.Zone), !ok
		return err
	}
	unit := int64(1000)
	switch precision := argInt(a, 1, 3); precision {
	case 0:
		unit = microsPerSecond
	case 3:
	default:
		return fmt.Errorf("TO_TIMESTAMP_LTZ: the precision must be 0 or 3, not %d", precision)
	}
	if out.I = a[0].I * unit; out.I/unit != a[0].I {
		return overflow(tLTZ)
	}
	return nil
}

const defaultPattern = "yyyy-MM-dd HH:mm:ss"

func fromUnixtime(c *expr.Context, a []event.Value, out *event.Value) error {
	pattern := []byte(defaultPattern)
	if len(a) > 1 {
		pattern = a[1].S
	}
	p, err := fromCache(c, pattern, compileDatePattern)
	if err != nil {
		return err
	}
	if a[0].I > math.MaxInt64/microsPerSecond || a[0].I < math.MinInt64/microsPerSecond {
		return overflow(tLTZ)
	}
	out.S = p.append(out.S[:0], wall(a[0].I*microsPerSecond, c.Zone))
	return nil
}

func unixTimestamp(c *expr.Context, a []event.Value, out *event.Value) error {
	if len(a) == 0 {
		out.I = floorDiv(c.Now, microsPerSecond)
		return nil
	}
	us, ok, err := readTime(c, a)
	out.I, out.Null = floorDiv(instant(us, c.Zone), microsPerSecond), !ok
	return err
}

func convertTZ(_ *expr.Context, a []event.Value, out *event.Value) error {
	us, ok := parseTimestamp(trimSpace(a[0].S))
	from, err1 := time.LoadLocation(string(a[1].S))
	to, err2 := time.LoadLocation(string(a[2].S))
	out.Null = !ok || err1 != nil || err2 != nil
	if !out.Null {
		out.S = appendTimestamp(out.S[:0], wall(instant(us, from), to), 0)
	}
	return nil
}
