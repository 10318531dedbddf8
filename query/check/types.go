package check

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// maxTimePrecision is the finest fraction of a second: rows carry µs.
const maxTimePrecision = 6

var plainTypes = map[string]event.Type{
	"BOOLEAN": event.TBool, "TINYINT": event.TInt8, "SMALLINT": event.TInt16,
	"INT": event.TInt32, "INTEGER": event.TInt32, "BIGINT": event.TInt64,
	"FLOAT": event.TFloat32, "REAL": event.TFloat32, "DOUBLE": event.TFloat64, "DOUBLE PRECISION": event.TFloat64,
	"STRING": event.TString, "BYTES": event.TBytes, "DATE": event.TDate, "NULL": event.TNull,
	"INTERVAL DAY TO SECOND": event.TDay, "INTERVAL YEAR TO MONTH": event.TYear,
	"INTERVAL DAY": event.TDay, "INTERVAL HOUR": event.TDay, "INTERVAL MINUTE": event.TDay, "INTERVAL SECOND": event.TDay,
	"INTERVAL DAY TO HOUR": event.TDay, "INTERVAL DAY TO MINUTE": event.TDay, "INTERVAL HOUR TO MINUTE": event.TDay,
	"INTERVAL HOUR TO SECOND": event.TDay, "INTERVAL MINUTE TO SECOND": event.TDay,
	"INTERVAL YEAR": event.TYear, "INTERVAL MONTH": event.TYear,
}

// resolveType is the type that t names; false after an error.
func (c *Checker) resolveType(t *ast.Type) (event.Type, bool) {
	if t.NotNull {
		c.list.Warn(diag.Advice, t.Pos(), "NOT NULL inside a nested type is not checked")
	}
	if plain, ok := plainTypes[t.Name]; ok {
		return plain, true
	}
	switch t.Name {
	case "DECIMAL", "NUMERIC", "DEC":
		return c.decimalType(t)
	case "CHAR", "VARCHAR", "CHARACTER", "CHARACTER VARYING", "BINARY", "VARBINARY":
		return c.lengthType(t)
	case "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP WITHOUT TIME ZONE", "TIME WITHOUT TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE":
		return c.timeType(t)
	case "ARRAY", "MAP", "ROW":
		return c.nestedType(t)
	case "MULTISET", "RAW", "VARIANT", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_TZ":
		c.unsupported(t.Pos(), "the type "+t.Name)
		return event.Type{}, false
	}
	hint(c.add(diag.TypeMismatch, t.Pos(), "there is no type %s", t.Name), t.Name, typeNames)
	return event.Type{}, false
}

// TypeNames are the names of the types.
func TypeNames() []string { return slices.Clone(typeNames) }

var typeNames = []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR", "STRING",
	"BINARY", "VARBINARY", "BYTES", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "ARRAY", "MAP", "ROW"}

func (c *Checker) decimalType(t *ast.Type) (event.Type, bool) {
	p, s := 10, 0
	if len(t.Params) > 0 {
		p = t.Params[0]
	}
	if len(t.Params) > 1 {
		s = t.Params[1]
	}
	if p < 1 || p > event.MaxPrecision || s < 0 || s > p {
		c.add(diag.NumberOutOfRange, t.Pos(), "DECIMAL(p, s) needs 1 <= p <= %d and 0 <= s <= p", event.MaxPrecision)
		return event.Type{}, false
	}
	return event.TDecimal(p, s), true
}

func (c *Checker) lengthType(t *ast.Type) (event.Type, bool) {
	typ := event.TString
	if t.Name == "BINARY" || t.Name == "VARBINARY" {
		typ = event.TBytes
	}
	typ.Fixed = t.Name == "CHAR" || t.Name == "CHARACTER" || t.Name == "BINARY"
	if typ.Fixed {
		typ.Precision = 1
	}
	if len(t.Params) > 0 {
		if typ.Precision = t.Params[0]; typ.Precision < 1 {
			c.add(diag.NumberOutOfRange, t.Pos(), "the length of %s is at least 1", t.Name)
			return event.Type{}, false
		}
	}
	return typ, true
}

func (c *Checker) timeType(t *ast.Type) (event.Type, bool) {
	typ := event.Type{Kind: event.Timestamp, Precision: maxTimePrecision}
	switch t.Name {
	case "TIME", "TIME WITHOUT TIME ZONE":
		typ = event.Type{Kind: event.TimeOfDay}
	case "TIMESTAMP_LTZ", "TIMESTAMP WITH LOCAL TIME ZONE":
		typ.Kind = event.TimestampLTZ
	}
	if len(t.Params) == 0 {
		return typ, true
	}
	p := t.Params[0]
	switch {
	case p < 0 || p > 9:
		c.add(diag.NumberOutOfRange, t.Pos(), "the precision of %s is 0 to 9", t.Name)
		return event.Type{}, false
	case p > maxTimePrecision:
		c.add(diag.NotSupported, t.Pos(), "%s(%d) is not supported yet: times are kept in microseconds", t.Name, p).WithHint("write %s(%d)", t.Name, maxTimePrecision)
		return event.Type{}, false
	}
	typ.Precision = p
	return typ, true
}

func (c *Checker) nestedType(t *ast.Type) (event.Type, bool) {
	if t.Name == "ROW" {
		return c.rowType(t)
	}
	ok := true
	args := make([]event.Type, len(t.Args))
	for i := range t.Args {
		var one bool
		args[i], one = c.resolveType(&t.Args[i])
		ok = ok && one
	}
	switch {
	case !ok:
		return event.Type{}, false
	case t.Name == "ARRAY" && len(args) == 1:
		return event.Type{Kind: event.Array, Elem: &args[0]}, true
	case t.Name == "MAP" && len(args) == 2:
		return event.Type{Kind: event.Map, Key: &args[0], Elem: &args[1]}, true
	}
	c.add(diag.TypeMismatch, t.Pos(), "ARRAY takes one type and MAP two: ARRAY<INT>, MAP<STRING, INT>")
	return event.Type{}, false
}

func (c *Checker) rowType(t *ast.Type) (event.Type, bool) {
	typ := event.Type{Kind: event.Row}
	for i := range t.Fields {
		ft, ok := c.resolveType(&t.Fields[i].Type)
		if !ok {
			return event.Type{}, false
		}
		typ.Fields = append(typ.Fields, event.Field{Name: t.Fields[i].Name.Name, Type: ft})
	}
	for i := range t.Args { // ROW<INT, STRING>: fields without names
		ft, ok := c.resolveType(&t.Args[i])
		if !ok {
			return event.Type{}, false
		}
		typ.Fields = append(typ.Fields, event.Field{Name: fmt.Sprintf("f%d", i), Type: ft})
	}
	if len(typ.Fields) == 0 {
		c.add(diag.TypeMismatch, t.Pos(), "a ROW has at least one field")
		return event.Type{}, false
	}
	return typ, true
}
