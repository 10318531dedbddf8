// Package duration reads durations as Flink's options write them.
package duration

import (
	"fmt"
	"strconv"
	"time"
)

// units are the spellings of time units as in Flink's durations.
var units = map[string]time.Duration{
	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"us": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond, "": time.Millisecond,
}

// Parse reads Flink's form of a duration: a whole number and a unit,
// such as '5 s', '100ms' or '1 min'; without a unit milliseconds.
func Parse(s string) (time.Duration, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	rest := digits
	for rest < len(s) && s[rest] == ' ' {
		rest++
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	unit, ok := units[s[rest:]]
	if err != nil || !ok || n > int64(1<<62)/int64(unit) {
		return 0, fmt.Errorf("expected a duration such as '5 s' or '100 ms', found '%s'", s)
	}
	return time.Duration(n) * unit, nil
}
