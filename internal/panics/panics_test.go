package panics

import (
	"errors"
	"strings"
	"testing"
)

func TestPanicBecomesError(t *testing.T) {
	err := Call(func() error { panic("lost") })
	var p *Error
	if !errors.As(err, &p) || p.Value != "lost" || !strings.Contains(string(p.Stack), "TestPanicBecomesError") {
		t.Errorf("%v", err)
	}
	if want := errors.New("plain"); Call(func() error { return want }) != want {
		t.Error("an error was replaced")
	}
	at := func() (err error) {
		defer RecoverAt(&err, func() string { return "stage 3" })
		panic("lost")
	}
	if err := at(); err.Error() != "internal error in stage 3: lost" {
		t.Error(err)
	}
}
