package datagen

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// field makes the values of one column.
type field struct {
	salt     uint64
	nullRate uint64 // of 2^32
	values   *event.Vec
	make     func(v *event.Vec, i int, row, random uint64)
}

var properties = []string{"kind", "min", "max", "values", "null-rate", "length", "var-len", "start", "end", "step", "max-past"}

// checkFields refuses options of columns and properties that do not exist.
func checkFields(t connectors.Table) error {
	for key := range t.Options {
		rest, ok := strings.CutPrefix(key, "fields.")
		if !ok {
			continue
		}
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 || !slices.Contains(properties, rest[dot+1:]) {
			return fmt.Errorf("option '%s': expected fields.NAME.PROPERTY with one of %s", key, strings.Join(properties, ", "))
		}
		if len(t.Physical) > 0 && !slices.ContainsFunc(t.Physical, func(c connectors.Column) bool { return c.Name == rest[:dot] }) {
			return fmt.Errorf("option '%s': there is no column %s", key, rest[:dot])
		}
	}
	return nil
}

// spec is a column's options.
type spec struct {
	typ     event.Type
	options map[string]string
	prefix  string
}

func specOf(c connectors.Column, options map[string]string) spec {
	return spec{c.Type, options, "fields." + c.Name + "."}
}

func (s spec) get(property string) string { return s.options[s.prefix+property] }

func (s spec) sequence() bool {
	kind := s.get("kind")
	return kind == "sequence" || kind == "" && (s.typ.Instant() || s.get("start") != "")
}

// newField makes the generator of a column.
func newField(c connectors.Column, options map[string]string, seed uint64) (*field, error) {
	s := specOf(c, options)
	f := &field{salt: mix(seed ^ nameHash(c.Name))}
	if kind := s.get("kind"); kind != "" && kind != "random" && kind != "sequence" {
		return nil, fmt.Errorf("kind is random or sequence, not '%s'", kind)
	}
	if !cell.Supported(c.Type) {
		return nil, fmt.Errorf("datagen cannot make %s", c.Type)
	}
	rate, err := s.float("null-rate", 0)
	if err != nil || rate < 0 || rate > 1 {
		return nil, fmt.Errorf("null-rate is a number from 0 to 1, not '%s'", s.get("null-rate"))
	}
	f.nullRate = uint64(rate * (1 << 32))
	switch list := s.get("values"); {
	case list != "":
		f.values, err = s.constants(strings.Split(list, ","))
	case s.sequence():
		f.make, err = s.newSequence()
	default:
		f.make, err = s.newRandom()
	}
	return f, err
}

// fill makes the values of n rows from row from on.
func (f *field) fill(v *event.Vec, from uint64, n int) {
	for i := range n {
		row := from + uint64(i)
		random := mix(f.salt + row*golden)
		if f.nullRate > 0 && mix(random)>>32 < f.nullRate {
			v.Set(i, n, event.NullValue)
			continue
		}
		if f.values != nil {
			v.Set(i, n, f.values.Value(int(below(random, uint64(f.values.Rows())))))
			continue
		}
		f.make(v, i, row, random)
	}
}

const golden = 0x9E3779B97F4A7C15

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// below scales random to 0 … n-1.
func below(random, n uint64) uint64 {
	hi, _ := bits.Mul64(random, n)
	return hi
}

// nameHash is FNV-1a.
func nameHash(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// constants parses the texts as values of the column.
func (s spec) constants(texts []string) (*event.Vec, error) {
	v := event.NewVec(s.typ)
	for i, text := range texts {
		v.Grow(i + 1)
		if s.typ.Physical() == event.PhysStr {
			v.SetBytes(i, []byte(text))
		} else if !setText(&v, i, text) {
			return nil, fmt.Errorf("'%s' is no value: expected %s", text, cell.Expected(s.typ, cell.Style{}))
		}
	}
	return &v, nil
}

// setText reads a value; times also as milliseconds.
func setText(v *event.Vec, i int, text string) bool {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && v.Type.Instant() {
		return cell.SetMillis(v, i, ms)
	}
	return cell.Set(v, i, []byte(text), cell.Style{})
}

// whole reads a property in the units of the column (µs, days, unscaled).
func (s spec) whole(property string, fallback int64) (int64, error) {
	text := s.get(property)
	if text == "" {
		return fallback, nil
	}
	v, err := s.constants([]string{text})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", property, err)
	}
	return v.I64[0], nil
}

