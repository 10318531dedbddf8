package load

import (
	"fmt"
	"strconv"
)

// count writes a number with commas.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate writes a large number with its unit: 1.53 M.
func rate(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.0f k", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

// size writes bytes.
func size(x float64) string {
	switch {
	case x >= 1<<20:
		return fmt.Sprintf("%.1f MB", x/(1<<20))
	case x >= 1<<10:
		return fmt.Sprintf("%.1f kB", x/(1<<10))
	}
	return fmt.Sprintf("%.0f bytes", x)
}

// ms writes a latency to three digits.
func ms(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) + " ms" }
