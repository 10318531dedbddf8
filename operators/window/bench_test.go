package window_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/operators/window"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

const (
	transactions = `CREATE TABLE tx (ts TIMESTAMP(3), card BIGINT, amount DOUBLE, country STRING, kind STRING, WATERMARK FOR ts AS ts) WITH ('connector'='memory');
		CREATE TABLE out (k BIGINT) WITH ('connector'='blackhole');
		`
	q6 = `SELECT card, window_start, COUNT(*) AS n, SUM(amount) AS total, MAX(amount) AS biggest
		FROM TUMBLE(TABLE tx, DESCRIPTOR(ts), INTERVAL '60' SECOND) GROUP BY window_start, window_end, card`
	q7 = `SELECT country, window_start, COUNT(*) AS n, SUM(amount) AS total
		FROM HOP(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '10' MINUTE)
		GROUP BY window_start, window_end, country HAVING SUM(amount) > 9700000`
	hopDay = `SELECT country, window_start, COUNT(*) AS n, SUM(amount) AS total
		FROM HOP(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '1' DAY) GROUP BY window_start, window_end, country`
	tumbleSecond = `SELECT country, window_start, COUNT(*) AS n, SUM(amount) AS total
		FROM TUMBLE(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' SECOND) GROUP BY window_start, window_end, country`
)

// chainOf is the operators of the plan above the table: the projection, the
// aggregate, and HAVING.
type chainOf struct {
	project operators.Operator
	program *window.Program
	op      operators.Stateful
	having  operators.Operator
	ctx     operators.Context
	from    []int // columns of the workload that the plan reads
	view    event.Batch
	rows    int64
}

func newChain(t testing.TB, sql string) *chainOf {
	t.Helper()
	r, err := query.CompileText(catalog.New(), "", transactions+sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &chainOf{}
	for n := plan.Node(r.Queries[0].Insert); n != nil; {
		switch x := n.(type) {
		case *plan.Filter:
			c.having, err = relational.NewFilter(x.Cond, nil)
		case *plan.Aggregate:
			c.aggregate(t, x)
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		n = n.Inputs()[0]
	}
	return c
}

func (c *chainOf) aggregate(t testing.TB, n *plan.Aggregate) {
	var err error
	if c.program, err = window.Compile(n, window.Options{Name: "bench"}); err != nil {
		t.Fatal(err)
	}
	c.op = c.program.New(0)
	scan := n.Input
	if p, ok := scan.(*plan.Project); ok {
		scan = p.Input
		if c.project, err = relational.NewProject(p.Exprs, p.Out, nil); err != nil {
			t.Fatal(err)
		}
	}
	c.columns(t, scan.(*plan.Scan))
}

// columns finds what the plan reads in the workload's batches.
func (c *chainOf) columns(t testing.TB, n *plan.Scan) {
	for _, f := range n.Out.Fields {
		i := workload.TransactionSchema.Index(f.Name)
		if i < 0 {
			t.Fatalf("the workload has no column %s", f.Name)
		}
		c.from = append(c.from, i)
	}
	c.view = event.Batch{Schema: n.Out, Cols: make([]event.Vec, len(c.from))}
}

// Emit is the end of the chain, and its middle.
func (c *chainOf) Emit(b *event.Batch) error {
	c.rows += int64(b.Live())
	return nil
}

type into func(b *event.Batch) error

func (f into) Emit(b *event.Batch) error { return f(b) }

// take sends a batch of the workload through, and the watermark behind it.
func (c *chainOf) take(t testing.TB, b *event.Batch) {
	for i, from := range c.from {
		c.view.Cols[i] = b.Cols[from]
	}
	c.view.N, c.view.Time, c.view.ID = b.N, b.Time, b.ID
	aggregate := into(func(b *event.Batch) error { return c.op.Process(&c.ctx, b, c) })
	if c.project == nil {
		must(t, aggregate(&c.view))
	} else {
		must(t, c.project.Process(&c.ctx, &c.view, aggregate))
	}
	c.advance(t, b.Time[b.N-1]-1)
}

func (c *chainOf) advance(t testing.TB, wm event.Time) {
	out := operators.Collector(c)
	if c.having != nil {
		out = into(func(b *event.Batch) error { return c.having.Process(&c.ctx, b, c) })
	}
	must(t, c.op.Advance(&c.ctx, wm, out))
	for op, ok := c.op.(operators.Lasting); ok && op.Unfinished(); {
		must(t, c.op.Advance(&c.ctx, wm, out))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// benchmark takes b.N batches of 4,096 events, made beforehand in blocks so that
// making them is not measured.
func benchmark(b *testing.B, sql string) {
	c := newChain(b, sql)
	g := workload.NewTransactions()
	block := make([]*event.Batch, 64)
	for i := range block {
		block[i] = event.NewBatch(workload.TransactionSchema)
	}
	var made time.Duration // processor time of making events
	began := processorTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%len(block) == 0 {
			b.StopTimer()
			before := processorTime(b)
			for _, x := range block {
				g.Fill(x, event.MaxRows)
			}
			made += processorTime(b) - before
			b.StartTimer()
		}
		c.take(b, block[i%len(block)])
	}
	b.ReportMetric(float64(b.N)*event.MaxRows/(processorTime(b)-began-made).Seconds()/1e6, "Mevents/cpu-s")
	b.ReportMetric(float64(c.rows)/float64(b.N), "rows/op")
}

// processorTime is what the process has used.
func processorTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkQ6(b *testing.B) { benchmark(b, q6) }
func BenchmarkQ7(b *testing.B) { benchmark(b, q7) }

// The two differ by what the length of the window costs.
func BenchmarkHopDay(b *testing.B)       { benchmark(b, hopDay) }
func BenchmarkTumbleSecond(b *testing.B) { benchmark(b, tumbleSecond) }

// TestWorkload counts the results of 5 million events.
func TestWorkload(t *testing.T) {
	if testing.Short() {
		t.Skip("5 million events")
	}
	for _, q := range []struct {
		sql  string
		want int64
	}{{q6, 3_763_358}, {q7, 388}} {
		c := newChain(t, q.sql)
		g := workload.NewTransactions()
		b := event.NewBatch(workload.TransactionSchema)
		for left := 5_000_000; left > 0; left -= b.N {
			g.Fill(b, min(left, event.MaxRows))
			c.take(t, b)
		}
		c.advance(t, event.MaxTime)
		if c.rows != q.want {
			t.Errorf("%d results, want %d:\n%s", c.rows, q.want, q.sql)
		}
	}
}
