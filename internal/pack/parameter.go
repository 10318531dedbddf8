package pack

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/duration"
)

// Parameter is a value that a project may choose: :name in the rules.
type Parameter struct {
	Type        string `yaml:"type"` // number, string, boolean or duration
	Default     string `yaml:"default"`
	Description string `yaml:"description"`
	Min         string `yaml:"min"` // of a number or a duration; "": none
	Max         string `yaml:"max"`
}

func (p *Parameter) validate() error {
	if !slices.Contains([]string{"number", "string", "boolean", "duration"}, p.Type) {
		return fmt.Errorf("type %q: expected number, string, boolean or duration", p.Type)
	}
	if p.Description == "" {
		return errors.New("it has no description")
	}
	for _, s := range []string{p.Min, p.Max} {
		if s == "" {
			continue
		}
		if _, err := p.amount(s); err != nil {
			return err
		}
	}
	_, err := p.Literal(p.Default)
	return err
}

// amount is a number or a duration, in seconds.
func (p *Parameter) amount(s string) (*big.Rat, error) {
	switch p.Type {
	case "number":
		if n, ok := new(big.Rat).SetString(s); ok && !strings.ContainsAny(s, "/eExX_") {
			return n, nil
		}
		return nil, fmt.Errorf("%q is no number", s)
	case "duration":
		d, err := duration.Parse(s)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("%q is no duration such as '10 min'", s)
		}
		return big.NewRat(int64(d), 1e9), nil
	}
	return nil, fmt.Errorf("a %s has neither min nor max", p.Type)
}

// Literal is a value as SQL writes it, if the parameter may have it.
func (p *Parameter) Literal(s string) (string, error) {
	switch p.Type {
	case "string":
		return convert.Text(s), nil
	case "boolean":
		if s != "true" && s != "false" {
			return "", fmt.Errorf("%q is neither true nor false", s)
		}
		return strings.ToUpper(s), nil
	}
	n, err := p.amount(s)
	if err != nil {
		return "", err
	}
	if least, err := p.amount(p.Min); p.Min != "" && err == nil && n.Cmp(least) < 0 {
		return "", fmt.Errorf("%s is less than %s", s, p.Min)
	}
	if most, err := p.amount(p.Max); p.Max != "" && err == nil && n.Cmp(most) > 0 {
		return "", fmt.Errorf("%s is more than %s", s, p.Max)
	}
	if p.Type == "duration" {
		d, err := duration.Parse(s)
		return convert.Interval(d), err
	}
	return s, nil
}

// Literals are the values of all parameters as SQL writes them: those that are given,
// and the defaults of the others.
func (m *Manifest) Literals(given map[string]string) (map[string]string, error) {
	all := map[string]string{}
	for name, p := range m.Parameters {
		value, ok := given[name]
		if !ok {
			value = p.Default
		}
		literal, err := p.Literal(value)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		all[name] = literal
	}
	known := slices.Sorted(maps.Keys(m.Parameters))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := all[name]; ok {
			continue
		}
		if near := diag.Nearest(name, known); near != "" {
			return nil, fmt.Errorf("pack %s has no parameter %s (did you mean %s?)", m.Name, name, near)
		}
		return nil, fmt.Errorf("pack %s has no parameter %s", m.Name, name)
	}
	return all, nil
}
