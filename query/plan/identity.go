package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/catalog"
)

// Identities say whether two versions of a query mean the same by an expression or
// an operator: columns are followed down to the tables, through projections and
// filters; names, places in the text and the order of other columns count for
// nothing. Pattern variables go by their number.

// Identity is that of an expression over the columns of n.
func Identity(n Node, e expr.Expr) string {
	var b strings.Builder
	(&identifier{Writer: &b, column: func(i int) string { return ColumnIdentity(n, i) }}).value(reflect.ValueOf(e))
	return digest(b.String())
}

// ColumnIdentity is that of column i of n.
func ColumnIdentity(n Node, i int) string {
	switch n := n.(type) {
	case *Filter:
		return ColumnIdentity(n.Input, i)
	case *Project:
		return passed(n.Input, n.Exprs[i])
	case *Scan:
		var b strings.Builder
		(&identifier{Writer: &b, column: func(c int) string {
			return fmt.Sprintf("%q.%q %q", n.Table.Name, n.Read[c].Name, n.Read[c].Metadata)
		}}).value(reflect.ValueOf(n.Exprs[i]))
		return digest(b.String())
	case *Union:
		parts := make([]string, len(n.In))
		for k, in := range n.In {
			parts[k] = ColumnIdentity(in, i)
		}
		return digest("union " + strings.Join(parts, " "))
	case *Match:
		return n.columnIdentity(i)
	}
	return digest(fmt.Sprintf("column %d of %s", i, NodeIdentity(n)))
}

// passed is the identity of an expression; a column alone keeps its own.
func passed(n Node, e expr.Expr) string {
	if c, ok := e.(*expr.Column); ok {
		return ColumnIdentity(n, c.Index)
	}
	return Identity(n, e)
}

// columnIdentity is that of an output column: a measure may stand elsewhere among
// them.
func (n *Match) columnIdentity(i int) string {
	if k := i - len(n.PartitionBy); len(n.Out.Fields) == len(n.PartitionBy)+len(n.Measures) && k >= 0 {
		return digest("measure " + Identity(n.Input, n.Measures[k].Expr) + n.rowsIdentity())
	}
	if i < len(n.PartitionBy) {
		return digest("key " + ColumnIdentity(n.Input, n.PartitionBy[i]))
	}
	return digest(fmt.Sprintf("column %d of %s", i, NodeIdentity(n)))
}

// rowsIdentity says of what rows a match is.
func (n *Match) rowsIdentity() string {
	var b strings.Builder
	(&identifier{Writer: &b}).value(reflect.ValueOf(n.Pattern))
	return b.String()
}

// NodeIdentity is that of what an operator keeps and makes: its own fields, and the
// columns that it gets. Filters below it decide which rows come, not what they are.
func NodeIdentity(n Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%T", n)
	x := &identifier{Writer: &b, column: func(i int) string { return fmt.Sprint(i) }}
	x.value(reflect.ValueOf(n).Elem())
	for _, in := range n.Inputs() {
		s := in.Schema()
		fmt.Fprintf(&b, "; input, time %d:", s.Rowtime)
		for i := range s.Fields {
			fmt.Fprintf(&b, " %s", ColumnIdentity(in, i))
		}
	}
	return digest(b.String())
}

// Conditions are the identities of the filters between n's inputs and the stateful
// operators or tables below.
func Conditions(n Node) (list []string) {
	for _, in := range n.Inputs() {
		switch in := in.(type) {
		case *Filter:
			list = append(append(list, Identity(in.Input, in.Cond)), Conditions(in)...)
		case *Project, *Union:
			list = append(list, Conditions(in)...)
		}
	}
	return list
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// identifier writes a value without what does not count.
type identifier struct {
	io.Writer
	column func(int) string // of an expression; nil: by its number

}

func (x *identifier) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		switch {
		case v.IsNil():
			fmt.Fprint(x, "nil;")
		case !x.named(v.Interface()):
			x.value(v.Elem())
		}
	case reflect.Struct:
		x.fields(v)
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(x, "[%d:", v.Len())
		for i := range v.Len() {
			x.value(v.Index(i))
		}
		fmt.Fprint(x, "]")
	case reflect.Func, reflect.Map, reflect.Chan:
		fmt.Fprint(x, "-;")
	default:
		fmt.Fprintf(x, "%#v;", v.Interface())
	}
}

func (x *identifier) fields(v reflect.Value) {
	fmt.Fprintf(x, "%s{", v.Type())
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case !f.IsExported(), f.Type == reflect.TypeFor[diag.Span](), f.Type == reflect.TypeFor[*event.Schema]():
		case f.Type == reflect.TypeFor[Node](), f.Type == reflect.TypeFor[[]Node]():
		case nameless[v.Type().String()+"."+f.Name], v.Field(i).IsZero():
		default:
			fmt.Fprintf(x, "%s:", f.Name)
			x.value(v.Field(i))
		}
	}
	fmt.Fprint(x, "}")
}

// nameless are fields with names and texts that change nothing.
var nameless = map[string]bool{
	"plan.Match.Text": true, "plan.Var.Name": true, "plan.Measure.Name": true, "expr.Column.Name": true,
}

// named writes what is told by its name.
func (x *identifier) named(v any) bool {
	switch v := v.(type) {
	case *expr.Column:
		if x.column == nil {
			return false
		}
		fmt.Fprintf(x, "column %s %s;", x.column(v.Index), v.T)
	case *expr.Func:
		fmt.Fprintf(x, "function %s;", v.Name+v.Version)
	case *expr.AggFunc:
		fmt.Fprintf(x, "aggregate %s;", v.Name+v.Version)
	case *catalog.Table:
		fmt.Fprintf(x, "table %q;", v.Name)
	default:
		return false
	}
	return true
}
