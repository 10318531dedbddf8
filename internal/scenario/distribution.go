package scenario

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// bases are the ways in which a mapping makes a value, each with how many
// parameters it takes; modifiers may stand beside one.
var (
	bases     = map[string]int{"uniform": 2, "normal": 2, "lognormal": 2, "exponential": 1, "poisson": 1, "zipf": 2, "pick": 0, "of": 0, "time": 0}
	modifiers = map[string]bool{"times": true, "plus": true, "min": true, "max": true, "digits": true, "null": true}
)

// distributionOf is the base of a mapping; "": it is a record.
func distributionOf(n *yaml.Node) string {
	for i := 0; i < len(n.Content); i += 2 {
		if _, ok := bases[n.Content[i].Value]; ok {
			return n.Content[i].Value
		}
	}
	return ""
}

// drawn is a distribution with its modifiers.
func (c scope) drawn(n *yaml.Node, base string) (expr, error) {
	var m modified
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		var err error
		switch {
		case key.Value == base:
			m.base, m.digits, err = c.base(base, value)
		case modifiers[key.Value]:
			err = c.modify(&m, key.Value, value)
		default:
			err = errorAt(key, "beside %s there may be times, plus, min, max, digits and null, not %s", base, key.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	if m.written != nil {
		m.digits = *m.written
	}
	return m.draw, nil
}

// modified is a base and what is done to its values, in the order of the fields.
type modified struct {
	base        expr
	null        float64 // share of no value
	times, plus expr
	min, max    *float64
	digits      int8  // of numbers; -1: those of the base
	written     *int8 // that the file asks for
}

func (c scope) modify(m *modified, key string, n *yaml.Node) (err error) {
	switch key {
	case "times":
		c.duration = false // a factor
		m.times, err = c.compile(n)
		return err
	case "plus":
		m.plus, err = c.compile(n)
		return err
	}
	if key == "digits" || key == "null" {
		c.duration = false
	}
	v, err := c.constant(n)
	switch {
	case err != nil:
		return err
	case v.kind != number:
		return errorAt(n, "%s is a number, not %q", key, n.Value)
	case key == "min":
		m.min = &v.num
	case key == "max":
		m.max = &v.num
	case key == "null":
		m.null = v.num
	case v.num < 0 || v.num > maxDigits:
		return errorAt(n, "digits are 0 to %d", maxDigits)
	default:
		d := int8(v.num)
		m.written = &d
	}
	return nil
}

func (m *modified) draw(s *scene) Value {
	if m.null > 0 && s.rnd.Float64() < m.null {
		return Value{}
	}
	v := m.base(s)
	if v.kind != number {
		return v
	}
	digits := m.digits
	if digits < 0 {
		digits = v.digits
	}
	if m.times != nil {
		f := m.times(s)
		v.num *= f.num
		digits = m.wider(digits, f)
	}
	if m.plus != nil {
		f := m.plus(s)
		v.num += f.num
		digits = m.wider(digits, f)
	}
	if m.min != nil {
		v.num = max(v.num, *m.min)
	}
	if m.max != nil {
		v.num = min(v.num, *m.max)
	}
	return ofNumber(v.num, digits)
}

// wider is the digits after another number has come in, unless the file says how many.
func (m *modified) wider(digits int8, v Value) int8 {
	if m.written != nil {
		return digits
	}
	return max(digits, v.digits)
}

// base compiles a distribution; numbers of it have so many digits, -1 what they bring.
func (c scope) base(name string, n *yaml.Node) (expr, int8, error) {
	switch name {
	case "pick":
		e, err := c.pick(n)
		return e, -1, err
	case "of":
		e, err := c.compile(n)
		return e, -1, err
	case "time":
		e, err := c.durations().compile(n)
		return func(s *scene) Value { d := e(s); return ofTime(s.time.Add(seconds(d))) }, -1, err
	}
	params, digits, err := c.params(name, n)
	if err != nil {
		return nil, 0, err
	}
	return c.continuous(name, n, params, digits)
}

func seconds(v Value) time.Duration { return time.Duration(v.num * float64(time.Second)) }

// params reads the numbers of a distribution and the digits that they are written with.
func (c scope) params(name string, n *yaml.Node) (list []float64, digits int8, err error) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) != bases[name] {
		return nil, 0, errorAt(n, "%s takes %d numbers", name, bases[name])
	}
	for i, p := range nodes {
		one := c
		if name == "lognormal" && i == 1 || name == "zipf" {
			one.duration = false
		}
		v, err := one.constant(p)
		if err != nil {
			return nil, 0, err
		}
		if v.kind != number {
			return nil, 0, errorAt(p, "%s takes numbers, not %q", name, p.Value)
		}
		list, digits = append(list, v.num), max(digits, v.digits)
	}
	return list, digits, nil
}

