package check

import (
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
)

// AlterTable adds columns behind those that a table has; nil when it does not. The
// table of before stays as it is: plans that have been made know it.
func (c *Checker) AlterTable(e *ast.AlterTable) *catalog.Table {
	name, ok := c.tableName(e.Name)
	if !ok {
		return nil
	}
	old, ok := c.cat.Table(name)
	if !ok {
		c.noTable(name, e)
		return nil
	}
	before := c.errors()
	t := *old
	t.Columns = slices.Clip(t.Columns)
	for i := range e.Columns {
		c.addable(&e.Columns[i])
	}
	c.columns(&t, &ast.CreateTable{Columns: e.Columns})
	if c.errors() > before {
		return nil
	}
	for i := len(old.Columns); i < len(t.Columns); i++ {
		t.Columns[i].Span = old.Span // places in a table are of the text that created it
	}
	t.Grown += len(e.Columns)
	c.cat.AddTable(&t)
	return &t
}

func (c *Checker) noTable(name string, e *ast.AlterTable) {
	if _, isView := c.cat.View(name); isView {
		c.add(diag.UnknownTable, e.Name.Pos(), "%q is a view", name).WithHint("DROP VIEW %s, and create it with the other query", name)
		return
	}
	c.unknownTable(name, e.Name.Pos())
}

// addable demands a column that records of before may lack.
func (c *Checker) addable(def *ast.ColumnDef) {
	switch {
	case def.As != nil, def.Metadata:
		c.unsupported(def.Pos(), "adding a column that is not of the record").WithHint("give the column a name and a type; others can be had in a view")
	case def.NotNull, def.Primary:
		c.add(diag.TypeMismatch, def.Pos(), "records of before have no %s, so it may be NULL", def.Name.Name).WithHint("leave NOT NULL and PRIMARY KEY out")
	}
}
