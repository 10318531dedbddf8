package conformance

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// types maps a case's types to those of a table.
var types = map[string]string{
	"INT": "INT", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE", "VARCHAR": "STRING", "BOOLEAN": "BOOLEAN", "TIMESTAMP": "TIMESTAMP(3)",
}

// DDL is the table that the case's query reads, with an expression over ts for
// its watermark.
func (c *Case) DDL(watermark string) (string, error) {
	var cols []string
	rowtime := false
	for _, f := range c.Schema {
		t, ok := types[f[1]]
		if !ok {
			return "", fmt.Errorf("type %q of column %s", f[1], f[0])
		}
		cols = append(cols, fmt.Sprintf("`%s` %s", f[0], t))
		rowtime = rowtime || f[0] == "ts"
	}
	if rowtime {
		cols = append(cols, "WATERMARK FOR ts AS "+watermark)
	}
	return fmt.Sprintf("CREATE TABLE events (%s) WITH ('connector' = 'memory', 'name' = 'events')", strings.Join(cols, ", ")), nil
}

// value converts a value of the file to the column's type.
func value(t event.Type, x any) (event.Value, error) {
	switch x := x.(type) {
	case nil:
		return event.NullValue, nil
	case bool:
		return event.BoolValue(x), nil
	case string:
		return event.StringValue(x), nil
	case int:
		return number(t, float64(x), int64(x)), nil
	case float64:
		return number(t, x, int64(x)), nil
	}
	return event.NullValue, fmt.Errorf("value %v (%T)", x, x)
}

func number(t event.Type, f float64, i int64) event.Value {
	switch {
	case t.Float():
		return event.FloatValue(f)
	case t.Instant():
		return event.IntValue(i * 1000)
	}
	return event.IntValue(i)
}

// plain converts a result to what a file would hold: nil, bool, float64 or
// string; times become ms.
func plain(t event.Type, v event.Value) any {
	switch {
	case v.Null || t.Kind == event.Null:
		return nil
	case t.Kind == event.Bool:
		return v.I != 0
	case t.Instant():
		return float64(v.I) / 1000
	case t.Float():
		return v.F()
	case t.Kind == event.Decimal:
		return decimal.Float64(decimalInt(t, v), t.Scale)
	case t.Kind == event.Array:
		return list(*t.Elem, v.L)
	case t.Physical() == event.PhysI64:
		return float64(v.I)
	case t.Physical() == event.PhysStr:
		return string(v.S)
	}
	return fmt.Sprint(v.L)
}

// list is an array as JSON text.
func list(elem event.Type, values []event.Value) string {
	items := make([]any, len(values))
	for i, v := range values {
		items[i] = plain(elem, v)
	}
	return jsonText(items)
}

func jsonText(x any) string {
	text, err := json.Marshal(x)
	if err != nil {
		return fmt.Sprint(x)
	}
	return string(text)
}

func decimalInt(t event.Type, v event.Value) decimal.Int {
	if t.Wide() {
		return decimal.Int{Hi: v.Hi, Lo: uint64(v.I)}
	}
	return decimal.FromInt64(v.I)
}

// file converts a value of a file to the same form.
func file(x any) any {
	if i, ok := x.(int); ok {
		return float64(i)
	}
	return x
}

func same(a, b any) bool {
	x, okX := a.(float64)
	y, okY := b.(float64)
	if okX && okY {
		return x == y || math.Abs(x-y) <= 1e-9*math.Max(1, math.Max(math.Abs(x), math.Abs(y))) || math.IsNaN(x) && math.IsNaN(y)
	}
	return a == b
}

func sameRow(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

func show(rows [][]any) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "      %s\n", jsonText(r))
	}
	if len(rows) == 0 {
		return "      (no rows)\n"
	}
	return b.String()
}
