package scenario

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	record
	list
)

// Value is a value of an event's field.
type Value struct {
	kind   kind
	digits int8 // of a number, behind the point
	num    float64
	text   string
	fields []Field // of a record, or the attributes of an entity; of a list, without names
}

// Field is a named value.
type Field struct {
	Name  string
	Value Value
}

// timeFormat is how tables write TIMESTAMP(3).
const timeFormat = "2006-01-02 15:04:05.000"

func ofTime(t time.Time) Value { return Value{kind: text, text: t.Format(timeFormat)} }

func ofNumber(n float64, digits int8) Value {
	scale := math.Pow10(int(digits))
	return Value{kind: number, num: math.Round(n*scale) / scale, digits: digits}
}

// Null says whether there is no value.
func (v *Value) Null() bool { return v.kind == null }

// Number is the value of a number.
func (v *Value) Number() (x float64, ok bool) { return v.num, v.kind == number }

// field finds a field of a record, or an attribute.
func (v *Value) field(name string) (Value, bool) {
	for i := range v.fields {
		if v.fields[i].Name == name {
			return v.fields[i].Value, true
		}
	}
	return Value{}, false
}

// AppendText appends the value as SQL casts it to STRING; records and lists as JSON.
func (v *Value) AppendText(b []byte) []byte {
	if v.kind == text {
		return append(b, v.text...)
	}
	return v.AppendJSON(b)
}

// AppendJSON appends the value as JSON.
func (v *Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case boolean:
		return strconv.AppendBool(b, v.num != 0)
	case number:
		return strconv.AppendFloat(b, v.num+0, 'f', int(v.digits), 64) // +0: no negative zero
	case text:
		return appendString(b, v.text)
	case record:
		return appendFields(b, v.fields)
	case list:
		b = append(b, '[')
		for i := range v.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.fields[i].Value.AppendJSON(b)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

func appendFields(b []byte, fields []Field) []byte {
	b = append(b, '{')
	for i := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, fields[i].Name), ':')
		b = fields[i].Value.AppendJSON(b)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // of a string there is no error
	return append(b, quoted...)
}
