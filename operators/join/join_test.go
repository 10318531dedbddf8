package join_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/join"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

// Both sides are (key STRING, n BIGINT).
func side(n string) plan.Node {
	return &plan.Values{Out: event.NewSchema(event.Field{Name: "key", Type: event.TString}, event.Field{Name: n, Type: event.TInt64})}
}

var (
	kinds = []string{"inner", "left", "right", "full", "semi", "anti"}
	modes = []string{"interval", "versioned", "static"}
)

// setup is a join on key; with 'less' also on l.n < r.n.
type setup struct {
	plan *plan.Join
	opts join.Options
}

func newSetup(kind, mode string, lower, upper int64, less bool) *setup {
	n := &plan.Join{Left: side("n"), Right: side("n2"), Kind: plan.JoinKind(slices.Index(kinds, kind)), Mode: plan.JoinMode(slices.Index(modes, mode)),
		LeftKeys: []int{0}, RightKeys: []int{0}, Lower: lower, Upper: upper, RightTime: kind == "right"}
	n.Out = n.Left.Schema()
	if !n.Kind.LeftOnly() {
		n.Out = plan.JoinSchema(n.Left.Schema(), n.Right.Schema())
	}
	if less {
		column := func(i int) expr.Expr { return &expr.Column{Base: expr.Base{T: event.TInt64}, Index: i} }
		n.Residual = &expr.Compare{Base: expr.Base{T: event.TBool}, Op: expr.Lt, X: column(1), Y: column(3)}
	}
	return &setup{n, join.Options{Name: "q"}}
}

// driver feeds lines: "l t key n" and "r t key n" are rows, "wm t" a watermark,
// "end" the end of the input, "size" asks what is held.
type driver struct {
	t       *testing.T
	program *join.Program
	op      *join.Join
	prepare [2]*join.Prepare
	store   *memstore.Store
	restore bool // snapshot before every line, and into a new operator or with what is held let go of
	// snapshots so far.
	snapshots int
	row       *event.Batch
	in        *event.Batch // prepared
	rows      int          // per batch
	ids       uint64
	ctx       operators.Context
	text      strings.Builder
	idText    strings.Builder
}

func newDriver(t *testing.T, s *setup, rows int, restore bool) *driver {
	p, err := join.Compile(s.plan, s.opts)
	d := &driver{t: t, program: p, store: memstore.New(), restore: restore, rows: rows}
	d.must(err)
	d.op = p.New(0).(*join.Join)
	d.must(d.op.Restore(d.store))
	d.prepare = [2]*join.Prepare{p.NewPrepare(false), p.NewPrepare(true)}
	d.row, d.in = event.NewBatch(side("n").Schema()), event.NewBatch(p.Prepared())
	d.in.Reset(0)
	return d
}

// collect is a Collector.
type collect func(b *event.Batch) error

func (f collect) Emit(b *event.Batch) error { return f(b) }

// Emit prints rows as @time: columns.
func (d *driver) Emit(b *event.Batch) error {
	for _, i := range b.LiveRows() {
		fmt.Fprintf(&d.text, "@%d:", b.Time[i])
		for c := range b.Cols {
			switch x := b.Cols[c].Value(int(i)); {
			case x.Null:
				d.text.WriteString(" null")
			case c%2 == 0:
				d.text.WriteString(" " + string(x.S))
			default:
				fmt.Fprintf(&d.text, " %d", x.I)
			}
		}
		d.text.WriteString("\n")
		fmt.Fprintf(&d.idText, "%v\n", b.ID[i])
	}
	return nil
}

func (d *driver) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) number(s string) (n int64) {
	d.t.Helper()
	_, err := fmt.Sscan(s, &n)
	d.must(err)
	return n
}

func (d *driver) line(line string) error {
	words := strings.Fields(line)
	var err error
	switch words[0] {
	case "size":
		if err = d.flush(); err == nil {
			s := d.op.Size()
			fmt.Fprintf(&d.text, "keys %d rows %d hold %d\n", s.Keys, s.Rows, d.op.Hold(1000))
		}
	case "end":
		err = d.advance(event.MaxTime)
	case "wm":
		err = d.advance(d.number(words[1]))
	default:
		err = d.feed(words[0] == "r", d.number(words[1]), words[2], d.number(words[3]))
	}
	if d.restore && err == nil {
		if err = d.flush(); err == nil {
			d.snapshot()
		}
	}
	return err
}

