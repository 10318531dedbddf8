package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
)

// probing is a pattern over cards in two shards' worth of keys.
const probing = `
CREATE TABLE t (card BIGINT, ts TIMESTAMP(3), amount DOUBLE, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv');
CREATE TABLE o (card BIGINT, small DOUBLE, large DOUBLE) WITH ('connector'='test');
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts
  MEASURES A.amount AS small, B.amount AS large
  PATTERN (A -> B -> C) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 100, C AS C.amount > B.amount)`

// probed is n cards, each with one small amount, the even ones with a large one
// too, and a row that lets the watermark pass them.
func probed(n int) (rows []string) {
	for card := range n {
		rows = append(rows, fmt.Sprintf("%d,%d,%d", card, 1000+10*card, card%10))
	}
	for card := 0; card < n; card += 2 {
		rows = append(rows, fmt.Sprintf("%d,%d,500", card, max(200_000, 20*n)+card/100))
	}
	return append(rows, fmt.Sprintf("-1,%d,50", max(400_000, 40*n)))
}

// TestInstances pages through 10,000 open matches, and filters them.
func TestInstances(t *testing.T) {
	const n = 10_000
	w := enginetest.NewWorld()
	w.Input("t", probed(n)).Open()
	e := newEngine(t, w, func(o *engine.Options) { o.DataDir = t.TempDir() })
	q := start(t, e, probing)
	ctx := context.Background()
	until(t, func() bool { return q.Status().Partitions[0].Position == int64(n+n/2+1) })

	seen := map[string]bool{}
	var last time.Time
	for f := (engine.InstanceFilter{Limit: 700}); ; {
		page, err := q.Instances(ctx, f)
		if err != nil || page.Total != n || page.Partial {
			t.Fatalf("%d, %v, %v", page.Total, page.Partial, err)
		}
		for _, x := range page.Instances {
			since, err := time.Parse(time.RFC3339Nano, x.Since)
			if err != nil || seen[x.ID] || since.Before(last) {
				t.Fatalf("instance %s of %s comes again, or behind %s: %v", x.ID, x.Since, last, err)
			}
			seen[x.ID], last = true, since
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("%d open matches on all pages, want %d", len(seen), n)
	}
	for _, c := range []struct {
		filter engine.InstanceFilter
		want   int
	}{
		{engine.InstanceFilter{WaitsFor: "c"}, n / 2},
		{engine.InstanceFilter{WaitsFor: "B"}, n / 2},
		{engine.InstanceFilter{WaitsFor: "A"}, 0},
		{engine.InstanceFilter{Reached: "b"}, n / 2},
		{engine.InstanceFilter{Reached: "C"}, 0},
		{engine.InstanceFilter{Key: "card=42"}, 1},
		{engine.InstanceFilter{Key: "42"}, 1},
		{engine.InstanceFilter{Key: "amount=42"}, 0},
		{engine.InstanceFilter{Before: 51_000_000}, 5000},
	} {
		page, err := q.Instances(ctx, c.filter)
		if err != nil || page.Total != c.want || len(page.Instances) != min(c.want, engine.DefaultInstances) {
			t.Errorf("%+v: %d of %d, %v; want %d", c.filter, len(page.Instances), page.Total, err, c.want)
		}
	}
	page, err := q.Instances(ctx, engine.InstanceFilter{Key: "42"})
	if err != nil {
		t.Fatal(err)
	}
	x := page.Instances[0]
	got := fmt.Sprint(x.Since, " ", x.Expires, " ", x.WaitsFor, " ", string(x.Measures["small"]), " ", string(x.Measures["large"]), " ", string(x.Key["card"]))
	if want := "1970-01-01T00:00:01.42Z 1970-01-01T00:10:01.42Z [C] 2.0 500.0 42"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(x.Rows) != 2 || x.Rows[1].Variable != "B" || *x.Rows[1].Offset != n+21 || *x.Rows[1].Partition != 0 {
		t.Errorf("rows %+v", x.Rows)
	}
}

// TestInstancesRefused: a page that was never given, a limit, and a query
// that does not run are refused.
func TestInstancesRefused(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", probed(10))
	q := start(t, newEngine(t, w, nil), probing)
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Instances(context.Background(), engine.InstanceFilter{}); !errors.Is(err, engine.ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
	c, err := enginetest.Compile(probing)
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, c, w.Options(), nil)
	for _, f := range []engine.InstanceFilter{{Limit: -1}, {Limit: engine.MaxInstances + 1}, {After: "17"}, {After: "1-2-3x"}} {
		if _, err := p.Instances(f); !errors.Is(err, engine.ErrFilter) {
			t.Errorf("%+v: error %v", f, err)
		}
	}
}

// TestInstancesChangeNothing: looking after every step leaves the output as it
// is.
func TestInstancesChangeNothing(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 7
	rows := probed(100)
	for card := range 100 {
		rows = append(rows, fmt.Sprintf("%d,500000,%d", card, 400+card*2))
	}
	w.Input("t", rows)
	want := enginetest.Sorted(w.Run(t, probing))
	c, err := enginetest.Compile(probing)
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, c, w.Options(), nil)
	for !p.Done() || !p.Drained() {
		if _, err := enginetest.Round(p); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Instances(engine.InstanceFilter{}); err != nil {
			t.Fatal(err)
		}
	}
	got := w.Output("o").Texts()
	if got = enginetest.Sorted(got[len(want):]); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d like without looking", len(got), len(want))
	}
}

// BenchmarkInstances lists the first hundred of those that wait for C: of 10,000
// open matches, and of a million. longest-ms is how long the stream stands still
// at a time, in the look that was disturbed least.
func BenchmarkInstances(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkInstances(b, n) })
	}
}

func benchmarkInstances(b *testing.B, n int) {
	w := enginetest.NewWorld()
	w.Input("t", probed(n)).Open()
	c, err := enginetest.Compile(strings.Replace(probing, "'10' MINUTE", "'1' DAY", 1))
	if err != nil {
		b.Fatal(err)
	}
	p := w.Pipeline(b, c, w.Options(), nil)
	for idle := false; !idle; {
		if idle, err = enginetest.Round(p); err != nil {
			b.Fatal(err)
		}
	}
	held := time.Hour
	for b.Loop() {
		page, portions, longest, err := p.Survey(engine.InstanceFilter{WaitsFor: "C"})
		if err != nil || page.Total != n/2 || portions < n/4000 {
			b.Fatal(page.Total, portions, err)
		}
		held = min(held, longest) // of the look that was disturbed least
	}
	b.ReportMetric(float64(held.Microseconds())/1000, "longest-ms")
}
