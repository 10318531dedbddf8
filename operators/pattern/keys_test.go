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

// TestTimersComeInOrder sets and removes timers at random: most, in the third
// run nearly all, come later than those before.
func TestTimersComeInOrder(t *testing.T) {
	for run, late := range []int{0, 60, 95} {
		r := rand.New(rand.NewPCG(11, uint64(run)))
		table := newKeyTable(newArena())
		want := map[int32]timer{}
		h := timerQueue{keys: table, asleep: event.MaxTime}
		if late > 0 {
			h.id = func(k *keyState) event.ID { return event.ID{Lo: k.key} }
		}
		for n := range uint64(2000) {
			table.add(hashKey(binary.LittleEndian.AppendUint64(nil, n)), binary.LittleEndian.AppendUint64(nil, n))
		}
		now := event.Time(0)
		for range 40_000 {
			i := 1 + r.Int32N(2000)
			x := timer{deadline: r.Int64N(500), id: event.ID{Lo: table.at(i).key}, key: i}
			if now += r.Int64N(2); r.IntN(100) < late {
				x.deadline = now
			}
			switch r.IntN(5) {
			case 0:
				h.remove(i)
				delete(want, i)
			case 1:
				checkTop(t, &h, want)
			default:
				h.set(x)
				want[i] = x
			}
		}
		for len(want) > 0 {
			first := checkTop(t, &h, want)
			h.remove(first)
			delete(want, first)
		}
		if _, some := h.top(); some || h.bytes() > 64*timerBytes {
			t.Errorf("run %d: a timer is left, or %d bytes", run, h.bytes())
		}
	}
}

func checkTop(t *testing.T, h *timerQueue, want map[int32]timer) int32 {
	t.Helper()
	first := timer{deadline: event.MaxTime}
	for _, x := range want {
		if x.before(&first) {
			first = x
		}
	}
	got, some := h.top()
	if some != (len(want) > 0) || some && (got.key != first.key || got.deadline != first.deadline) {
		t.Fatalf("the first is %+v, want %+v", got, first)
	}
	return got.key
}
