package event

import (
	"fmt"
	"strings"
)

// Kind is the family of a type.
type Kind uint8

// The kinds, with their physical column in brackets.
const (
	Null         Kind = iota // the type of a bare NULL literal (none)
	Bool                     // I64: 0 or 1
	Int8                     // I64
	Int16                    // I64
	Int32                    // I64
	Int64                    // I64
	Float32                  // F64, rounded to float32
	Float64                  // F64
	Decimal                  // I64 unscaled; above 18 digits also Hi: 128-bit two's complement
	String                   // Str: CHAR, VARCHAR, STRING
	Bytes                    // Str: BINARY, VARBINARY, BYTES
	Date                     // I64: days since 1970-01-01
	TimeOfDay                // I64: µs since midnight
	Timestamp                // I64: µs since 1970-01-01 00:00:00, no zone
	TimestampLTZ             // I64: µs since the epoch, shown in the session's zone
	IntervalDay              // I64: µs (DAY TO SECOND)
	IntervalYear             // I64: months (YEAR TO MONTH)
	Array                    // Span into Kids[0]
	Map                      // Span into Kids[0] (keys) and Kids[1] (values)
	Row                      // Kids, one per field
)

// MaxNarrow is the largest DECIMAL precision that fits one int64.
const MaxNarrow = 18

// MaxPrecision is the largest DECIMAL precision (as in Flink SQL).
const MaxPrecision = 38

// Field is a named part of a ROW, or a column of a Schema.
type Field struct {
	Name string
	Type Type
}

// Type is an SQL type. Every type admits NULL; NOT NULL is a constraint that
// the source checks. Types are compared with Equal.
type Type struct {
	Kind      Kind
	Precision int     // DECIMAL digits; TIMESTAMP and TIME fraction digits (0..6); CHAR/VARCHAR/BINARY length, 0 = no limit
	Scale     int     // DECIMAL digits after the point
	Fixed     bool    // CHAR(n), BINARY(n)
	Elem      *Type   // ARRAY element, MAP value
	Key       *Type   // MAP key
	Fields    []Field // ROW
}

// The types that need no parameters.
var (
	TNull      = Type{Kind: Null}
	TBool      = Type{Kind: Bool}
	TInt8      = Type{Kind: Int8}
	TInt16     = Type{Kind: Int16}
	TInt32     = Type{Kind: Int32}
	TInt64     = Type{Kind: Int64}
	TFloat32   = Type{Kind: Float32}
	TFloat64   = Type{Kind: Float64}
	TString    = Type{Kind: String}
	TBytes     = Type{Kind: Bytes}
	TDate      = Type{Kind: Date}
	TTime      = Type{Kind: TimeOfDay}
	TTimestamp = Type{Kind: Timestamp, Precision: 3}
	TDay       = Type{Kind: IntervalDay, Precision: 6}
	TYear      = Type{Kind: IntervalYear}
)

// TDecimal is DECIMAL(p, s).
func TDecimal(p, s int) Type { return Type{Kind: Decimal, Precision: p, Scale: s} }

// Wide says whether values need 128 bits.
func (t Type) Wide() bool { return t.Kind == Decimal && t.Precision > MaxNarrow }

// Integer says whether t is TINYINT to BIGINT.
func (t Type) Integer() bool { return t.Kind >= Int8 && t.Kind <= Int64 }

// Float says whether t is FLOAT or DOUBLE.
func (t Type) Float() bool { return t.Kind == Float32 || t.Kind == Float64 }

// Numeric says whether t is an integer, DECIMAL, FLOAT or DOUBLE.
func (t Type) Numeric() bool { return t.Integer() || t.Float() || t.Kind == Decimal }

// Instant says whether t is TIMESTAMP or TIMESTAMP_LTZ.
func (t Type) Instant() bool { return t.Kind == Timestamp || t.Kind == TimestampLTZ }

// Physical names the column that holds values of t.
type Physical uint8

// The physical columns.
const (
	PhysNone   Physical = iota // NULL
	PhysI64                    // Vec.I64
	PhysI128                   // Vec.I64 and Vec.Hi
	PhysF64                    // Vec.F64
	PhysStr                    // Vec.Str and Vec.Buf
	PhysNested                 // Vec.Kids (and Vec.Str as element ranges for ARRAY, MAP)
)

// Physical says how a column of t is stored.
func (t Type) Physical() Physical {
	switch t.Kind {
	case Null:
		return PhysNone
	case Float32, Float64:
		return PhysF64
	case String, Bytes:
		return PhysStr
	case Array, Map, Row:
		return PhysNested
	case Decimal:
		if t.Wide() {
			return PhysI128
		}
	}
	return PhysI64
}

// Equal compares types, with their parameters.
func (t Type) Equal(u Type) bool {
	if t.Kind != u.Kind || t.Precision != u.Precision || t.Scale != u.Scale || t.Fixed != u.Fixed || len(t.Fields) != len(u.Fields) {
		return false
	}
	if (t.Elem == nil) != (u.Elem == nil) || (t.Key == nil) != (u.Key == nil) {
		return false
	}
	if t.Elem != nil && !t.Elem.Equal(*u.Elem) || t.Key != nil && !t.Key.Equal(*u.Key) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i].Name != u.Fields[i].Name || !t.Fields[i].Type.Equal(u.Fields[i].Type) {
			return false
		}
	}
	return true
}

var simpleNames = map[Kind]string{
	Null: "NULL", Bool: "BOOLEAN", Int8: "TINYINT", Int16: "SMALLINT", Int32: "INT", Int64: "BIGINT",
	Float32: "FLOAT", Float64: "DOUBLE", Date: "DATE", IntervalDay: "INTERVAL DAY TO SECOND", IntervalYear: "INTERVAL YEAR TO MONTH",
}

// String is the type as SQL.
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision, t.Scale)
	case String:
		return lengthName(t, "CHAR", "VARCHAR", "STRING")
	case Bytes:
		return lengthName(t, "BINARY", "VARBINARY", "BYTES")
	case TimeOfDay:
		return fmt.Sprintf("TIME(%d)", t.Precision)
	case Timestamp:
		return fmt.Sprintf("TIMESTAMP(%d)", t.Precision)
	case TimestampLTZ:
		return fmt.Sprintf("TIMESTAMP_LTZ(%d)", t.Precision)
	case Array:
		return "ARRAY<" + t.Elem.String() + ">"
	case Map:
		return "MAP<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case Row:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = f.Name + " " + f.Type.String()
		}
		return "ROW<" + strings.Join(parts, ", ") + ">"
	}
	return simpleNames[t.Kind]
}

func lengthName(t Type, fixed, variable, free string) string {
	switch {
	case t.Fixed:
		return fmt.Sprintf("%s(%d)", fixed, t.Precision)
	case t.Precision > 0:
		return fmt.Sprintf("%s(%d)", variable, t.Precision)
	}
	return free
}

// Schema is the columns of a stream. Rowtime is the index of the event-time
// column, or -1.
type Schema struct {
	Fields  []Field
	Rowtime int
}

// NewSchema is a schema without event time.
func NewSchema(fields ...Field) *Schema { return &Schema{Fields: fields, Rowtime: -1} }

// Index finds a column by name, without regard to case; -1 when absent.
func (s *Schema) Index(name string) int {
	for i := range s.Fields {
		if strings.EqualFold(s.Fields[i].Name, name) {
			return i
		}
	}
	return -1
}

// Names lists the column names.
func (s *Schema) Names() []string {
	names := make([]string, len(s.Fields))
	for i := range s.Fields {
		names[i] = s.Fields[i].Name
	}
	return names
}
