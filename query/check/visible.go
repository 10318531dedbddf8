package check

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// Visible is a table of FROM as conditions and the SELECT list see it.
type Visible struct {
	Name   string // "" when it has none
	Fields []event.Field
	Time   int // index of the event time in Fields; -1: none
}

// Visible binds FROM of a query, nothing else of it: what its expressions could
// name. It is for tools, which ask while a query is being written.
func (c *Checker) Visible(q ast.Query) []Visible {
	outer := c.ctes
	defer func() { c.ctes = outer }()
	if w, ok := q.(*ast.With); ok {
		c.withTables(w)
		return c.Visible(w.Query)
	}
	s, ok := q.(*ast.Select)
	if !ok {
		return nil
	}
	rel, _, _ := c.source(s)
	if rel == nil {
		return nil
	}
	var list []Visible
	schema := rel.schema()
	for _, t := range rel.scopes(0) {
		v := Visible{Name: t.name, Fields: schema.Fields[t.from:t.to], Time: -1}
		if schema.Rowtime >= t.from && schema.Rowtime < t.to {
			v.Time = schema.Rowtime - t.from
		}
		list = append(list, v)
	}
	return list
}
