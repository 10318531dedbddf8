package function

import (
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var (
	dec12  = event.TDecimal(12, 2)
	dec38  = event.TDecimal(38, 10)
	ts0    = event.Type{Kind: event.Timestamp}
	ts6    = event.Type{Kind: event.Timestamp, Precision: 6}
	char3  = event.Type{Kind: event.String, Precision: 3, Fixed: true}
	vchar5 = event.Type{Kind: event.String, Precision: 5}
)

func TestArith(t *testing.T) {
	for _, c := range []struct {
		op   expr.ArithOp
		x, y event.Type
		want string
	}{
		{expr.Div, event.TInt32, event.TInt32, "INT of INT, INT"},
		{expr.Add, event.TInt8, event.TInt64, "BIGINT of BIGINT, BIGINT"},
		{expr.Add, dec12, event.TInt32, "DECIMAL(13, 2) of DECIMAL(12, 2), DECIMAL(10, 0)"},
		{expr.Mul, dec12, event.TInt32, "DECIMAL(23, 2) of DECIMAL(12, 2), DECIMAL(10, 0)"},
		{expr.Div, dec12, event.TInt32, "DECIMAL(23, 13) of DECIMAL(12, 2), DECIMAL(10, 0)"},
		{expr.Mod, dec12, event.TDecimal(5, 3), "DECIMAL(5, 3) of DECIMAL(12, 2), DECIMAL(5, 3)"},
		{expr.Mul, dec38, dec38, "DECIMAL(38, 6) of DECIMAL(38, 10), DECIMAL(38, 10)"},
		{expr.Add, dec38, dec38, "DECIMAL(38, 9) of DECIMAL(38, 10), DECIMAL(38, 10)"},
		{expr.Mul, dec12, event.TFloat64, "DOUBLE of DOUBLE, DOUBLE"},
		{expr.Add, event.TFloat32, event.TInt32, "DOUBLE of DOUBLE, DOUBLE"},
		{expr.Add, event.TNull, event.TInt32, "INT of INT, INT"},
		{expr.Add, ts0, event.TDay, "TIMESTAMP(3) of TIMESTAMP(0), INTERVAL DAY TO SECOND"},
		{expr.Sub, event.TDate, event.TYear, "DATE of DATE, INTERVAL YEAR TO MONTH"},
		{expr.Add, event.TDay, event.TDate, "DATE of INTERVAL DAY TO SECOND, DATE"},
		{expr.Sub, ts6, event.TDate, "INTERVAL DAY TO SECOND of TIMESTAMP(6), TIMESTAMP(6)"},
		{expr.Mul, event.TInt32, event.TDay, "INTERVAL DAY TO SECOND of BIGINT, INTERVAL DAY TO SECOND"},
		{expr.Div, event.TYear, dec12, "INTERVAL YEAR TO MONTH of INTERVAL YEAR TO MONTH, DOUBLE"},
		{expr.Sub, event.TDay, event.TDay, "INTERVAL DAY TO SECOND of INTERVAL DAY TO SECOND, INTERVAL DAY TO SECOND"},
		{expr.Add, ts0, ts0, "operator + does not apply to TIMESTAMP(0) and TIMESTAMP(0)"},
		{expr.Sub, event.TDay, ts0, "operator - does not apply to INTERVAL DAY TO SECOND and TIMESTAMP(0)"},
		{expr.Add, event.TTime, event.TYear, "operator + does not apply to TIME(0) and INTERVAL YEAR TO MONTH"},
		{expr.Sub, ts0, event.TTime, "operator - does not apply to TIMESTAMP(0) and TIME(0)"},
		{expr.Add, event.TString, event.TInt32, "operator + does not apply to STRING and INT; use CAST to turn a text into a number, || to join texts"},
		{expr.Add, event.TBool, event.TBool, "operator + does not apply to BOOLEAN and BOOLEAN"},
	} {
		r, px, py, err := Arith(c.op, c.x, c.y)
		got := r.String() + " of " + px.String() + ", " + py.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.x, c.op, c.y, got, c.want)
		}
	}
}

