package assist

import (
	"slices"
	"strings"
)

// matching is a pattern clause, as far as it is written.
type matching struct {
	clause string // the keyword that the place is behind: DEFINE, MEASURES, …
	vars   []variable
}

// variable is a variable of a pattern or a subset.
type variable struct {
	name   string
	at     int    // word where it stands first
	define int    // word where its definition begins; -1: none
	cond   string // its definition, or what a subset is made of
}

var matchClauses = []string{"PARTITION", "ORDER", "MEASURES", "AFTER", "PATTERN", "SUBSET", "DEFINE", "SUPPRESS", "WITHIN"}

// matching reads the level within MATCH_RECOGNIZE (…).
func (s *site) matching(l level) *matching {
	m := &matching{}
	for _, w := range l.words {
		if s.is(w, matchClauses...) && w < s.at && !s.is(w-1, "SKIP", "ROWS") {
			m.clause = s.words[w].Key
		}
		if s.is(w, "PATTERN") && s.is(w+1, "(") {
			s.patternVariables(m, w+2, min(s.match[w+1], len(s.words)))
		}
	}
	s.subsets(m, l)
	s.defines(m, l)
	return m
}

func (m *matching) find(name string) *variable {
	i := slices.IndexFunc(m.vars, func(v variable) bool { return strings.EqualFold(v.name, name) })
	if i < 0 {
		return nil
	}
	return &m.vars[i]
}

func (m *matching) add(name string, at int) {
	if m.find(name) == nil {
		m.vars = append(m.vars, variable{name: name, at: at, define: -1})
	}
}

// patternVariables adds the names in a pattern. Bounds of loops and time limits
// have names of another kind.
func (s *site) patternVariables(m *matching, from, to int) {
	for i := from; i < to; i++ {
		switch {
		case s.is(i, "{"):
			i = s.match[i]
		case s.is(i, "WITHIN"):
			for i+1 < to && !s.is(i+1, ")", "|") {
				i++
			}
		case s.isName(i) && !s.is(i, "PERMUTE"):
			m.add(s.words[i].Text, i)
		}
	}
}

// subsets adds those of SUBSET name = (a, b), ….
func (s *site) subsets(m *matching, l level) {
	start := slices.IndexFunc(l.words, func(w int) bool { return s.is(w, "SUBSET") })
	if start < 0 {
		return
	}
	for _, w := range l.words[start:] {
		if s.is(w, "DEFINE") {
			return
		}
		if s.isName(w) && s.is(w+1, "=") && s.is(w+2, "(") {
			m.add(s.words[w].Text, w)
			m.find(s.words[w].Text).cond = s.source(w+2, s.behind(w+2))
		}
	}
}

// defines reads DEFINE name AS condition, ….
func (s *site) defines(m *matching, l level) {
	start := slices.IndexFunc(l.words, func(w int) bool { return s.is(w, "DEFINE") })
	if start < 0 {
		return
	}
	rest := l.words[start+1:]
	for len(rest) > 0 {
		end := slices.IndexFunc(rest, func(w int) bool { return s.is(w, ",") })
		next := rest[min(max(end, 0)+1, len(rest)):]
		if end < 0 {
			end, next = len(rest), nil
		}
		if end > 1 && s.isName(rest[0]) && s.is(rest[1], "AS") {
			m.add(s.words[rest[0]].Text, rest[0])
			if v := m.find(s.words[rest[0]].Text); v.define < 0 {
				v.define, v.cond = rest[0], s.source(rest[1]+1, s.behind(rest[end-1]))
			}
		}
		rest = next
	}
}
