package check

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
)

func constant(t event.Type, v event.Value, span diag.Span) *expr.Const {
	return &expr.Const{Base: expr.Base{T: t, Span: span}, Value: v}
}

func null(t event.Type, span diag.Span) *expr.Const {
	return constant(t, event.NullValue, span)
}

// literal is the constant that l denotes.
func (c *Checker) literal(l *ast.Literal) expr.Expr {
	t, v, err := literalValue(l.Kind, l.Text)
	if err != nil {
		c.add(diag.NumberOutOfRange, l.Pos(), "%v", err)
		return nil
	}
	return constant(t, v, l.Pos())
}

func literalValue(kind, text string) (event.Type, event.Value, error) {
	switch kind {
	case "NULL":
		return event.TNull, event.NullValue, nil
	case "BOOLEAN":
		return event.TBool, event.BoolValue(strings.EqualFold(text, "TRUE")), nil
	case "NUMBER":
		return number(text)
	case "STRING":
		return event.TString, event.StringValue(text), nil
	case "BYTES":
		return bytesLiteral(text)
	}
	return timeLiteral(kind, text)
}

func bytesLiteral(text string) (event.Type, event.Value, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return event.TBytes, event.Value{}, fmt.Errorf("a binary literal is an even number of hexadecimal digits: X'0aff'")
	}
	return event.TBytes, event.Value{S: b}, nil
}

// number types a numeric literal: exact unless it has an exponent.
func number(text string) (event.Type, event.Value, error) {
	if strings.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return event.TFloat64, event.Value{}, fmt.Errorf("%s is outside the range of DOUBLE", text)
		}
		return event.TFloat64, event.FloatValue(f), nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return integerType(i), event.IntValue(i), nil
	}
	p, scale, err := decimal.Shape([]byte(text))
	if err != nil {
		return event.TNull, event.Value{}, fmt.Errorf("%s is not a number", text)
	}
	if digits := len(strings.ReplaceAll(text, ".", "")); digits <= event.MaxPrecision {
		p = max(p, digits) // zeros before the point count, as in Flink SQL
	}
	t := event.TDecimal(p, scale)
	if p > event.MaxPrecision {
		return t, event.Value{}, fmt.Errorf("%s has more than %d digits", text, event.MaxPrecision)
	}
	n, err := decimal.Parse([]byte(text), p, scale)
	return t, function.DecValue(n), err
}

func integerType(i int64) event.Type {
	if int64(int32(i)) == i {
		return event.TInt32
	}
	return event.TInt64
}

func timeLiteral(kind, text string) (event.Type, event.Value, error) {
	text = strings.TrimSpace(text)
	switch kind {
	case "DATE":
		t, err := time.Parse("2006-01-02", text)
		if err != nil {
			return event.TDate, event.Value{}, fmt.Errorf("%q is not a date: write DATE '2026-01-31'", text)
		}
		return event.TDate, event.IntValue(t.Unix() / 86400), nil
	case "TIME":
		t, err := time.Parse("15:04:05.999999", text)
		if err != nil {
			return event.TTime, event.Value{}, fmt.Errorf("%q is not a time: write TIME '23:59:59'", text)
		}
		midnight := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
		return event.Type{Kind: event.TimeOfDay, Precision: fractionDigits(text)}, event.IntValue(t.Sub(midnight).Microseconds()), nil
	}
	return timestampLiteral(text)
}

func timestampLiteral(text string) (event.Type, event.Value, error) {
	typ := event.Type{Kind: event.Timestamp, Precision: fractionDigits(text)}
	if typ.Precision > maxTimePrecision {
		return typ, event.Value{}, fmt.Errorf("%q is finer than a microsecond", text)
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return typ, event.IntValue(t.UnixMicro()), nil
		}
	}
	return typ, event.Value{}, fmt.Errorf("%q is not a timestamp: write TIMESTAMP '2026-01-31 23:59:59.123'", text)
}

func fractionDigits(text string) int {
	_, frac, _ := strings.Cut(text, ".")
	return len(frac)
}

// ---- intervals