func TestComparable(t *testing.T) {
	row := func(a event.Type) event.Type {
		return event.Type{Kind: event.Row, Fields: []event.Field{{Name: "a", Type: a}}}
	}
	for _, c := range []struct {
		x, y event.Type
		want string
	}{
		{dec12, event.TInt32, "DECIMAL(12, 2)"},
		{dec12, event.TInt64, "DECIMAL(21, 2)"},
		{dec38, event.TDecimal(38, 0), "DECIMAL(38, 6)"},
		{dec12, event.TFloat32, "DOUBLE"},
		{event.TFloat32, event.TFloat32, "FLOAT"},
		{char3, vchar5, "VARCHAR(5)"},
		{char3, char3, "CHAR(3)"},
		{char3, event.TString, "STRING"},
		{event.TDate, ts6, "TIMESTAMP(6)"},
		{tLTZ, ts6, "TIMESTAMP_LTZ(6)"},
		{event.TString, ts0, "TIMESTAMP(6)"},
		{event.TDate, event.TString, "DATE"},
		{event.TNull, dec12, "DECIMAL(12, 2)"},
		{arrayOf(event.TInt8), arrayOf(event.TInt32), "ARRAY<INT>"},
		{mapOf(char3, event.TInt32), mapOf(vchar5, event.TFloat64), "MAP<VARCHAR(5), DOUBLE>"},
		{row(event.TInt8), row(dec12), "ROW<a DECIMAL(12, 2)>"},
		{event.TInt32, event.TString, "cannot compare INT with STRING; use CAST"},
		{event.TBool, event.TInt32, "cannot compare BOOLEAN with INT; use CAST"},
		{row(event.TInt8), row(event.TString), "cannot compare ROW<a TINYINT> with ROW<a STRING>; use CAST"},
	} {
		r, err := Comparable(c.x, c.y)
		got := r.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.x, c.y, got, c.want)
		}
	}
}

func TestCanCast(t *testing.T) {
	for _, c := range []struct {
		from, to           event.Type
		explicit, implicit bool
	}{
		{event.TInt32, event.TInt64, true, true}, {event.TInt64, event.TInt32, true, false},
		{event.TInt32, dec12, true, true}, {event.TInt64, dec12, true, false}, {dec12, event.TFloat64, true, true},
		{event.TString, event.TInt32, true, false}, {event.TInt32, event.TString, true, false},
		{vchar5, event.TString, true, true}, {event.TString, vchar5, true, false}, {vchar5, char3, true, false},
		{event.TDate, event.TTimestamp, true, true}, {ts6, event.TTimestamp, true, false}, {ts0, event.TDate, true, false},
		{event.TInt64, event.TTimestamp, false, false}, {event.TBool, event.TDate, false, false},
		{event.TNull, arrayOf(event.TInt32), true, true}, {arrayOf(event.TInt32), arrayOf(event.TInt64), true, true},
		{arrayOf(event.TInt32), arrayOf(event.TDate), false, false}, {arrayOf(event.TInt32), event.TString, true, false},
		{event.TDay, event.TYear, false, false}, {event.TTime, event.TTimestamp, false, false},
	} {
		explicit, implicit := CanCast(c.from, c.to)
		if explicit != c.explicit || implicit != c.implicit {
			t.Errorf("%s to %s: explicit %v, implicit %v", c.from, c.to, explicit, implicit)
		}
	}
}

