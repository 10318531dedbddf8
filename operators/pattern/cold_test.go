package pattern_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// coldPatterns are of every class: automaton, threads, runs, shared; with what
// ends in silence and what has a result when time is up; with and without a
// deadline.
var coldPatterns = []struct {
	name, clause string
	opts         pattern.Options
}{
	{"pair", `MEASURES A.v AS a, B.v AS b PATTERN (A B) WITHIN INTERVAL '30' SECOND DEFINE A AS A.v < 4, B AS B.v > 5`, pattern.Options{}},
	{"loop", `MEASURES COUNT(A.*) AS n, LAST(A.v) AS v PATTERN (A{2,}) WITHIN INTERVAL '20' SECOND DEFINE A AS A.v < 7`, pattern.Options{}},
	{"threads", `MEASURES COUNT(A.*) AS n, B.v AS b PATTERN (A{1,} B) WITHIN INTERVAL '40' SECOND DEFINE A AS A.v < 7, B AS B.v > AVG(A.v) + 3`, pattern.Options{}},
	{"history", `MEASURES FIRST(B.v) AS a, LAST(B.v) AS v PATTERN (B{2,}) DEFINE B AS B.v > PREV(B.v)`, pattern.Options{}},
	{"ahead", `MEASURES A.v AS a, B.v AS b PATTERN (A B) WITHIN INTERVAL '30' SECOND DEFINE A AS A.v < NEXT(A.v), B AS B.v > 4`, pattern.Options{}},
	{"numbered", `MEASURES MATCH_NUMBER() AS n, B.v AS b PATTERN (A B) WITHIN INTERVAL '30' SECOND DEFINE A AS A.v < 4, B AS B.v > 5`, pattern.Options{TTL: 50e6}},
	{"unmatched", `MEASURES A.v AS a ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN (A B) WITHIN INTERVAL '15' SECOND DEFINE A AS A.v < 4, B AS B.v > 5`, pattern.Options{}},
	{"absent", `MEASURES A.v AS a PATTERN (A -> NOT B) WITHIN INTERVAL '20' SECOND DEFINE A AS A.v < 3, B AS B.v > 6`, pattern.Options{}},
	{"next", `MEASURES A.v AS a, B.v AS b PATTERN (A -> B) WITHIN INTERVAL '25' SECOND DEFINE A AS A.v < 4, B AS B.v > NEXT(B.v) OR B.v = 9`, pattern.Options{}},
	{"runs", `MEASURES A.v AS a, B.v AS b PATTERN (A -> B) WITHIN INTERVAL '25' SECOND DEFINE A AS A.v < 3, B AS B.v > A.v + 5`, pattern.Options{}},
	{"shared", `MEASURES A.v AS a, B.v AS b PATTERN (A ->> B) WITHIN INTERVAL '25' SECOND DEFINE A AS A.v < 2, B AS B.v > 8`, pattern.Options{}},
	{"lived", `MEASURES A.v AS a, B.v AS b PATTERN (A ->> B) DEFINE A AS A.v < 2, B AS B.v > 8`, pattern.Options{TTL: 30e6}},
}

// schedule is an input, cut into batches, and the watermark behind each.
type schedule struct {
	rows  *event.Batch // prepared, sorted by time
	until []int        // row at which a batch ends
	marks []event.Time
}

// outcome is what a run gave: rows, their IDs, and what was dropped.
type outcome struct {
	rows    []string
	ids     []event.ID
	rejects []operators.Reject
}

func (o *outcome) cut(n, rejects int) {
	o.rows, o.ids, o.rejects = o.rows[:n], o.ids[:n], o.rejects[:rejects]
}

// TestColdKeys runs random rows of many keys with keys let go of at random, the
// writes of snapshots late, and crashes, and compares with a run that holds all.
func TestColdKeys(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 6
	}
	defer pattern.SetSlices(3, 2)()
	for _, c := range coldPatterns {
		t.Run(c.name, func(t *testing.T) {
			m := compileMatch(t, script("id BIGINT, v BIGINT, ts TIMESTAMP(3)", "PARTITION BY id ORDER BY ts "+c.clause))
			c.opts.Name = "q"
			p, err := pattern.Compile(m, c.opts)
			must(t, err)
			var total operators.Size
			detections := 0
			for seed := range seeds {
				rng := rand.New(rand.NewPCG(seed, 16))
				s := randomSchedule(t, rng, p, m.Input.Schema())
				want := (&coldRun{t: t, p: p, s: s}).run(nil)
				r := &coldRun{t: t, p: p, s: s, store: memstore.New()}
				got := r.run(rng)
				detections += len(want.rows)
				total.Spilled += r.size.Spilled
				total.Loaded += r.size.Loaded
				if !slices.Equal(want.rows, got.rows) || !slices.Equal(want.ids, got.ids) {
					t.Fatalf("seed %d: %d rows\n%s\nand with all in memory %d\n%s", seed, len(got.rows), lines(got.rows), len(want.rows), lines(want.rows))
				}
				if !slices.Equal(want.rejects, got.rejects) {
					t.Fatalf("seed %d: rejects\n%v\nand with all in memory\n%v", seed, got.rejects, want.rejects)
				}
			}
			if detections < 10*int(seeds) || total.Spilled < 30*int64(seeds) || total.Loaded < 20*int64(seeds) {
				t.Errorf("the test has only %d detections, %d keys were let go of, %d read", detections, total.Spilled, total.Loaded)
			}
		})
	}
}

