package state_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
	"github.com/cepd/cepd/state/pebblestore"
)

func sample(rng *rand.Rand, n int) *event.Batch {
	elem, wide := event.TString, event.TDecimal(30, 2)
	s := event.NewSchema(
		event.Field{Name: "i", Type: event.TInt64}, event.Field{Name: "f", Type: event.TFloat64}, event.Field{Name: "s", Type: event.TString},
		event.Field{Name: "w", Type: wide}, event.Field{Name: "a", Type: event.Type{Kind: event.Array, Elem: &elem}},
		event.Field{Name: "r", Type: event.Type{Kind: event.Row, Fields: []event.Field{{Name: "x", Type: event.TInt32}}}})
	b := event.NewBatch(s)
	b.Reset(n)
	for i := range n {
		b.Time[i], b.ID[i] = rng.Int64(), event.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}
		b.SetChange(i, event.Change(rng.IntN(4)))
		for c, v := range []event.Value{
			event.IntValue(rng.Int64()), event.FloatValue(rng.Float64()), event.StringValue(fmt.Sprint("text", i)),
			{I: rng.Int64(), Hi: rng.Int64N(100)}, {L: []event.Value{event.StringValue("a"), event.NullValue, event.StringValue(fmt.Sprint(i))}[:rng.IntN(4)]},
			{L: []event.Value{event.IntValue(int64(i))}},
		} {
			v.Null = rng.IntN(4) == 0
			b.Cols[c].Set(i, n, v)
		}
	}
	return b
}

func values(b *event.Batch) (out []any) {
	for _, i := range b.LiveRows() {
		r := []any{b.Time[i], b.ID[i], b.Change(int(i))}
		for c := range b.Cols {
			r = append(r, b.Cols[c].Value(int(i)))
		}
		out = append(out, r)
	}
	return out
}

func TestBatchRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{0, 1, 63, 64, 65, 500} {
		b := sample(rng, n)
		if n > 2 {
			b.Sel = []int32{1, 2, int32(n - 1)}
		}
		text := state.AppendBatch(nil, b)
		got := event.NewBatch(b.Schema)
		if err := state.ReadBatch(text, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values(b), values(got), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		copied := event.NewBatch(b.Schema)
		copied.Reset(0)
		copied.AppendLive(b)
		copied.AppendLive(b)
		if diff := cmp.Diff(append(values(b), values(b)...), values(copied), cmpopts.EquateEmpty()); diff != "" {
			t.Error("AppendLive:", diff)
		}
	}
}

func TestReadBatchRefusesDamage(t *testing.T) {
	text := state.AppendBatch(nil, sample(rand.New(rand.NewPCG(4, 4)), 20))
	b := sample(rand.New(rand.NewPCG(4, 4)), 0)
	for cut := range text {
		if state.ReadBatch(text[:cut], b) == nil {
			t.Fatalf("no error for the first %d of %d bytes", cut, len(text))
		}
	}
}

// TestStoresAgree drives both stores with the same random writes.
func TestStoresAgree(t *testing.T) {
	p, err := pebblestore.Open("db", pebblestore.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	stores := []state.Store{memstore.New(), p}
	rng := rand.New(rand.NewPCG(5, 5))
	key := func() []byte { return bytes.Repeat([]byte{byte(rng.IntN(5))}, 1+rng.IntN(3)) }
	for range 300 {
		a, b := stores[0].NewBatch(), stores[1].NewBatch()
		for range 1 + rng.IntN(4) {
			from, to, value, what := key(), key(), key(), rng.IntN(4)
			for _, w := range []state.Batch{a, b} {
				u := state.Under{W: w, Prefix: []byte{byte(len(value))}}
				switch what {
				case 0:
					err = u.Delete(from)
				case 1:
					if bytes.Compare(from, to) < 0 {
						err = u.DeleteRange(from, to)
					}
				default:
					err = u.Put(from, value)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := a.Commit(true); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(true); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dump(t, stores[0]), dump(t, stores[1])); diff != "" {
			t.Fatal(diff)
		}
	}
}

func dump(t *testing.T, s state.Store) (out []string) {
	for prefix := range byte(4) {
		u := state.Under{R: s, Prefix: []byte{prefix}}
		err := u.Scan(nil, nil, func(k, v []byte) error {
			got, ok, err := u.Get(k)
			if err != nil || !ok || !bytes.Equal(got, v) {
				t.Errorf("Get(%x) is %x, %v, %v and Scan says %x", k, got, ok, err, v)
			}
			out = append(out, fmt.Sprintf("%d %x=%x", prefix, k, v))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// FuzzReadBatch reads any bytes as rows: an error, or rows that are written as
// they were read.
func FuzzReadBatch(f *testing.F) {
	rng := rand.New(rand.NewPCG(4, 4))
	for n := range 4 {
		f.Add(state.AppendBatch(nil, sample(rng, n*7)))
	}
	b := sample(rng, 0)
	f.Fuzz(func(t *testing.T, src []byte) {
		if state.ReadBatch(src, b) != nil {
			return
		}
		again := event.NewBatch(b.Schema)
		if err := state.ReadBatch(state.AppendBatch(nil, b), again); err != nil {
			t.Fatal(err)
		}
		if again.N != b.N {
			t.Errorf("%d rows, then %d", b.N, again.N)
		}
	})
}
