package suppress_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/suppress"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

// The detections of the tests are (key STRING, n BIGINT); the output adds the
// count and the status.
var (
	in  = event.NewSchema(event.Field{Name: "key", Type: event.TString}, event.Field{Name: "n", Type: event.TInt64})
	out = event.NewSchema(event.Field{Name: "count", Type: event.TInt64}, event.Field{Name: "key", Type: event.TString},
		event.Field{Name: "n", Type: event.TInt64}, event.Field{Name: "status", Type: event.TString})
)

func spec(d *datadriven.TestData) suppress.Spec {
	s := suppress.Spec{Prepared: in, Key: []int{0}, For: 10, Out: out,
		Columns: []int{plan.SuppressCount, 0, 1, plan.SuppressStatus}}
	if d.HasArg("max") {
		var n int
		if _, err := fmt.Sscan(d.CmdArgs[0].Vals[0], &n); err != nil {
			panic(err)
		}
		s.MaxKeys = n
	}
	return s
}

// driver feeds the lines of a case: "t key n" is a detection, "wm t" a
// watermark, "end" the end of the input, "size" asks what is held.
type driver struct {
	t       *testing.T
	spec    suppress.Spec
	op      *suppress.Suppress
	store   *memstore.Store
	restore bool // snapshot into a new operator before every line
	batch   *event.Batch
	rows    int // per batch
	ids     uint64
	text    strings.Builder
}

// Emit prints rows as id: count key n status.
func (d *driver) Emit(b *event.Batch) error {
	for _, i := range b.LiveRows() {
		key := "null"
		if v := b.Cols[1].Value(int(i)); !v.Null {
			key = string(v.S)
		}
		fmt.Fprintf(&d.text, "%d @%d: %s %d %s %d\n", b.ID[i].Lo, b.Time[i], key, b.Cols[2].Value(int(i)).I, b.Cols[3].Value(int(i)).S, b.Cols[0].Value(int(i)).I)
	}
	return nil
}

func (d *driver) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) line(line string) {
	words := strings.Fields(line)
	var t, n int64
	switch {
	case words[0] == "size":
		d.flush()
		s := d.op.Size()
		fmt.Fprintf(&d.text, "keys %d rows %d bytes %d withheld %d hold %d\n", s.Keys, s.Rows, s.Bytes, d.op.Withheld(), d.op.Hold(1000))
	case words[0] == "end":
		d.flush()
		d.must(d.op.Advance(nil, event.MaxTime, d))
	case words[0] == "wm":
		d.flush()
		d.scan(words[1], &t)
		d.must(d.op.Advance(nil, t, d))
	default:
		d.scan(words[0], &t)
		d.scan(words[2], &n)
		d.row(t, words[1], n)
	}
	if d.restore {
		d.flush()
		d.snapshot()
	}
}

func (d *driver) scan(s string, n *int64) {
	d.t.Helper()
	_, err := fmt.Sscan(s, n)
	d.must(err)
}

func (d *driver) row(t int64, key string, n int64) {
	d.ids++
	v := event.StringValue(key)
	if key == "null" {
		v = event.NullValue
	}
	d.batch.Cols[0].Append(v)
	d.batch.Cols[1].Append(event.IntValue(n))
	d.batch.Time, d.batch.ID = append(d.batch.Time, t), append(d.batch.ID, event.ID{Lo: d.ids})
	if d.batch.N++; d.batch.N >= d.rows {
		d.flush()
	}
}

func (d *driver) flush() {
	if d.batch.N > 0 {
		d.must(d.op.Process(nil, d.batch, d))
		d.batch.Reset(0)
	}
}

func (d *driver) snapshot() {
	w := d.store.NewBatch()
	d.must(d.op.Snapshot(w))
	d.must(w.Commit(true))
	d.op = suppress.New(d.spec)
	d.must(d.op.Restore(d.store))
}

func run(t *testing.T, s suppress.Spec, text string, rows int, restore bool) string {
	d := &driver{t: t, spec: s, op: suppress.New(s), store: memstore.New(), restore: restore, rows: rows, batch: event.NewBatch(in)}
	d.batch.Reset(0)
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		d.line(line)
	}
	d.flush()
	return d.text.String()
}

// TestSuppress runs each case in batches of several sizes, and with a restart
// after every line: all must agree.
func TestSuppress(t *testing.T) {
	datadriven.RunTest(t, "testdata/suppress", func(t *testing.T, d *datadriven.TestData) string {
		s := spec(d)
		want := run(t, s, d.Input, 1, false)
		for _, rows := range []int{2, 100} {
			if got := run(t, s, d.Input, rows, false); got != want {
				t.Errorf("in batches of %d:\n%s\none by one:\n%s", rows, got, want)
			}
		}
		if got := run(t, s, d.Input, 1, true); got != want {
			t.Errorf("with restarts:\n%s\nwithout:\n%s", got, want)
		}
		return want
	})
}

func TestKeysThatAreEqual(t *testing.T) {
	schema := event.NewSchema(event.Field{Name: "x", Type: event.TFloat64})
	op := suppress.New(suppress.Spec{Prepared: schema, Key: []int{0}, For: 10, Out: schema, Columns: []int{0}})
	b := event.NewBatch(schema)
	b.Reset(0)
	zero := 0.0
	for i, x := range []float64{zero, -zero, 1} {
		b.Cols[0].Append(event.FloatValue(x))
		b.Time, b.ID = append(b.Time, int64(i)), append(b.ID, event.ID{Lo: uint64(i)})
		b.N++
	}
	var n counter
	if err := op.Process(nil, b, &n); err != nil || n != 2 {
		t.Errorf("%d rows passed, error %v; 0 and -0 are one key", n, err)
	}
}

type counter int

func (c *counter) Emit(b *event.Batch) error { *c += counter(b.Live()); return nil }

var _ operators.Holder = (*suppress.Suppress)(nil)