func lines(rows []string) (s string) {
	for _, r := range rows {
		s += r + "\n"
	}
	return s
}

// randomSchedule has rows of 40 keys, with some pauses in which all that is open
// runs out of time.
func randomSchedule(t *testing.T, rng *rand.Rand, p *pattern.Program, schema *event.Schema) *schedule {
	b := event.NewBatch(schema)
	at := event.Time(1_000_000_000)
	for i := range 600 {
		switch rng.IntN(40) {
		case 0:
			at += 1e6 * (10 + rng.Int64N(40))
		default:
			at += 100_000 * rng.Int64N(6)
		}
		for c, v := range []event.Value{event.IntValue(rng.Int64N(40)), event.IntValue(rng.Int64N(10)), event.IntValue(at)} {
			b.Cols[c].Append(v)
		}
		b.Time = append(b.Time, at)
		b.ID = append(b.ID, event.ID{Lo: uint64(i)})
		b.N++
	}
	var prepared collector
	must(t, p.NewPrepare().Process(&operators.Context{}, b, &prepared))
	s := &schedule{rows: prepared.batch}
	for i := 0; i < b.N; {
		i = min(b.N, i+1+rng.IntN(30))
		mark := b.Time[i-1] - 1
		if i < b.N && rng.IntN(2) == 0 {
			mark = max(mark, b.Time[i]-1-rng.Int64N(5e6))
		}
		s.until, s.marks = append(s.until, i), append(s.marks, mark)
	}
	return s
}

// coldRun is one run of a schedule.
type coldRun struct {
	t     *testing.T
	p     *pattern.Program
	s     *schedule
	store *memstore.Store // nil: all stays in memory
	size  operators.Size  // of counts, in all lives

	m     operators.Stateful
	ctx   operators.Context
	out   collector
	saved [3]int // batch, rows and rejects at the snapshot in the store
	write state.Batch
	next  [3]int // the same of write
}

func (r *coldRun) run(rng *rand.Rand) outcome {
	r.open()
	o := outcome{}
	for i := 0; i < len(r.s.until); {
		r.batch(i)
		i++
		o.rows, o.ids, o.rejects = r.out.rows, r.out.ids, r.ctx.Rejects
		if r.store != nil && r.between(rng, i) {
			i = r.saved[0]
			o.cut(r.saved[1], r.saved[2])
			r.out.rows, r.out.ids, r.ctx.Rejects = o.rows, o.ids, o.rejects
		}
	}
	must(r.t, r.m.Advance(&r.ctx, event.MaxTime, &r.out))
	r.note()
	return outcome{r.out.rows, r.out.ids, r.ctx.Rejects}
}

func (r *coldRun) open() {
	r.m = r.p.NewMatcher(0)
	if r.store != nil {
		must(r.t, r.m.Restore(r.store))
	}
}

func (r *coldRun) note() {
	s := r.m.Size()
	r.size.Spilled += s.Spilled
	r.size.Loaded += s.Loaded
}

func (r *coldRun) batch(i int) {
	from := 0
	if i > 0 {
		from = r.s.until[i-1]
	}
	b := r.s.rows
	b.Sel = nil
	for row := from; row < r.s.until[i]; row++ {
		b.Sel = append(b.Sel, int32(row))
	}
	must(r.t, r.m.Process(&r.ctx, b, &r.out))
	must(r.t, r.m.Advance(&r.ctx, r.s.marks[i], &r.out))
}

// between does what the engine may do between two steps; true: it crashes.
func (r *coldRun) between(rng *rand.Rand, i int) bool {
	if r.write == nil && rng.IntN(3) > 0 {
		r.write, r.next = r.store.NewBatch(), [3]int{i, len(r.out.rows), len(r.ctx.Rejects)}
		must(r.t, r.m.Snapshot(r.write))
	}
	if r.write != nil && rng.IntN(3) > 0 {
		must(r.t, r.write.Commit(true))
		r.write, r.saved = nil, r.next
	}
	if r.write == nil {
		most := []int64{0, 500, 1000, 1 << 20}[rng.IntN(4)]
		r.m.(operators.Spiller).Spill(most)
	}
	if rng.IntN(15) > 0 {
		return false
	}
	r.note()
	r.write = nil
	r.open()
	return true
}

