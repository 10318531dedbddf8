package pushed_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/pebblestore"
)

// The logs of a hub of its own live as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/cepd/cepd/state/intake.(*Logs).run"))
}

// patience bounds every wait of a test.
const patience = 2 * time.Minute

// outside is a receiver that a test feeds: it lends its inbox while it runs.
type outside struct {
	inbox chan *pushed.Inbox
	end   chan error // what Run returns; nothing: it goes on
}

func newOutside() *outside {
	return &outside{inbox: make(chan *pushed.Inbox), end: make(chan error, 1)}
}

// Run implements pushed.Receiver.
func (o *outside) Run(ctx context.Context, in *pushed.Inbox) error {
	in.Connected(true)
	for {
		select {
		case o.inbox <- in:
		case err := <-o.end:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// put gives messages and waits until the log has them.
func (o *outside) put(t *testing.T, texts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	in := <-o.inbox
	var kept sync.WaitGroup
	kept.Add(len(texts))
	for _, x := range texts {
		if err := in.Put(ctx, pushed.Message{Value: []byte(x), Kept: kept.Done}); err != nil {
			t.Fatal(err)
		}
	}
	kept.Wait()
}

func openLogs(t *testing.T, store state.Store, c clock.Clock) *intake.Logs {
	t.Helper()
	logs := intake.New(c)
	if err := logs.Open(store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	return logs
}

func table(query string, options ...string) connectors.Table {
	columns := []connectors.Column{{Name: "s", Type: event.TString}}
	t := connectors.Table{Name: "t", Query: query, Columns: columns, Physical: columns, Options: map[string]string{"connector": "mqtt", "format": "raw"}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

// reading is a table that is read.
type reading struct {
	t      *testing.T
	source connectors.Source
	r      connectors.RawReader
	wake   chan struct{}
}

func read(t *testing.T, h *pushed.Hub, r pushed.Receiver, tab connectors.Table, from int64) *reading {
	t.Helper()
	s, err := h.Source(tab, r)
	if err != nil {
		t.Fatal(err)
	}
	x := &reading{t: t, source: s, wake: make(chan struct{}, 1)}
	reader, err := s.Open(t.Context(), 0, from, func() {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	x.r = reader.(connectors.RawReader)
	t.Cleanup(func() { _ = x.r.Close() })
	return x
}

// next waits for n records, or the end.
func (x *reading) next(n int) (list []string, err error) {
	x.t.Helper()
	deadline := time.After(patience)
	for len(list) < n {
		var raw connectors.RawBatch
		if err := x.r.Poll(n-len(list), -1, &raw); err != nil {
			return list, err
		}
		for i, s := range raw.Value {
			list = append(list, fmt.Sprintf("%d:%s", raw.Offset[i], raw.Buf[s.Off:s.Off+s.Len]))
		}
		if raw.N() > 0 {
			continue
		}
		select {
		case <-x.wake:
		case <-deadline:
			x.t.Fatalf("%d of %d records came: %q", len(list), n, list)
		}
	}
	return list, nil
}

func (x *reading) want(texts ...string) {
	x.t.Helper()
	if got, err := x.next(len(texts)); err != nil || !slices.Equal(got, texts) {
		x.t.Errorf("%q %v, want %q", got, err, texts)
	}
}

func (x *reading) keep(offset int64) {
	x.t.Helper()
	if err := x.source.(connectors.Keeper).Keep(map[int32]int64{0: offset}); err != nil {
		x.t.Fatal(err)
	}
}

// One table is received once for all who read it, as long as somebody does; each reads
// it from where it wants.
func TestTwoReaders(t *testing.T) {
	h, out := pushed.NewHub(openLogs(t, nil, clock.Wall{})), newOutside()
	a := read(t, h, out, table("a"), connectors.Start)
	out.put(t, "one", "two")
	b := read(t, h, newOutside(), table("b"), connectors.Start) // whose receiver is not needed
	again := read(t, h, newOutside(), table("c"), 1)
	late := read(t, h, out, table("d", "scan.startup.mode", "latest-offset"), connectors.Start) // it is received anew: the options are others
	out.put(t, "three")
	a.want("0:one", "1:two", "2:three")
	b.want("0:one", "1:two", "2:three")
	late.want("2:three")
	again.want("1:two", "2:three")
	if !a.r.(connectors.Listener).Heard() {
		t.Error("the receiver is connected, and nobody knows")
	}
	for _, x := range []*reading{a, late, again} {
		if err := x.r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	out.put(t, "four") // b still reads
	b.want("3:four")
	_ = b.r.Close()
	select {
	case <-out.inbox:
		t.Error("nobody reads, and it is still received")
	default:
	}
	next := newOutside()
	c := read(t, h, next, table("a"), 3)
	next.put(t, "five")
	c.want("3:four", "4:five")
}

// Other options receive anew: the later count.
func TestOptionsOfTheLaterCount(t *testing.T) {
	h, first, second := pushed.NewHub(openLogs(t, nil, clock.Wall{})), newOutside(), newOutside()
	a := read(t, h, first, table("a"), connectors.Start)
	first.put(t, "one")
	b := read(t, h, second, table("b", "client-id", "other"), connectors.Start)
	second.put(t, "two")
	a.want("0:one", "1:two")
	b.want("0:one", "1:two")
}

// A receiver that ends takes the queries with it, when what has come is read.
func TestReceiverFails(t *testing.T) {
	h, out := pushed.NewHub(openLogs(t, nil, clock.Wall{})), newOutside()
	x := read(t, h, out, table("q"), connectors.Start)
	out.put(t, "one")
	out.end <- errors.New("the broker refuses")
	if got, err := x.next(2); err == nil || !strings.Contains(err.Error(), "the broker refuses") || !slices.Equal(got, []string{"0:one"}) {
		t.Error(got, err)
	}
	_ = x.r.Close()
	panics := newOutside()
	x = read(t, h, receiver(func(context.Context, *pushed.Inbox) error { panic("ouch") }), table("q"), 1)
	if _, err := x.next(1); err == nil || !strings.Contains(err.Error(), "ouch") {
		t.Error(err)
	}
	x = read(t, h, panics, table("q"), 1) // it is received again
	panics.put(t, "two")
	x.want("1:two")
}

// receiver is a function as one.
type receiver func(context.Context, *pushed.Inbox) error

func (f receiver) Run(ctx context.Context, in *pushed.Inbox) error { return f(ctx, in) }

// A log that is full of what a query has not read takes nothing more: who can wait
// waits, what cannot is lost and counted; then everything that waited is there.
func TestFullLog(t *testing.T) {
	logs := openLogs(t, nil, clock.Wall{})
	h, out := pushed.NewHub(logs), newOutside()
	x := read(t, h, out, table("q", "retention.bytes", "1048576"), connectors.Start)
	in := <-out.inbox
	big := strings.Repeat("x", 500_000)
	const messages = 40 // 20 MB: more than log and inbox hold
	var mu sync.Mutex
	kept, put := 0, make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		for range messages {
			if err := in.Put(ctx, pushed.Message{Value: []byte(big), Kept: func() { mu.Lock(); kept++; mu.Unlock() }}); err != nil {
				put <- err
				return
			}
		}
		put <- nil
	}()
	l := logs.Find("t")
	cepdtest.Await(t, func() bool { return l.Refused()["full"] > 0 })
	cepdtest.Await(t, func() bool { // the inbox is full, too
		in.Offer(pushed.Message{Value: []byte("udp")})
		return l.Refused()["lost"] > 0
	})
	mu.Lock()
	if kept >= messages {
		t.Error("all is acknowledged, and nothing was read")
	}
	mu.Unlock()
	for read := int64(0); read < messages; { // the query goes on
		got, err := x.next(1)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(got[0], big) {
			read++
		}
		x.keep(x.r.Position())
	}
	if err := <-put; err != nil {
		t.Error(err)
	}
	cepdtest.Await(t, func() bool { mu.Lock(); defer mu.Unlock(); return kept == messages })
}

// A message that is too large is left out, counted and acknowledged: held back it would
// hold back all others.
func TestLargeMessages(t *testing.T) {
	logs := openLogs(t, nil, clock.Wall{})
	h, out := pushed.NewHub(logs), newOutside()
	x := read(t, h, out, table("q"), connectors.Start)
	out.put(t, "before", strings.Repeat("x", pushed.MaxMessage), "behind", strings.Repeat("y", pushed.MaxMessage-100))
	got, err := x.next(3)
	if err != nil || got[0] != "0:before" || got[1] != "1:behind" || len(got[2]) != len("2:")+pushed.MaxMessage-100 {
		t.Errorf("%.20q %v", got, err)
	}
	(<-out.inbox).Lost(3)
	if n := logs.Find("t").Refused(); n["large"] != 1 || n["lost"] != 3 {
		t.Error(n)
	}
}

// What has been read leaves by age and size, what a query may have to read again stays.
func TestRetention(t *testing.T) {
	now := &clock.Manual{}
	now.Advance(time.Hour)
	logs := openLogs(t, nil, now)
	h, out := pushed.NewHub(logs), newOutside()
	x := read(t, h, out, table("q", "retention.age", "1 h"), connectors.Start)
	out.put(t, "old")
	now.Advance(3 * time.Hour)
	out.put(t, "new")
	if s := logs.Find("t").Stats(); s.First != 0 {
		t.Errorf("%+v: the query has not read it", s)
	}
	x.want("0:old", "1:new")
	x.keep(2)
	now.Advance(3 * time.Hour)
	out.put(t, "newer")
	now.Advance(3 * time.Hour)
	out.put(t, "newest")
	if s := logs.Find("t").Stats(); s.First < 1 || s.End != 4 {
		t.Errorf("%+v", s)
	}
	if s, err := h.Source(table("late"), newOutside()); err != nil {
		t.Error(err)
	} else if _, err := s.Open(t.Context(), 0, 0, func() {}); !errors.Is(err, intake.ErrGone) {
		t.Error(err)
	}
	x.want("2:newer", "3:newest")
}

// A reading with an end receives nothing, and ends where the log was.
func TestBoundedReadings(t *testing.T) {
	now := &clock.Manual{}
	now.Advance(time.Hour)
	h, out := pushed.NewHub(openLogs(t, nil, now)), newOutside()
	live := read(t, h, out, table("live"), connectors.Start)
	var at []int64 // ms at which each came
	for _, x := range []string{"one", "two", "three"} {
		now.Advance(time.Minute)
		at = append(at, now.Now()/1000)
		out.put(t, x)
	}
	bounded := func(options ...string) string {
		x := read(t, h, receiver(func(context.Context, *pushed.Inbox) error { return errors.New("it is received") }), table("", options...), connectors.Start)
		if !x.source.Bounded() || !x.r.(connectors.Listener).Heard() {
			t.Error("it does not end, or waits for somebody")
		}
		got, err := x.next(10)
		return fmt.Sprint(got, " ", err)
	}
	ms := func(i int) string { return fmt.Sprint(at[i]) }
	for options, want := range map[string]string{
		"scan.bounded.mode latest-offset":                                                                    "[0:one 1:two 2:three] EOF",
		"scan.bounded.mode timestamp scan.bounded.timestamp-millis " + ms(1):                                 "[0:one] EOF",
		"scan.bounded.mode latest-offset scan.startup.mode timestamp scan.startup.timestamp-millis " + ms(1): "[1:two 2:three] EOF",
		"scan.bounded.mode latest-offset scan.startup.mode latest-offset":                                    "[] EOF",
		"scan.bounded.mode timestamp scan.bounded.timestamp-millis 0":                                        "[] EOF",
	} {
		if got := bounded(strings.Fields(options)...); got != want {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
	}
	history := table("")
	pushed.History(history.Options, time.UnixMilli(at[1]), time.UnixMilli(at[2]))
	x := read(t, h, out, history, connectors.Start)
	x.want("1:two")
	live.want("0:one", "1:two", "2:three")
	for _, wrong := range [][]string{{"scan.startup.mode", "timestamp"}, {"scan.bounded.timestamp-millis", "1"}} {
		if _, err := h.Source(table("q", wrong...), out); err == nil || !strings.Contains(err.Error(), "go together") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestCrash kills the machine again and again while messages come: what was
// acknowledged is there, in order, once unless it was sent twice, and a query reads from
// its place the same as before.
func TestCrash(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	acknowledged := 0
	var before []string
	for life := range 6 {
		store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		logs := openLogs(t, store, clock.Wall{})
		h, out := pushed.NewHub(logs), newOutside()
		x := read(t, h, out, table("q"), 0)
		got, err := x.next(len(before))
		if err != nil || !slices.Equal(got, before) {
			t.Fatalf("seed %d, life %d: %q %v, was %q", seed, life, got, err, before)
		}
		n := 1 + rng.IntN(20)
		for i := range n {
			out.put(t, fmt.Sprint(acknowledged+i))
		}
		acknowledged += n
		if before, err = read(t, h, newOutside(), table("all"), 0).next(acknowledged); err != nil {
			t.Fatal(err)
		}
		fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
		_ = x.r.Close()
		logs.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range before {
		if text != fmt.Sprintf("%d:%d", i, i) {
			t.Fatalf("seed %d: record %d is %s", seed, i, text)
		}
	}
}

// What is in memory cannot be read again by a query whose state is on the disk.
func TestMemoryBesideADisk(t *testing.T) {
	h := pushed.NewHub(nil)
	tab := table("q")
	tab.Durable = true
	s, err := h.Source(tab, newOutside())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), 0, connectors.Start, func() {}); err == nil || !strings.Contains(err.Error(), "kept in memory") {
		t.Error(err)
	}
}
