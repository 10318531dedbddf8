package benchmarks

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/e2e/stock"
	"github.com/cepd/cepd/internal/event"
)

// StockDir has a day of trades and queries over them, from the root of the
// repository.
const StockDir = "testdata/stock"

// Sequence is a pattern of the experiments of CORE (Bucchi et al., PVLDB 2022)
// over a day of trades.
type Sequence struct {
	Name    string
	SQL     string
	Matches int
	// CORE is the events per second of CPU that CORE made of it on the same
	// trades, in June 2026, in one thread of a machine of the same class; 0:
	// unknown.
	CORE float64
}

// The lengths and windows of SEQ.
var (
	lengths = []int{3, 6, 9, 12, 24}
	windows = []string{"1", "10", "100", "1000"} // s
)

// coreUpdates is CORE's rate by length and window when nothing is found, in
// thousands a second.
var coreUpdates = [][]float64{
	{1632, 1116, 716, 808},
	{1327, 922, 401, 379},
	{1116, 724, 315, 284},
	{977, 680, 233, 184},
	{616, 470, 190, 93},
}

// coreMatches is CORE's rate where matches are made, likewise.
var coreMatches = map[string]float64{
	"seq3-1s": 1455, "seq3-10s": 589, "seq3-30s": 100, "seq6-10s": 94, "seq9-10s": 45, "seq3-10s-consume-any": 1396, "seq9-100s-limit-1": 278,
	"four-10s": 332, "four-either-10s": 36, "four-volume-10s": 780, "four-either-volume-10s": 689, "loop-1s": 1620, "loop-10s-limit-1": 1099,
	"contiguous-10s": 1276,
}

// Sequences are SEQ of each length and window with a last step that never
// occurs, then the queries of dir, which find something.
func Sequences(dir string) (list []Sequence, err error) {
	for i, n := range lengths {
		for k, w := range windows {
			list = append(list, Sequence{Name: fmt.Sprintf("SEQ%d-%ss", n, w), SQL: sequence(n, w), CORE: 1000 * coreUpdates[i][k]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(coreMatches)) {
		text, err := os.ReadFile(filepath.Join(dir, name+".sql"))
		if err != nil {
			return nil, err
		}
		found := regexp.MustCompile(`-- outputs: (\d+)`).FindSubmatch(text)
		if found == nil {
			return nil, fmt.Errorf("%s.sql does not state its outputs", name)
		}
		matches, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return nil, err
		}
		list = append(list, Sequence{name, strings.Replace(string(text), "FROM stock", "FROM events", 1), matches, 1000 * coreMatches[name]})
	}
	return list, nil
}

// sequence is SEQ n: trades of n kinds and names, any trades between, then one
// that does not occur.
func sequence(n int, within string) string {
	names := []string{"INTC", "RIMM", "QQQ", "IPIX", "AMAT", "CSCO", "YHOO", "DELL", "ORCL", "MSFT"}
	kinds := []string{"SELL", "BUY", "BUY"}
	var steps, define []string
	for i := range n {
		steps = append(steps, fmt.Sprintf("T%d", i+1))
		define = append(define, fmt.Sprintf("T%d AS kind = '%s' AND name = '%s'", i+1, kinds[i%3], names[i%10]))
	}
	return fmt.Sprintf(`SELECT * FROM events MATCH_RECOGNIZE (ORDER BY ts MEASURES T1.ts AS began, T%d.ts AS ended
		AFTER MATCH NO SKIP PATTERN (%s ->> NE) WITHIN INTERVAL '%s' SECOND DEFINE %s, NE AS kind = 'BUY' AND name = 'NotExists')`,
		n, strings.Join(steps, " ->> "), within, strings.Join(define, ", "))
}

// Stock is a day of trades.
type Stock struct{ trades []stock.Trade }

// NewStock reads the trades of dir.
func NewStock(dir string) (*Stock, error) {
	trades, err := stock.Load(filepath.Join(dir, "stock.csv.gz"), 0)
	return &Stock{trades}, err
}

// enough is the CPU time that a run takes at least: the trades are matched as
// often as that needs, each time from the beginning.
const enough = 200 * time.Millisecond

// Run measures a sequence. The number of matches is checked.
func (s *Stock) Run(q Sequence) (measure.Result, error) {
	r := measure.Result{Workload: q.Name, System: "cepd", Note: "operators of one shard, columns in memory, GOMAXPROCS=1"}
	root, err := conformance.Compile(stock.Case(stock.Query{SQL: q.SQL}, nil))
	if err != nil {
		return r, fmt.Errorf("%s: %w", q.Name, err)
	}
	parts := stock.Parts(root, s.trades)
	var total measure.Usage
	for total.CPU < enough {
		var found counter
		p, err := conformance.NewPipeline(root, &found)
		if err != nil {
			return r, err
		}
		u, err := measure.Run(func() error { return stock.Feed(p, parts) })
		if err == nil && int(found) != q.Matches {
			err = fmt.Errorf("%d matches, expected %d", found, q.Matches)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", q.Name, err)
		}
		total.CPU, total.Wall = total.CPU+u.CPU, total.Wall+u.Wall
		r.Events, r.Matches = r.Events+len(s.trades), r.Matches+int(found)
	}
	r.Take(total)
	r.Stamp(time.Now())
	return r, nil
}

// counter counts matches.
type counter int

func (c *counter) Emit(b *event.Batch) error {
	*c += counter(b.Live())
	return nil
}

// Lines measure sequences on one core.
func (s *Stock) Lines(list []Sequence, runs int) (lines []measure.Line) {
	for _, q := range list {
		lines = append(lines, measure.Line{Workload: q.Name, System: "cepd", Measure: func() (measure.Result, error) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			return measure.Several(runs, func() (measure.Result, error) { return s.Run(q) })
		}})
	}
	return lines
}

// Reference is CORE's result of a sequence in the form of one's own.
func (s *Stock) Reference(q Sequence) measure.Result {
	n := len(s.trades)
	return measure.Result{Workload: q.Name, System: "core", Version: "2026-06", Events: n, CPUSeconds: float64(n) / q.CORE, Matches: q.Matches,
		Note: "measured in June 2026, on a machine of the same class"}
}
