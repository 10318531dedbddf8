package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
)

// index says which row of a partition lets a detection leave. It is made by
// reading the partition once before the run.
type index struct {
	rows  int
	marks []event.Time // what the rows so far assert: nothing of that time or earlier comes
	ids   []uint64     // of rows, ascending, where no keyed stage is; else nil
}

// indexed is the rows that an index holds at most: 16 bytes each.
const indexed = 200_000_000

// newIndex reads a partition as far as the run will.
func (r *run) newIndex(ctx context.Context, s *source, part int32) (*index, error) {
	x := &index{}
	p, err := r.newPass(ctx, s, part)
	if err != nil {
		return nil, err
	}
	defer p.reader.Close()
	limit := r.expected()
	for x.rows < limit {
		b, err := p.poll(min(event.MaxRows, limit-x.rows))
		if b.N > 0 {
			p.add(x, b)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

// expected is the rows of a partition that a run at a rate asks for at most.
func (r *run) expected() int {
	n := int64(indexed)
	if r.o.Events > 0 {
		n = min(n, r.o.Events)
	}
	if d := r.o.Duration; d > 0 {
		n = min(n, int64(r.o.Rate*d.Seconds())+1)
	}
	return int(n)
}

// pass reads a partition and computes its columns as the engine does.
type pass struct {
	reader  connectors.Reader
	decoder connectors.Decoder // nil: the reader gives columns
	raw     connectors.RawBatch
	batch   *event.Batch
	scan    *relational.Scan
	timed   bool
	keyed   bool
	ctx     operators.Context
}

func (r *run) newPass(ctx context.Context, s *source, part int32) (*pass, error) {
	q := r.query(s.table.Query)
	sc := q.scanOf(s.table)
	if sc == nil {
		return nil, fmt.Errorf("query %s does not read %s", s.table.Query, s.table.Name)
	}
	p := &pass{batch: event.NewBatch(readSchema(sc)), timed: sc.Watermark != nil, keyed: q.keyed}
	var err error
	if p.scan, err = relational.NewScan(sc.Exprs, sc.Watermark, sc.Out, nil); err != nil {
		return nil, err
	}
	if p.reader, err = s.Source.Open(ctx, part, connectors.Start, func() {}); err != nil {
		return nil, err
	}
	if _, raw := p.reader.(connectors.RawReader); raw {
		p.decoder, err = formats.NewDecoder(s.table)
	}
	if err == nil && p.keyed && !p.timed {
		err = errors.New("latencies at a rate need event time: give the table a WATERMARK, or measure without --rate")
	}
	return p, err
}

func readSchema(s *plan.Scan) *event.Schema {
	fields := make([]event.Field, len(s.Read))
	for i, c := range s.Read {
		fields[i] = event.Field{Name: c.Name, Type: c.Type}
	}
	return event.NewSchema(fields...)
}

// poll is the next rows, as the connector has them.
func (p *pass) poll(limit int) (*event.Batch, error) {
	if p.decoder == nil {
		err := p.reader.(connectors.ColumnReader).PollColumns(limit, -1, p.batch)
		return p.batch, err
	}
	end := p.reader.(connectors.RawReader).Poll(limit, -1, &p.raw)
	if end != nil && end != io.EOF {
		return p.batch, end
	}
	p.batch.Reset(p.raw.N())
	if _, err := p.decoder.Decode(&p.raw, p.batch, nil); err != nil {
		return p.batch, err
	}
	for i, offset := range p.raw.Offset {
		p.batch.ID[i] = event.ID{Lo: uint64(offset)}
	}
	return p.batch, end
}

// add puts rows into the index.
func (p *pass) add(x *index, b *event.Batch) {
	if !p.keyed {
		for i := range b.N {
			x.ids = append(x.ids, b.ID[i].Lo)
		}
		x.rows += b.N
		return
	}
	out := p.scan.Finish(&p.ctx, b)
	marks, delay := p.scan.Marks(&p.ctx, out)
	mark := event.MinTime
	if x.rows > 0 {
		mark = x.marks[x.rows-1]
	}
	for i := range out.N {
		if !marks.Null(i) {
			mark = max(mark, marks.I64[i]-delay-1)
		}
		x.marks = append(x.marks, mark)
	}
	x.rows += out.N
}

// releases is the row that lets a detection of time t leave; rows when none
// does.
func (x *index) releases(t event.Time) int {
	return sort.Search(x.rows, func(i int) bool { return x.marks[i] >= t })
}

// row is the number of a row; rows when it is unknown.
func (x *index) row(id uint64) int {
	return sort.Search(x.rows, func(i int) bool { return x.ids[i] >= id })
}
