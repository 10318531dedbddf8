package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

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
	writeMeaning(&b, e, func(i int) string { return ColumnIdentity(n, i) })
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
		writeMeaning(&b, n.Exprs[i], func(c int) string {
			return fmt.Sprintf("%q.%q %q", n.Table.Name, n.Read[c].Name, n.Read[c].Metadata)
		})
		return digest(b.String())
	case *Union:
		parts := make([]string, len(n.In))
		for k, in := range n.In {
			parts[k] = ColumnIdentity(in, i)
		}
		return digest("union " + strings.Join(parts, " "))
	case *Match:
		return n.columnIdentity(i)
	case *Aggregate:
		return n.columnIdentity(i)
	case *Over:
		return n.columnIdentity(i)
	case *Join:
		return digest(n.sideColumn(i) + n.PairsIdentity())
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
	writeMeaning(&b, n.Pattern, nil)
	return b.String()
}

// NodeIdentity is that of what an operator keeps and makes: its own fields, and the
// columns that it gets. Filters below it decide which rows come, not what they are.
func NodeIdentity(n Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%T", n)
	writeMeaning(&b, reflect.ValueOf(n).Elem().Interface(), strconv.Itoa)
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

// nameless are fields with names and texts that change nothing.
var nameless = map[string]bool{
	"plan.Match.Text": true, "plan.Var.Name": true, "plan.Measure.Name": true, "expr.Column.Name": true,
}

// writeMeaning writes a value without what does not count. Column is what a column of
// an expression is; nil: its number.
func writeMeaning(w io.Writer, v any, column func(int) string) {
	d := Describer{Writer: w, Left: withoutMeaning, Named: func(v any) bool { return named(w, v, column) }}
	d.Describe(v)
}

func withoutMeaning(name string, t reflect.Type, v reflect.Value) bool {
	switch t {
	case reflect.TypeFor[*event.Schema](), reflect.TypeFor[Node](), reflect.TypeFor[[]Node]():
		return true
	}
	return nameless[name] || v.IsZero()
}

// named writes what is told by its name.
func named(w io.Writer, v any, column func(int) string) bool {
	switch v := v.(type) {
	case *expr.Column:
		if column == nil {
			return false
		}
		fmt.Fprintf(w, "column %s %s;", column(v.Index), v.T)
	case *expr.Func:
		fmt.Fprintf(w, "function %s;", v.Name+v.Version)
	case *expr.AggFunc:
		fmt.Fprintf(w, "aggregate %s;", v.Name+v.Version)
	case *catalog.Table:
		fmt.Fprintf(w, "table %q;", v.Name)
	default:
		return false
	}
	return true
}