// µs of the units of a day-time interval; months of those of a year-month one.
var (
	dayUnits = map[string]int64{
		"WEEK": 7 * 86400e6, "DAY": 86400e6, "HOUR": 3600e6, "MINUTE": 60e6, "SECOND": 1e6, "MILLISECOND": 1e3, "MICROSECOND": 1,
	}
	yearUnits = map[string]int64{"YEAR": 12, "QUARTER": 3, "MONTH": 1}
)

func intervalUnit(unit string) (event.Type, int64, bool) {
	unit = strings.TrimSuffix(strings.ToUpper(unit), "S")
	if n, ok := dayUnits[unit]; ok {
		return event.TDay, n, true
	}
	n, ok := yearUnits[unit]
	return event.TYear, n, ok
}

// interval is the constant or product that an interval literal denotes.
func (b *binder) interval(l *ast.Interval) expr.Expr {
	typ, unit, ok := intervalUnit(l.From)
	if !ok {
		hint(b.add(diag.TypeMismatch, l.Pos(), "there is no interval unit %s", l.From), l.From, unitNames)
		return nil
	}
	if l.Value != nil {
		return b.intervalOf(l, typ, unit)
	}
	n, ok := intervalText(strings.TrimSpace(l.Text), l.From, l.To)
	if !ok {
		unit := strings.TrimSuffix(l.From+" TO "+l.To, " TO ")
		b.add(diag.TypeMismatch, l.Pos(), "%q is no interval %s", l.Text, unit).
			WithHint("write INTERVAL '5' SECOND or INTERVAL '1 02:03:04.5' DAY TO SECOND")
		return nil
	}
	if l.Negative {
		n = -n
	}
	return constant(typ, event.IntValue(n), l.Pos())
}

// intervalOf is INTERVAL expr UNIT: expr times the unit.
func (b *binder) intervalOf(l *ast.Interval, typ event.Type, unit int64) expr.Expr {
	x := b.expr(l.Value)
	if x == nil {
		return nil
	}
	if l.Negative {
		unit = -unit
	}
	return b.arith(expr.Mul, constant(typ, event.IntValue(unit), l.Pos()), x, l.Pos(), l.Value.Pos())
}

var unitNames = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"}

var (
	singleInterval = regexp.MustCompile(`^([+-]?)(\d+)(?:\.(\d{1,6}))?$`)
	dayInterval    = regexp.MustCompile(`^([+-]?)(?:(\d+) )?(\d+)(?::(\d+))?(?::(\d+)(?:\.(\d{1,6}))?)?$`)
	yearInterval   = regexp.MustCompile(`^([+-]?)(\d+)-(\d+)$`)
)

// intervalText reads the quoted part of an interval literal, in µs or months.
func intervalText(text, from, to string) (int64, bool) {
	switch {
	case to == "":
		return singleUnit(text, from)
	case from == "YEAR" && to == "MONTH":
		m := yearInterval.FindStringSubmatch(text)
		if m == nil {
			return 0, false
		}
		return signed(m[1], parts{{m[2], 12}, {m[3], 1}})
	}
	return compoundDay(text, from, to)
}

func singleUnit(text, unit string) (int64, bool) {
	m := singleInterval.FindStringSubmatch(text)
	_, n, ok := intervalUnit(unit)
	if m == nil || !ok || m[3] != "" && n < 1e6 {
		return 0, false
	}
	fraction := int64(0)
	if m[3] != "" {
		f, _ := strconv.ParseInt((m[3] + "000000")[:6], 10, 64)
		fraction = f * (n / 1e6)
	}
	v, ok := signed(m[1], parts{{m[2], n}, {strconv.FormatInt(fraction, 10), 1}})
	return v, ok
}

