package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pass = payments + `CREATE TABLE o (card BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card FROM payments`

func cards(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`{"card":%d,"amount":1,"ts":"2026-01-01 00:00:%02d"}`, i, i%60)
	}
	return out
}

// newEngine is an engine with its goroutines on the world, closed with the test.
func newEngine(t *testing.T, w *enginetest.World, change func(*engine.Options)) *engine.Engine {
	t.Helper()
	o := engine.Options{Registry: w.Registry(formats.Specs()), Workers: 2}
	if change != nil {
		change(&o)
	}
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil && !t.Failed() {
			t.Log("close:", err)
		}
	})
	return e
}

func start(t *testing.T, e *engine.Engine, sql string) *engine.Query {
	t.Helper()
	c, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	q, err := e.Start(context.Background(), c.Root, c.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestBoundedQueryFinishes(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(1000), cards(10))
	q := start(t, newEngine(t, w, nil), pass)
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Output("o").Rows()); n != 1010 {
		t.Errorf("%d rows", n)
	}
	if s := q.Status(); s.State != engine.StateFinished || s.Sinks[0].Acknowledged != 1010 || s.Partitions[0].Rows != 1000 {
		t.Errorf("%+v", s)
	}
}

func TestStopAndGoOn(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("payments", cards(100)).Open()
	dir := t.TempDir()
	var lives []int
	for range 3 {
		e := newEngine(t, w, func(o *engine.Options) { o.DataDir = dir })
		seen := make(chan struct{}, 1)
		w.Output("o").Before = func(*event.Batch) error {
			select {
			case seen <- struct{}{}:
			default:
			}
			return nil
		}
		q := start(t, e, pass)
		<-seen
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if s := q.Status(); s.State != engine.StateStopped {
			t.Errorf("%+v", s)
		}
		lives = append(lives, len(w.Output("o").Rows()))
		in.Append(0, cards(10)...)
	}
	if diff := cmp.Diff([]int{100, 110, 120}, lives); diff != "" {
		t.Error(diff)
	}
}

func TestFailuresStayApart(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(10)).Open()
	e := newEngine(t, w, nil)
	other := func(name string) string {
		return strings.ReplaceAll(strings.ReplaceAll(pass, "TABLE o ", "TABLE "+name+" "), "INTO o ", "INTO "+name+" ")
	}
	w.Output("broken").Before = func(*event.Batch) error { return errors.New("the disk is full") }
	w.Output("mad").Before = func(*event.Batch) error { panic("ouch") }
	good, broken, mad := start(t, e, pass), start(t, e, other("broken")), start(t, e, other("mad"))
	if err := broken.Wait(); err == nil || !strings.Contains(err.Error(), "write to broken: the disk is full") {
		t.Errorf("%v", err)
	}
	var p *engine.PanicError
	if err := mad.Wait(); !errors.As(err, &p) || len(p.Stack) == 0 {
		t.Errorf("%v", err)
	}
	if s := mad.Status(); s.State != engine.StateFailed || !strings.Contains(s.Error, "ouch") {
		t.Errorf("%+v", s)
	}
	select {
	case <-good.Done():
		t.Errorf("the good query has ended: %v", good.Wait())
	default:
	}
	if len(e.Queries()) != 3 {
		t.Errorf("%d queries", len(e.Queries()))
	}
}

// TestBackPressure holds the sink and looks how far the source is read.
func TestBackPressure(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 10
	w.Input("payments", cards(10_000))
	c, err := enginetest.Compile(`SET 'sink.buffer-max-bytes' = '1000';` + pass)
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, c, w.Options(), nil)
	for idle := false; !idle; {
		if idle, err = p.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	s := p.Status()
	if at := s.Partitions[0].Position; at == 0 || at > 100 || !strings.Contains(s.Hint, "the sink is behind") {
		t.Errorf("read up to %d: %s", at, s.Hint)
	}
	if err := enginetest.Finish(p); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Output("o").Rows()); n != 10_000 {
		t.Errorf("%d rows", n)
	}
}

