package parquet

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// node is a field of the table and where its values come from.
type node struct {
	name  string
	typ   event.Type
	def   int     // from this definition level on, it is not NULL
	level int     // repetition level of its next occurrence
	item  int     // ARRAY, MAP: from this definition level on, there is an element
	set   setter  // of a value that is not nested
	kids  []*node // ROW: fields; ARRAY: element; MAP: key and value
	// leaves are all below it that rows are read from; none: the file has no such
	// field.
	leaves []*leaf
	guide  *leaf // of a ROW whose fields are not in the file: says whether it is NULL
}

// bind finds the fields of the columns, by name; nil for metadata.
func bind(root *parquet.Column, columns []connectors.Column) ([]*node, error) {
	nodes := make([]*node, len(columns))
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		col := root.Column(c.Name)
		if col == nil && c.NotNull {
			return nil, fmt.Errorf("field %s: it is not in the file, and the column is NOT NULL", c.Name)
		}
		n, err := bindField(col, c.Name, c.Type, place{})
		if err != nil {
			return nil, fmt.Errorf("field %w", err)
		}
		if n.set != nil {
			n.leaves[0].copy, n.leaves[0].width = copierOf(col, n)
			n.leaves[0].text = textsOf(col, c.Type)
		}
		nodes[i] = n
	}
	return nodes, nil
}

// counting is a field that no column takes, which says how many rows there are
// when the file has none of the columns.
func counting(root *parquet.Column) *node {
	l := newLeaf(firstLeaf(root))
	return &node{guide: l, leaves: []*leaf{l}}
}

// place is a place in the tree of a file's schema: the levels of a value there.
type place struct{ def, rep int }

func (p place) of(c *parquet.Column) place {
	switch {
	case c.Optional():
		p.def++
	case c.Repeated():
		p.def++
		p.rep++
	}
	return p
}

// bindField binds a field; c is nil where the file has none.
func bindField(c *parquet.Column, name string, t event.Type, at place) (*node, error) {
	n := &node{name: name, typ: t, level: at.rep}
	if c == nil {
		return n, nil
	}
	inner := at.of(c)
	if c.Repeated() { // an array without a list around it
		if t.Kind != event.Array {
			return nil, fmt.Errorf("%s: it is repeated in the file, and %s in the table", name, t)
		}
		n.def, n.item = at.def, inner.def
		return n, bindElements(n, []*parquet.Column{c}, []event.Type{*t.Elem}, inner, true)
	}
	n.def = inner.def
	return n, bindInside(n, c, inner)
}

// bindInside binds what a field has inside, which is at a place.
func bindInside(n *node, c *parquet.Column, at place) error {
	kind := logical(c)
	switch {
	case c.Leaf():
		return bindValue(n, c)
	case isList(kind):
		return bindList(n, c, at)
	case isMap(kind):
		return bindMap(n, c, at)
	case n.typ.Kind != event.Row:
		return fmt.Errorf("%s: it is a group in the file, and %s in the table", n.name, n.typ)
	}
	for _, f := range n.typ.Fields {
		kid, err := bindField(c.Column(f.Name), f.Name, f.Type, at)
		if err != nil {
			return fmt.Errorf("%s.%w", n.name, err)
		}
		n.adopt(kid)
	}
	if len(n.leaves) == 0 {
		n.guide = newLeaf(firstLeaf(c))
		n.leaves = []*leaf{n.guide}
	}
	return nil
}

func (n *node) adopt(kid *node) {
	n.kids = append(n.kids, kid)
	n.leaves = append(n.leaves, kid.leaves...)
}

func firstLeaf(c *parquet.Column) *parquet.Column {
	for !c.Leaf() {
		c = c.Columns()[0]
	}
	return c
}

// newLeaf reads a column of the file.
func newLeaf(c *parquet.Column) *leaf {
	return &leaf{column: c, name: c.Name(), repeats: c.MaxRepetitionLevel() > 0}
}

func bindValue(n *node, c *parquet.Column) (err error) {
	if n.set, err = setterOf(c, n.typ); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	n.leaves = []*leaf{newLeaf(c)}
	return nil
}

// bindList binds a LIST: a group with one repeated field. That is the element itself
// in files of two levels, else a group around it (LogicalTypes.md, backward
// compatibility rules).
func bindList(n *node, c *parquet.Column, at place) error {
	if n.typ.Kind != event.Array {
		return fmt.Errorf("%s: it is a list in the file, and %s in the table", n.name, n.typ)
	}
	if len(c.Columns()) != 1 || !c.Columns()[0].Repeated() {
		return fmt.Errorf("%s: its list has no repeated field", n.name)
	}
	repeated := c.Columns()[0]
	inner := at.of(repeated)
	n.item = inner.def
	bare := repeated.Leaf() || len(repeated.Columns()) > 1 || repeated.Name() == "array" || repeated.Name() == c.Name()+"_tuple"
	if bare {
		return bindElements(n, []*parquet.Column{repeated}, []event.Type{*n.typ.Elem}, inner, true)
	}
	return bindElements(n, repeated.Columns(), []event.Type{*n.typ.Elem}, inner, false)
}

func bindMap(n *node, c *parquet.Column, at place) error {
	if n.typ.Kind != event.Map {
		return fmt.Errorf("%s: it is a map in the file, and %s in the table", n.name, n.typ)
	}
	if len(c.Columns()) != 1 || !c.Columns()[0].Repeated() || len(c.Columns()[0].Columns()) != 2 {
		return fmt.Errorf("%s: its map has no repeated field with key and value", n.name)
	}
	repeated := c.Columns()[0]
	inner := at.of(repeated)
	n.item = inner.def
	return bindElements(n, repeated.Columns(), []event.Type{*n.typ.Key, *n.typ.Elem}, inner, false)
}

// bindElements binds what an array or map has, at the place of an element. Bare: the
// repeated field is the element.
func bindElements(n *node, columns []*parquet.Column, types []event.Type, at place, bare bool) error {
	for i, c := range columns {
		name := []string{"element", "value"}[i]
		if len(columns) == 2 && i == 0 {
			name = "key"
		}
		kid := &node{name: name, typ: types[i], level: at.rep, def: at.def}
		var err error
		if bare {
			err = bindInside(kid, c, at)
		} else {
			kid, err = bindField(c, name, types[i], at)
		}
		if err != nil {
			return fmt.Errorf("%s.%w", n.name, err)
		}
		n.adopt(kid)
	}
	return nil
}

func logical(c *parquet.Column) any {
	if t := c.Type(); t != nil && t.LogicalType() != nil {
		return t.LogicalType().Value
	}
	return nil
}

func isList(kind any) bool { _, ok := kind.(*format.ListType); return ok }
func isMap(kind any) bool  { _, ok := kind.(*format.MapType); return ok }
