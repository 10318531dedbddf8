package pattern_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
)

const stockTable = "kind STRING, name STRING, volume INT, price DOUBLE, ts TIMESTAMP(3)"

// stockQuery is SEQ n of the CORE experiments: trades of n given kinds and
// names, one after the other, any rows between. never appends one that does not
// occur, so that nothing is ever found.
func stockQuery(n int, within string, never bool) string {
	names := []string{"INTC", "RIMM", "QQQ", "IPIX", "AMAT", "CSCO", "YHOO", "DELL", "ORCL", "MSFT"}
	kinds := []string{"SELL", "BUY", "BUY"}
	var steps, define []string
	for i := range n {
		steps = append(steps, fmt.Sprintf("T%d", i+1))
		define = append(define, fmt.Sprintf("T%d AS kind = '%s' AND name = '%s'", i+1, kinds[i%3], names[i%10]))
	}
	if never {
		steps, define = append(steps, "NE"), append(define, "NE AS kind = 'BUY' AND name = 'NotExists'")
	}
	return fmt.Sprintf("ORDER BY ts MEASURES T1.ts AS first, T%d.ts AS last PATTERN (%s) WITHIN INTERVAL '%s' SECOND DEFINE %s",
		n, strings.Join(steps, " ->> "), within, strings.Join(define, ", "))
}

var stockCache = map[string][]*event.Batch{}

// stockBatches are the trades in the columns that m reads.
func stockBatches(t testing.TB, m *plan.Match) []*event.Batch {
	columns := fmt.Sprint(m.Input.Schema().Fields)
	if stockCache[columns] == nil {
		stockCache[columns] = readStock(t, m)
	}
	return stockCache[columns]
}

func readStock(t testing.TB, m *plan.Match) []*event.Batch {
	f, err := os.Open("../../testdata/stock/stock.csv.gz")
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	lines := bufio.NewScanner(z)
	lines.Scan() // the header
	var list []*event.Batch
	schema := m.Input.Schema()
	for more := true; more; {
		b := event.NewBatch(schema)
		for b.N < event.MaxRows {
			if more = lines.Scan(); !more {
				break
			}
			addTrade(t, b, strings.Split(lines.Text(), ","), len(list))
		}
		list = append(list, b)
	}
	return list
}

func addTrade(t testing.TB, b *event.Batch, f []string, batch int) {
	at, err := strconv.ParseInt(f[5], 10, 64)
	must(t, err)
	for i := range b.Schema.Fields {
		var v event.Value
		switch b.Schema.Fields[i].Name {
		case "kind":
			v = event.StringValue(f[0])
		case "name":
			v = event.StringValue(f[2])
		case "volume":
			n, err := strconv.ParseInt(f[3], 10, 64)
			must(t, err)
			v = event.IntValue(n)
		case "price":
			x, err := strconv.ParseFloat(f[4], 64)
			must(t, err)
			v = event.FloatValue(x)
		case "ts":
			v = event.IntValue(at * 1000)
		}
		b.Cols[i].Append(v)
	}
	b.Time = append(b.Time, at*1000)
	b.ID = append(b.ID, event.ID{Lo: uint64(batch*event.MaxRows + b.N)})
	b.N++
}

// stockRun matches a stock query over all trades.
type stockRun struct {
	prepare operators.Operator
	matcher operators.Stateful
	ctx     operators.Context
	out     count
}

func newStockRun(t testing.TB, m *plan.Match) *stockRun {
	p, err := pattern.Compile(m, pattern.Options{Name: "q", MaxRows: 1 << 20, MaxThreads: 1 << 20})
	must(t, err)
	return &stockRun{prepare: p.NewPrepare(), matcher: p.NewMatcher(0)}
}

func (r *stockRun) run(t testing.TB, batches []*event.Batch) {
	out := &pass{ctx: &r.ctx, next: r.matcher, out: &r.out}
	for _, b := range batches {
		must(t, r.prepare.Process(&r.ctx, b, out))
		must(t, r.matcher.Advance(&r.ctx, b.Time[b.N-1]-1, &r.out))
	}
	must(t, r.matcher.Advance(&r.ctx, event.MaxTime, &r.out))
}

// TestStockCounts compares with brute force (docs/benchmarks/patterns.md).
func TestStockCounts(t *testing.T) {
	for _, c := range []struct {
		n      int
		within string
		want   int
	}{{3, "1", 3_525}, {3, "10", 345_801}, {6, "10", 1_789_725}, {9, "10", 2_314_188}} {
		if testing.Short() && c.want > 1_000_000 {
			continue
		}
		m := compileMatch(t, script(stockTable, stockQuery(c.n, c.within, false)))
		r := newStockRun(t, m)
		if r.run(t, stockBatches(t, m)); r.out.rows != c.want {
			t.Errorf("SEQ%d within %s s: %d matches, want %d", c.n, c.within, r.out.rows, c.want)
		}
	}
}

// BenchmarkStockUpdate finds nothing: what an event costs.
func BenchmarkStockUpdate(b *testing.B) {
	for _, n := range []int{3, 6, 9, 12, 24} {
		for _, w := range []string{"1", "10", "100", "1000"} {
			b.Run(fmt.Sprintf("n=%d/w=%ss", n, w), func(b *testing.B) {
				benchmarkStock(b, stockQuery(n, w, true))
			})
		}
	}
}

// BenchmarkStockOutput finds and counts matches.
func BenchmarkStockOutput(b *testing.B) {
	for _, c := range []struct {
		n int
		w string
	}{{3, "1"}, {3, "10"}, {3, "30"}, {6, "10"}, {9, "10"}} {
		b.Run(fmt.Sprintf("SEQ%d/w=%ss", c.n, c.w), func(b *testing.B) {
			benchmarkStock(b, stockQuery(c.n, c.w, false))
		})
	}
}

func benchmarkStock(b *testing.B, query string) {
	m := compileMatch(b, script(stockTable, query))
	batches := stockBatches(b, m)
	events, matches, seconds := 0, 0, 0.0
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		r := newStockRun(b, m)
		b.StartTimer()
		before := cpuSeconds(b)
		r.run(b, batches)
		seconds += cpuSeconds(b) - before
		matches += r.out.rows
		for _, batch := range batches {
			events += batch.N
		}
	}
	b.ReportMetric(float64(events)/seconds/1e6, "Mevents/cpu-s")
	if matches > 0 {
		b.ReportMetric(float64(matches)/seconds/1e6, "Mmatches/cpu-s")
	}
}

// cpuSeconds is the processor time of the process so far: on a shared machine,
// the clock on the wall says little.
func cpuSeconds(t testing.TB) float64 {
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
