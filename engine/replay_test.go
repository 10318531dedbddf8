package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/pebblestore"
)

// A step is replayed from several polls, some of which give nothing: what the
// first have given has to outlive them all.
func TestReplayWithEmptyPolls(t *testing.T) {
	const sql = payments + `CREATE TABLE o (card BIGINT, country STRING) WITH ('connector'='test');
INSERT INTO o SELECT card, country FROM payments`
	var input, want []string
	for i := range 9 {
		input = append(input, fmt.Sprintf(`{"card":%d,"country":"c%d","ts":"2026-01-01 00:00:0%d"}`, i, i, i))
		want = append(want, fmt.Sprintf("%d | 'c%d'", i, i))
	}
	w := enginetest.NewWorld()
	w.Input("payments", input)
	fs := vfs.NewCrashableMem()
	open := func() *crashRun { return &crashRun{t: t, sql: sql, w: w, fs: fs, time: &clock.Manual{}} }
	open().stepOnce()
	w.Poll, w.Stutter = 2, true
	fs = fs.CrashClone(vfs.CrashCloneCfg{})
	open().finish()
	if got := w.Output("o").Texts(); !slices.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// stepOnce takes a step, makes it durable, and delivers nothing.
func (c *crashRun) stepOnce() {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: c.fs})
	c.must(false, err)
	defer store.Close()
	q, err := enginetest.Compile(c.sql)
	c.must(false, err)
	p := c.w.Pipeline(c.t, q, c.w.Options(), store)
	c.must(p.Step(context.Background()))
	c.must(false, p.Commit())
}

// finish runs the query to its end.
func (c *crashRun) finish() {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: c.fs})
	c.must(false, err)
	defer store.Close()
	q, err := enginetest.Compile(c.sql)
	c.must(false, err)
	p := c.w.Pipeline(c.t, q, c.w.Options(), store)
	for !p.Done() || !p.Drained() {
		_, err := enginetest.Round(p)
		c.must(false, err)
	}
}

// A poll of which nothing parses gives no rows.
func TestPollOfBadRecords(t *testing.T) {
	const sql = `CREATE TABLE payments (card BIGINT) WITH ('connector'='test','format'='json','scan.error-policy'='skip');
CREATE TABLE o (card BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card FROM payments`
	w := enginetest.NewWorld()
	w.Poll = 1
	w.Input("payments", []string{`{"card":`, `{"card":2}`, `no`})
	if got := w.Run(t, sql); !slices.Equal(got, []string{"2"}) {
		t.Errorf("%q", got)
	}
}
