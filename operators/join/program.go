package join

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/query/plan"
)

// Policy is what happens when a limit is reached.
type Policy uint8

// The policies.
const (
	Fail       Policy = iota // the query fails
	DropOldest               // the row that came first is held no more
	RejectNew                // the row that comes is dropped
)

// The limits where Options has none.
const (
	DefaultMaxRows = 100_000
	DefaultMaxHeld = 10_000_000
)

// Options of a Program.
type Options struct {
	Name    string // tells the IDs of its rows from those of other joins
	Zone    *time.Location
	MaxRows int // held of a key and side; 0: DefaultMaxRows
	MaxHeld int // held by a shard; 0: DefaultMaxHeld
	Policy  Policy
	TTL     int64 // µs after which a version is not found any more; 0: never
}

// The sides.
const (
	left = iota
	right
)

// Program is a compiled Join, shared by its shards.
//
// Its input has rows of both sides: the side, then columns that are the left's
// or the right's. Columns of one type are used by both.
type Program struct {
	plan     *plan.Join
	opts     Options
	seed     uint64
	prepared *event.Schema
	sides    [2]side
	kept     *event.Schema // of both sides, for the condition
}

// side is an input.
type side struct {
	schema *event.Schema
	at     []int // of each column: where Prepared has it
	codec  *group.Codec
	keeps  bool  // rows without a partner come out
	reach  int64 // µs after a row's time in which a partner can come; of Interval
}

