package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/query/parse"
)

// text is a file of statements.
type text struct{ name, sql string }

// readText reads a file; - is stdin.
func readText(name string, std stdio) (text, error) {
	r := std.in
	if name == "-" {
		name = "stdin"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return text{}, err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, parse.MaxTextBytes+1))
	if err != nil {
		return text{}, fmt.Errorf("%s: %w", name, err)
	}
	return text{name, string(b)}, nil
}

func readTexts(names []string, std stdio) ([]text, error) {
	list := make([]text, len(names))
	for i, name := range names {
		t, err := readText(name, std)
		if err != nil {
			return nil, err
		}
		list[i] = t
	}
	return list, nil
}

// pairs is a flag of name=value that may be repeated.
type pairs map[string]string

func (p pairs) String() string { return "" }
func (p pairs) Type() string   { return "name=value" }
func (p pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want name=value, got %q", s)
	}
	p[name] = value
	return nil
}

// bindings are the flags that give values to a text.
type bindings struct{ params, settings pairs }

func newBindings(c *cobra.Command) *bindings {
	b := &bindings{params: pairs{}, settings: pairs{}}
	c.Flags().Var(b.params, "param", "value of :name in the text; may be repeated")
	c.Flags().Var(b.settings, "set", "setting, as SET 'name' = 'value' before the text; may be repeated")
	return b
}
