// Package panics turns a panic into an error, so that what goes wrong in the
// work of one query fails that query and nothing else.
//
// A goroutine that works for a query begins with a deferred Recover, or calls a
// function that does: a panic that nobody recovers ends the process.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic: a bug of cepd, of a connector or of a user's function.
type Error struct {
	Value any
	Where string // what was at work and on which rows; empty: not known
	Stack []byte
}

func (e *Error) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("internal error: %v", e.Value)
	}
	return fmt.Sprintf("internal error in %s: %v", e.Where, e.Value)
}

// Failure is an error that is thrown as a panic where none can be returned. It
// is no bug, and stays what it is.
type Failure interface {
	error
	Failure()
}

// Recover turns a panic into *err; call it deferred.
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = caught(v, "")
	}
}

func caught(v any, where string) error {
	if f, ok := v.(Failure); ok {
		return f
	}
	return &Error{Value: v, Where: where, Stack: debug.Stack()}
}

// RecoverAt is Recover that says where; where is called after a panic only.
func RecoverAt(err *error, where func() string) {
	if v := recover(); v != nil {
		*err = caught(v, where())
	}
}

// Call is f() with a panic as its error.
func Call(f func() error) (err error) {
	defer Recover(&err)
	return f()
}
