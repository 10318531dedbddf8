package function

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var jsonFuncs = []*expr.Func{
	withNulls(define("json", "JSON_VALUE(json, path [RETURNING type] [NULL | ERROR | DEFAULT x ON EMPTY] [NULL | ERROR | DEFAULT x ON ERROR])",
		"The scalar at the path, as text (or as the type after RETURNING); NULL when there is none.", resolveJSONValue, jsonValue,
		`JSON_VALUE('{"a": {"b": [1, 2]}}', '$.a.b[1]')`, "2", `JSON_VALUE('{"a": true}', 'lax $.x' DEFAULT 'none' ON EMPTY)`, "none")),
	withNulls(define("json", "JSON_QUERY(json, path [WITHOUT | WITH [CONDITIONAL] WRAPPER] [NULL | ERROR | EMPTY ARRAY | EMPTY OBJECT ON EMPTY] [… ON ERROR])",
		"The object or array at the path, as JSON text; with a wrapper, what is found in an array.", sig(event.TString, 2, pString, pString, pString, pString, pString), jsonQuery,
		`JSON_QUERY('{"a": [1, 2]}', '$.a')`, "[1,2]", `JSON_QUERY('{"a": 1}', '$.a' WITH WRAPPER)`, "[1]")),
	withNulls(define("json", "JSON_EXISTS(json, path [TRUE | FALSE | UNKNOWN | ERROR ON ERROR])", "Whether there is something at the path.", sig(event.TBool, 2, pString, pString, pString), jsonExists,
		`JSON_EXISTS('{"a": null}', '$.a')`, "TRUE")),
	withNulls(define("json", "IS_JSON(s [, kind])", "Whether s is JSON, of the kind VALUE (default), OBJECT, ARRAY or SCALAR. Written s IS JSON kind.", sig(event.TBool, 1, pString, pString), isJSON,
		`'{"a": 1}' IS JSON`, "TRUE")),
	withNulls(define("json", "JSON_STRING(x)", "x as JSON text.", derived(1, false, func([]event.Type) (event.Type, error) { return event.TString, nil }, pAny), jsonString,
		"JSON_STRING(ARRAY[1, 2])", "[1,2]")),
	withNulls(define("json", "JSON_OBJECT([KEY k VALUE v, …] [NULL | ABSENT ON NULL])", "A JSON object of keys and values.", resolveJSONObject, jsonObject,
		"JSON_OBJECT(KEY 'a' VALUE 1, KEY 'b' VALUE 'x')", `{"a":1,"b":"x"}`)),
	withNulls(define("json", "JSON_ARRAY([x, …] [NULL | ABSENT ON NULL])", "A JSON array of values.", variadicFrom(event.TString, pString, pAny), jsonArray,
		"JSON_ARRAY(1, 'a')", `[1,"a"]`)),
}

// variadicFrom resolves a call of first and any number of others.
func variadicFrom(result event.Type, first, others param) resolver {
	return func(args []event.Type) ([]event.Type, event.Type, error) {
		if len(args) == 1 {
			return sig(result, 1, first)(args)
		}
		return variadic(result, first, others)(args)
	}
}

var (
	errJSON        = errors.New("not valid JSON")
	errJSONEmpty   = errors.New("nothing at the JSON path")
	errJSONScalar  = errors.New("the JSON path leads to an object or array, or to several values, not to one scalar")
	errJSONComplex = errors.New("the JSON path leads to a scalar or to several values; use WITH WRAPPER or JSON_VALUE")
)

// findJSON gives what is at the path; an error stands for ON ERROR.
func findJSON(c *expr.Context, doc, path []byte) ([][]byte, error) {
	p, err := fromCache(c, path, compileJSONPath)
	if err != nil {
		return nil, err
	}
	if !json.Valid(doc) {
		return nil, errJSON
	}
	return p.find(doc)
}

func word(a []event.Value, i int, missing string) string {
	if i < len(a) && !a[i].Null {
		return strings.ToUpper(string(a[i].S))
	}
	return missing
}

func resolveJSONValue(args []event.Type) ([]event.Type, event.Type, error) {
	return sig(event.TString, 2, pString, pString, pString, pText, pString, pText)(args)
}

func jsonValue(c *expr.Context, a []event.Value, out *event.Value) error {
	out.Null = a[0].Null || a[1].Null
	if out.Null {
		return nil
	}
	found, err := findJSON(c, a[0].S, a[1].S)
	switch {
	case badPath(err):
		return err
	case err == nil && len(found) == 0:
		return jsonDefault(a, 2, errJSONEmpty, out)
	case err == nil && (len(found) > 1 || found[0][0] == '{' || found[0][0] == '['):
		err = errJSONScalar
	}
	if err != nil {
		return jsonDefault(a, 4, err, out)
	}
	out.S, out.Null = appendScalar(out.S[:0], found[0])
	return nil
}

// jsonDefault does what ON EMPTY or ON ERROR says at argument i.
func jsonDefault(a []event.Value, i int, err error, out *event.Value) error {
	switch word(a, i, "NULL") {
	case "ERROR":
		return err
	case "DEFAULT":
		out.Null = i+1 >= len(a) || a[i+1].Null
		if !out.Null {
			out.S = append(out.S[:0], a[i+1].S...)
		}
		return nil
	}
	out.Null = true
	return nil
}

