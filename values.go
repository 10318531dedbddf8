package cepd

import (
	"fmt"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// Row is a row of a table: a value per column. See the package comment for their types.
type Row struct {
	// ID is, of a row that a query has made, the same after a crash: for a table that
	// must not have it twice.
	ID     string
	Values []any
}

// Column is a column of a table.
type Column struct {
	Name string
	Type string // as SQL has it
}

// toGo is a value as a Row has it.
func toGo(t event.Type, v event.Value) any {
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
	case t.Instant():
		return time.UnixMicro(v.I).UTC()
	}
	return function.Text(t, v, time.UTC)
}

// fromGo is a value of a column; x is as a Row has it, or what can be cast to t.
func fromGo(t event.Type, x any) (event.Value, error) {
	switch x := x.(type) {
	case nil:
		return event.NullValue, nil
	case bool:
		return castTo(event.TBool, event.BoolValue(x), t)
	case int64:
		return castTo(event.TInt64, event.IntValue(x), t)
	case int:
		return castTo(event.TInt64, event.IntValue(int64(x)), t)
	case int32:
		return castTo(event.TInt64, event.IntValue(int64(x)), t)
	case float64:
		return castTo(event.TFloat64, event.FloatValue(x), t)
	case float32:
		return castTo(event.TFloat64, event.FloatValue(float64(x)), t)
	case string:
		return castTo(event.TString, event.StringValue(x), t)
	case []byte:
		return castTo(event.TBytes, event.Value{S: append([]byte{}, x...)}, t)
	case time.Time:
		from := event.Type{Kind: event.Timestamp, Precision: 6}
		if t.Kind == event.TimestampLTZ {
			from.Kind = event.TimestampLTZ
		}
		return castTo(from, event.IntValue(x.UnixMicro()), t)
	}
	return event.Value{}, fmt.Errorf("a %T is no value of a column: see the package comment", x)
}

func castTo(from event.Type, v event.Value, to event.Type) (event.Value, error) {
	f, err := function.Cast(from, to)
	if err != nil || f == nil {
		return v, err
	}
	var out event.Value
	err = f(&expr.Context{Args: []event.Type{from}, Result: to, Zone: time.UTC}, v, &out)
	return out, err
}
