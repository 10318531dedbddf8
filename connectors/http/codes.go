package http

import (
	"fmt"
	"strconv"
	"strings"
)

// codes is a set of HTTP status codes: 2XX,404.
type codes [6][100]bool

// parseCodes reads a list.
func parseCodes(text string) (c codes, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.ToUpper(strings.TrimSpace(part))
		if class, all := strings.CutSuffix(part, "XX"); all && len(class) == 1 && class >= "1" && class <= "5" {
			for i := range c[class[0]-'0'] {
				c[class[0]-'0'][i] = true
			}
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 100 || n > 599 {
			return c, fmt.Errorf("expected codes and classes of them, such as 408,429,5XX, found '%s'", text)
		}
		c[n/100][n%100] = true
	}
	return c, nil
}

func (c *codes) has(status int) bool {
	return status >= 100 && status < 600 && c[status/100][status%100]
}

func checkCodes(value string) error {
	_, err := parseCodes(value)
	return err
}
