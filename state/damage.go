package state

import "fmt"

// DamageError says that files hold something else than what was written. No
// result is made of them.
type DamageError struct {
	Dir  string // of the store
	File string // empty: not known which
	Err  error
}

func (e *DamageError) Error() string {
	file := e.File
	if file == "" {
		file = "a file in " + e.Dir
	}
	return fmt.Sprintf("%v\n  %s is damaged or gone. What is in %s can be looked at with: cepd state verify DIR\n"+
		"  To go on, restore a backup into another directory: cepd backup restore --from URL --data-dir NEW", e.Err, file, e.Dir)
}

func (e *DamageError) Unwrap() error { return e.Err }
