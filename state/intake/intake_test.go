package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
	"github.com/cepd/cepd/state/pebblestore"
)

func open(t *testing.T, store state.Store, c clock.Clock) *Logs {
	t.Helper()
	s := New(c)
	if err := s.Open(store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func table(t *testing.T, s *Logs, name string) *Log {
	t.Helper()
	l, err := s.Log(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func values(texts ...string) *Post {
	p := &Post{}
	for _, x := range texts {
		p.Records = append(p.Records, Record{Value: []byte(x)})
	}
	return p
}

func keyed(key string, texts ...string) *Post {
	p := values(texts...)
	p.Key, p.Sum = key, sha256.Sum256([]byte(strings.Join(texts, "\n")))
	return p
}

// all reads what a log has from an offset on.
func all(t *testing.T, l *Log, from int64) (texts []string) {
	t.Helper()
	r, err := l.Open("", from, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.Position() < r.End() {
		list, err := r.Next(3)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			texts = append(texts, string(x.Value))
		}
	}
	return texts
}

func TestPostsAreReadInOrderFromAnyOffset(t *testing.T) {
	l := table(t, open(t, nil, clock.Wall{}), "T")
	var want []string
	for i := range 50 {
		p := &Post{By: "me"}
		for j := range i%7 + 1 {
			want = append(want, fmt.Sprint(i, "-", j))
			p.Records = append(p.Records, Record{Value: []byte(want[len(want)-1]), Key: []byte{}})
		}
		got, err := l.Append(t.Context(), p)
		if err != nil || got.First != int64(len(want)-len(p.Records)) || got.Count != len(p.Records) {
			t.Fatal(got, err)
		}
	}
	for from := range want {
		if got := all(t, l, int64(from)); strings.Join(got, " ") != strings.Join(want[from:], " ") {
			t.Fatalf("from %d: %v", from, got)
		}
	}
	b, err := l.Block(4)
	if err != nil || b.First != 3 || b.By != "me" || string(b.Records[1].Value) != want[4] {
		t.Errorf("%+v %v", b, err)
	}
	if _, err := l.Block(int64(len(want))); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

func TestReadersAreWoken(t *testing.T) {
	l := table(t, open(t, nil, clock.Wall{}), "t")
	woken := make(chan struct{}, 10)
	r, err := l.Open("q", Oldest, func() { woken <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if list, err := r.Next(10); err != nil || len(list) > 0 {
		t.Fatal(list, err)
	}
	if _, err := l.Append(t.Context(), values("a")); err != nil {
		t.Fatal(err)
	}
	<-woken
	if list, err := r.Next(10); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	r.Close()
}

func TestIdempotencyKeys(t *testing.T) {
	now := &clock.Manual{}
	now.Advance(time.Hour)
	store := memstore.New()
	s := open(t, store, now)
	l := table(t, s, "t")
	post := func(p *Post) Receipt {
		t.Helper()
		got, err := l.Append(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	post(values("before"))
	first := post(keyed("k", "a", "b"))
	s.Close()
	s = open(t, store, now) // it is remembered across a restart
	l = table(t, s, "t")
	if again := post(keyed("k", "a", "b")); again.First != first.First || again.Count != 2 || !again.Again || again.Received != first.Received {
		t.Errorf("%+v, want %+v", again, first)
	}
	if _, err := l.Append(t.Context(), keyed("k", "other")); !errors.Is(err, ErrReused) {
		t.Error(err)
	}
	now.Advance(KeyLife + time.Second)
	if later := post(keyed("k", "c")); later.Again || later.First != 3 {
		t.Errorf("%+v", later)
	}
	post(keyed("l", "d"))
	keys := 0
	under := state.Under{R: store, Prefix: l.prefix}
	if err := under.Scan([]byte{sectionKey}, []byte{sectionKey + 1}, func(_, _ []byte) error { keys++; return nil }); err != nil || keys != 2 {
		t.Error(keys, err)
	}
	if got := strings.Join(all(t, l, 0), " "); got != "before a b c d" {
		t.Error(got)
	}
}

// TestSameKeyAtOnce has one key come from many at the same moment.
func TestSameKeyAtOnce(t *testing.T) {
	l := table(t, open(t, nil, clock.Wall{}), "t")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := l.Append(t.Context(), keyed("k", "a")); err != nil || got.First != 0 {
				t.Error(got, err)
			}
		})
	}
	wg.Wait()
	if got := all(t, l, 0); len(got) != 1 {
		t.Error(got)
	}
}

func TestRetention(t *testing.T) {
	now := &clock.Manual{}
	now.Advance(time.Hour)
	store := memstore.New()
	s := open(t, store, now)
	l := table(t, s, "t")
	limits := Limits{Bytes: 1 << 20, Age: time.Hour}
	l.Limit(limits)
	big := strings.Repeat("x", 32<<10)
	post := func() error {
		_, err := l.Append(t.Context(), values(big))
		return err
	}
	for range 100 { // nobody reads: the oldest go
		if err := post(); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.Stats(); got.Bytes > 1<<20 || got.First < 60 || got.End != 100 || got.Unread != got.End-got.First {
		t.Errorf("%+v", got)
	}
	r, err := l.Open("q", Oldest, func() {})
	if err != nil {
		t.Fatal(err)
	}
	began := r.Position()
	for err = nil; err == nil; err = post() { // somebody reads: what is unread stays
	}
	if !errors.Is(err, ErrFull) || l.Stats().First != began {
		t.Errorf("%v %+v", err, l.Stats())
	}
	if err := l.Keep("q", l.Stats().End); err != nil {
		t.Fatal(err)
	}
	if err := post(); err != nil || l.Stats().First == began {
		t.Errorf("%v %+v", err, l.Stats())
	}
	end := l.Stats().End
	late, look := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer look.Stop()
	for now.Advance(2 * time.Hour); l.Stats().First < end-2; now.Advance(lookEvery) { // age
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%+v", l.Stats())
		}
	}
	if got := l.Stats(); got.First < end-2 || got.End != end {
		t.Errorf("%+v", got)
	}
	if _, err := l.Open("q", began, nil); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "retention") {
		t.Error(err)
	}
	s.Close()
	again := table(t, open(t, store, now), "t")
	again.Limit(limits)
	if again.Stats() != l.Stats() || again.keep["q"] != end-1 {
		t.Errorf("%+v, was %+v; %v", again.Stats(), l.Stats(), again.keep)
	}
	if n := len(all(t, again, Oldest)); int64(n) != again.end-again.first {
		t.Error(n)
	}
}

func TestDropBeginsAnew(t *testing.T) {
	store := memstore.New()
	s := open(t, store, clock.Wall{})
	l := table(t, s, "t")
	if _, err := l.Append(t.Context(), keyed("k", "a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop("T"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), values("a")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	keys := 0
	_ = store.Scan(nil, nil, func(_, _ []byte) error { keys++; return nil })
	if got, err := table(t, s, "t").Append(t.Context(), keyed("k", "b")); err != nil || got.First != 0 || got.Again || keys != 0 {
		t.Error(got, err, keys)
	}
}

// TestCrash kills the machine again and again while many post: what was answered
// is there, once, and in the order of its offsets.
func TestCrash(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	answered := map[int64]string{}
	for life := range 8 {
		store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		s := open(t, store, clock.Wall{})
		l := table(t, s, "t")
		check(t, l, answered, seed)
		var mu sync.Mutex
		var wg sync.WaitGroup
		stop := random.IntN(60)
		crashed := fs
		for w := range 4 {
			wg.Go(func() {
				for i := range 20 {
					texts := []string{fmt.Sprint(life, ".", w, ".", i), fmt.Sprint(life, ".", w, ".", i, "b")}
					got, err := l.Append(context.Background(), keyed(texts[0], texts...))
					mu.Lock()
					if crashed == fs && err == nil {
						for k, x := range texts {
							answered[got.First+int64(k)] = x
						}
						if stop--; stop == 0 {
							crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 2))})
						}
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		fs = crashed
	}
}

// TestMark: a mark is as far as the records that it came with, whatever is lost in a
// crash.
func TestMark(t *testing.T) {
	fs := vfs.NewCrashableMem()
	written := 0
	for life := range 20 {
		store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, store, clock.Wall{})
		l := table(t, s, "t")
		mark, err := l.Mark()
		if err != nil {
			t.Fatal(err)
		}
		if got := all(t, l, 0); len(got) != written || written > 0 && string(mark) != fmt.Sprint(written) {
			t.Fatalf("life %d: %d records, mark %q; %d were answered", life, len(got), mark, written)
		}
		for i := range 3 {
			written++
			p := values(fmt.Sprint(written))
			p.Mark = fmt.Append(nil, written)
			if _, err := l.Append(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if i == 1 { // marks alone
				for _, p := range []*Post{{Mark: []byte("alone")}, {Mark: fmt.Append(nil, written)}} {
					if _, err := l.Append(t.Context(), p); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		next := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(life), 1))})
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		fs = next
	}
	logs := open(t, memstore.New(), clock.Wall{})
	if _, err := table(t, logs, "t").Append(t.Context(), &Post{}); err == nil {
		t.Error("a post of nothing is taken")
	}
	if mark, err := table(t, logs, "t").Mark(); mark != nil || err != nil {
		t.Errorf("%q, %v", mark, err)
	}
}

func check(t *testing.T, l *Log, answered map[int64]string, seed uint64) {
	t.Helper()
	got := all(t, l, 0)
	once := map[string]bool{}
	for _, x := range got {
		if once[x] {
			t.Fatalf("seed %d: %s is there twice", seed, x)
		}
		once[x] = true
	}
	for at, x := range answered {
		if at >= int64(len(got)) || got[at] != x {
			t.Fatalf("seed %d: offset %d was answered as %s, and is not there", seed, at, x)
		}
	}
}

// full is a store whose disk is full.
type full struct{ state.Store }

func (full) Full() bool { return true }

func TestFullDisk(t *testing.T) {
	l := table(t, open(t, full{memstore.New()}, clock.Wall{}), "t")
	if _, err := l.Append(t.Context(), values("a")); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
}

// broken is a store that cannot write.
type broken struct{ state.Store }

func (s broken) NewBatch() state.Batch { return brokenBatch{s.Store.NewBatch()} }

type brokenBatch struct{ state.Batch }

func (brokenBatch) Commit(bool) error { return errors.New("the disk is gone") }

func TestAfterAnErrorNothingIsTaken(t *testing.T) {
	l := table(t, open(t, broken{memstore.New()}, clock.Wall{}), "t")
	for range 2 {
		if _, err := l.Append(t.Context(), values("a")); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
			t.Error(err)
		}
	}
	if l.Stats().End != 0 {
		t.Error(l.Stats())
	}
}

// TestDamage has each byte of a block changed: an error or other values, never a
// panic.
func TestDamage(t *testing.T) {
	b := Block{Received: 5, By: "x", Records: []Record{{Value: []byte("abc"), Time: 5}, {Key: []byte("k"), Time: 7}}}
	good := appendBlock(nil, &b)
	if got, err := readBlock(good, 11); err != nil || got.First != 10 || got.Records[1].Value != nil || got.Records[0].Key != nil {
		t.Fatalf("%+v %v", got, err)
	}
	for i := range good {
		for _, x := range []byte{0, 1, 127, 255} {
			bad := append([]byte(nil), good...)
			bad[i] = x
			_, _ = readBlock(bad, 11)
		}
		if _, err := readBlock(good[:i], 11); err == nil {
			t.Errorf("%d bytes are no block", i)
		}
	}
}
