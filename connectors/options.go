package connectors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CheckBool accepts true and false.
func CheckBool(value string) error { return CheckOneOf("true", "false")(value) }

// CheckOneOf accepts the values listed.
func CheckOneOf(values ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(values, value) {
			return fmt.Errorf("expected %s, found '%s'", strings.Join(values, " or "), value)
		}
		return nil
	}
}

// CheckInt accepts whole numbers from low to high.
func CheckInt(low, high int64) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("expected a whole number, found '%s'", value)
		}
		if n < low || n > high {
			return fmt.Errorf("expected a number from %d to %d, found %d", low, high, n)
		}
		return nil
	}
}

// Int is a whole-number option; fallback when it is absent. The text has
// passed CheckInt.
func (t Table) Int(key string, fallback int64) int64 {
	if n, err := strconv.ParseInt(t.Options[key], 10, 64); err == nil {
		return n
	}
	return fallback
}

// timeUnits are the spellings of time units as in Flink's durations.
var timeUnits = map[string]time.Duration{
	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"us": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond, "": time.Millisecond,
}

// ParseDuration reads Flink's form of a duration: a whole number and a unit,
// such as '5 s', '100ms' or '1 min'; without a unit milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	rest := digits
	for rest < len(s) && s[rest] == ' ' {
		rest++
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	unit, ok := timeUnits[s[rest:]]
	if err != nil || !ok || n > int64(1<<62)/int64(unit) {
		return 0, fmt.Errorf("expected a duration such as '5 s' or '100 ms', found '%s'", s)
	}
	return time.Duration(n) * unit, nil
}
