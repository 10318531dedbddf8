package pattern

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
)

// TestKeyTableAgainstMap adds, finds and removes random keys beside a map.
func TestKeyTableAgainstMap(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	table := newKeyTable(newArena())
	want := map[uint64]int32{}
	key := func(n uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{1}, n) }
	for step := range 200_000 {
		n := r.Uint64N(3000)
		k := key(n)
		i := table.find(hashKey(k), k)
		if i != want[n] {
			t.Fatalf("seed %d step %d: key %d at %d, want %d", seed, step, n, i, want[n])
		}
		if i == 0 {
			want[n] = table.add(hashKey(k), k)
		} else if r.IntN(2) == 0 {
			table.remove(i)
			delete(want, n)
		}
	}
	if table.count != len(want) {
		t.Errorf("count = %d, want %d", table.count, len(want))
	}
}

func TestTimersComeInOrder(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, seed))
	table := newKeyTable(newArena())
	h := timerHeap{keys: table}
	var all []int32
	for n := range uint64(2000) {
		k := binary.LittleEndian.AppendUint64(nil, n)
		i := table.add(hashKey(k), k)
		all = append(all, i)
		h.set(timer{deadline: r.Int64N(500), id: event.ID{Lo: n}, key: i})
	}
	for range 3000 {
		i := all[r.IntN(len(all))]
		if r.IntN(3) == 0 {
			h.remove(i)
		} else {
			h.set(timer{deadline: r.Int64N(500), id: event.ID{Lo: uint64(i)}, key: i})
		}
	}
	last := timer{deadline: -1}
	for len(h.items) > 0 {
		first := h.items[0]
		if first.before(&last) {
			t.Fatalf("seed %d: %v after %v", seed, first, last)
		}
		last = first
		h.remove(first.key)
	}
}
