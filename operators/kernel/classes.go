package kernel

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Classes divides the values of one column so that those of a class satisfy the
// same of a list of conditions, which compare the column with constants. One
// search per row takes the place of one comparison per row and condition.
//
//	x < 5, x IN (7, 9)    NULL | x < 5 | 5 ≤ x < 7 | 7 | 7 < x < 9 | 9 | x > 9
//	                        0  |   1   |     2     | 3 |     4     | 5 |   6
//	s = 'a', s <> 'b'     NULL | any other | 'a' | 'b'
type Classes struct {
	Column int
	holds  []event.Bitmap // per condition: the classes that satisfy it
	values []event.Value  // per class: one of its values
	table  classTable
}

// classTable finds the class of each value of a column.
type classTable interface {
	// mark adds the classes, shifted, to the codes of the rows in sel (nil: all).
	mark(v *event.Vec, n int, sel []int32, codes []int64, shift uint)
}

// SoleColumn is the column that e compares with constants and that alone decides
// it. Such a condition cannot fail.
func SoleColumn(e expr.Expr) (column int, ok bool) {
	c := constants{column: -1}
	ok = c.find(foldQuietly(e)) && c.column >= 0
	return c.column, ok
}

// NewClasses divides a column by conditions that have it as their SoleColumn.
func NewClasses(column int, conds []expr.Expr) (*Classes, error) {
	k := constants{column: -1}
	for _, e := range conds {
		k.find(foldQuietly(e))
	}
	c := &Classes{Column: column, values: []event.Value{event.NullValue}}
	switch k.typ.Physical() {
	case event.PhysI64:
		cuts := sorted(k.ints)
		c.table = intTable(cuts)
		for i := range len(cuts) + 1 {
			c.values = append(c.values, event.IntValue(lowest(cuts, i, math.MinInt64)))
		}
	case event.PhysF64:
		cuts := sorted(k.floats)
		c.table = floatTable(cuts)
		c.values = append(c.values, event.FloatValue(math.NaN()))
		for i := range len(cuts) + 1 {
			c.values = append(c.values, event.FloatValue(lowest(cuts, i, math.Inf(-1))))
		}
	default:
		c.table = c.texts(sorted(k.texts))
	}
	return c, c.evaluate(k.typ, conds)
}

// Count is the number of classes, NULL among them.
func (c *Classes) Count() int { return len(c.values) }

// Holds is the classes whose values satisfy condition k.
func (c *Classes) Holds(k int) event.Bitmap { return c.holds[k] }

// Mark adds the classes of the live rows, shifted, to their codes.
func (c *Classes) Mark(b *event.Batch, codes []int64, shift uint) {
	c.table.mark(&b.Cols[c.Column], b.N, b.Sel, codes, shift)
}

// evaluate tries each condition on a value of each class.
func (c *Classes) evaluate(t event.Type, conds []expr.Expr) error {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "value", Type: t}))
	var ctx Context
	var hits event.Bitmap
	c.holds = make([]event.Bitmap, len(conds))
	filters := make([]*Filter, len(conds))
	for k, e := range conds {
		var err error
		if filters[k], err = CompileFilter(expr.Rewrite(e, firstColumn)); err != nil {
			return err
		}
		c.holds[k] = event.Bitmap{}.Resize(c.Count())
	}
	for from := 0; from < c.Count(); from += event.MaxRows {
		n := min(event.MaxRows, c.Count()-from)
		b.Reset(n)
		for i := range n {
			b.Cols[0].Set(i, n, c.values[from+i])
		}
		hits = hits.Resize(n)
		for k, f := range filters {
			f.Bits(&ctx, b, nil, hits)
			copy(c.holds[k][from/64:], hits)
		}
	}
	return nil
}

// firstColumn moves every column to index 0.
func firstColumn(e expr.Expr) expr.Expr {
	if c, ok := e.(*expr.Column); ok {
		first := *c
		first.Index = 0
		return &first
	}
	return e
}

// ---- finding the constants

// constants are what conditions compare one column with: for numbers the values
// from which on the answer may be another.
type constants struct {
	column int // -1: none yet
	typ    event.Type
	ints   []int64
	floats []float64
	texts  []string
}

// find collects the constants of a condition; false when it is not made of
// comparisons of one column.
func (k *constants) find(e expr.Expr) bool {
	switch e := e.(type) {
	case *expr.And:
		return k.findAll(e.Args)
	case *expr.Or:
		return k.findAll(e.Args)
	case *expr.Not:
		return k.find(e.X)
	case *expr.Is:
		if c, ok := e.X.(*expr.Column); ok && e.Test <= expr.IsNotNull {
			return k.of(c)
		}
		return k.find(e.X)
	case *expr.Column:
		return e.T.Kind == event.Bool && k.of(e)
	case *expr.In:
		return k.list(e)
	case *expr.Compare:
		return k.compare(e)
	}
	return false
}