// Compile prepares a Join.
func Compile(n *plan.Join, o Options) (*Program, error) {
	if len(n.LeftKeys) > group.MaxKeys {
		return nil, fmt.Errorf("a join has %d pairs of equal columns, more than %d", len(n.LeftKeys), group.MaxKeys)
	}
	if o.MaxRows == 0 {
		o.MaxRows = DefaultMaxRows
	}
	if o.MaxHeld == 0 {
		o.MaxHeld = DefaultMaxHeld
	}
	p := &Program{plan: n, opts: o, seed: xxh3.HashString(o.Name)}
	p.sides[left] = side{schema: n.Left.Schema(), keeps: n.Kind.KeepsLeft(), reach: n.Upper}
	p.sides[right] = side{schema: n.Right.Schema(), keeps: n.Kind.KeepsRight(), reach: -n.Lower}
	p.kept = plan.JoinSchema(p.sides[left].schema, p.sides[right].schema)
	p.layout()
	if n.Residual != nil {
		if _, err := kernel.CompileFilter(n.Residual); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// layout gives the columns of both sides their places in the input: first the
// side, then the keys, which are where both have them.
func (p *Program) layout() {
	p.prepared = event.NewSchema(event.Field{Name: "side", Type: event.TInt8})
	keys := [2][]int{p.plan.LeftKeys, p.plan.RightKeys}
	types := make([]event.Type, len(p.plan.LeftKeys))
	all := make([]bool, len(types))
	for i, c := range p.plan.LeftKeys {
		f := p.sides[left].schema.Fields[c]
		types[i], all[i] = f.Type, true
		p.prepared.Fields = append(p.prepared.Fields, f)
	}
	for s := range p.sides {
		p.sides[s].codec = group.NewCodec(keys[s], types, [][]bool{all})
		p.sides[s].at = p.places(p.sides[s].schema, keys[s])
	}
}

// places finds or makes the columns of a side in the input.
func (p *Program) places(s *event.Schema, keys []int) []int {
	at := make([]int, len(s.Fields))
	used := make([]bool, len(p.prepared.Fields))
	for i := range at {
		at[i] = none
	}
	for i := range used[:1+len(keys)] {
		used[i] = true
	}
	for i, c := range keys {
		at[c] = 1 + i
	}
	for i, f := range s.Fields {
		for slot := 0; slot < len(used) && at[i] == none; slot++ {
			if !used[slot] && p.prepared.Fields[slot].Type.Equal(f.Type) {
				at[i], used[slot] = slot, true
			}
		}
		if at[i] == none {
			at[i] = len(p.prepared.Fields)
			p.prepared.Fields = append(p.prepared.Fields, f)
		}
	}
	return at
}

// Prepared is the schema of the input.
func (p *Program) Prepared() *event.Schema { return p.prepared }

// Key is the columns that rows are divided by. Of NOT IN there is none: each shard
// has the whole list, for a NULL in it concerns all rows.
func (p *Program) Key() []int {
	if p.plan.NullAware {
		return nil
	}
	key := make([]int, len(p.plan.LeftKeys))
	for i := range key {
		key[i] = 1 + i
	}
	return key
}

// Order is that of rows of one time: a version is valid from its own time on.
func (p *Program) Order() []order.Key { return []order.Key{{Column: 0, Desc: true}} }

// New makes the operator of one shard.
func (p *Program) New(int) operators.Stateful { return newJoin(p) }

// Explain says how the program works.
func (p *Program) Explain() string {
	var b strings.Builder
	switch p.plan.Mode {
	case plan.Interval:
		fmt.Fprintf(&b, "held: rows of both sides, until no partner can come: left %s, right %s\n", seconds(p.sides[left].reach), seconds(p.sides[right].reach))
	case plan.Versioned:
		b.WriteString("held: the last right row of each key\n")
	case plan.Static:
		b.WriteString("held: all right rows\n")
	}
	fmt.Fprintf(&b, "limits: %d rows a key and side, %d rows a shard\n", p.opts.MaxRows, p.opts.MaxHeld)
	return b.String()
}

func seconds(us int64) string { return fmt.Sprintf("%g s", float64(max(0, us))/1e6) }

// Prepare makes rows of the input of those of a side.
type Prepare struct {
	p    *Program
	side *side
	drop bool // rows with a NULL key: they can have no effect
	out  event.Batch
	sel  []int32
	mark event.Vec
	mine []bool // columns of out that the side has
}

// NewPrepare makes the operator that ends the chain of a side.
func (p *Program) NewPrepare(rightSide bool) *Prepare {
	s := left
	if rightSide {
		s = right
	}
	o := &Prepare{p: p, side: &p.sides[s], drop: !p.sides[s].keeps && !p.plan.NullAware, out: *event.NewBatch(p.prepared), mark: event.NewVec(event.TInt8)}
	o.mark.Reset(event.MaxRows)
	for i := range o.mark.I64 {
		o.mark.I64[i] = int64(s)
	}
	o.mine = make([]bool, len(o.out.Cols))
	for _, at := range o.side.at {
		o.mine[at] = true
	}
	return o
}

// Advance does nothing.
func (*Prepare) Advance(*operators.Context, event.Time, operators.Collector) error { return nil }

// Process emits the rows with the side before them.
func (o *Prepare) Process(_ *operators.Context, b *event.Batch, out operators.Collector) error {
	o.out.Cols[0] = o.mark
	for c, at := range o.side.at {
		t := o.out.Cols[at].Type
		o.out.Cols[at] = b.Cols[c]
		o.out.Cols[at].Type = t
	}
	for i := 1; i < len(o.mine); i++ {
		if !o.mine[i] {
			setNulls(&o.out.Cols[i], b.N)
		}
	}
	o.out.N, o.out.Sel, o.out.Time, o.out.ID, o.out.Changes = b.N, b.Sel, b.Time, b.ID, b.Changes
	if o.drop {
		if o.out.Sel = o.withKeys(&o.out); len(o.out.LiveRows()) == 0 {
			return nil
		}
	}
	return out.Emit(&o.out)
}

// withKeys is the live rows that have a key: a selection of b.
func (o *Prepare) withKeys(b *event.Batch) []int32 {
	keys := b.Cols[1 : 1+len(o.p.plan.LeftKeys)]
	some := false
	for i := range keys {
		some = some || keys[i].Nulls != nil
	}
	if !some {
		return b.Sel
	}
	if o.sel == nil {
		o.sel = []int32{} // nil would be all rows
	}
	o.sel = o.sel[:0]
	for _, row := range b.LiveRows() {
		null := false
		for i := range keys {
			null = null || keys[i].Null(int(row))
		}
		if !null {
			o.sel = append(o.sel, row)
		}
	}
	return o.sel
}

// setNulls makes at least n rows of a column NULL.
func setNulls(v *event.Vec, n int) {
	if v.Nulls != nil && v.Rows() >= n {
		return
	}
	v.Reset(n)
	for row := range n {
		v.Set(row, n, event.NullValue)
	}
}
