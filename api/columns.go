package api

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/query/catalog"
)

func isColumns(s Statement) bool { return s.Kind == kindColumns }

// columns gives a table columns. What was accepted before does not know them, as it
// stands before them in the list: neither now nor after a restart.
func (c *change) columns(s Statement, table string) error {
	// A shadow stands where its query does, and may be of a later text.
	if i := slices.IndexFunc(c.list, func(s Statement) bool { return s.Shadow != nil }); i >= 0 {
		return conflict("query %q has a shadow, which knows the columns that there are: promote it, or drop it first (cepd query unshadow %s)", c.list[i].Name, c.list[i].Name)
	}
	s.Kind, s.Name = kindColumns, c.list[find(c.list, kindTable, table)].Name
	c.list = append(c.list, s)
	return c.checkViews()
}

// checkViews demands that views are right with the columns that there are now: what is
// submitted next uses them with those.
func (c *change) checkViews() error {
	var definitions, views []Statement
	for _, s := range c.list {
		switch s.Kind {
		case kindQuery:
		case kindView:
			views = append(views, s)
		default:
			definitions = append(definitions, s)
		}
	}
	if _, err := compileList(append(definitions, views...)); err != nil {
		return conflict("the columns cannot be added: %v", err)
	}
	return nil
}

// recompile compiles the query at place i of a list by itself. It knows all that is
// defined, but for columns that tables have got behind it.
func recompile(all *catalog.Catalog, list []Statement, i int) (*compiled, error) {
	if slices.ContainsFunc(list[i:], isColumns) {
		before := slices.DeleteFunc(slices.Clone(list[:i]), func(s Statement) bool { return s.Kind == kindQuery })
		c, err := compileList(before)
		if err != nil {
			return nil, err
		}
		all = c.catalog
	}
	st := list[i]
	st.Shadow = nil
	return extend(all, []Statement{st})
}

// dropColumns drops what a table that is gone had got.
func (c *change) dropColumns(table string) {
	c.list = slices.DeleteFunc(c.list, func(s Statement) bool { return isColumns(s) && strings.EqualFold(s.Name, table) })
}