func (k *constants) findAll(list []expr.Expr) bool {
	for _, e := range list {
		if !k.find(e) {
			return false
		}
	}
	return true
}

// of says whether x is the column, of a type that has classes.
func (k *constants) of(x expr.Expr) bool {
	c, ok := x.(*expr.Column)
	if !ok || k.column >= 0 && c.Index != k.column {
		return false
	}
	switch c.T.Physical() {
	case event.PhysI64, event.PhysF64, event.PhysStr:
		k.column, k.typ = c.Index, c.T
	default:
		return false
	}
	if c.T.Kind == event.Bool { // it has no other values to try
		k.between(0, 0)
		k.between(1, 1)
	}
	return true
}

func (k *constants) compare(e *expr.Compare) bool {
	if r, ok := rangeOf(e); ok && k.of(r.x) {
		k.between(r.lo, r.hi)
		return true
	}
	if r, ok := floatRangeOf(e); ok && k.of(r.x) {
		k.betweenFloats(r.lo, r.hi)
		return true
	}
	if x, text, ok := textEquality(e); ok && k.of(x) {
		k.texts = append(k.texts, text)
		return true
	}
	return false
}

func (k *constants) list(e *expr.In) bool {
	if !k.of(e.X) {
		return false
	}
	for _, v := range e.List {
		switch e.X.Type().Physical() {
		case event.PhysI64:
			k.between(v.I, v.I)
		case event.PhysF64:
			k.betweenFloats(v.F(), v.F())
		default:
			k.texts = append(k.texts, string(v.S))
		}
	}
	return true
}

func (k *constants) between(lo, hi int64) {
	k.ints = append(k.ints, lo)
	if hi < math.MaxInt64 {
		k.ints = append(k.ints, hi+1)
	}
}

func (k *constants) betweenFloats(lo, hi float64) {
	if lo == lo && hi == hi { // no number is between NaN
		k.floats = append(k.floats, lo, math.Nextafter(hi, math.Inf(1)))
	}
}

func sorted[T cmp.Ordered](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}

// lowest is the lowest value of interval i.
func lowest[T any](cuts []T, i int, least T) T {
	if i == 0 {
		return least
	}
	return cuts[i-1]
}

// ---- numbers: a search among the cuts

type (
	intTable   []int64
	floatTable []float64
)

// The first classes behind that of NULL, which is 0.
const (
	firstInt   = 1
	classNaN   = 1
	firstFloat = 2
	otherText  = 1
)

// rank is how many cuts are at or below x, without a branch that depends on x.
func rank[T cmp.Ordered](cuts []T, x T) int {
	low, n := 0, len(cuts)
	for n > 0 {
		half := (n + 1) / 2
		if cuts[low+half-1] <= x {
			low += half
		}
		n -= half
	}
	return low
}

func (t intTable) mark(v *event.Vec, n int, sel []int32, codes []int64, shift uint) {
	if v.Nulls == nil && sel == nil {
		for i, x := range v.I64[:n] {
			codes[i] |= int64(firstInt+rank(t, x)) << shift
		}
		return
	}
	for k := range selected(sel, n) {
		if i := row(sel, k); !v.Null(i) {
			codes[i] |= int64(firstInt+rank(t, v.I64[i])) << shift
		}
	}
}

func (t floatTable) mark(v *event.Vec, n int, sel []int32, codes []int64, shift uint) {
	for k := range selected(sel, n) {
		i := row(sel, k)
		if v.Nulls != nil && v.Null(i) {
			continue
		}
		class := classNaN
		if x := v.F64[i]; x == x {
			class = firstFloat + rank(t, x)
		}
		codes[i] |= int64(class) << shift
	}
}

func selected(sel []int32, n int) int {
	if sel == nil {
		return n
	}
	return len(sel)
}

// ---- texts: a look-up

type textTable map[string]int64

// texts adds the classes of a sorted list of texts; the last of them, made
// longer, is none of them.
func (c *Classes) texts(list []string) textTable {
	other := "x"
	for _, s := range list {
		other += strings.Repeat("x", len(s))
	}
	c.values = append(c.values, event.StringValue(other))
	t := textTable{}
	for _, s := range list {
		t[s] = int64(c.Count())
		c.values = append(c.values, event.StringValue(s))
	}
	return t
}

func (t textTable) mark(v *event.Vec, n int, sel []int32, codes []int64, shift uint) {
	for k := range selected(sel, n) {
		i := row(sel, k)
		if v.Null(i) {
			continue
		}
		class, ok := t[string(v.Bytes(i))]
		if !ok {
			class = otherText
		}
		codes[i] |= class << shift
	}
}
