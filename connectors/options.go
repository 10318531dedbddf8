package connectors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Booleans are the Values of an option that is true or false.
var Booleans = []string{"true", "false"}

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

// KeyTable is a table's record keys as a table of their own, of these columns: its
// format is 'key.format', whose options start with 'key.'. Schemas of a registry
// are under TOPIC-key there.
func KeyTable(t Table, columns []Column) Table {
	options := t.Options
	format := options["key.format"]
	t.Columns, t.Physical, t.Key, t.Changes = columns, columns, nil, false
	t.Options = map[string]string{"format": format}
	if topic := options["topic"]; topic != "" {
		t.Options[format+".subject"] = topic + "-key"
	}
	for key, value := range options {
		if name, ok := strings.CutPrefix(key, "key."); ok && strings.HasPrefix(name, format+".") {
			t.Options[name] = value
		}
	}
	return t
}
