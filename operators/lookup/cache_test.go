package lookup

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

func testCache(o Options) *cache {
	out := event.NewSchema(event.Field{Name: "name", Type: event.TString})
	c := newCache(&Program{opts: o, scan: &plan.Scan{Out: out}})
	return &c
}

// answer is the entry of a key with a row for each name.
func answer(key string, at event.Time, names ...string) *entry {
	e := &entry{key: key, at: at}
	for _, n := range names {
		e.rows = append(e.rows, []event.Value{event.StringValue(n)})
	}
	return e
}

// keys are those kept, the oldest first; each must be found by its name.
func (c *cache) keys(t *testing.T) string {
	t.Helper()
	var list []string
	rows := 0
	for _, e := range c.queue {
		if c.byKey[e.key] != e {
			t.Errorf("key %s is in line, and is not found", e.key)
		}
		list = append(list, e.key)
		rows += e.weight()
	}
	if len(c.byKey) != len(c.queue) || c.rows != rows {
		t.Errorf("%d keys by name, %d in line; %d rows, counted %d", len(c.byKey), len(c.queue), c.rows, rows)
	}
	return strings.Join(list, " ")
}

func expectKeys(t *testing.T, c *cache, want string) {
	t.Helper()
	if got := c.keys(t); got != want {
		t.Errorf("the cache has %q, want %q", got, want)
	}
}

// TestCacheLimit counts rows: the oldest keys make room, and an answer that is
// larger than the cache is not kept.
func TestCacheLimit(t *testing.T) {
	c := testCache(Options{CacheRows: 3, CacheMissing: true})
	c.add(answer("a", 0, "1"))
	c.add(answer("b", 0))
	c.add(answer("c", 0, "1"))
	expectKeys(t, c, "a b c")
	c.add(answer("d", 0, "1", "2"))
	expectKeys(t, c, "c d")
	c.add(answer("e", 0, "1", "2", "3", "4"))
	expectKeys(t, c, "c d")
	c.add(answer("f", 0, "1", "2", "3"))
	expectKeys(t, c, "f")
	c.pop()
	if c.bytes != 0 || c.rows != 0 {
		t.Errorf("an empty cache has %d bytes, %d rows", c.bytes, c.rows)
	}
}

// TestCacheMissing keeps that a key has no rows only where it may, and an answer
// that failed never.
func TestCacheMissing(t *testing.T) {
	for missing, want := range map[bool]string{false: "b", true: "a b"} {
		c := testCache(Options{CacheRows: 9, CacheMissing: missing})
		c.add(answer("a", 0))
		c.add(&entry{key: "x", failed: "no connection"})
		c.add(answer("b", 0, "1"))
		expectKeys(t, c, want)
	}
}

// TestCacheExpiry lets go of what is as old as the limit; 0 is no limit.
func TestCacheExpiry(t *testing.T) {
	for expire, want := range map[int64]string{0: "a b", 5: "b"} {
		c := testCache(Options{CacheRows: 9, Expire: expire})
		c.add(answer("a", 10, "1"))
		c.add(answer("b", 11, "1"))
		c.expire(14)
		expectKeys(t, c, "a b")
		c.expire(15)
		expectKeys(t, c, want)
	}
}

// TestCacheSnapshot goes on with what a snapshot has: answers that came and went
// before and after the first are as in the cache that was not interrupted.
func TestCacheSnapshot(t *testing.T) {
	o := Options{CacheRows: 3, CacheMissing: true}
	c, store := testCache(o), memstore.New()
	for i, key := range []string{"a", "b", "c", "d", "e"} {
		c.add(answer(key, event.Time(i), []string{key, key}[:i%3]...))
		snapshot(t, c, store)
		again := &Lookup{cache: *testCache(o)}
		if err := again.Restore(&state.Under{R: store}); err != nil {
			t.Fatal(err)
		}
		expectKeys(t, &again.cache, c.keys(t))
	}
}

func snapshot(t *testing.T, c *cache, store *memstore.Store) {
	t.Helper()
	l := &Lookup{cache: *c}
	b := store.NewBatch()
	if err := l.Snapshot(&state.Under{W: b}); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
	*c = l.cache
}

// TestCacheMark refuses a mark that is none.
func TestCacheMark(t *testing.T) {
	for _, mark := range []string{"", "\x07", "\x01"} {
		store := memstore.New()
		b := store.NewBatch()
		_ = b.Put([]byte{prefixMark}, []byte(mark))
		if err := b.Commit(true); err != nil {
			t.Fatal(err)
		}
		l := &Lookup{cache: *testCache(Options{CacheRows: 3})}
		if err := l.Restore(&state.Under{R: store}); err == nil {
			t.Errorf("the mark %q was read", mark)
		}
	}
}
