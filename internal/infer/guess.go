package infer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// shape is what the values of a field have been so far.
type shape uint8

const (
	nothing   shape = iota // NULL only
	boolean                // true, false
	number                 // with or without a fraction
	date                   // yyyy-MM-dd
	timeOfDay              // HH:mm:ss
	instant                // both, in one of two styles, with a zone or without
	array
	object
	text // anything
)

// guess is what a field may be.
type guess struct {
	shape shape

	whole    int  // number: most digits before the point
	fraction int  // number: most digits behind it; instant, timeOfDay: of the second
	large    bool // number: beyond BIGINT, or with an exponent
	money    bool // number: a fraction ended with a zero, which writers of DOUBLE leave out
	iso      bool // instant: with a T
	zone     bool // instant: with a zone

	elem   *guess         // array
	fields []*field       // object, in the order in which they came
	index  map[string]int // of fields, once there are many
	rest   *guess         // object: what the fields beyond maxFields are; nil: there are none
}

// field is one of an object.
type field struct {
	name string
	guess
}

// join makes g a guess that also takes what o is.
func (g *guess) join(o *guess) {
	switch {
	case o.shape == nothing:
	case g.shape == nothing:
		*g = *o
	case g.shape != o.shape, g.shape == instant && (g.iso != o.iso || g.zone != o.zone):
		*g = guess{shape: text}
	default:
		g.whole, g.fraction = max(g.whole, o.whole), max(g.fraction, o.fraction)
		g.large, g.money = g.large || o.large, g.money || o.money
		g.joinInside(o)
	}
}

func (g *guess) joinInside(o *guess) {
	if g.shape == array {
		g.elem.join(o.elem)
	}
	for _, f := range o.fields {
		g.field(f.name).join(&f.guess)
	}
	if o.rest != nil {
		if g.rest == nil {
			g.rest = &guess{}
		}
		g.rest.join(o.rest)
	}
}

// maxFields is how many fields an object has at most. Beyond it, names are values.
const maxFields = 1000

// indexed is from how many fields on they are looked up in a map.
const indexed = 16

// field is the field of an object, made if it is not there. All beyond maxFields
// are one.
func (g *guess) field(name string) *guess {
	if i := g.find(name); i >= 0 {
		return &g.fields[i].guess
	}
	if len(g.fields) == maxFields {
		if g.rest == nil {
			g.rest = &guess{}
		}
		return g.rest
	}
	f := &field{name: name}
	g.fields = append(g.fields, f)
	if len(g.fields) == indexed {
		g.index = map[string]int{}
		for i, f := range g.fields {
			g.index[f.name] = i
		}
	} else if g.index != nil {
		g.index[name] = len(g.fields) - 1
	}
	return &f.guess
}

// find is the place of a field; -1 where it is not there.
func (g *guess) find(name string) int {
	if g.index != nil {
		if i, ok := g.index[name]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(g.fields, func(f *field) bool { return f.name == name })
}

// ofNumber is the guess of a number as JSON writes it.
func ofNumber(s string) guess {
	g := guess{shape: number}
	if strings.ContainsAny(s, "eE") {
		g.large, g.fraction = true, 1
		return g
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	g.whole, g.fraction = len(whole), len(fraction)
	g.money = strings.HasSuffix(fraction, "0")
	_, err := strconv.ParseInt(whole, 10, 64)
	g.large = err != nil
	return g
}

// ofText is the guess of a text.
func ofText(s string) guess {
	p := []byte(s)
	if _, ok := cell.ParseDate(p); ok {
		return guess{shape: date}
	}
	if _, ok := cell.ParseTime(p); ok {
		return guess{shape: timeOfDay, fraction: fractionOf(s)}
	}
	for _, iso := range []bool{false, true} {
		separator := byte(' ')
		if iso {
			separator = 'T'
		}
		for _, zone := range []bool{false, true} {
			if _, ok := cell.ParseTimestamp(p, separator, zone); ok {
				return guess{shape: instant, iso: iso, zone: zone, fraction: fractionOf(s)}
			}
		}
	}
	return guess{shape: text}
}

// fractionOf is how many digits of the second a time has.
func fractionOf(s string) int {
	_, rest, found := strings.Cut(s, ".")
	if !found {
		return 0
	}
	return len(rest) - len(strings.TrimLeft(rest, "0123456789"))
}

// ofCell is the guess of a field of CSV, which is text whatever it means.
func ofCell(s string) guess {
	switch _, end := cell.ScanNumber([]byte(s), 0); {
	case s == "":
		return guess{}
	case s == "true" || s == "false":
		return guess{shape: boolean}
	case end == len(s):
		return ofNumber(s)
	}
	return ofText(s)
}

// typ is the SQL type. Instants of the style that the table has not are text.
func (g *guess) typ(iso bool) event.Type {
	switch g.shape {
	case boolean:
		return event.TBool
	case number:
		return g.number()
	case date:
		return event.TDate
	case timeOfDay:
		return event.Type{Kind: event.TimeOfDay, Precision: precision(g.fraction)}
	case instant:
		if g.iso != iso {
			return event.TString
		}
		kind := event.Timestamp
		if g.zone {
			kind = event.TimestampLTZ
		}
		return event.Type{Kind: kind, Precision: precision(g.fraction)}
	case array:
		elem := g.elem.typ(iso)
		return event.Type{Kind: event.Array, Elem: &elem}
	case object:
		return g.row(iso)
	}
	return event.TString
}

func (g *guess) row(iso bool) event.Type {
	if len(g.fields) == 0 {
		return event.TString
	}
	if g.rest != nil {
		return g.mapping(iso)
	}
	t := event.Type{Kind: event.Row}
	for _, f := range g.fields {
		t.Fields = append(t.Fields, event.Field{Name: f.name, Type: f.typ(iso)})
	}
	return t
}

// mapping is the type of an object whose names are values.
func (g *guess) mapping(iso bool) event.Type {
	all := *g.rest
	for _, f := range g.fields {
		all.join(&f.guess)
	}
	elem := all.typ(iso)
	return event.Type{Kind: event.Map, Key: &event.TString, Elem: &elem}
}

// number is BIGINT without fractions, DECIMAL where they are exact, else DOUBLE.
func (g *guess) number() event.Type {
	digits := g.whole + g.fraction
	switch {
	case g.fraction == 0 && !g.large:
		return event.TInt64
	case g.fraction == 0 && digits <= event.MaxPrecision:
		return event.TDecimal(event.MaxPrecision, 0)
	case g.money && digits <= event.MaxNarrow:
		return event.TDecimal(event.MaxNarrow, g.fraction)
	case g.money && digits <= event.MaxPrecision:
		return event.TDecimal(event.MaxPrecision, g.fraction)
	}
	return event.TFloat64
}

// precision of a time: milliseconds or microseconds.
func precision(digits int) int {
	if digits <= 3 {
		return 3
	}
	return 6
}

// instants says in which styles there are instants.
func (g *guess) instants() (sql, iso bool) {
	if g.shape == instant {
		return !g.iso, g.iso
	}
	if g.elem != nil {
		sql, iso = g.elem.instants()
	}
	for _, f := range g.fields {
		s, i := f.instants()
		sql, iso = sql || s, iso || i
	}
	if g.rest != nil {
		s, i := g.rest.instants()
		sql, iso = sql || s, iso || i
	}
	return sql, iso
}
