package postgres

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// OIDs of types whose text is JSON.
const (
	oidJSON  = 114
	oidJSONB = 3802
)

// kindsOf are the types of columns that a type of PostgreSQL is read as. STRING
// takes the text of any.
var kindsOf = map[string][]event.Kind{
	"bool": {event.Bool}, "bytea": {event.Bytes}, "date": {event.Date}, "time": {event.TimeOfDay},
	"timestamp": {event.Timestamp}, "timestamptz": {event.TimestampLTZ},
	"int2": numbers, "int4": numbers, "int8": numbers, "float4": numbers, "float8": numbers, "numeric": numbers, "oid": numbers,
	"json": {event.Row, event.Map, event.Array}, "jsonb": {event.Row, event.Map, event.Array},
}

var numbers = []event.Kind{event.Int8, event.Int16, event.Int32, event.Int64, event.Float32, event.Float64, event.Decimal}

// checkColumns refuses types that nothing is read as.
func checkColumns(list []connectors.Column) error {
	if len(list) == 0 {
		return fmt.Errorf("the table has no column of the table in PostgreSQL")
	}
	for _, c := range list {
		if err := readable(c.Type); err != nil {
			return connectors.OptionError{Key: c.Name, Message: fmt.Sprintf("column %s: %v", c.Name, err)}
		}
	}
	return nil
}

func readable(t event.Type) error {
	switch {
	case t.Kind == event.Array:
		return readable(*t.Elem)
	case t.Kind == event.String || t.Kind == event.Row || t.Kind == event.Map || slices.Contains(numbers, t.Kind):
		return nil
	}
	for _, kinds := range kindsOf {
		if slices.Contains(kinds, t.Kind) {
			return nil
		}
	}
	return fmt.Errorf("nothing in PostgreSQL is read as %s", t)
}

// fits says whether a column can be read from a type, or, where it is an array, from
// its elements.
func fits(t event.Type, name, element string) bool {
	switch {
	case t.Kind == event.String:
		return true
	case element != "" && t.Kind == event.Array:
		for t.Kind == event.Array { // the dimensions are of the value
			t = *t.Elem
		}
		return fits(t, element, "")
	}
	return slices.Contains(kindsOf[name], t.Kind)
}

// appendRow appends a row of these columns as a JSON object. What did not come is
// null.
func appendRow(p []byte, columns []connectors.Column, types []uint32, row tuple) []byte {
	p = append(p, '{')
	for i := range columns {
		if i > 0 {
			p = append(p, ',')
		}
		p = append(appendString(p, []byte(columns[i].Name)), ':')
		if row[i].kind != 't' {
			p = append(p, "null"...)
			continue
		}
		p = appendValue(p, columns[i].Type, types[i], row[i].text)
	}
	return append(p, '}')
}

// appendValue appends the text that PostgreSQL has for a value, as JSON that the
// decoder reads as a value of the column. What is none of its type becomes a string,
// which the decoder rejects with the reason.
func appendValue(p []byte, t event.Type, oid uint32, text []byte) []byte {
	embedded := oid == oidJSON || oid == oidJSONB
	switch {
	case t.Kind == event.String:
	case embedded && json.Valid(text):
		return append(p, text...)
	case t.Kind == event.Array:
		if out, ok := appendArray(p, t, text); ok {
			return out
		}
	case t.Kind == event.Bool && (string(text) == "t" || string(text) == "f"):
		return append(p, map[byte]string{'t': "true", 'f': "false"}[text[0]]...)
	case slices.Contains(numbers, t.Kind) && json.Valid(text) && text[0] != '"':
		return append(p, text...)
	case t.Kind == event.TimestampLTZ && bytes.HasSuffix(text, []byte("+00")):
		text = append(slices.Clip(text[:len(text)-len("+00")]), 'Z')
	case t.Kind == event.Bytes && bytes.HasPrefix(text, []byte(`\x`)):
		if raw, err := hex.DecodeString(string(text[2:])); err == nil {
			p = append(p, '"')
			return append(base64.StdEncoding.AppendEncode(p, raw), '"')
		}
	}
	return appendString(p, text)
}

// appendArray appends an array in PostgreSQL's form, {1,NULL,"a \"b\""}, as JSON.
// ok is false where it is none.
func appendArray(p []byte, t event.Type, text []byte) (out []byte, ok bool) {
	if bytes.HasPrefix(text, []byte("[")) { // [2:3]={1,2}: bounds that are not the usual ones
		_, after, found := bytes.Cut(text, []byte("="))
		if !found {
			return p, false
		}
		text = after
	}
	out, rest, ok := appendElements(p, t, text)
	return out, ok && len(rest) == 0
}

func appendElements(p []byte, t event.Type, text []byte) (out, rest []byte, ok bool) {
	if t.Kind != event.Array || len(text) < 2 || text[0] != '{' {
		return p, nil, false
	}
	p, text = append(p, '['), text[1:]
	for first := true; ; first = false {
		if first && len(text) > 0 && text[0] == '}' {
			return append(p, ']'), text[1:], true
		}
		if !first {
			p = append(p, ',')
		}
		if len(text) > 0 && text[0] == '{' {
			p, text, ok = appendElements(p, *t.Elem, text)
		} else {
			p, text, ok = appendElement(p, *t.Elem, text)
		}
		if !ok || len(text) == 0 {
			return p, nil, false
		}
		end := text[0]
		text = text[1:]
		if end == '}' {
			return append(p, ']'), text, true
		}
	}
}

// appendElement appends what stands before the next ',' or '}'.
func appendElement(p []byte, t event.Type, text []byte) (out, rest []byte, ok bool) {
	if len(text) > 0 && text[0] == '"' {
		plain, rest, ok := unquote(text[1:])
		return appendValue(p, t, 0, plain), rest, ok
	}
	end := bytes.IndexAny(text, ",}")
	switch {
	case end <= 0:
		return p, nil, false
	case string(text[:end]) == "NULL":
		p = append(p, "null"...)
	default:
		p = appendValue(p, t, 0, text[:end])
	}
	return p, text[end:], true
}

// unquote is the text up to the closing quote; a backslash stands before what means
// itself.
func unquote(text []byte) (plain, rest []byte, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return plain, text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return nil, nil, false
			}
		}
		plain = append(plain, text[i])
	}
	return nil, nil, false
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(p, s []byte) []byte {
	p = append(p, '"')
	for len(s) > 0 {
		plain := bytes.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError })
		if plain < 0 {
			p = append(p, s...)
			break
		}
		p = append(p, s[:plain]...)
		r, size := utf8.DecodeRune(s[plain:])
		switch {
		case r == '"' || r == '\\':
			p = append(p, '\\', byte(r))
		case r < ' ':
			p = append(p, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			p = utf8.AppendRune(p, utf8.RuneError)
		}
		s = s[plain+size:]
	}
	return append(p, '"')
}

// keyText tells rows apart by their key: the texts, each behind its length.
func keyText(key []string) string {
	var b strings.Builder
	for _, k := range key {
		fmt.Fprintf(&b, "%d:%s", len(k), k)
	}
	return b.String()
}
