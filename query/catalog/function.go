package catalog

import (
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/expr"
)

// Function is a function that a user has brought: a scalar one or an aggregate.
type Function struct {
	Name      string
	Usage     string
	Scalar    *expr.Func    // nil: Aggregate
	Aggregate *expr.AggFunc // nil: Scalar
	Module    []byte        // its WebAssembly module; nil: it is written in Go
}

// Doc is what the function says of itself.
func (f *Function) Doc() string {
	if f.Scalar != nil {
		return f.Scalar.Doc
	}
	return f.Aggregate.Doc
}

// Function finds a user's function.
func (c *Catalog) Function(name string) (*Function, bool) {
	f, ok := c.functions[strings.ToLower(name)]
	return f, ok
}

// AddFunction registers a function; the binder checks before that the name is free.
func (c *Catalog) AddFunction(f *Function) { c.functions[strings.ToLower(f.Name)] = f }

// DropFunction removes a function; false when there was none.
func (c *Catalog) DropFunction(name string) bool {
	_, ok := c.Function(name)
	delete(c.functions, strings.ToLower(name))
	return ok
}

// Functions lists the users' functions by name.
func (c *Catalog) Functions() []*Function {
	list := make([]*Function, 0, len(c.functions))
	for _, f := range c.functions {
		list = append(list, f)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}
