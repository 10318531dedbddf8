package jdbc

import (
	"fmt"
	"math"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// sqlTypes are the types as SQL has them.
var sqlTypes = map[event.Kind]string{
	event.Bool: "boolean", event.Int8: "smallint", event.Int16: "smallint", event.Int32: "integer", event.Int64: "bigint",
	event.Float32: "real", event.Float64: "double precision", event.Decimal: "numeric", event.String: "text", event.Bytes: "bytea",
	event.Date: "date", event.TimeOfDay: "time", event.Timestamp: "timestamp", event.TimestampLTZ: "timestamptz",
}

// paramOf is a value for a driver.
func paramOf(t event.Type, v event.Value) any {
	switch {
	case v.Null:
		return nil
	case t.Kind == event.Bool:
		return v.Bool()
	case t.Integer():
		return v.I
	case t.Float():
		return v.F()
	case t.Kind == event.Bytes:
		return append([]byte{}, v.S...)
	case t.Kind == event.Date:
		return time.Unix(v.I*86400, 0).UTC()
	case t.Instant():
		return time.UnixMicro(v.I).UTC()
	}
	return function.Text(t, v, time.UTC)
}

// valueOf is what a driver gives, as a value of a type: as if it had been cast from
// the database's type, where that is another one.
func valueOf(t event.Type, x any) (event.Value, error) {
	switch x := x.(type) {
	case nil:
		return event.NullValue, nil
	case int64:
		return cast(event.TInt64, event.IntValue(x), t)
	case float64:
		return cast(event.TFloat64, event.FloatValue(x), t)
	case bool:
		return cast(event.TBool, event.BoolValue(x), t)
	case []byte:
		if t.Kind == event.Bytes {
			return event.Value{S: append([]byte{}, x...)}, nil
		}
		return cast(event.TString, event.Value{S: append([]byte{}, x...)}, t)
	case string:
		return cast(event.TString, event.StringValue(x), t)
	case time.Time:
		return momentOf(t, x)
	}
	return event.Value{}, fmt.Errorf("the database gives a %T", x)
}

func momentOf(t event.Type, x time.Time) (event.Value, error) {
	from := event.Type{Kind: event.Timestamp, Precision: 6}
	_, offset := x.Zone()
	if t.Kind == event.TimestampLTZ {
		from.Kind, offset = event.TimestampLTZ, 0
	}
	return cast(from, event.IntValue(x.UnixMicro()+int64(offset)*1e6), t)
}

func cast(from event.Type, v event.Value, to event.Type) (event.Value, error) {
	if to.Kind == event.Bool && from.Integer() && (v.I == 0 || v.I == 1) { // SQLite has no other
		return event.BoolValue(v.I == 1), nil
	}
	if to.Integer() && from.Float() && v.F() != math.Trunc(v.F()) {
		return event.Value{}, fmt.Errorf("%g is no %s", v.F(), to)
	}
	f, err := function.Cast(from, to)
	if err != nil || f == nil {
		return v, err
	}
	var out event.Value
	err = f(&expr.Context{Args: []event.Type{from}, Result: to, Zone: time.UTC}, v, &out)
	return out, err
}
