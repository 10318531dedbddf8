package cepd

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
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

// Map is a value of MAP: its entries, in order.
type Map []Entry

// Entry is a key and its value.
type Entry struct{ Key, Value any }

// Get is the value of a key, which is no []byte; nil when there is none.
func (m Map) Get(key any) any {
	for _, e := range m {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// toGo is a value as a Row has it.
func toGo(t event.Type, v event.Value) any {
	switch {
	case v.Null:
		return nil
	case t.Physical() == event.PhysNested:
		return nestedToGo(t, v.L)
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

func nestedToGo(t event.Type, parts []event.Value) any {
	if t.Kind == event.Map {
		m := make(Map, 0, len(parts)/2)
		for i := 0; i < len(parts); i += 2 {
			m = append(m, Entry{toGo(*t.Key, parts[i]), toGo(*t.Elem, parts[i+1])})
		}
		return m
	}
	list := make([]any, len(parts))
	for i := range parts {
		if t.Kind == event.Array {
			list[i] = toGo(*t.Elem, parts[i])
		} else {
			list[i] = toGo(t.Fields[i].Type, parts[i])
		}
	}
	return list
}

// fromGo is a value of a column; x is as a Row has it, or what can be cast to t.
func fromGo(t event.Type, x any) (event.Value, error) {
	if t.Physical() == event.PhysNested && x != nil {
		return nestedFromGo(t, x)
	}
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

// nestedFromGo is a value of ARRAY and ROW from any slice, of MAP from a Map or a Go map
// with texts as keys, which are put in order.
func nestedFromGo(t event.Type, x any) (out event.Value, err error) {
	value := reflect.ValueOf(x)
	switch {
	case t.Kind == event.Map:
		return mapFromGo(t, x)
	case value.Kind() != reflect.Slice:
		return out, fmt.Errorf("a %T is no value of %s, which takes a slice", x, t)
	case t.Kind == event.Row && value.Len() != len(t.Fields):
		return out, fmt.Errorf("%d values for the %d fields of %s", value.Len(), len(t.Fields), t)
	}
	out.L = make([]event.Value, value.Len())
	for i := range out.L {
		of := t.Elem
		if t.Kind == event.Row {
			of = &t.Fields[i].Type
		}
		if out.L[i], err = fromGo(*of, value.Index(i).Interface()); err != nil {
			return out, err
		}
	}
	return out, nil
}

func mapFromGo(t event.Type, x any) (out event.Value, err error) {
	var entries Map
	switch x := x.(type) {
	case Map:
		entries = x
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			entries = append(entries, Entry{k, x[k]})
		}
	default:
		return out, fmt.Errorf("a %T is no value of %s, which takes a cepd.Map or a map[string]any", x, t)
	}
	there := map[string]bool{}
	for _, e := range entries {
		key, err := fromGo(*t.Key, e.Key)
		if err != nil {
			return out, err
		}
		text := function.Text(*t.Key, key, time.UTC)
		if key.Null || there[text] {
			return out, fmt.Errorf("a MAP has each key once, and none is NULL: %v", e.Key)
		}
		there[text] = true
		value, err := fromGo(*t.Elem, e.Value)
		if err != nil {
			return out, err
		}
		out.L = append(out.L, key, value)
	}
	return out, nil
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
