package lookup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
)

// OnError is what becomes of a row whose key has no answer.
type OnError uint8

// The policies.
const (
	Fail   OnError = iota // the query fails
	Null                  // as if the key had no rows
	Reject                // the row is rejected, with the reason
)

// MaxPartners is how many rows a key may have.
const MaxPartners = 1024

// Options of a Program.
type Options struct {
	Name         string // tells the IDs of its rows from those of other stages
	Zone         *time.Location
	CacheRows    int   // rows that a shard keeps; 0: no cache
	Expire       int64 // µs after which they are asked for anew; 0: never
	CacheMissing bool  // that a key has no rows is kept too
	OnError      OnError
}

// Program is a compiled look-up, shared by its shards.
type Program struct {
	plan  *plan.Join
	scan  *plan.Scan
	opts  Options
	seed  uint64
	width int // columns of the left side
	codec *group.Codec
	both  *event.Schema // of the condition
}

// Compile prepares a Join whose mode is Lookup.
func Compile(n *plan.Join, o Options) (*Program, error) {
	scan, ok := n.Right.(*plan.Scan)
	switch {
	case !ok:
		return nil, errors.New("a look-up needs a table on its right side, and nothing between them")
	case len(n.LeftKeys) > group.MaxKeys:
		return nil, fmt.Errorf("a look-up has %d equal columns, more than %d", len(n.LeftKeys), group.MaxKeys)
	}
	left := n.Left.Schema()
	p := &Program{plan: n, scan: scan, opts: o, seed: xxh3.HashString(o.Name), width: len(left.Fields), both: plan.JoinSchema(left, scan.Out)}
	types, all := make([]event.Type, len(n.LeftKeys)), make([]bool, len(n.LeftKeys))
	for i, c := range n.LeftKeys {
		types[i], all[i] = left.Fields[c].Type, true
	}
	p.codec = group.NewCodec(n.LeftKeys, types, [][]bool{all})
	_, err := p.newShard()
	return p, err
}

// Prepared is the schema of the input.
func (p *Program) Prepared() *event.Schema { return p.plan.Left.Schema() }

// Plan is the join.
func (p *Program) Plan() *plan.Join { return p.plan }

// Scan is the table that is asked.
func (p *Program) Scan() *plan.Scan { return p.scan }

// KeyNames are the columns of the table that are asked by.
func (p *Program) KeyNames() []string {
	names := make([]string, len(p.plan.RightKeys))
	for i, c := range p.plan.RightKeys {
		names[i] = p.scan.Out.Fields[c].Name
	}
	return names
}

// Explain says how the program works.
func (p *Program) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asked: %s by %s, each key once a step; answers go to the journal\n", p.scan.Table.Name, strings.Join(p.KeyNames(), ", "))
	if p.opts.CacheRows == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "cache: %d rows a shard", p.opts.CacheRows)
	if p.opts.Expire > 0 {
		fmt.Fprintf(&b, ", for %s", function.Format(event.TDay, event.IntValue(p.opts.Expire)))
	}
	if !p.opts.CacheMissing {
		b.WriteString(", keys without rows excepted")
	}
	return b.String() + "\n"
}

// New makes the operator of one shard.
func (p *Program) New(int) operators.Stateful {
	o, _ := p.newShard() // has been made before, by Compile
	return o
}

// Lookup is the operator of one shard. It implements operators.Asker.
type Lookup struct {
	p      *Program
	from   operators.Answerer
	keys   group.Keys
	step   map[string]*entry // answers of the step at hand …
	order  []*entry          // … in the order in which they came
	cache  cache
	scan   *relational.Scan
	filter *kernel.Filter // nil: no condition
	k      kernel.Context
	ask    *event.Batch // keys, for the Answerer
	read   *event.Batch // columns of the table, as read
	asked  operators.Asked

	// The batch at hand.
	found []*entry // by live row; nil: its key is NULL
	pairs []pair
	both  *event.Batch
	sel   []int32
	rows  []int32
	out   *event.Batch
}

// entry is the answer for a key.
type entry struct {
	key    string
	rows   [][]event.Value // of the table's columns
	failed string
	at     event.Time // when it was asked for
}

// pair is a left row and a partner; without one, n is 0.
type pair struct {
	row   int32
	n     int // of the partner, from 1
	right []event.Value
}

