package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
)

// A partition that was idle before a stop has perhaps much to deliver after it.
func TestRestartEndsIdleness(t *testing.T) {
	const sql = `CREATE TABLE t (ts TIMESTAMP(3), v INT, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv');
CREATE TABLE o (v INT) WITH ('connector'='test','format'='json');
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.v AS v PATTERN (A) DEFINE A AS TRUE)`
	w, store, now := enginetest.NewWorld(), memstore.New(), &clock.Manual{}
	in := w.Input("t", []string{"1000,1"}, nil).Open()
	life := func(more func()) (idle, late int64) {
		c, err := enginetest.Compile(sql)
		if err != nil {
			t.Fatal(err)
		}
		o := w.Options()
		o.Clock = now
		p := w.Pipeline(t, c, o, store)
		for _, f := range []func(){func() {}, more} {
			f()
			for quiet := false; !quiet; {
				if quiet, err = enginetest.Round(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		write, _, err := p.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Status().Partitions {
			if late += s.Late; s.Idle {
				idle++
			}
		}
		return idle, late
	}
	if idle, _ := life(func() { now.Advance(time.Minute) }); idle == 0 {
		t.Fatal("no partition was idle")
	}
	in.Append(0, "90000,2")
	if _, late := life(func() { in.Append(1, "50000,3") }); late != 0 {
		t.Errorf("%d rows were late", late)
	}
}

// Queries that write to one topic must not give their rows the same ids.
func TestIDsDifferByQuery(t *testing.T) {
	const head = `CREATE TABLE p (v INT) WITH ('connector'='test','format'='json');
CREATE TABLE o (v INT) WITH ('connector'='test','format'='json');
INSERT INTO o /*+ NAME('`
	ids := func(name string) (list []event.ID) {
		w := enginetest.NewWorld()
		w.Input("p", []string{`{"v":1}`, `{"v":2}`})
		w.Run(t, head+name+`') */ SELECT v FROM p`)
		for _, r := range w.Output("o").Rows() {
			list = append(list, r.ID)
		}
		return list
	}
	a := ids("a")
	if diff := cmp.Diff(a, ids("a")); diff != "" || len(a) != 2 || a[0] == a[1] {
		t.Errorf("%v: %s", a, diff)
	}
	if b := ids("b"); b[0] == a[0] || b[1] == a[1] {
		t.Errorf("both queries gave %v", a)
	}
}

func TestOrderlyEndPublishesOffsets(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("payments", cards(20), cards(3))
	if err := start(t, newEngine(t, w, nil), pass).Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int32]int64{0: 20, 1: 3}, in.Committed()); diff != "" {
		t.Error(diff)
	}
}