func TestForeignStateIsRefused(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(5))
	store := memstore.New()
	run := func(sql string) error {
		c, err := enginetest.Compile(sql)
		if err != nil {
			t.Fatal(err)
		}
		p, err := engine.OpenPipeline(context.Background(), w.Options(), c.Root, c.Catalog, store)
		if err != nil {
			return err
		}
		return errors.Join(enginetest.Finish(p), p.Close())
	}
	if err := run(pass); err != nil {
		t.Fatal(err)
	}
	if err := run("-- the same text\n" + pass); err != nil {
		t.Error(err)
	}
	if err := run(pass + " WHERE card > 1"); err == nil || !strings.Contains(err.Error(), "another text of the query") {
		t.Error(err)
	}
	if err := run(`SET 'cepd.shards' = '3';` + pass); err == nil {
		t.Error("another number of shards goes on")
	}
	b := store.NewBatch()
	if err := errors.Join(b.Put([]byte("q\x00\x01om"), []byte(`{"format":99}`)), b.Commit(true)); err != nil {
		t.Fatal(err)
	}
	if err := run(pass); err == nil || !strings.Contains(err.Error(), "newer cepd") {
		t.Error(err)
	}
}

func TestDropForgets(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(5))
	store := memstore.New()
	e := newEngine(t, w, func(o *engine.Options) { o.Store = store })
	for life := 1; life <= 2; life++ {
		q := start(t, e, pass)
		if err := q.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := len(w.Output("o").Rows()); n != 5*life {
			t.Errorf("%d rows in life %d", n, life)
		}
		if err := q.Drop(); err != nil {
			t.Fatal(err)
		}
	}
	left := 0
	if err := store.Scan(nil, nil, func(_, _ []byte) error { left++; return nil }); err != nil || left > 0 {
		t.Errorf("%d keys left, %v", left, err)
	}
}

