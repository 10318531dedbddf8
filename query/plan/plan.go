// Package plan is the logical plan: a tree of nodes with typed expressions,
// the rules that improve it, and EXPLAIN.
//
//	Insert(alerts)
//	  Project
//	    Match(card)          <- shard boundary: input exchanged by PARTITION BY
//	      Filter
//	        Scan(payments)
package plan

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
)

// Node is a node of the logical plan.
type Node interface {
	Schema() *event.Schema
	Inputs() []Node
}

// Scan reads a table. The connector fills Read, the columns of the record and
// its metadata that are needed; Exprs over Read make the output columns (a
// plain Column for a physical one, an expression for a computed one).
type Scan struct {
	Table     *catalog.Table
	Read      []ReadColumn
	Exprs     []expr.Expr // over Read, one per output column
	Watermark expr.Expr   // over the output columns; nil: no event time
	Out       *event.Schema
}

// ReadColumn is one column that the connector fills.
type ReadColumn struct {
	Name     string
	Type     event.Type
	Metadata string // the connector's key, or "" for a field of the record
	NotNull  bool
}

// Filter keeps the rows for which Cond is true.
type Filter struct {
	Input Node
	Cond  expr.Expr
}

// Project computes columns.
type Project struct {
	Input Node
	Exprs []expr.Expr
	Out   *event.Schema
}

// Union is UNION ALL: the inputs have the same schema.
type Union struct {
	In  []Node
	Out *event.Schema
}

// Values is a constant relation (VALUES, SELECT without FROM).
type Values struct {
	Rows [][]event.Value
	Out  *event.Schema
}

// Match is MATCH_RECOGNIZE. Its output columns are, with OneRow: PARTITION BY
// columns, measures; with all rows: PARTITION BY columns, ORDER BY columns,
// measures, the remaining input columns.
type Match struct {
	Input       Node
	PartitionBy []int // input columns
	OrderBy     []OrderKey
	Proctime    bool      // the first key is the processing time: rows are matched as they arrive
	Vars        []Var     // primary variables, in order of first appearance in the pattern
	Pattern     Pattern   // over Vars
	Measures    []Measure // over the input columns
	Rows        ast.RowsPerMatch
	Skip        ast.SkipMode // never SkipDefault
	SkipTo      expr.VarSet  // for SkipToFirst, SkipToLast
	Within      int64        // µs; 0: no limit
	// WithinOf is a limit of each match's own: an interval over the row that
	// begins it; NULL or not positive: no match begins there. Nil: none.
	WithinOf expr.Expr
	Bounds   []Bounds // of quantifiers whose bounds are data; see PatQuant.Bounds
	// Edges: the pattern has edges, negation or a strategy, or AFTER MATCH is NO
	// SKIP: matches are reported as they complete, all of them, thinned by Skip.
	// Otherwise: the preferred match of each start, as the standard has it.
	Edges bool
	Selection
	Gap      int64  // µs: WITHIN … BETWEEN ROWS, the time since the row before; 0: no limit
	Timeouts bool   // EMIT TIMEOUTS: partial matches that run out of time are rows too
	Anchored bool   // the pattern has ^ or $
	Text     string // the clause as written, for EXPLAIN
	Out      *event.Schema
}

// Bounds of a quantifier, BIGINT over the row that begins the match. NULL, below
// zero or the lower above the upper: no match begins there.
type Bounds struct{ Min, Max expr.Expr } // nil: the number that PatQuant has

// OrderKey is a key of ORDER BY: an input column.
type OrderKey struct {
	Column     int
	Desc       bool
	NullsFirst bool
}

// Var is a primary pattern variable.
type Var struct {
	Name   string    // as CLASSIFIER() shows it
	Define expr.Expr // BOOLEAN over the input columns and pattern nodes; nil: TRUE
}

// Measure is a computed output.
type Measure struct {
	Name string
	Expr expr.Expr
}

// Insert is the root: rows go to a table.
type Insert struct {
	Name  string // of the query
	Table *catalog.Table
	Input Node      // columns in the order of Write
	Write []int     // table columns written, in the order of Input's; the others become NULL
	Also  []*Insert // the others of a statement set: one graph, each source read once
}

// All is the insert and the others of its statement set.
func (n *Insert) All() []*Insert { return append([]*Insert{n}, n.Also...) }

// Schema and Inputs of each node.

func (n *Scan) Schema() *event.Schema    { return n.Out }
func (n *Filter) Schema() *event.Schema  { return n.Input.Schema() }
func (n *Project) Schema() *event.Schema { return n.Out }
func (n *Union) Schema() *event.Schema   { return n.Out }
func (n *Values) Schema() *event.Schema  { return n.Out }
func (n *Match) Schema() *event.Schema   { return n.Out }
func (n *Insert) Schema() *event.Schema  { return n.Input.Schema() }

func (n *Scan) Inputs() []Node    { return nil }
func (n *Filter) Inputs() []Node  { return []Node{n.Input} }
func (n *Project) Inputs() []Node { return []Node{n.Input} }
func (n *Union) Inputs() []Node   { return n.In }
func (n *Values) Inputs() []Node  { return nil }
func (n *Match) Inputs() []Node   { return []Node{n.Input} }
func (n *Insert) Inputs() []Node  { return []Node{n.Input} }

// Scans are the tables that a plan reads, in the order of the engine's sources.
func Scans(n Node) (list []*Scan) {
	if s, ok := n.(*Scan); ok {
		return []*Scan{s}
	}
	for _, in := range n.Inputs() {
		list = append(list, Scans(in)...)
	}
	return list
}
