package function

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// jsonPath is a compiled path: [lax | strict] $ and then steps .key, ."key",
// ['key'], [n], .* and [*].
type jsonPath struct {
	strict bool
	steps  []jsonStep
}

type jsonStep struct {
	key   string
	index int  // -1: a member
	all   bool // * instead of key or index
}

// pathError is a malformed path: an error of the query, not of the data.
type pathError struct{ path, what string }

func (e *pathError) Error() string {
	return fmt.Sprintf("bad JSON path '%s': %s", clip([]byte(e.path)), e.what)
}

func badPath(err error) bool {
	var p *pathError
	return errors.As(err, &p)
}

func compileJSONPath(path string) (*jsonPath, error) {
	p := &jsonPath{}
	s := strings.TrimSpace(path)
	if rest, ok := strings.CutPrefix(s, "strict "); ok {
		p.strict, s = true, strings.TrimSpace(rest)
	} else if rest, ok := strings.CutPrefix(s, "lax "); ok {
		s = strings.TrimSpace(rest)
	}
	s, ok := strings.CutPrefix(s, "$")
	if !ok {
		return nil, &pathError{path, "it must start with $"}
	}
	for s != "" {
		step, rest, what := cutStep(s)
		if what != "" {
			return nil, &pathError{path, what}
		}
		p.steps, s = append(p.steps, step), rest
	}
	return p, nil
}

func cutStep(s string) (step jsonStep, rest, what string) {
	switch {
	case strings.HasPrefix(s, ".*"):
		return jsonStep{index: -1, all: true}, s[2:], ""
	case strings.HasPrefix(s, `."`):
		key, rest, ok := strings.Cut(s[2:], `"`)
		if !ok {
			return step, "", "a quote is not closed"
		}
		return jsonStep{key: key, index: -1}, rest, ""
	case s[0] == '.':
		n := strings.IndexAny(s[1:], ".[ ")
		if n < 0 {
			n = len(s) - 1
		}
		if n == 0 {
			return step, "", "a name is missing after the point"
		}
		return jsonStep{key: s[1 : n+1], index: -1}, s[n+1:], ""
	case s[0] == '[':
		inner, rest, ok := strings.Cut(s[1:], "]")
		if !ok {
			return step, "", "] is missing"
		}
		return bracketStep(strings.TrimSpace(inner), rest)
	}
	return step, "", fmt.Sprintf("'.' or '[' expected before '%s'", clip([]byte(s)))
}

func bracketStep(inner, rest string) (jsonStep, string, string) {
	if inner == "*" {
		return jsonStep{all: true}, rest, ""
	}
	if n := len(inner); n >= 2 && (inner[0] == '\'' || inner[0] == '"') && inner[n-1] == inner[0] {
		return jsonStep{key: inner[1 : n-1], index: -1}, rest, ""
	}
	i, err := strconv.Atoi(inner)
	if err != nil || i < 0 {
		return jsonStep{}, "", fmt.Sprintf("'%s' is not an index", inner)
	}
	return jsonStep{index: i}, rest, ""
}

// find gives the parts of a valid document that the path leads to, as views.
func (p *jsonPath) find(doc []byte) ([][]byte, error) {
	found := [][]byte{trimSpace(doc)}
	for _, step := range p.steps {
		var next [][]byte
		for _, raw := range found {
			before := len(next)
			next = step.append(next, raw, !p.strict)
			if p.strict && !step.all && len(next) == before {
				return nil, errJSONEmpty
			}
		}
		found = next
	}
	return found, nil
}

// append adds what the step finds in raw. In lax mode, a member step goes into
// the elements of an array, and an index step takes anything else as an array
// of one.
func (step jsonStep) append(dst [][]byte, raw []byte, lax bool) [][]byte {
	switch {
	case raw[0] == '[' && step.index < 0 && lax:
		eachPart(raw, func(_, value []byte) bool {
			if value[0] != '[' {
				dst = step.append(dst, value, lax)
			}
			return true
		})
		return dst
	case raw[0] != '[' && step.index >= 0 && lax:
		if step.all || step.index == 0 {
			dst = append(dst, raw)
		}
		return dst
	case step.index >= 0 && raw[0] != '[', step.index < 0 && raw[0] != '{':
		return dst
	}
	n := 0
	eachPart(raw, func(key, value []byte) bool {
		hit := step.all || step.index == n && key == nil || key != nil && unquote(key) == step.key
		if hit {
			dst = append(dst, value)
		}
		n++
		return step.all || !hit
	})
	return dst
}

// eachPart visits the members (key with its quotes) or elements (no key) of a
// valid object or array until f says false.
func eachPart(raw []byte, f func(key, value []byte) bool) {
	object := raw[0] == '{'
	s := trimSpace(raw[1:])
	for s[0] != ']' && s[0] != '}' {
		var key []byte
		if object {
			n := valueLength(s)
			key = s[:n]
			s = trimSpace(trimSpace(s[n:])[1:])
		}
		n := valueLength(s)
		if !f(key, s[:n]) {
			return
		}
		if s = trimSpace(s[n:]); s[0] == ',' {
			s = trimSpace(s[1:])
		}
	}
}

// valueLength is the length of the valid JSON value at the start of s.
func valueLength(s []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			if !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			return i
		}
	}
	return len(s)
}

// AppendJSON appends a value as JSON: numbers and booleans as such, ROW and MAP
// as objects, everything else as text.
func AppendJSON(dst []byte, t event.Type, v event.Value, zone *time.Location) ([]byte, error) {
	switch {
	case v.Null || t.Kind == event.Null:
		return append(dst, "null"...), nil
	case t.Kind == event.Bool:
		return strconv.AppendBool(dst, v.I != 0), nil
	case t.Float():
		return appendJSONFloat(dst, v.F())
	case t.Numeric():
		return AppendText(dst, t, v, zone), nil
	case t.Physical() == event.PhysNested:
		return appendJSONNested(dst, t, v.L, zone)
	}
	return appendJSONText(dst, AppendText(nil, t, v, zone)), nil
}

func appendJSONFloat(dst []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, errors.New("NaN and Infinity have no JSON form")
	}
	return appendFloat(dst, f, 64), nil
}

func appendJSONText(dst, s []byte) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(s)) // a string always encodes
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}

func appendJSONNested(dst []byte, t event.Type, l []event.Value, zone *time.Location) (_ []byte, err error) {
	brackets := "{}"
	if t.Kind == event.Array {
		brackets = "[]"
	}
	dst = append(dst, brackets[0])
	for i, part := range l {
		pt := partType(t, i)
		if t.Kind == event.Map && i%2 == 0 {
			dst = comma(dst, i)
			dst = append(appendJSONText(dst, AppendText(nil, pt, part, zone)), ':')
			continue
		}
		if t.Kind != event.Map {
			dst = comma(dst, i)
		}
		if t.Kind == event.Row {
			dst = append(appendJSONText(dst, []byte(t.Fields[i].Name)), ':')
		}
		if dst, err = AppendJSON(dst, pt, part, zone); err != nil {
			return dst, err
		}
	}
	return append(dst, brackets[1]), nil
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

// JSON is a value as JSON, in UTC; one that JSON has no form for is its text, as
// a string.
func JSON(t event.Type, v event.Value) json.RawMessage {
	text, err := AppendJSON(nil, t, v, time.UTC)
	if err != nil {
		text, _ = json.Marshal(Text(t, v, time.UTC))
	}
	return text
}