func (s spec) float(property string, fallback float64) (float64, error) {
	text := s.get(property)
	if text == "" {
		return fallback, nil
	}
	return strconv.ParseFloat(text, 64)
}

// duration reads 10 ms, 1500ms, 5 s, 2 min, 1 h, 1 d in µs; a bare number is ms.
func (s spec) duration(property string, fallback int64) (int64, error) {
	text := s.get(property)
	if text == "" {
		return fallback, nil
	}
	text = strings.ReplaceAll(text, " ", "")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n * 1000, nil
	}
	if n, ok := strings.CutSuffix(text, "min"); ok {
		text = n + "m"
	}
	if n, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseInt(n, 10, 32)
		return days * 86_400_000_000, err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: '%s' is no duration, such as 10 ms, 5 s, 1 min", property, text)
	}
	return d.Microseconds(), nil
}

// maxLength bounds random strings.
const maxLength = 1 << 16

// limits is the range of whole numbers that a column takes by itself.
func (s spec) limits() (low, high int64) {
	switch t := s.typ; {
	case t.Integer():
		bitCount := 8 << (t.Kind - event.Int8)
		return -1 << (bitCount - 1), 1<<(bitCount-1) - 1
	case t.Kind == event.Bool:
		return 0, 1
	case t.Kind == event.Decimal:
		p, _ := decimal.Pow10(min(t.Precision, event.MaxNarrow)).Int64()
		return -p + 1, p - 1
	case t.Kind == event.TimeOfDay:
		return 0, 86_400_000_000 - 1
	case t.Kind == event.Date:
		return 0, 36525
	}
	return firstInstant, firstInstant + 366*86_400_000_000
}

// firstInstant is 2024-01-01 00:00:00, where times begin unless told otherwise.
const firstInstant = 1_704_067_200_000_000

func (s spec) newRandom() (func(*event.Vec, int, uint64, uint64), error) {
	switch s.typ.Physical() {
	case event.PhysF64:
		return s.randomFloat()
	case event.PhysStr:
		return s.randomText()
	}
	least, most := s.limits()
	low, err := s.whole("min", least)
	if err != nil {
		return nil, err
	}
	high, err := s.whole("max", most)
	if err != nil {
		return nil, err
	}
	if low > high {
		return nil, fmt.Errorf("min is above max")
	}
	span := uint64(high-low) + 1 // 0: all 2^64
	wide, precision, instant := s.typ.Wide(), s.typ.Precision, s.typ.Instant() || s.typ.Kind == event.TimeOfDay
	return func(v *event.Vec, i int, _, random uint64) {
		if span != 0 {
			random = below(random, span)
		}
		v.I64[i] = low + int64(random)
		if instant {
			v.I64[i] = cell.Truncate(v.I64[i], precision)
		}
		if wide {
			v.Hi[i] = v.I64[i] >> 63
		}
	}, nil
}

func (s spec) randomFloat() (func(*event.Vec, int, uint64, uint64), error) {
	low, err := s.float("min", 0)
	if err != nil {
		return nil, err
	}
	high, err := s.float("max", max(1, low))
	if err != nil || low > high {
		return nil, fmt.Errorf("min is above max, or no number")
	}
	single := s.typ.Kind == event.Float32
	return func(v *event.Vec, i int, _, random uint64) {
		f := low + (high-low)*float64(random>>11)/(1<<53)
		if single {
			f = float64(float32(f))
		}
		v.F64[i] = f
	}, nil
}

