package assist

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
)

// scope is what names mean at a place.
type scope struct {
	tables []table
	ctes   []named   // WITH tables
	match  *matching // the pattern clause around the place; nil: none
}

// table is one in scope.
type table struct {
	check.Visible
	origin string // the first word of it in FROM, which may be that of a table or view
}

// column finds one of a qualifier; "" is any.
func (sc *scope) column(qualifier, name string) (*table, *event.Field) {
	for i := range sc.tables {
		t := &sc.tables[i]
		if qualifier != "" && !strings.EqualFold(qualifier, t.Name) {
			continue
		}
		for f := range t.Fields {
			if strings.EqualFold(t.Fields[f].Name, name) {
				return t, &t.Fields[f]
			}
		}
	}
	return nil, nil
}

// members are the fields behind a qualifier: the columns of a table or of a
// variable's row, the fields of a ROW.
func (sc *scope) members(qualifiers []string) (list []event.Field) {
	if len(qualifiers) == 1 {
		for i := range sc.tables {
			if strings.EqualFold(sc.tables[i].Name, qualifiers[0]) || sc.match != nil && sc.match.find(qualifiers[0]) != nil {
				return sc.tables[i].Fields
			}
		}
		_, f := sc.column("", qualifiers[0])
		return rowFields(f)
	}
	last := qualifiers[len(qualifiers)-1]
	for _, f := range sc.members(qualifiers[:len(qualifiers)-1]) {
		if strings.EqualFold(f.Name, last) {
			return rowFields(&f)
		}
	}
	return nil
}

func rowFields(f *event.Field) []event.Field {
	if f == nil {
		return nil
	}
	return f.Type.Fields
}

// named is a name and where it stands.
type named struct {
	name string
	at   int // word
}

// scopeOf looks outwards from the place until it meets a query or a pattern
// clause.
func (s *site) scopeOf(cat *catalog.Catalog) *scope {
	sc := &scope{}
	levels := s.levels()
	with := s.with(levels, sc)
	for _, l := range levels {
		if s.is(l.before, "MATCH_RECOGNIZE") {
			sc.match = s.matching(l)
			sc.add(s, cat, with, s.input(l.before))
			return sc
		}
		factors, ok := s.factors(l)
		if !ok {
			continue
		}
		for _, f := range factors {
			sc.add(s, cat, with, f)
		}
		if !s.is(l.before, "EXISTS", "IN", "=", "<", ">", "<=", ">=", "<>") {
			return sc
		}
	}
	return sc
}

// factor is a table of FROM: its words, and those of its alias.
type factor struct{ from, to int }

func (sc *scope) add(s *site, cat *catalog.Catalog, with string, f factor) {
	list := visible(cat, with, s.source(f.from, f.to))
	if list == nil {
		list = firstTable(s, cat, f)
	}
	for _, v := range list {
		sc.tables = append(sc.tables, table{v, s.words[f.from].Text})
	}
}

// firstTable is the table that a broken factor begins with.
func firstTable(s *site, cat *catalog.Catalog, f factor) []check.Visible {
	if f.from >= f.to || !s.isName(f.from) {
		return nil
	}
	t, ok := cat.Table(s.words[f.from].Text)
	if !ok {
		return nil
	}
	v := check.Visible{Name: t.Name, Time: t.Rowtime}
	for i := range t.Columns {
		v.Fields = append(v.Fields, event.Field{Name: t.Columns[i].Name, Type: t.Columns[i].Type})
	}
	return []check.Visible{v}
}

var (
	clauseEnds  = []string{"WHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION", "INTERSECT", "EXCEPT"}
	setOps      = []string{"UNION", "INTERSECT", "EXCEPT"}
	joinWords   = []string{"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "SEMI", "ANTI", "OUTER"}
	factorsEnds = append([]string{"ON", "USING", "FOR", ","}, joinWords...)
)

// factors are the tables of FROM of the SELECT at the place; false when the level
// has none.
func (s *site) factors(l level) (list []factor, ok bool) {
	segment := s.segment(l)
	i := slices.IndexFunc(segment, func(w int) bool { return s.is(w, "FROM") && !s.is(w-1, "DISTINCT") })
	if i < 0 {
		return nil, slices.ContainsFunc(segment, func(w int) bool { return s.is(w, "SELECT") })
	}
	segment = segment[i+1:]
	if end := slices.IndexFunc(segment, func(w int) bool { return s.is(w, clauseEnds...) }); end >= 0 {
		segment = segment[:end]
	}
	for len(segment) > 0 {
		end := slices.IndexFunc(segment, func(w int) bool { return s.is(w, factorsEnds...) })
		if end < 0 {
			end = len(segment)
		}
		if end > 0 {
			list = append(list, factor{segment[0], s.behind(segment[end-1])})
		}
		segment = s.nextFactor(segment[end:])
	}
	return list, true
}

// nextFactor passes over conditions up to the next comma or JOIN.
func (s *site) nextFactor(words []int) []int {
	i := slices.IndexFunc(words, func(w int) bool { return s.is(w, ",", "JOIN") })
	if i < 0 {
		return nil
	}
	return words[i+1:]
}

// behind is the index behind word i, which may open a bracket.
func (s *site) behind(i int) int {
	if closing[s.words[i].Key] != "" {
		return min(s.match[i]+1, len(s.words))
	}
	return i + 1
}

// segment is the part of a level between two set operations that has the place.
func (s *site) segment(l level) []int {
	start := 0
	for i, w := range l.words {
		switch {
		case !s.is(w, setOps...):
		case w >= s.at:
			return l.words[start:i]
		default:
			start = i + 1
		}
	}
	return l.words[start:]
}

// input is the table before MATCH_RECOGNIZE, which is word i.
func (s *site) input(i int) factor {
	from := i
	for depth := 0; from > 0; from-- {
		w := &s.words[from-1]
		switch {
		case w.Is(")", "]", "}", "-}"):
			depth++
		case depth > 0 && closing[w.Key] != "":
			depth--
		case depth > 0:
		case w.Is(",", "FROM", "JOIN") || closing[w.Key] != "":
			return factor{from, i}
		}
	}
	return factor{from, i}
}

// with is the text of the WITH tables before the place, outermost first.
func (s *site) with(levels []level, sc *scope) string {
	var texts []string
	for i := len(levels) - 1; i >= 0; i-- {
		texts = append(texts, s.ctes(levels[i], sc)...)
	}
	return strings.Join(texts, ", ")
}

// ctes are the WITH tables of a level that are complete before the place:
// name [(columns)] AS (query), ….
func (s *site) ctes(l level, sc *scope) (texts []string) {
	w := l.words
	i := slices.IndexFunc(w, func(x int) bool { return s.is(x, "WITH") && s.isName(x+1) && s.is(x+2, "AS", "(") })
	if i < 0 {
		return nil
	}
	for i++; i < len(w) && s.isName(w[i]); i++ {
		name := i
		for i < len(w) && !s.is(w[i], "AS") {
			i++
		}
		if i+2 >= len(w) || !s.is(w[i+1], "(") || s.match[w[i+1]] >= s.at {
			return texts
		}
		sc.ctes = append(sc.ctes, named{s.words[w[name]].Text, w[name]})
		texts = append(texts, s.source(w[name], s.match[w[i+1]]+1))
		if i += 3; i >= len(w) || !s.is(w[i], ",") {
			return texts
		}
	}
	return texts
}
