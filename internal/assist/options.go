package assist

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// optionPlace is where an option or setting is written.
type optionPlace struct {
	setting  bool
	metadata bool              // METADATA FROM 'key'
	key      string            // of the value that comes; "": a key comes
	given    map[string]string // the other options of the table
}

// optionPlace looks at the words before the place; nil when no option comes.
func (s *site) optionPlace(cat *catalog.Catalog) *optionPlace {
	key := ""
	if s.is(s.at-1, "=") && s.at > 1 && s.words[s.at-2].Kind == parse.StringWord {
		key = s.words[s.at-2].Text
	}
	l := s.levels()[0]
	switch {
	case s.is(s.at-1, "SET") && s.at == 1, s.is(s.at-3, "SET") && s.at == 3 && key != "":
		return &optionPlace{setting: true, key: key}
	case s.string && s.is(s.at-1, "FROM") && s.is(s.at-2, "METADATA"):
		return &optionPlace{metadata: true, given: s.optionsBehind()}
	case key == "" && !s.is(s.at-1, "(", ","):
		return nil
	case s.is(l.before, "WITH"):
		return &optionPlace{key: key, given: s.given(l.words)}
	case l.before > 1 && strings.EqualFold(s.words[l.before].Text, "OPTIONS") && s.is(l.before-1, "/*+"):
		p := &optionPlace{key: key, given: map[string]string{}}
		if t, ok := cat.Table(s.words[l.before-2].Text); ok {
			for k, o := range t.Options {
				p.given[k] = o.Value
			}
		}
		return p
	}
	return nil
}

// given are the options among words.
func (s *site) given(words []int) map[string]string {
	options := map[string]string{}
	for _, w := range words {
		if s.words[w].Kind == parse.StringWord && s.is(w+1, "=") && w+2 < len(s.words) && s.words[w+2].Kind == parse.StringWord {
			options[s.words[w].Text] = s.words[w+2].Text
		}
	}
	return options
}

// optionsBehind are those of WITH (…) of the statement.
func (s *site) optionsBehind() map[string]string {
	for i := range s.words {
		if s.is(i, "WITH") && s.is(i+1, "(") {
			return s.given(s.level(i+2, min(s.match[i+1], len(s.words)), i).words)
		}
	}
	return nil
}

// optionNames adds options or their values; false when none is to come.
func (c *completer) optionNames() bool {
	p := c.optionPlace(c.cat)
	switch {
	case p == nil:
		return false
	case p.setting:
		c.settings(p.key)
	case p.metadata:
		c.metadata(p.given)
	case p.key == "":
		c.optionKeys(p.given)
	default:
		c.optionValues(p)
	}
	return true
}

func (c *completer) settings(key string) {
	for _, s := range catalog.Settings {
		switch {
		case key == "":
			c.add(Item{Label: quote(s.Key), Kind: "setting", Detail: "default: " + s.Default, Doc: s.Meaning})
		case key == s.Key:
			c.add(Item{Label: quote(s.Default), Kind: "value", Detail: "the default", Doc: s.Meaning})
		}
	}
}

func (c *completer) metadata(given map[string]string) {
	connector, ok := c.Registry.Lookup(given["connector"])
	if !ok {
		return
	}
	for _, m := range connector.Metadata() {
		c.add(Item{Label: quote(m.Key), Kind: "value", Detail: m.Type.String()})
	}
}

// specs are the options that a table may have.
func (t *Tools) specs(given map[string]string) []connectors.OptionSpec {
	connector := connectors.OptionSpec{Name: "connector", Required: true, Values: t.Registry.Names(), Doc: "What the table is read from, or written to."}
	return append(append([]connectors.OptionSpec{connector}, t.Registry.Specs(given)...), engine.TableOptions...)
}

func (c *completer) optionKeys(given map[string]string) {
	for _, s := range c.specs(given) {
		if _, there := given[s.Name]; !there {
			c.add(Item{Label: quote(s.Name), Kind: "option", Detail: detailOf(&s), Doc: s.Doc})
		}
	}
}

func detailOf(s *connectors.OptionSpec) string {
	switch {
	case s.Required:
		return "required"
	case s.Default != "":
		return "default: " + s.Default
	}
	return ""
}

func (c *completer) optionValues(p *optionPlace) {
	s := c.spec(p)
	if s == nil {
		return
	}
	for _, v := range c.valuesOf(s) {
		detail := ""
		if v == s.Default {
			detail = "the default"
		}
		c.add(Item{Label: quote(v), Kind: "value", Detail: detail, Doc: s.Doc})
	}
}

// spec is that of the option whose value comes; nil when there is none.
func (t *Tools) spec(p *optionPlace) *connectors.OptionSpec {
	specs := t.specs(p.given)
	i := slices.IndexFunc(specs, func(s connectors.OptionSpec) bool { return s.Name == p.key })
	if i < 0 {
		i = slices.IndexFunc(specs, func(s connectors.OptionSpec) bool { return s.Prefix && strings.HasPrefix(p.key, s.Name) })
	}
	if i < 0 {
		return nil
	}
	return &specs[i]
}

func (t *Tools) valuesOf(s *connectors.OptionSpec) []string {
	switch {
	case s.Values != nil:
		return s.Values
	case strings.HasSuffix(s.Name, "format") && s.Check == nil:
		return t.Registry.Formats()
	case s.Default != "":
		return []string{s.Default}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
