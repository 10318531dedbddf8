package build_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/memstore"
)

// TestStateFormat holds the format of the state of windows, OVER and Top-N
// against what is committed, and restores from that: state that an earlier
// version has written must still be read.
//
//	state             a query over t; the rows of sample have gone through it
//	----
//	<keys and values of the snapshot>
//	then: <rows that the restored operator gives, after one more row>
//
//	old               a query, and a snapshot of an earlier version
//	----
//	<as after then>
func TestStateFormat(t *testing.T) {
	datadriven.RunTest(t, "testdata/state", func(t *testing.T, d *datadriven.TestData) string {
		if sql, dump, old := strings.Cut(d.Input, ";\n"); old && d.Cmd == "old" {
			return strings.Join(rowsAfter(t, sql+";", dump), "")
		}
		s := newStage(t, d.Input)
		store := memstore.New()
		must(t, s.op.Restore(store))
		s.feed(t, sample)
		w := store.NewBatch()
		must(t, s.op.Snapshot(w))
		must(t, w.Commit(true))
		dump := dumpOf(t, store)
		kept := dump
		if old, _, ok := strings.Cut(d.Expected, "then:"); ok {
			kept = old
		}
		return dump + "then:\n" + strings.Join(rowsAfter(t, d.Input, kept), "")
	})
}

// rowsAfter is what comes out of an operator restored from a dump, after one more
// row.
func rowsAfter(t *testing.T, sql, dump string) []string {
	s := newStage(t, sql)
	must(t, s.op.Restore(load(t, dump)))
	s.feed(t, []sampleRow{{"a", 7, 13}})
	must(t, s.op.Advance(&s.ctx, event.MaxTime, s))
	return s.rows
}

// stage is the only stage of a query, alone.
type stage struct {
	plan    *build.Stage
	read    *event.Schema // what the table gives
	project []operators.Operator
	op      operators.Stateful
	ctx     operators.Context
	rows    []string
	wm      event.Time // that the operator was told last
}

// portion is how many groups of a window the stages of tests report at a time.
var portion int

// spill says that the queries of tests have a budget of their own.
var spill bool

func newStage(t *testing.T, sql string) *stage {
	t.Helper()
	r, err := query.CompileText(catalog.New(), "", `SET 'state.ttl' = '1 h';
		CREATE TABLE t (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='memory');`+sql, nil)
	must(t, err)
	root := r.Queries[0].Insert
	columns := make([]int, len(root.Input.Schema().Fields))
	for i := range columns {
		columns[i] = i
	}
	g, err := build.Build([]build.Output{{Name: "q", Input: root.Input, Columns: columns}}, []*event.Schema{root.Input.Schema()}, build.Options{TTL: 3600e6, Portion: portion, Spill: spill})
	must(t, err)
	if len(g.Stages) != 1 {
		t.Fatalf("%d stages", len(g.Stages))
	}
	s := &stage{plan: &g.Stages[0], op: g.Stages[0].New(0)}
	scan := g.Sources[0].Scan
	s.read = event.NewSchema()
	for _, c := range scan.Read {
		s.read.Fields = append(s.read.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	finish, err := relational.NewProject(scan.Exprs, scan.Out, nil)
	must(t, err)
	ops, err := g.Sources[0].Branches[0].Chain.New()
	must(t, err)
	s.project = append([]operators.Operator{finish}, ops...)
	return s
}

// Emit takes output rows.
func (s *stage) Emit(b *event.Batch) error {
	for _, row := range b.LiveRows() {
		parts := make([]string, len(b.Cols))
		for c := range b.Cols {
			parts[c] = kernel.Format(b.Schema.Fields[c].Type, b.Cols[c].Value(int(row)))
		}
		s.rows = append(s.rows, strings.Join(parts, " ")+"\n")
	}
	return nil
}

// collect is a Collector.
type collect func(b *event.Batch) error

func (f collect) Emit(b *event.Batch) error { return f(b) }

type sampleRow struct {
	k  string // "": NULL
	v  int64
	at int64 // s
}

var sample = []sampleRow{{"a", 1, 1}, {"b", 2, 2}, {"a", 5, 3}, {"a", 3, 7}, {"b", 9, 8}, {"", 4, 9}, {"a", 2, 12}}

// feed sends rows through the projection into the operator, in order.
func (s *stage) feed(t *testing.T, rows []sampleRow) {
	next := collect(func(b *event.Batch) error { return s.op.Process(&s.ctx, b, s) })
	for _, op := range s.project[1:] {
		last := next
		next = func(b *event.Batch) error { return op.Process(&s.ctx, b, last) }
	}
	for _, row := range rows {
		k := event.StringValue(row.k)
		k.Null = row.k == ""
		values := map[string]event.Value{"k": k, "v": event.IntValue(row.v), "ts": event.IntValue(row.at * 1e6)}
		b := event.NewBatch(s.read)
		b.Reset(1)
		for c, f := range s.read.Fields {
			b.Cols[c].Set(0, 1, values[f.Name])
		}
		b.Time[0], b.ID[0] = row.at*1e6, event.ID{Lo: uint64(row.at)}
		must(t, s.project[0].Process(&s.ctx, b, next))
		must(t, s.op.Advance(&s.ctx, row.at*1e6-1, s))
	}
	must(t, s.op.Advance(&s.ctx, rows[len(rows)-1].at*1e6, s))
}

func dumpOf(t *testing.T, store *memstore.Store) string {
	var b strings.Builder
	must(t, store.Scan(nil, nil, func(key, value []byte) error {
		fmt.Fprintf(&b, "%x %x\n", key, value)
		return nil
	}))
	return b.String()
}

func load(t *testing.T, dump string) *memstore.Store {
	store := memstore.New()
	w := store.NewBatch()
	for _, line := range strings.Split(strings.TrimSpace(dump), "\n") {
		key, value, _ := strings.Cut(line, " ")
		k, err := hex.DecodeString(key)
		must(t, err)
		v, err := hex.DecodeString(value)
		must(t, err)
		must(t, w.Put(k, v))
	}
	must(t, w.Commit(true))
	return store
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