func TestCasts(t *testing.T) {
	time0 := event.TTime
	for _, c := range []struct {
		in   string
		from event.Type // the text is first cast to it
		to   event.Type
		want string
	}{
		{"yes", event.TString, event.TBool, "TRUE"}, {"x", event.TString, event.TBool, "cannot cast 'x' to BOOLEAN"},
		{" 12 ", event.TString, event.TInt32, "12"}, {"12.9", event.TString, event.TInt32, "12"}, {"-0.5", event.TString, event.TInt32, "0"},
		{"3000000000", event.TString, event.TInt32, "numeric overflow: the value does not fit INT"}, {"1e3", event.TString, event.TInt32, "cannot cast '1e3' to INT"},
		{"99999999999999999999", event.TString, event.TInt64, "numeric overflow: the value does not fit BIGINT"}, {"", event.TString, event.TInt64, "cannot cast '' to BIGINT"},
		{"128", event.TInt32, event.TInt8, "numeric overflow: the value does not fit TINYINT"}, {"-1.99", event.TFloat64, event.TInt32, "-1"},
		{"NaN", event.TFloat64, event.TInt32, "numeric overflow: the value does not fit INT"}, {"-1.99", dec12, event.TInt32, "-1"},
		{"1.005", event.TFloat64, dec12, "1.01"}, {"1.005", event.TString, dec12, "1.01"}, {"Infinity", event.TFloat64, dec12, "numeric overflow: the value does not fit DECIMAL(12, 2)"},
		{"12.345", dec38, dec12, "12.35"}, {"12345678901", event.TInt64, dec12, "numeric overflow: the value does not fit DECIMAL(12, 2)"},
		{"1e10", event.TFloat64, event.TString, "1.0E10"}, {"0.001", event.TFloat64, event.TString, "0.001"}, {"0.0001234", event.TFloat64, event.TString, "1.234E-4"},
		{"100", event.TFloat64, event.TString, "100.0"}, {"0.1", event.TFloat32, event.TString, "0.1"}, {"0.1", event.TFloat32, event.TFloat64, "0.10000000149011612"},
		{"abcdef", event.TString, char3, "abc"}, {"ä", event.TString, char3, "ä  "}, {"größer", event.TString, vchar5, "größe"},
		{"12.50", dec12, event.TFloat64, "12.5"}, {"2", event.TInt32, event.TBool, "TRUE"}, {"TRUE", event.TBool, event.TInt32, "1"}, {"TRUE", event.TBool, dec12, "1.00"},
		{"2024-05-17", event.TDate, event.TTimestamp, "2024-05-17 00:00:00.000"}, {"2024-05-17 23:59:59.999", event.TTimestamp, event.TDate, "2024-05-17"},
		{"1969-12-31 23:59:59.999", event.TTimestamp, event.TDate, "1969-12-31"}, {"2024-05-17 10:11:12.999", event.TTimestamp, time0, "10:11:12"},
		{"2024-05-17 10:11:12.999", event.TTimestamp, ts0, "2024-05-17 10:11:12"}, {"2024-05-17 10:11:12.999", event.TTimestamp, ts6, "2024-05-17 10:11:12.999000"},
		{"2024-02-30", event.TString, event.TDate, "cannot cast '2024-02-30' to DATE"}, {"2024-5-7", event.TString, event.TDate, "2024-05-07"},
		{"2024-05-17 10:11:12+02:00", event.TString, tLTZ, "2024-05-17 08:11:12.000"}, {"2024-05-17T10:11:12Z", event.TString, tLTZ, "2024-05-17 10:11:12.000"},
		{"24:00:00", event.TString, time0, "cannot cast '24:00:00' to TIME(0)"}, {"+1 02:03:04.5", event.TString, event.TDay, "+1 02:03:04.500"}, {"-1 00:00:00", event.TString, event.TDay, "-1 00:00:00.000"},
		{"+1-02", event.TString, event.TYear, "+1-02"}, {"-1-02", event.TString, event.TYear, "-1-02"}, {"+0 00:00:01.5", event.TDay, event.TInt64, "1500"},
		{"1500", event.TInt64, event.TDay, "+0 00:00:01.500"}, {"x", event.TString, dec12, "cannot cast 'x' to DECIMAL(12, 2)"}, {"0x10", event.TString, event.TFloat64, "cannot cast '0x10' to DOUBLE"},
		{"ab", event.TString, event.Type{Kind: event.Bytes, Precision: 1}, "a"},
	} {
		x, err := castTyped(typed{event.TString, event.StringValue(c.in)}, c.from)
		if err == nil {
			x, err = castTyped(x, c.to)
		}
		got := Text(x.t, x.v, nil)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s as %s: %s, want %s", c.from, c.in, c.to, got, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	list := typed{arrayOf(event.TString), event.Value{L: []event.Value{event.StringValue("it's"), event.NullValue}}}
	row := event.Type{Kind: event.Row, Fields: []event.Field{{Name: "a", Type: event.TInt32}}}
	for _, c := range []struct {
		x    typed
		want string
	}{
		{list, "ARRAY['it''s', NULL]"}, {typed{event.TBytes, event.StringValue("\x01\xff")}, "X'01FF'"},
		{typed{event.TDay, event.IntValue(300_000_000)}, "INTERVAL '5' MINUTE"}, {typed{event.TDay, event.IntValue(-1_500_000)}, "INTERVAL -'0 00:00:01.500' DAY TO SECOND"},
		{typed{event.TYear, event.IntValue(14)}, "INTERVAL '1-02' YEAR TO MONTH"}, {typed{event.TDate, event.IntValue(0)}, "DATE '1970-01-01'"},
		{typed{row, event.Value{L: []event.Value{event.IntValue(1)}}}, "ROW(1)"}, {typed{event.TBool, event.IntValue(1)}, "TRUE"},
	} {
		if got := Format(c.x.t, c.x.v); got != c.want {
			t.Errorf("Format = %s, want %s", got, c.want)
		}
	}
}
