package function

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

func extract(c *expr.Context, a []event.Value, out *event.Value) (err error) {
	out.I, err = extractUnit(c, strings.ToUpper(string(a[0].S)), c.Args[1], a[1])
	return err
}

func badUnit(unit string, t event.Type) error {
	return fmt.Errorf("%s is not a unit of %s", clip([]byte(unit)), t)
}

func extractUnit(c *expr.Context, unit string, t event.Type, v event.Value) (int64, error) {
	switch t.Kind {
	case event.IntervalYear:
		return extractMonths(unit, t, v.I)
	case event.IntervalDay:
		if unit == "DAY" {
			return v.I / microsPerDay, nil
		}
		return extractClock(unit, t, v.I%microsPerDay, v.I)
	case event.TimeOfDay:
		return extractClock(unit, t, v.I, v.I)
	}
	us := local(c, t, v)
	days := floorDiv(us, microsPerDay)
	if part, ok := extractDate(unit, days); ok {
		return part, nil
	}
	epoch := us
	if t.Kind == event.TimestampLTZ {
		epoch = v.I
	}
	return extractClock(unit, t, us-days*microsPerDay, epoch)
}

func extractMonths(unit string, t event.Type, months int64) (int64, error) {
	switch unit {
	case "YEAR":
		return months / 12, nil
	case "MONTH":
		return months % 12, nil
	}
	return 0, badUnit(unit, t)
}

// extractClock is a part of the time of day; epoch µs are for EPOCH.
func extractClock(unit string, t event.Type, us, epoch int64) (int64, error) {
	switch unit {
	case "HOUR":
		return us / microsPerHour, nil
	case "MINUTE":
		return us / microsPerMinute % 60, nil
	case "SECOND":
		return us / microsPerSecond % 60, nil
	case "MILLISECOND":
		return us % microsPerMinute / 1000, nil
	case "MICROSECOND":
		return us % microsPerMinute, nil
	case "EPOCH":
		return floorDiv(epoch, microsPerSecond), nil
	}
	return 0, badUnit(unit, t)
}

func extractDate(unit string, days int64) (int64, bool) {
	y, m, d := civil(days)
	switch unit {
	case "MILLENNIUM":
		return floorDiv(y-1, 1000) + 1, true
	case "CENTURY":
		return floorDiv(y-1, 100) + 1, true
	case "DECADE":
		return floorDiv(y, 10), true
	case "YEAR":
		return y, true
	case "ISOYEAR":
		year, _ := isoWeek(days)
		return year, true
	case "QUARTER":
		return (m + 2) / 3, true
	case "MONTH":
		return m, true
	case "WEEK":
		_, week := isoWeek(days)
		return week, true
	case "DAY":
		return d, true
	case "DOY":
		return days - dayNumber(y, 1, 1) + 1, true
	case "DOW":
		return floorMod(days+4, 7) + 1, true
	case "ISODOW":
		return isoWeekday(days), true
	}
	return 0, false
}

// isoWeekday is 1 for Monday to 7 for Sunday.
func isoWeekday(days int64) int64 { return floorMod(days+3, 7) + 1 }

// isoWeek is the ISO year and week: those of the week's Thursday.
func isoWeek(days int64) (year, week int64) {
	thursday := days - isoWeekday(days) + 4
	year, _, _ = civil(thursday)
	return year, (thursday-dayNumber(year, 1, 1))/7 + 1
}
