package order

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

var schema = event.NewSchema(event.Field{Name: "k", Type: event.TInt64}, event.Field{Name: "s", Type: event.TString})

// row is what the test knows of a row.
type row struct {
	time event.Time
	key  int64
	null bool
	text string
	id   event.ID
}

func batch(rows []row) event.Batch {
	b := event.NewBatch(schema)
	b.Reset(len(rows))
	for i, r := range rows {
		b.Time[i], b.ID[i] = r.time, r.id
		b.Cols[0].Set(i, len(rows), event.Value{Null: r.null, I: r.key})
		b.Cols[1].Set(i, len(rows), event.StringValue(r.text))
	}
	return *b
}

// sink copies what it gets.
type sink struct{ rows []row }

func (s *sink) Emit(b *event.Batch) error {
	for _, i := range b.LiveRows() {
		s.rows = append(s.rows, row{b.Time[i], b.Cols[0].Value(int(i)).I, b.Cols[0].Null(int(i)), string(b.Cols[1].Bytes(int(i))), b.ID[i]})
	}
	return nil
}

// naive is the order by definition: key descending, NULL first.
func naive(a, b row) int {
	null := func(r row) int {
		if r.null {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(null(a), null(b)), cmp.Compare(b.key, a.key), a.id.Compare(b.id))
}

// TestAgainstSorting feeds random batches, some out of order, and compares each
// release with sorting all; now and then the buffer is replaced by one restored
// from snapshots.
func TestAgainstSorting(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testAgainstSorting(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func testAgainstSorting(t *testing.T, rng *rand.Rand) {
	keys := []Key{{Column: 0, Desc: true, NullsFirst: true}}
	o, store := New(schema, keys), memstore.New()
	var waiting []row
	wm, clock := int64(-1), int64(0)
	disorder := rng.Int64N(200)
	for step := range 80 {
		in := make([]event.Batch, 1+rng.IntN(3))
		for part := range in {
			rows := make([]row, rng.IntN(1+rng.IntN(400)))
			for i := range rows {
				clock += rng.Int64N(3)
				rows[i] = row{max(wm+1, clock-rng.Int64N(disorder+1)), rng.Int64N(3), rng.IntN(5) == 0, fmt.Sprint("row", step, i), event.ID{Hi: uint64(part), Lo: uint64(step*1000 + i)}}
			}
			in[part] = batch(rows)
			for i := range rows {
				if rows[i].null {
					rows[i].key = 0
				}
			}
			waiting = append(waiting, rows...)
		}
		wm = max(wm, clock-rng.Int64N(disorder+1))
		if step == 79 {
			wm = event.MaxTime
		}
		slices.SortFunc(waiting, naive)
		n := 0
		for n < len(waiting) && waiting[n].time <= wm {
			n++
		}
		var got sink
		if err := o.Step(in, wm, &got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(waiting[:n], got.rows) {
			t.Fatal(gocmp.Diff(waiting[:n], got.rows, gocmp.AllowUnexported(row{})))
		}
		waiting = slices.Clone(waiting[n:])
		if size := o.Size(); size.Rows != int64(len(waiting)) {
			t.Fatalf("holds %d rows, says %d", len(waiting), size.Rows)
		}
		if rng.IntN(4) == 0 {
			o = snapshot(t, o, store, keys, rng.IntN(2) == 0)
		}
	}
	if size := o.Size(); size.Rows != 0 || size.Bytes != 0 {
		t.Errorf("an empty buffer holds %+v", size)
	}
}

// snapshot saves, and with crash goes on from what was saved.
func snapshot(t *testing.T, o *Buffer, store *memstore.Store, keys []Key, crash bool) *Buffer {
	b := store.NewBatch()
	if err := o.Snapshot(&state.Under{W: b}); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
	if !crash {
		return o
	}
	n := New(schema, keys)
	if err := n.Restore(&state.Under{R: store}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOrderedInputPassesUncopied(t *testing.T) {
	o := New(schema, nil)
	rows := make([]row, 100)
	for i := range rows {
		rows[i] = row{time: int64(i), id: event.ID{Lo: uint64(i)}}
	}
	in := []event.Batch{batch(rows)}
	out := &views{of: &in[0]}
	if n := testing.AllocsPerRun(100, func() {
		if err := o.Step(in, 1000, out); err != nil {
			t.Fatal(err)
		}
	}); n != 0 || !out.seen || out.copied {
		t.Errorf("%v allocations, seen %v, copied %v", n, out.seen, out.copied)
	}
}

// views checks that batches share the memory of another.
type views struct {
	of           *event.Batch
	seen, copied bool
}

func (v *views) Emit(b *event.Batch) error {
	v.seen = true
	v.copied = v.copied || &b.Time[0] != &v.of.Time[0]
	return nil
}
