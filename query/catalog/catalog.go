// Package catalog is what statements create and queries name: tables, views,
// functions, settings.
package catalog

import (
	"maps"
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// SystemSchema is before the names of system tables: cepd.instances.
const SystemSchema = "cepd"

// ColumnKind says where a column's values come from.
type ColumnKind uint8

// The kinds of columns.
const (
	Physical ColumnKind = iota // a field of the record
	Metadata                   // of the connector: partition, offset, timestamp, key, headers, topic
	Computed                   // an expression over the others
)

// Column is a column of a table.
type Column struct {
	Name     string
	Type     event.Type
	Kind     ColumnKind
	NotNull  bool
	Key      string    // Metadata: the connector's name for it
	Virtual  bool      // Metadata: not written by INSERT
	Expr     expr.Expr // Computed: over the table's physical and metadata columns, by their index in Columns
	Proctime bool      // Computed as PROCTIME()
	Span     diag.Span
}

// Option is one WITH option and where it stands.
type Option struct {
	Value              string
	KeySpan, ValueSpan diag.Span
}

// Table is a source or sink.
type Table struct {
	Name       string
	Columns    []Column
	Rowtime    int       // column of the watermark clause; -1: none
	Watermark  expr.Expr // over Columns by index; nil: none
	PrimaryKey []int
	Options    map[string]Option
	Span       diag.Span
	Source     *diag.List // file and text that Spans refer to
	Pinned     string     // the statement without LIKE SAMPLE; empty: it had none
	Added      []string   // statements that gave it columns since
	Grown      int        // columns that it got by them
}

// Column finds a column by name without regard to case; -1 when absent.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}

// Option is the value of a WITH option, or def.
func (t *Table) Option(key, def string) string {
	if o, ok := t.Options[key]; ok {
		return o.Value
	}
	return def
}

// View is a named query, expanded where it is used.
type View struct {
	Name    string
	Columns []string
	Query   ast.Query
	Source  *diag.List // file and text that the query's spans refer to

	Settings map[string]string // SET in effect before it: its state may be bounded by them
}

// Catalog holds the definitions made so far. Names compare without regard to
// case.
type Catalog struct {
	functions map[string]*Function
	tables    map[string]*Table
	views     map[string]*View
	Settings  map[string]string // SET 'k' = 'v'
}

// New is an empty catalog.
func New() *Catalog {
	return &Catalog{functions: map[string]*Function{}, tables: map[string]*Table{}, views: map[string]*View{}, Settings: map[string]string{}}
}

// Clone is a copy to try changes on; definitions are shared, they never change.
func (c *Catalog) Clone() *Catalog {
	return &Catalog{functions: maps.Clone(c.functions), tables: maps.Clone(c.tables), views: maps.Clone(c.views), Settings: maps.Clone(c.Settings)}
}

// Become takes over the content of another catalog.
func (c *Catalog) Become(o *Catalog) { *c = *o }

// Table finds a table.
func (c *Catalog) Table(name string) (*Table, bool) {
	t, ok := c.tables[strings.ToLower(name)]
	return t, ok
}

// View finds a view.
func (c *Catalog) View(name string) (*View, bool) {
	v, ok := c.views[strings.ToLower(name)]
	return v, ok
}

// Has says whether a table or view of that name exists.
func (c *Catalog) Has(name string) bool {
	_, t := c.Table(name)
	_, v := c.View(name)
	return t || v
}

// AddTable and AddView register; an existing name is replaced (the binder
// checks before).
func (c *Catalog) AddTable(t *Table) { c.tables[strings.ToLower(t.Name)] = t }

// AddView registers a view.
func (c *Catalog) AddView(v *View) { c.views[strings.ToLower(v.Name)] = v }

// Drop removes a table or view; false when there was none.
func (c *Catalog) Drop(name string) bool {
	ok := c.Has(name)
	delete(c.tables, strings.ToLower(name))
	delete(c.views, strings.ToLower(name))
	return ok
}

// Tables lists the tables by name.
func (c *Catalog) Tables() []*Table {
	list := make([]*Table, 0, len(c.tables))
	for _, t := range c.tables {
		list = append(list, t)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// Views lists the views by name.
func (c *Catalog) Views() []*View {
	list := make([]*View, 0, len(c.views))
	for _, v := range c.views {
		list = append(list, v)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}