// appendScalar appends a scalar as text: a string without its quotes.
func appendScalar(dst, raw []byte) (text []byte, null bool) {
	switch raw[0] {
	case 'n':
		return dst, true
	case '"':
		return append(dst, unquote(raw)...), false
	}
	return append(dst, raw...), false
}

func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func jsonQuery(c *expr.Context, a []event.Value, out *event.Value) error {
	out.Null = a[0].Null || a[1].Null
	if out.Null {
		return nil
	}
	found, err := findJSON(c, a[0].S, a[1].S)
	switch {
	case badPath(err):
		return err
	case err != nil:
		return jsonEmpty(word(a, 4, "NULL"), err, out)
	case len(found) == 0:
		return jsonEmpty(word(a, 3, "NULL"), errJSONEmpty, out)
	}
	single := len(found) == 1 && (found[0][0] == '{' || found[0][0] == '[')
	switch wrapper := word(a, 2, "WITHOUT"); {
	case wrapper == "UNCONDITIONAL", wrapper == "CONDITIONAL" && !single:
		out.S = append(appendCompact(append(out.S[:0], '['), found), ']')
	case single:
		out.S = appendCompact(out.S[:0], found)
	default:
		return jsonEmpty(word(a, 4, "NULL"), errJSONComplex, out)
	}
	return nil
}

func appendCompact(dst []byte, found [][]byte) []byte {
	b := bytes.NewBuffer(dst)
	for i, raw := range found {
		if i > 0 {
			b.WriteByte(',')
		}
		// raw is part of a valid document, so that Compact cannot fail.
		_ = json.Compact(b, raw)
	}
	return b.Bytes()
}

func jsonEmpty(behaviour string, err error, out *event.Value) error {
	switch behaviour {
	case "ERROR":
		return err
	case "EMPTY ARRAY":
		out.S = append(out.S[:0], "[]"...)
	case "EMPTY OBJECT":
		out.S = append(out.S[:0], "{}"...)
	default:
		out.Null = true
	}
	return nil
}

func jsonExists(c *expr.Context, a []event.Value, out *event.Value) error {
	out.Null = a[0].Null || a[1].Null
	if out.Null {
		return nil
	}
	found, err := findJSON(c, a[0].S, a[1].S)
	switch {
	case badPath(err):
		return err
	case err == nil:
		out.I = int64(b2i(len(found) > 0))
		return nil
	}
	behaviour := word(a, 2, "FALSE")
	if behaviour == "ERROR" {
		return err
	}
	out.I, out.Null = int64(b2i(behaviour == "TRUE")), behaviour == "UNKNOWN"
	return nil
}

func isJSON(_ *expr.Context, a []event.Value, out *event.Value) error {
	doc := trimSpace(a[0].S)
	valid := !a[0].Null && json.Valid(doc)
	if valid {
		object, array := doc[0] == '{', doc[0] == '['
		switch word(a, 1, "VALUE") {
		case "OBJECT":
			valid = object
		case "ARRAY":
			valid = array
		case "SCALAR":
			valid = !object && !array
		}
	}
	out.I = int64(b2i(valid))
	return nil
}

func jsonString(c *expr.Context, a []event.Value, out *event.Value) (err error) {
	out.Null = a[0].Null
	if !out.Null {
		out.S, err = AppendJSON(out.S[:0], c.Args[0], a[0], c.Zone)
	}
	return err
}

// resolveJSONObject takes 'NULL' or 'ABSENT' and then keys and values.
func resolveJSONObject(args []event.Type) ([]event.Type, event.Type, error) {
	params := make([]event.Type, len(args))
	if len(args)%2 == 0 {
		return nil, event.TString, errors.New("every key needs a value")
	}
	for i, t := range args {
		params[i] = t
		if i%2 == 1 || i == 0 {
			if t.Kind != event.String {
				return nil, event.TString, fmt.Errorf("a key must be a STRING, not %s", t)
			}
			params[i] = event.TString
		}
	}
	return params, event.TString, nil
}

func jsonObject(c *expr.Context, a []event.Value, out *event.Value) (err error) {
	out.S = append(out.S[:0], '{')
	for i := 1; i < len(a); i += 2 {
		if a[i].Null {
			return errors.New("JSON_OBJECT: a key is NULL")
		}
		if a[i+1].Null && word(a, 0, "NULL") == "ABSENT" {
			continue
		}
		if len(out.S) > 1 {
			out.S = append(out.S, ',')
		}
		out.S = append(appendJSONText(out.S, a[i].S), ':')
		if out.S, err = AppendJSON(out.S, c.Args[i+1], a[i+1], c.Zone); err != nil {
			return err
		}
	}
	out.S = append(out.S, '}')
	return nil
}

func jsonArray(c *expr.Context, a []event.Value, out *event.Value) (err error) {
	out.S = append(out.S[:0], '[')
	for i := 1; i < len(a); i++ {
		if a[i].Null && word(a, 0, "NULL") == "ABSENT" {
			continue
		}
		if len(out.S) > 1 {
			out.S = append(out.S, ',')
		}
		if out.S, err = AppendJSON(out.S, c.Args[i], a[i], c.Zone); err != nil {
			return err
		}
	}
	out.S = append(out.S, ']')
	return nil
}