func (d *driver) feed(right bool, t int64, key string, n int64) error {
	d.ids++
	d.row.Reset(1)
	k := event.StringValue(key)
	if key == "null" {
		k = event.NullValue
	}
	d.row.Cols[0].Set(0, 1, k)
	d.row.Cols[1].Set(0, 1, event.IntValue(n))
	d.row.Time[0], d.row.ID[0] = t, event.ID{Lo: d.ids}
	s := 0
	if right {
		s = 1
	}
	d.must(d.prepare[s].Process(nil, d.row, collect(func(b *event.Batch) error { d.in.AppendLive(b); return nil })))
	if d.in.N < d.rows {
		return nil
	}
	return d.flush()
}

func (d *driver) advance(wm event.Time) error {
	if err := d.flush(); err != nil {
		return err
	}
	err := d.op.Advance(&d.ctx, wm, d)
	d.rejected()
	return err
}

func (d *driver) flush() error {
	if d.in.N == 0 {
		return nil
	}
	err := d.op.Process(&d.ctx, d.in, d)
	d.in.Reset(0)
	d.rejected()
	return err
}

func (d *driver) rejected() {
	for _, r := range d.ctx.Rejects {
		fmt.Fprintf(&d.text, "rejected @%d: %s: %s\n", r.Time, r.Kind, r.Reason)
	}
	d.ctx.Rejects = d.ctx.Rejects[:0]
}

func (d *driver) snapshot() {
	w := d.store.NewBatch()
	d.must(d.op.Snapshot(w))
	d.must(w.Commit(true))
	if d.snapshots++; d.snapshots%2 == 0 {
		d.op.Spill(0)
		return
	}
	d.op = d.program.New(0).(*join.Join)
	d.must(d.op.Restore(d.store))
}

// run is the output, and the IDs of its rows.
func run(t *testing.T, s *setup, lines []string, rows int, restore bool) (text, ids string) {
	d := newDriver(t, s, rows, restore)
	for _, line := range lines {
		if err := d.line(line); err != nil {
			return "error: " + err.Error() + "\n", ""
		}
	}
	if err := d.flush(); err != nil {
		return "error: " + err.Error() + "\n", ""
	}
	return d.text.String(), d.idText.String()
}

// TestJoin runs each case in batches of several sizes, and with a restart after
// every line: all must agree.
//
//	join kind=left mode=interval lower=-5 upper=0 less max-rows=2 max-held=5 policy=drop-oldest ttl=3
func TestJoin(t *testing.T) {
	datadriven.RunTest(t, "testdata/join", func(t *testing.T, d *datadriven.TestData) string {
		kind, mode, policy := "inner", "interval", "fail"
		var lower, upper, ttl int64
		var maxRows, maxHeld int
		d.MaybeScanArgs(t, "kind", &kind)
		d.MaybeScanArgs(t, "mode", &mode)
		d.MaybeScanArgs(t, "policy", &policy)
		d.MaybeScanArgs(t, "lower", &lower)
		d.MaybeScanArgs(t, "upper", &upper)
		d.MaybeScanArgs(t, "ttl", &ttl)
		d.MaybeScanArgs(t, "max-rows", &maxRows)
		d.MaybeScanArgs(t, "max-held", &maxHeld)
		s := newSetup(kind, mode, lower, upper, d.HasArg("less"))
		s.opts.MaxRows, s.opts.MaxHeld, s.opts.TTL = maxRows, maxHeld, ttl
		s.opts.Policy = join.Policy(slices.Index([]string{"fail", "drop-oldest", "reject-new"}, policy))
		lines := strings.Split(strings.TrimSpace(d.Input), "\n")
		want, ids := run(t, s, lines, 1, false)
		for _, rows := range []int{1, 2, 3, 100} {
			for _, restore := range []bool{false, true} {
				got, gotIDs := run(t, s, lines, rows, restore)
				if !sameOutput(got, want) || gotIDs != ids {
					t.Errorf("in batches of %d, restored %v:\n%s\none by one:\n%s", rows, restore, got, want)
				}
			}
		}
		return want
	})
}

// sameOutput compares rows and rejects each in their order: which come first
// follows from where a batch ends.
func sameOutput(a, b string) bool {
	split := func(text string) (rows, rejects string) {
		for _, line := range strings.SplitAfter(text, "\n") {
			if strings.HasPrefix(line, "rejected") {
				rejects += line
			} else {
				rows += line
			}
		}
		return rows, rejects
	}
	aRows, aRejects := split(a)
	bRows, bRejects := split(b)
	return aRows == bRows && aRejects == bRejects
}

