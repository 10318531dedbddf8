package function

import "github.com/cepd/cepd/internal/event"

// MapGet is the value of key in a MAP of type t given as key, value, key,
// value …; NULL when absent.
func MapGet(t event.Type, l []event.Value, key event.Value) event.Value {
	for i := 0; i+1 < len(l); i += 2 {
		if Equal(*t.Key, l[i], key) {
			return l[i+1]
		}
	}
	return event.NullValue
}