// TestColdKeysCostNoReads counts: a key that has no state is not looked for, and
// what time ends in silence is read but not loaded.
func TestColdKeysCostNoReads(t *testing.T) {
	m := compileMatch(t, script("id BIGINT, v BIGINT, ts TIMESTAMP(3)",
		`PARTITION BY id ORDER BY ts MEASURES A.v AS a, B.v AS b PATTERN (A B) WITHIN INTERVAL '1' HOUR DEFINE A AS A.v < 5, B AS B.v > 5`))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	store, ctx := memstore.New(), &operators.Context{}
	matcher := p.NewMatcher(0)
	must(t, matcher.Restore(store))
	var out collector
	rows := func(from, to, v int, at event.Time) {
		b := event.NewBatch(m.Input.Schema())
		for i := from; i < to; i++ {
			for c, x := range []int64{int64(i), int64(v), at} {
				b.Cols[c].Append(event.IntValue(x))
			}
			b.Time, b.ID, b.N = append(b.Time, at), append(b.ID, event.ID{Lo: uint64(at) + uint64(i)}), b.N+1
		}
		var prepared collector
		must(t, p.NewPrepare().Process(ctx, b, &prepared))
		must(t, matcher.Process(ctx, prepared.batch, &out))
		must(t, matcher.Advance(ctx, at, &out))
	}
	expect := func(what string, keys, cold, spilled, reads, loaded int64) {
		t.Helper()
		if s := matcher.Size(); s.Keys != keys || s.Cold != cold || s.Spilled != spilled || s.Reads != reads || s.Loaded != loaded {
			t.Errorf("%s: %+v", what, s)
		}
	}
	rows(0, 1000, 1, 1e9)
	expect("1,000 keys begin", 1000, 0, 0, 0, 0)
	matcher.(operators.Spiller).Spill(0)
	expect("none is in the store", 1000, 0, 0, 0, 0)
	snapshot(t, matcher, store)
	matcher.(operators.Spiller).Spill(0)
	expect("all are let go of", 0, 1000, 1000, 0, 0)
	rows(1000, 3000, 9, 2e9)
	expect("2,000 rows of other keys", 0, 1000, 1000, 0, 0)
	rows(0, 10, 9, 3e9)
	expect("10 keys come back and match", 0, 990, 1000, 10, 10)
	rows(5000, 5001, 9, 5e9)
	expect("the others are out of time", 0, 0, 1000, 1000, 10)
	snapshot(t, matcher, store)
	matcher.(operators.Spiller).Spill(0)
	left := 0
	must(t, store.Scan(nil, nil, func(k, _ []byte) error {
		left++
		return nil
	}))
	if left != 1 || fmt.Sprint(len(out.rows)) != "10" {
		t.Errorf("%d entries are left, %d rows came out", left, len(out.rows))
	}
}

// counting counts the entries that are read.
type counting struct {
	state.Reader
	entries int
}

func (c *counting) Scan(from, to []byte, fn func(key, value []byte) error) error {
	return c.Reader.Scan(from, to, func(key, value []byte) error {
		c.entries++
		return fn(key, value)
	})
}

// TestOpeningReadsLittle restores from many keys: how much is read does not
// depend on how many there are, and a key is found before all are known.
func TestOpeningReadsLittle(t *testing.T) {
	m := compileMatch(t, script("id BIGINT, v BIGINT, ts TIMESTAMP(3)",
		`PARTITION BY id ORDER BY ts MEASURES A.v AS a, B.v AS b PATTERN (A B) WITHIN INTERVAL '1' HOUR DEFINE A AS A.v < 5, B AS B.v > 5`))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	defer pattern.SetSlices(100, 100)()
	store, ctx := memstore.New(), &operators.Context{}
	feed := func(matcher operators.Stateful, out *collector, from, to int, v, at int64) {
		b := event.NewBatch(m.Input.Schema())
		for i := from; i < to; i++ {
			for c, x := range []int64{int64(i), v, at} {
				b.Cols[c].Append(event.IntValue(x))
			}
			b.Time, b.ID, b.N = append(b.Time, at), append(b.ID, event.ID{Lo: uint64(at) + uint64(i)}), b.N+1
		}
		var prepared collector
		must(t, p.NewPrepare().Process(ctx, b, &prepared))
		must(t, matcher.Process(ctx, prepared.batch, out))
	}
	const keys = 4000
	var out collector
	first := p.NewMatcher(0)
	must(t, first.Restore(store))
	feed(first, &out, 0, keys, 1, 1e9)
	snapshot(t, first, store)
	second, r := p.NewMatcher(0), &counting{Reader: store}
	must(t, second.Restore(r))
	if r.entries > 101 {
		t.Errorf("%d entries of %d were read", r.entries, keys)
	}
	feed(second, &out, keys-10, keys, 9, 2e9)
	if s := second.Size(); r.entries > 202 || len(out.rows) != 10 || s.Loaded != 10 || s.Reads != 10 {
		t.Errorf("%d entries were read, %d rows came out, %+v", r.entries, len(out.rows), s)
	}
}
