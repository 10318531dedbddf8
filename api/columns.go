package api

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/state/savepoint"
)

func isColumns(s Statement) bool { return s.Kind == kindColumns }

// columns gives a table columns. What was accepted before does not know them, as it
// stands before them in the list: neither now nor after a restart.
func (c *change) columns(s Statement, table string) error {
	if err := shadowed(c.list); err != nil {
		return err
	}
	s.Kind, s.Name = kindColumns, c.list[find(c.list, kindTable, table)].Name
	c.list = append(c.list, s)
	return c.checkViews()
}

// shadowed refuses columns while there is a shadow: it stands where its query does, and
// may be of a later text.
func shadowed(list []Statement) error {
	if i := slices.IndexFunc(list, func(s Statement) bool { return s.Shadow != nil }); i >= 0 {
		return conflict("query %q has a shadow, which knows the columns that there are: promote it, or drop it first (cepd query unshadow %s)", list[i].Name, list[i].Name)
	}
	return nil
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

// grown demands that a table has got the columns of a statement.
func (s *Service) grown(a *ast.AlterTable) error {
	t, ok := s.definitions().Table(nameOf(a.Name))
	if !ok || !slices.Contains(t.Added, format.Alter(a)) {
		return badRequest("the server has not got this text: %s. Submit it first, then replace the query", format.Alter(a))
	}
	return nil
}

// settle moves what a savepoint has brought, which is behind the first n statements,
// before columns that tables have got since: its query has the plan that it had.
func (c *change) settle(saved []savepoint.Statement, n int) error {
	there, brought, at, table := c.list[:n], c.list[n:], n, ""
	for _, st := range saved {
		if i := unknown(there, saved, st.Name); st.Kind == kindTable && i < at {
			at, table = i, st.Name
		}
	}
	if at == n {
		return nil
	}
	for _, st := range saved {
		later := slices.ContainsFunc(there[at:], func(s Statement) bool { return same(s, st) })
		adds := st.Kind == kindColumns && find(there, kindTable, st.Name) >= 0 && slices.ContainsFunc(brought, func(s Statement) bool { return same(s, st) })
		if st.Kind != kindQuery && (later || adds) {
			return conflict("the query does not know columns that table %s has by now, and needs the %s %s, which came behind them: drop that, and the savepoint brings its own, or restore it in a server without these tables", table, st.Kind, st.Name)
		}
	}
	c.list, c.undone = slices.Concat(there[:at], brought, there[at:]), true
	return nil
}

func same(s Statement, saved savepoint.Statement) bool {
	return s.Kind == saved.Kind && strings.EqualFold(s.Name, saved.Name) && (!isColumns(s) || s.SQL == saved.SQL)
}

// alike says whether a table is that of a savepoint, but that one of them may have got
// more columns.
func alike(list []Statement, saved []savepoint.Statement, table string) bool {
	var here, there []string
	for _, s := range list {
		if strings.EqualFold(s.Name, table) && (s.Kind == kindTable || isColumns(s)) {
			here = append(here, s.SQL)
		}
	}
	for _, s := range saved {
		if strings.EqualFold(s.Name, table) && (s.Kind == kindTable || s.Kind == kindColumns) {
			there = append(there, s.SQL)
		}
	}
	n := min(len(here), len(there))
	return n > 0 && slices.Equal(here[:n], there[:n])
}

// unknown is where in a list a table of a savepoint gets the first columns that this
// does not have, else the length of the list.
func unknown(list []Statement, saved []savepoint.Statement, table string) int {
	if alike(list, saved, table) {
		for i, s := range list {
			if isColumns(s) && strings.EqualFold(s.Name, table) && !slices.ContainsFunc(saved, func(st savepoint.Statement) bool { return same(s, st) }) {
				return i
			}
		}
	}
	return len(list)
}

// dropColumns drops what a table that is gone had got.
func (c *change) dropColumns(table string) {
	c.list = slices.DeleteFunc(c.list, func(s Statement) bool { return isColumns(s) && strings.EqualFold(s.Name, table) })
}