func (s spec) randomText() (func(*event.Vec, int, uint64, uint64), error) {
	length, err := strconv.Atoi("0" + s.get("length"))
	if err != nil || length > maxLength {
		return nil, fmt.Errorf("length is a number up to %d, not '%s'", maxLength, s.get("length"))
	}
	if length == 0 {
		length = 100
	}
	varying := s.get("var-len") == "true"
	return func(v *event.Vec, i int, _, random uint64) {
		n := length
		if varying {
			n = 1 + int(below(mix(random+golden), uint64(length)))
		}
		from := len(v.Buf)
		for k := range n {
			if k%16 == 0 {
				random = mix(random + golden)
			}
			v.Buf = append(v.Buf, "0123456789abcdef"[random>>(k%16*4)&15])
		}
		v.Str[i] = event.Span{Off: uint32(from), Len: uint32(n)}
	}, nil
}

// newSequence is start + row × step; times may be put back by a random part of
// max-past, so that they come out of order.
func (s spec) newSequence() (func(*event.Vec, int, uint64, uint64), error) {
	start, step, err := s.sequenceOf()
	if err != nil {
		return nil, err
	}
	past, err := s.duration("max-past", 0)
	if err != nil || past < 0 {
		return nil, fmt.Errorf("max-past is a duration, not '%s'", s.get("max-past"))
	}
	wide, instant := s.typ.Wide(), s.typ.Instant()
	switch s.typ.Physical() {
	case event.PhysStr:
		return func(v *event.Vec, i int, row, _ uint64) {
			from := len(v.Buf)
			v.Buf = strconv.AppendInt(v.Buf, start+int64(row)*step, 10)
			v.Str[i] = event.Span{Off: uint32(from), Len: uint32(len(v.Buf) - from)}
		}, nil
	case event.PhysF64:
		return func(v *event.Vec, i int, row, _ uint64) { v.F64[i] = float64(start + int64(row)*step) }, nil
	}
	return func(v *event.Vec, i int, row, random uint64) {
		v.I64[i] = start + int64(row)*step
		if instant {
			v.I64[i] = cell.Truncate(v.I64[i]-int64(below(random, uint64(past)+1)), v.Type.Precision)
		}
		if wide {
			v.Hi[i] = v.I64[i] >> 63
		}
	}, nil
}

// sequenceOf is the start and the step in the units of the column.
func (s spec) sequenceOf() (start, step int64, err error) {
	switch {
	case s.typ.Instant():
		if start, err = s.whole("start", firstInstant); err != nil {
			return 0, 0, err
		}
		step, err = s.duration("step", 1000)
		return start, step, err
	case s.typ.Physical() == event.PhysStr || s.typ.Float():
		s.typ = event.TInt64
	case s.typ.Kind == event.TimeOfDay || s.typ.Kind == event.Bool:
		return 0, 0, fmt.Errorf("there is no sequence of %s", s.typ)
	}
	one := int64(1)
	if s.typ.Kind == event.Decimal && s.typ.Scale <= event.MaxNarrow {
		one, _ = decimal.Pow10(s.typ.Scale).Int64()
	}
	if start, err = s.whole("start", 0); err != nil {
		return 0, 0, err
	}
	if s.typ.Kind == event.Date {
		step, err = strconv.ParseInt("0"+s.get("step"), 10, 32)
		return start, max(1, step), err
	}
	step, err = s.whole("step", one)
	return start, step, err
}

// sequenceRows is how many rows there are before a sequence passes its end.
func sequenceRows(c connectors.Column, options map[string]string) (int64, error) {
	s := specOf(c, options)
	if s.get("end") == "" || !s.sequence() {
		return math.MaxInt64, nil
	}
	start, step, err := s.sequenceOf()
	if err != nil {
		return 0, err
	}
	if s.typ.Physical() == event.PhysStr || s.typ.Float() {
		s.typ = event.TInt64
	}
	end, err := s.whole("end", 0)
	if err != nil {
		return 0, err
	}
	if step <= 0 || end < start {
		return 0, fmt.Errorf("a sequence from %s with this step never gets to its end", s.get("start"))
	}
	return (end-start)/step + 1, nil
}