// TestManyRows holds enough rows that chunks fill and are freed, versions are
// moved, and batches of output overflow.
func TestManyRows(t *testing.T) {
	for seed := range uint64(9) {
		rng := rand.New(rand.NewPCG(seed, 1))
		mode := modes[seed%3]
		kind := []string{"inner", "left"}[rng.IntN(2)]
		if mode == "interval" {
			kind = kinds[rng.IntN(len(kinds))]
		}
		s := newSetup(kind, mode, -int64(rng.IntN(40)), int64(rng.IntN(40)), rng.IntN(2) == 0)
		lines := manyLines(rng, mode)
		want, ids := run(t, s, lines, 4096, false)
		for _, rows := range []int{1, 700} {
			if got, gotIDs := run(t, s, lines, rows, false); got != want || gotIDs != ids {
				t.Fatalf("seed %d: %s %s: batches of %d differ from batches of 4096", seed, mode, kind, rows)
			}
		}
		d := newDriver(t, s, 100, false)
		for i, line := range lines {
			if i%997 == 0 {
				d.must(d.flush())
				d.snapshot()
			}
			d.must(d.line(line))
		}
		d.must(d.flush())
		if d.text.String() != want || d.idText.String() != ids {
			t.Fatalf("seed %d: %s %s: restored differs", seed, mode, kind)
		}
	}
}

// manyLines is rows of both sides in the order of time.
func manyLines(rng *rand.Rand, mode string) []string {
	var lines []string
	time := 0
	if mode == "static" {
		for range 3000 {
			lines = append(lines, fmt.Sprintf("r 0 k%d %d", rng.IntN(1500), rng.IntN(10)))
		}
	}
	for i := range 300 { // which hardly ever come again
		if mode == "versioned" {
			lines = append(lines, fmt.Sprintf("r 0 old%d %d", i, rng.IntN(10)))
		}
	}
	for range 12_000 {
		time += rng.IntN(2)
		side := "l"
		if mode != "static" && rng.IntN(2) == 0 {
			side = "r"
		}
		key := fmt.Sprintf("k%d", rng.IntN(300))
		switch rng.IntN(40) {
		case 0:
			key = "null"
		case 1:
			if side == "l" {
				key = fmt.Sprintf("old%d", rng.IntN(300))
			}
		}
		lines = append(lines, fmt.Sprintf("%s %d %s %d", side, time, key, rng.IntN(10)))
		if rng.IntN(500) == 0 {
			lines = append(lines, fmt.Sprintf("wm %d", time-1))
		}
	}
	return append(lines, "size", "end", "size")
}

// TestStateFormat holds the format of the state against what is committed, and
// restores from that: state that an earlier version has written must still be
// read.
//
//	state kind=left lower=0 upper=5
//	lines
//	----
//	<keys and values of the snapshot>
//	then: <output of the restored operator, at the end>
func TestStateFormat(t *testing.T) {
	datadriven.RunTest(t, "testdata/state", func(t *testing.T, d *datadriven.TestData) string {
		kind, mode := "left", "interval"
		d.MaybeScanArgs(t, "mode", &mode)
		s := newSetup(kind, mode, -5, 5, true)
		before := newDriver(t, s, 10, false)
		for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			before.must(before.line(line))
		}
		before.must(before.flush())
		before.snapshot()
		dump := dumpOf(t, before.store)
		kept := dump
		if old, _, ok := strings.Cut(d.Expected, "then:"); ok {
			kept = old
		}
		after := newDriver(t, s, 10, false)
		load(t, kept, after.store)
		after.op = after.program.New(0).(*join.Join)
		after.must(after.op.Restore(after.store))
		after.must(after.line("l 12 a 0"))
		after.must(after.line("end"))
		return dump + "then:\n" + after.text.String()
	})
}

// dumpOf is the keys and values of a store: the first byte of a key as text, the
// rest in hexadecimal.
func dumpOf(t *testing.T, s *memstore.Store) string {
	t.Helper()
	var b strings.Builder
	if err := s.Scan(nil, nil, func(key, value []byte) error {
		fmt.Fprintf(&b, "%c%x %x\n", key[0], key[1:], value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// load puts the lines of a dump into a store.
func load(t *testing.T, dump string, s *memstore.Store) {
	t.Helper()
	w := s.NewBatch()
	for _, line := range strings.Split(strings.TrimSpace(dump), "\n") {
		key, value, _ := strings.Cut(line, " ")
		k, err := hex.DecodeString(key[1:])
		v, err2 := hex.DecodeString(value)
		if err != nil || err2 != nil {
			t.Fatalf("a dump has the line %q", line)
		}
		if err := w.Put(append([]byte{key[0]}, k...), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(true); err != nil {
		t.Fatal(err)
	}
}