// continuous are the distributions over numbers.
func (c scope) continuous(name string, n *yaml.Node, p []float64, digits int8) (expr, int8, error) {
	draw := func(f func(r *rand.Rand) float64) expr {
		return func(s *scene) Value { return Value{kind: number, num: f(s.rnd), digits: digits} }
	}
	switch {
	case name == "uniform" && p[0] <= p[1]:
		step := math.Pow10(-int(digits)) // both ends belong to it
		return draw(func(r *rand.Rand) float64 {
			return min(p[1], p[0]+math.Floor(r.Float64()*((p[1]-p[0])/step+1))*step)
		}), digits, nil
	case name == "normal" && p[1] >= 0:
		return draw(func(r *rand.Rand) float64 { return p[0] + r.NormFloat64()*p[1] }), digits, nil
	case name == "lognormal" && p[0] > 0 && p[1] >= 0:
		return draw(func(r *rand.Rand) float64 { return p[0] * math.Exp(r.NormFloat64()*p[1]) }), digits, nil
	case name == "exponential" && p[0] > 0:
		return draw(func(r *rand.Rand) float64 { return r.ExpFloat64() * p[0] }), digits, nil
	case name == "poisson" && p[0] > 0 && p[0] <= maxPoisson:
		return draw(func(r *rand.Rand) float64 { return poisson(r, p[0]) }), 0, nil
	case name == "zipf" && p[0] > 1 && p[1] >= 1:
		return func(s *scene) Value {
			return Value{kind: number, num: 1 + float64(rand.NewZipf(s.rnd, p[0], 1, uint64(p[1])-1).Uint64())}
		}, 0, nil
	}
	return nil, 0, errorAt(n, "expected %s", map[string]string{
		"uniform": "uniform: [least, most]", "normal": "normal: [mean, standard deviation]", "lognormal": "lognormal: [median, sigma]",
		"exponential": "exponential: mean", "poisson": "poisson: mean, up to " + strconv.Itoa(maxPoisson), "zipf": "zipf: [exponent above 1, how many]",
	}[name])
}

const maxPoisson = 500

// poisson is Knuth's multiplication of uniform numbers.
func poisson(r *rand.Rand, mean float64) float64 {
	limit, p, n := math.Exp(-mean), 1.0, -1.0
	for p > limit {
		p *= r.Float64()
		n++
	}
	return max(n, 0)
}

// pick is one of a list, or of a mapping of values to weights.
func (c scope) pick(n *yaml.Node) (expr, error) {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		items, err := c.all(n.Content)
		return func(s *scene) Value { return items[s.rnd.IntN(len(items))](s) }, err
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return nil, errorAt(n, "pick takes a list of values, or values with weights, such as {food: 5, travel: 1}")
	}
	var items []expr
	var ends []float64
	sum := 0.0
	for i := 0; i < len(n.Content); i += 2 {
		e, err := c.scalar(n.Content[i])
		if err != nil {
			return nil, err
		}
		w, err := strconv.ParseFloat(n.Content[i+1].Value, 64)
		if err != nil || w < 0 {
			return nil, errorAt(n.Content[i+1], "a weight is a number, not %q", n.Content[i+1].Value)
		}
		sum += w
		items, ends = append(items, e), append(ends, sum)
	}
	return func(s *scene) Value {
		at := s.rnd.Float64() * sum
		for i, end := range ends {
			if at < end {
				return items[i](s)
			}
		}
		return items[len(items)-1](s)
	}, nil
}