func TestPolicies(t *testing.T) {
	bad := []string{`{"card":1,"amount":2,"ts":"2026-01-01 00:00:00"}`, `{"card":`, `{"card":0,"amount":2,"ts":"2026-01-01 00:00:00"}`}
	dead := "CREATE TABLE dead (kind STRING, `offset` BIGINT, `value` STRING) WITH ('connector'='test');"
	for _, c := range []struct {
		name, options, settings string
		rows, dead              []string
		err                     string
	}{
		{name: "fail", err: "payments: parse error in partition 0 at offset 1"},
		{name: "skip", settings: "SET 'table.exec.error-policy' = 'skip';", rows: []string{"10"}},
		{name: "dead letters", options: ", 'scan.dead-letter-table' = 'dead'", rows: []string{"10"},
			dead: []string{`'parse' | 1 | '{"card":'`, `'error' | 2 | '` + bad[2] + `'`}},
		{name: "table over session", settings: "SET 'table.exec.error-policy' = 'skip';", options: ", 'scan.error-policy' = 'fail'", err: "parse error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := enginetest.NewWorld()
			w.Input("payments", bad)
			q, err := enginetest.Compile(dead + c.settings + strings.Replace(payments, "'format'='json'", "'format'='json'"+c.options, 1) +
				`CREATE TABLE o (x BIGINT) WITH ('connector'='test'); INSERT INTO o SELECT 10 / card FROM payments`)
			if err != nil {
				t.Fatal(err)
			}
			err = enginetest.Finish(w.Pipeline(t, q, w.Options(), nil))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if diff := cmp.Diff(c.rows, w.Output("o").Texts()); diff != "" || err != nil {
				t.Error(err, diff)
			}
			if diff := cmp.Diff(c.dead, w.Output("dead").Texts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidatePointsAtOptions(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", nil)
	e := newEngine(t, w, nil)
	c, err := enginetest.Compile(strings.Replace(pass, "'format'='json'", "'formt'='json', 'scan.late-table'='nowhere', 'scan.error-policy'='dead-letter'", 1))
	if err != nil {
		t.Fatal(err)
	}
	if err = e.Validate(c.Root, c.Catalog); err == nil || !strings.Contains(err.Error(), "connector 'test' has no option 'formt'") || !strings.Contains(err.Error(), "^^^") {
		t.Error(err)
	}
}

// TestMetricsInventory pins names and labels: dashboards and alerts use them.
func TestMetricsInventory(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("payments", cards(100)).Open()
	r := prometheus.NewRegistry()
	e := newEngine(t, w, func(o *engine.Options) { o.Metrics, o.Store = r, memstore.New() })
	q := start(t, e, probes)
	got := inventory(t, r)
	in.End()
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	got = append(got, inventory(t, r)...)
	slices.Sort(got)
	want := []string{
		"cepd_journal_commit_duration_seconds query",
		"cepd_query_rejected_total kind,query",
		"cepd_query_running query",
		"cepd_query_step_duration_seconds query",
		"cepd_query_turn_wait_seconds_total query",
		"cepd_sink_queue_bytes query,table",
		"cepd_sink_rows_total query,table",
		"cepd_snapshot_size_bytes query",
		"cepd_snapshot_write_duration_seconds query",
		"cepd_source_bytes_total partition,query,table",
		"cepd_source_lag_records partition,query,table",
		"cepd_source_late_total partition,query,table", "cepd_source_newest_event_timestamp_seconds partition,query,table", "cepd_source_paused partition,query,table",
		"cepd_source_records_total partition,query,table", "cepd_source_rejected_total partition,query,table",
		"cepd_source_watermark_lag_seconds partition,query,table",
		"cepd_state_budget_bytes query,stage",
		"cepd_state_bytes query,stage",
		"cepd_state_cold_keys query,stage",
		"cepd_state_disk_bytes query",
		"cepd_state_keys query,stage",
		"cepd_state_loaded_keys_total query,stage",
		"cepd_state_reads_total query,stage",
		"cepd_state_rows query,stage",
		"cepd_state_spilled_keys_total query,stage",
	}
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Error(diff)
	}
}

func inventory(t *testing.T, r *prometheus.Registry) (list []string) {
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		list = append(list, f.GetName()+" "+strings.Join(labels, ","))
	}
	return list
}

func TestNewPartitionsAreRead(t *testing.T) {
	store, out := memstore.New(), 0
	for partitions := 1; partitions <= 3; partitions++ {
		w := enginetest.NewWorld()
		input := make([][]string, partitions)
		for i := range input {
			input[i] = cards(5)
		}
		w.Input("payments", input...).Open()
		c, err := enginetest.Compile(pass)
		if err != nil {
			t.Fatal(err)
		}
		p := w.Pipeline(t, c, w.Options(), store)
		for idle := false; !idle; {
			if idle, err = enginetest.Round(p); err != nil {
				t.Fatal(err)
			}
		}
		out += len(w.Output("o").Rows())
		if out != 5*partitions {
			t.Errorf("%d rows with %d partitions", out, partitions)
		}
	}
}

// A sink whose own context ends is a sink that has failed.
func TestCanceledSinkFailsTheQuery(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(10)).Open()
	w.Output("o").Before = func(*event.Batch) error { return context.Canceled }
	q := start(t, newEngine(t, w, nil), pass)
	if err := q.Wait(); err == nil || q.Status().State != engine.StateFailed {
		t.Errorf("%v, %+v", err, q.Status())
	}
}

// TestDroppedQueryLeavesNoMetrics: names come and go, and label sets with them.
func TestDroppedQueryLeavesNoMetrics(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(100))
	r := prometheus.NewRegistry()
	q := start(t, newEngine(t, w, func(o *engine.Options) { o.Metrics, o.Store = r, memstore.New() }), probes)
	if err := errors.Join(q.Wait(), q.Drop()); err != nil {
		t.Fatal(err)
	}
	if left := inventory(t, r); len(left) > 0 {
		t.Errorf("%q", left)
	}
}
