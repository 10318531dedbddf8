package function

import (
	"errors"
	"fmt"

	"github.com/cepd/cepd/internal/event"
)

// ErrDivisionByZero is the error of an exact number divided by zero.
var ErrDivisionByZero = errors.New("division by zero")

func overflow(t event.Type) error {
	return fmt.Errorf("numeric overflow: the value does not fit %s", t)
}

// Overflow is the error of a value outside the range of t.
func Overflow(t event.Type) error { return overflow(t) }

const maxQuoted = 60

// badText is the error of a text that is not a value of t.
func badText(s []byte, t event.Type) error {
	return fmt.Errorf("cannot cast '%s' to %s", clip(s), t)
}

func clip(s []byte) string {
	if len(s) > maxQuoted {
		return string(s[:maxQuoted]) + "…"
	}
	return string(s)
}
