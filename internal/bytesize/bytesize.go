// Package bytesize reads sizes as Flink's options write them.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are the spellings of sizes as in Flink, all powers of 1024.
var units = map[string]uint{
	"": 0, "b": 0, "bytes": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
}

// Parse reads Flink's form of a size: a whole number and a unit, such as '512 mb'
// or '2g'; without a unit bytes.
func Parse(s string) (int64, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	shift, ok := units[strings.ToLower(strings.TrimSpace(s[digits:]))]
	if err != nil || !ok || n <= 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("expected a size such as '512 mb' or '2 gb', found '%s'", s)
	}
	return n << shift, nil
}
