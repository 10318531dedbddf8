package stock

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/event"
)

// small leaves out the queries with very many matches, and most of the stream.
const small = cepdtest.Raced

// TestCounts runs the queries of testdata/stock and compares how many matches
// they have, and how many trades complete one, with what the CORE engine found
// in the same stream (its window, too, is below the limit, not at it). With
// -short, those of fewer than 100,000 matches, with the race detector of 1,000.
func TestCounts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(data), "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	trades, err := Load(data, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".sql"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			outputs, triggers := stated(t, string(text), "outputs"), stated(t, string(text), "triggers")
			if testing.Short() && outputs >= 100_000 || small && outputs >= 1_000 {
				t.Skip("many matches: not with -short or the race detector")
			}
			got := count(t, string(text), trades)
			if got.outputs != outputs || got.triggers != triggers {
				t.Errorf("%d matches of %d trades, expected %d of %d", got.outputs, got.triggers, outputs, triggers)
			}
		})
	}
}

// stated is a number in the head of a query.
func stated(t *testing.T, text, what string) int {
	t.Helper()
	found := regexp.MustCompile(`-- ` + what + `: (\d+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("the query does not state its %s", what)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// counter counts matches, and the trades that complete them: its one column is
// the order number of the last trade, which is unique.
type counter struct {
	outputs, triggers int
	last              int64
}

func (c *counter) Emit(b *event.Batch) error {
	ids := b.Cols[0].I64
	for _, i := range b.LiveRows() {
		if c.outputs++; ids[i] != c.last {
			c.triggers++
			c.last = ids[i]
		}
	}
	return nil
}

// count feeds the trades to a query in batches.
func count(t *testing.T, text string, trades []Trade) counter {
	t.Helper()
	c := Case(Query{SQL: strings.Replace(text, "FROM stock", "FROM events", 1)}, nil)
	root, err := conformance.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	got := counter{last: -1}
	p, err := conformance.NewPipeline(root, &got)
	if err != nil {
		t.Fatal(err)
	}
	if err := Feed(p, Parts(root, trades)); err != nil {
		t.Fatal(err)
	}
	return got
}
