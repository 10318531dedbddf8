package function

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
)

// Usage is how a function with declared parameters is called.
func Usage(name string, params []event.Type) string {
	types := make([]string, len(params))
	for i, t := range params {
		types[i] = t.String()
	}
	return strings.ToUpper(name) + "(" + strings.Join(types, ", ") + ")"
}

// Declared resolves the calls of a function whose types its user has declared: an
// argument is of the parameter's type, or widened to it.
func Declared(name string, params []event.Type, result event.Type) func(args []event.Type) ([]event.Type, event.Type, error) {
	return named(Usage(name, params), func(args []event.Type) ([]event.Type, event.Type, error) {
		if err := checkCount(len(args), len(params), len(params), false); err != nil {
			return nil, event.TNull, err
		}
		for i, a := range args {
			if t, err := CommonType(a, params[i]); err != nil || t.Kind != params[i].Kind {
				return nil, event.TNull, fmt.Errorf("argument %d must be a %s, not %s; use CAST", i+1, params[i], a)
			}
		}
		return params, result, nil
	})
}