// compoundDay reads '[d ][h:]m:s.f' from the unit from to the unit to.
func compoundDay(text, from, to string) (int64, bool) {
	order := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	first, last := indexOf(order, strings.TrimSuffix(from, "S")), indexOf(order, strings.TrimSuffix(to, "S"))
	m := dayInterval.FindStringSubmatch(text)
	if first < 0 || last <= first || m == nil {
		return 0, false
	}
	fields := strings.FieldsFunc(strings.TrimLeft(text, "+-"), func(r rune) bool { return r == ' ' || r == ':' })
	if len(fields) != last-first+1 || (from == "DAY") != strings.Contains(text, " ") {
		return 0, false
	}
	var list parts
	for i, f := range fields {
		whole, frac, _ := strings.Cut(f, ".")
		list = append(list, part{whole, dayUnits[order[first+i]]})
		if frac != "" && order[first+i] == "SECOND" {
			list = append(list, part{(frac + "000000")[:6], 1})
		}
	}
	return signed(m[1], list)
}

type part struct {
	digits string
	unit   int64
}
type parts []part

// signed is the sum of the parts; false when it does not fit.
func signed(sign string, list parts) (int64, bool) {
	sum := new(big.Int)
	for _, p := range list {
		n, ok := new(big.Int).SetString(p.digits, 10)
		if !ok {
			return 0, false
		}
		sum.Add(sum, n.Mul(n, big.NewInt(p.unit)))
	}
	if sign == "-" {
		sum.Neg(sum)
	}
	return sum.Int64(), sum.IsInt64()
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// ---- parameters

var (
	numberText   = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)
	quotedText   = regexp.MustCompile(`(?s)^(DATE|TIME|TIMESTAMP)?\s*'((?:[^']|'')*)'$`)
	intervalForm = regexp.MustCompile(`(?i)^INTERVAL\s+([+-]?)\s*'([^']*)'\s+([A-Z]+)(?:\s+TO\s+([A-Z]+))?$`)
)

// param is the value of :name, typed by its text.
func (b *binder) param(p *ast.Param) expr.Expr {
	text, ok := b.paramText(p)
	if !ok {
		return nil
	}
	return b.expr(paramLiteral(text, ast.Base{Span: p.Pos()}))
}

// paramText is what was given for :name; false when nothing was.
func (c *Checker) paramText(p *ast.Param) (string, bool) {
	text, ok := c.opts.Params[p.Name]
	if !ok {
		d := c.add(diag.MissingParameter, p.Pos(), "the parameter :%s has no value", p.Name).WithHint("give it with --param %s=…", p.Name)
		hint(d, p.Name, slices.Sorted(maps.Keys(c.opts.Params)))
	}
	c.used[p.Name] = true
	return strings.TrimSpace(text), ok
}

// Option is the value of an option, which may be a parameter; false when that
// has none.
func (c *Checker) Option(o *ast.Option) (string, bool) {
	if o.Param == nil {
		return o.Value, true
	}
	text, ok := c.paramText(o.Param)
	if m := quotedText.FindStringSubmatch(text); m != nil && m[1] == "" {
		text = strings.ReplaceAll(m[2], "''", "'")
	}
	return text, ok
}

// Used lists the parameters that were read so far, ascending.
func (c *Checker) Used() []string { return slices.Sorted(maps.Keys(c.used)) }

func paramLiteral(text string, at ast.Base) ast.Expr {
	if numberText.MatchString(text) {
		number := &ast.Literal{Base: at, Kind: "NUMBER", Text: strings.TrimLeft(text, "+-")}
		if text[0] == '-' {
			return &ast.Unary{Base: at, Op: "-", X: number}
		}
		return number
	}
	if m := intervalForm.FindStringSubmatch(text); m != nil {
		return &ast.Interval{Base: at, Negative: m[1] == "-", Text: m[2], From: strings.ToUpper(m[3]), To: strings.ToUpper(m[4])}
	}
	if m := quotedText.FindStringSubmatch(text); m != nil {
		kind := m[1]
		if kind == "" {
			kind = "STRING"
		}
		return &ast.Literal{Base: at, Kind: kind, Text: strings.ReplaceAll(m[2], "''", "'")}
	}
	switch upper := strings.ToUpper(text); upper {
	case "TRUE", "FALSE":
		return &ast.Literal{Base: at, Kind: "BOOLEAN", Text: upper}
	case "NULL":
		return &ast.Literal{Base: at, Kind: "NULL", Text: upper}
	}
	return &ast.Literal{Base: at, Kind: "STRING", Text: text}
}