func (p *Program) newShard() (*Lookup, error) {
	o := &Lookup{
		p: p, keys: group.Keys{Codec: p.codec}, step: map[string]*entry{}, cache: newCache(p), out: event.NewBatch(p.plan.Out),
		k: kernel.Context{Zone: p.opts.Zone},
	}
	ask, read := &event.Schema{Rowtime: -1}, &event.Schema{Rowtime: -1}
	for i, name := range p.KeyNames() {
		ask.Fields = append(ask.Fields, event.Field{Name: name, Type: p.codec.Types[i]})
	}
	for _, c := range p.scan.Read {
		read.Fields = append(read.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	o.ask, o.read, o.both = event.NewBatch(ask), event.NewBatch(read), event.NewBatch(p.both)
	timeless := *p.scan.Out
	timeless.Rowtime = -1
	var err error
	if o.scan, err = relational.NewScan(p.scan.Exprs, nil, &timeless, p.opts.Zone); err != nil || p.plan.Residual == nil {
		return o, err
	}
	o.filter, err = kernel.CompileFilter(p.plan.Residual)
	return o, err
}

// Ask implements operators.Asker.
func (o *Lookup) Ask(a operators.Answerer) { o.from = a }

// Asked implements operators.Asker.
func (o *Lookup) Asked() operators.Asked { return o.asked }

// Advance does nothing.
func (*Lookup) Advance(*operators.Context, event.Time, operators.Collector) error { return nil }

// Process emits the rows with their partners, in order.
func (o *Lookup) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	live := b.LiveRows()
	if err := o.findAll(ctx, b, live); err != nil {
		return err
	}
	for i, row := range live {
		e := o.found[i]
		switch {
		case e != nil && e.failed != "" && o.p.opts.OnError != Null:
			if err := o.refuse(ctx, b, row, e); err != nil {
				return err
			}
			continue
		case e != nil && len(o.pairs)+len(e.rows) > event.MaxRows:
			if err := o.flush(ctx, b, out); err != nil {
				return err
			}
		}
		o.take(row, e)
	}
	return o.flush(ctx, b, out)
}

// take notes the partners of a row, or that it has none.
func (o *Lookup) take(row int32, e *entry) {
	if e == nil || len(e.rows) == 0 {
		o.pairs = append(o.pairs, pair{row: row})
		return
	}
	for n, r := range e.rows {
		o.pairs = append(o.pairs, pair{row, n + 1, r})
	}
}

func (o *Lookup) refuse(ctx *operators.Context, b *event.Batch, row int32, e *entry) error {
	if o.p.opts.OnError == Fail {
		return fmt.Errorf("table %s: no answer: %s", o.p.scan.Table.Name, e.failed)
	}
	reason := fmt.Sprintf("table %s: no answer: %s", o.p.scan.Table.Name, e.failed)
	ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: b.ID[row], Time: b.Time[row], Reason: reason})
	return nil
}

// flush decides the pairs and emits them.
func (o *Lookup) flush(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	if o.filter != nil {
		o.decide(ctx, b)
	}
	o.out.Reset(0)
	o.rows = o.rows[:0]
	for i := range o.pairs {
		p := &o.pairs[i]
		if p.n == 0 && !o.p.plan.Kind.KeepsLeft() {
			continue
		}
		o.rows = append(o.rows, p.row)
		o.out.Time, o.out.ID = append(o.out.Time, b.Time[p.row]), append(o.out.ID, o.id(b.ID[p.row], p.n))
		appendRight(o.out.Cols[o.p.width:], p.right)
		if len(o.rows) == event.MaxRows {
			if err := o.emit(b, out); err != nil {
				return err
			}
		}
	}
	o.pairs = o.pairs[:0]
	return o.emit(b, out)
}

func appendRight(cols []event.Vec, right []event.Value) {
	for c := range cols {
		x := event.NullValue
		if right != nil {
			x = right[c]
		}
		cols[c].Append(x)
	}
}

func (o *Lookup) emit(b *event.Batch, out operators.Collector) error {
	if len(o.rows) == 0 {
		return nil
	}
	head := event.Batch{Cols: o.out.Cols[:o.p.width]}
	head.AppendRows(&event.Batch{Cols: b.Cols}, o.rows)
	o.out.N = len(o.rows)
	err := out.Emit(o.out)
	o.out.Reset(0)
	o.rows = o.rows[:0]
	return err
}

// decide tries the condition on the pairs that have a partner. A row all of whose
// partners fail has none.
func (o *Lookup) decide(ctx *operators.Context, b *event.Batch) {
	o.gather(b)
	o.k.Now = ctx.Now
	o.k.Reset()
	o.sel = o.filter.Select(&o.k, o.both, nil, o.sel)
	for _, e := range o.k.Errs {
		ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: o.both.ID[e.Row], Time: o.both.Time[e.Row], Reason: e.Err.Error()})
	}
	kept, at, sel := o.pairs[:0], int32(0), o.sel
	for i := 0; i < len(o.pairs); {
		row, before := o.pairs[i].row, len(kept)
		for ; i < len(o.pairs) && o.pairs[i].row == row; i++ {
			if o.pairs[i].n == 0 {
				continue
			}
			if len(sel) > 0 && sel[0] == at {
				kept, sel = append(kept, o.pairs[i]), sel[1:]
			}
			at++
		}
		if len(kept) == before {
			kept = append(kept, pair{row: row})
		}
	}
	o.pairs = kept
}

// gather makes a batch of the pairs that have a partner.
func (o *Lookup) gather(b *event.Batch) {
	o.both.Reset(0)
	o.rows = o.rows[:0]
	for _, p := range o.pairs {
		if p.n == 0 {
			continue
		}
		o.rows = append(o.rows, p.row)
		o.both.Time, o.both.ID = append(o.both.Time, b.Time[p.row]), append(o.both.ID, b.ID[p.row])
		appendRight(o.both.Cols[o.p.width:], p.right)
	}
	head := event.Batch{Cols: o.both.Cols[:o.p.width]}
	head.AppendRows(&event.Batch{Cols: b.Cols}, o.rows)
	o.both.N = len(o.rows)
}

// id is a hash of the row and the number of its partner.
func (o *Lookup) id(row event.ID, n int) event.ID {
	var key [32]byte
	for i, x := range [...]uint64{o.p.seed, row.Hi, row.Lo, uint64(n)} {
		binary.LittleEndian.PutUint64(key[8*i:], x)
	}
	h := xxh3.Hash128(key[:])
	return event.Detection(h.Hi, h.Lo)
}

// Size is what the cache holds.
func (o *Lookup) Size() operators.Size {
	return operators.Size{Keys: int64(len(o.cache.byKey)), Rows: int64(o.cache.rows), Bytes: o.cache.bytes}
}
