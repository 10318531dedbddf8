package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// expr is how a value comes about, each time anew.
type expr func(s *scene) Value

// scene is a story under way.
type scene struct {
	rnd  *rand.Rand
	vars []Field
	time time.Time
	err  error
}

// fail keeps the first error.
func (s *scene) fail(format string, args ...any) Value {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
	return Value{}
}

// get finds a variable, the innermost first.
func (s *scene) get(path []string) Value {
	for i := len(s.vars) - 1; i >= 0; i-- {
		if s.vars[i].Name != path[0] {
			continue
		}
		v := s.vars[i].Value
		for _, name := range path[1:] {
			f, ok := v.field(name)
			if !ok {
				return s.fail("$%s has no field %s", path[0], name)
			}
			v = f
		}
		return v
	}
	return s.fail("there is no $%s", path[0])
}

// scope is the names that expressions may refer to.
type scope struct {
	names    []string
	duration bool // numbers with units are durations, in seconds
}

func (c scope) with(names ...string) scope {
	c.names = append(slices.Clone(c.names), names...)
	return c
}

func (c scope) durations() scope {
	c.duration = true
	return c
}

// errorAt is an error at a place of the file.
func errorAt(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...))
}

// compile reads how a value comes about.
func (c scope) compile(n *yaml.Node) (expr, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return c.scalar(n)
	case yaml.SequenceNode:
		return c.list(n)
	case yaml.MappingNode:
		if base := distributionOf(n); base != "" {
			return c.drawn(n, base)
		}
		fields, err := c.fields(n)
		return func(s *scene) Value { return Value{kind: record, fields: fields.draw(s, nil)} }, err
	}
	return nil, errorAt(n, "expected a value, a list or a mapping")
}

func (c scope) list(n *yaml.Node) (expr, error) {
	items, err := c.all(n.Content)
	return func(s *scene) Value {
		v := Value{kind: list}
		for _, item := range items {
			v.fields = append(v.fields, Field{Value: item(s)})
		}
		return v
	}, err
}

func (c scope) all(nodes []*yaml.Node) (list []expr, err error) {
	for _, n := range nodes {
		e, err := c.compile(n)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// field is a named expression.
type field struct {
	name string
	expr expr
}

type fields []field

// fields reads a mapping of names to values.
func (c scope) fields(n *yaml.Node) (list fields, err error) {
	if n.Kind == 0 {
		return nil, nil
	}
	if n.Kind != yaml.MappingNode {
		return nil, errorAt(n, "expected names with values, such as {amount: 12.50}")
	}
	for i := 0; i < len(n.Content); i += 2 {
		e, err := c.compile(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		list = append(list, field{n.Content[i].Value, e})
	}
	return list, nil
}

// draw puts values behind those there are; one of the same name is replaced.
func (f fields) draw(s *scene, to []Field) []Field {
	for _, one := range f {
		v := one.expr(s)
		if i := slices.IndexFunc(to, func(o Field) bool { return o.Name == one.name }); i >= 0 {
			to[i].Value = v
			continue
		}
		to = append(to, Field{one.name, v})
	}
	return to
}

// scalar is a constant, a reference, or a text with references.
func (c scope) scalar(n *yaml.Node) (expr, error) {
	if strings.Contains(n.Value, "$") && n.Tag == "!!str" {
		return c.template(n)
	}
	v, err := c.constant(n)
	return func(*scene) Value { return v }, err
}

func (c scope) constant(n *yaml.Node) (Value, error) {
	if c.duration {
		d, err := parseDuration(n.Value)
		if err != nil {
			return Value{}, errorAt(n, "%v", err)
		}
		return Value{kind: number, num: d.Seconds(), digits: 3}, nil
	}
	switch n.Tag {
	case "!!null":
		return Value{}, nil
	case "!!bool":
		v := Value{kind: boolean}
		if n.Value == "true" {
			v.num = 1
		}
		return v, nil
	case "!!int", "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return Value{}, errorAt(n, "%s is no number", n.Value)
		}
		return Value{kind: number, num: f, digits: digitsOf(n.Value)}, nil
	}
	return Value{kind: text, text: n.Value}, nil
}

// digitsOf counts what is written behind the point.
func digitsOf(s string) int8 {
	_, behind, _ := strings.Cut(s, ".")
	return int8(min(len(behind), maxDigits))
}

const maxDigits = 9

var reference = regexp.MustCompile(`\$\$|\$\{[A-Za-z_][A-Za-z_0-9.]*\}|\$[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*`)

// template is a text with references; one reference alone keeps its type.
func (c scope) template(n *yaml.Node) (expr, error) {
	spots := reference.FindAllStringIndex(n.Value, -1)
	var parts []expr
	at := 0
	literal := func(s string) {
		parts = append(parts, func(*scene) Value { return Value{kind: text, text: s} })
	}
	for _, spot := range spots {
		if spot[0] > at {
			literal(n.Value[at:spot[0]])
		}
		name := strings.Trim(n.Value[spot[0]+1:spot[1]], "{}")
		at = spot[1]
		if name == "$" {
			literal("$")
			continue
		}
		path := strings.Split(name, ".")
		if !slices.Contains(c.names, path[0]) {
			return nil, errorAt(n, "there is no $%s here: the story has the names [%s]", path[0], strings.Join(c.names, ", "))
		}
		parts = append(parts, func(s *scene) Value { return s.get(path) })
	}
	if at < len(n.Value) {
		literal(n.Value[at:])
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return func(s *scene) Value {
		var b []byte
		for _, p := range parts {
			v := p(s)
			b = v.AppendText(b)
		}
		return Value{kind: text, text: string(b)}
	}, nil
}

var durationPart = regexp.MustCompile(`^(\d+(?:\.\d+)?)(ms|s|m|h|d)`)

var durationUnits = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// parseDuration reads 90s, 1h30m, 2d, 250ms.
func parseDuration(s string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	total := time.Duration(0)
	for part := durationPart.FindStringSubmatch(rest); part != nil; part = durationPart.FindStringSubmatch(rest) {
		f, _ := strconv.ParseFloat(part[1], 64)
		total += time.Duration(f * float64(durationUnits[part[2]]))
		rest = rest[len(part[0]):]
		if rest == "" {
			if negative {
				total = -total
			}
			return total, nil
		}
	}
	return 0, fmt.Errorf("expected a duration such as 90s, 1h30m or 2d, found %q", s)
}
