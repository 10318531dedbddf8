package kernel

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/expr"
)

// show writes an expression for failure messages.
func show(e expr.Expr) string {
	var parts []string
	for _, c := range e.Children() {
		parts = append(parts, show(c))
	}
	args := strings.Join(parts, ", ")
	switch e := e.(type) {
	case *expr.Column:
		return e.Name
	case *expr.Const:
		return Format(e.T, e.Value)
	case *expr.Compare:
		return fmt.Sprintf("(%s %s %s)", parts[0], e.Op, parts[1])
	case *expr.Arith:
		return fmt.Sprintf("(%s %s %s)::%s", parts[0], e.Op, parts[1], e.T)
	case *expr.Cast:
		return fmt.Sprintf("cast(%s: %s as %s, try %v)", args, e.X.Type(), e.T, e.Try)
	case *expr.Call:
		return fmt.Sprintf("%s(%s)", e.Fn.Name, args)
	case *expr.Is:
		return fmt.Sprintf("(%s %s)", args, e.Test)
	}
	return fmt.Sprintf("%s(%s)", strings.TrimPrefix(fmt.Sprintf("%T", e), "*expr."), args)
}
