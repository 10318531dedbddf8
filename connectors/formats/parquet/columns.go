package parquet

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/internal/event"
)

// Columns are those that a file can be read into. Fields that no type takes are
// left out.
func Columns(in io.ReaderAt, size int64) (columns []event.Field, err error) {
	f, err := open(in, size)
	if err != nil {
		return nil, err
	}
	defer guard(&err)
	columns = fieldsOf(f.Root())
	if len(columns) == 0 {
		return nil, errors.New("it has no column that can be read")
	}
	return columns, nil
}

func fieldsOf(c *parquet.Column) (fields []event.Field) {
	for _, kid := range c.Columns() {
		if t := typeOf(kid); t.Kind != event.Null {
			fields = append(fields, event.Field{Name: kid.Name(), Type: t})
		}
	}
	return fields
}

// typeOf is the type that takes a field; NULL: none does.
func typeOf(c *parquet.Column) event.Type {
	if c.Repeated() {
		return arrayOf(typeInside(c))
	}
	return typeInside(c)
}

func arrayOf(elem event.Type) event.Type {
	if elem.Kind == event.Null {
		return elem
	}
	return event.Type{Kind: event.Array, Elem: &elem}
}

func typeInside(c *parquet.Column) event.Type {
	switch kind := logical(c); {
	case c.Leaf():
		return leafType(c)
	case isList(kind) && len(c.Columns()) == 1:
		repeated := c.Columns()[0]
		if repeated.Leaf() || len(repeated.Columns()) != 1 {
			return arrayOf(typeInside(repeated))
		}
		return arrayOf(typeOf(repeated.Columns()[0]))
	case isMap(kind) && len(c.Columns()) == 1 && len(c.Columns()[0].Columns()) == 2:
		key, value := typeOf(c.Columns()[0].Columns()[0]), typeOf(c.Columns()[0].Columns()[1])
		if key.Kind == event.Null || value.Kind == event.Null {
			return event.TNull
		}
		return event.Type{Kind: event.Map, Key: &key, Elem: &value}
	}
	fields := fieldsOf(c)
	if len(fields) == 0 {
		return event.TNull
	}
	return event.Type{Kind: event.Row, Fields: fields}
}

// leafType is the narrowest type without loss.
func leafType(c *parquet.Column) event.Type {
	kind := c.Type().Kind()
	switch l := logical(c).(type) {
	case *format.DecimalType:
		return event.TDecimal(int(l.Precision), int(l.Scale))
	case *format.DateType:
		return event.TDate
	case *format.TimeType:
		return event.Type{Kind: event.TimeOfDay, Precision: digitsOf(l.Unit)}
	case *format.TimestampType:
		t := event.Type{Kind: event.Timestamp, Precision: digitsOf(l.Unit)}
		if l.IsAdjustedToUTC {
			t.Kind = event.TimestampLTZ
		}
		return t
	case *format.IntType:
		return intType(int(l.BitWidth), l.IsSigned)
	case *format.StringType, *format.EnumType, *format.JsonType, *format.UUIDType:
		return event.TString
	}
	switch kind {
	case parquet.Boolean:
		return event.TBool
	case parquet.Int32:
		return event.TInt32
	case parquet.Int64:
		return event.TInt64
	case parquet.Int96:
		return event.Type{Kind: event.Timestamp, Precision: 6}
	case parquet.Float:
		return event.TFloat32
	case parquet.Double:
		return event.TFloat64
	}
	return event.TBytes
}

func digitsOf(unit format.TimeUnit) int {
	if _, ok := unit.Value.(*format.MilliSeconds); ok {
		return 3
	}
	return 6
}

func intType(bits int, signed bool) event.Type {
	switch {
	case !signed && bits == 64:
		return event.TDecimal(20, 0)
	case !signed:
		bits *= 2
	}
	switch bits {
	case 8:
		return event.TInt8
	case 16:
		return event.TInt16
	case 32:
		return event.TInt32
	}
	return event.TInt64
}
