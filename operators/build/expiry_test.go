package build_test

import (
	"fmt"
	"testing"

	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// deletions counts what a snapshot deletes.
type deletions struct {
	state.Batch
	keys, ranges int
}

func (d *deletions) Delete(key []byte) error {
	d.keys++
	return d.Batch.Delete(key)
}

func (d *deletions) DeleteRange(from, to []byte) error {
	d.ranges++
	return d.Batch.DeleteRange(from, to)
}

// TestExpiryIsByRange: what time ends of state that lies in the store by time goes
// with a few deletions of ranges, however many keys it has.
func TestExpiryIsByRange(t *testing.T) {
	for _, sql := range []string{
		`SELECT k, window_end, COUNT(*) AS n FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end, k;`,
		`SELECT k, window_end, COUNT(*) AS n FROM CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND) GROUP BY window_start, window_end, k;`,
		`SELECT k, v, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY v DESC) AS rn FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE rn <= 2;`,
	} {
		s, store := newStage(t, sql), memstore.New()
		must(t, s.op.Restore(store))
		var rows []sampleRow
		for i := range int64(3000) {
			rows = append(rows, sampleRow{fmt.Sprint("key ", i), i, 1})
		}
		s.take(t, rows)
		snapshot := func() *deletions {
			d := &deletions{Batch: store.NewBatch()}
			must(t, s.op.Snapshot(d))
			must(t, d.Commit(true))
			return d
		}
		snapshot()
		must(t, s.op.Advance(&s.ctx, 100e6, s))
		d := snapshot()
		if d.keys > 0 || d.ranges == 0 || d.ranges > 6 {
			t.Errorf("%s: %d deletions of keys, %d of ranges", sql, d.keys, d.ranges)
		}
		left := 0
		must(t, store.Scan(nil, nil, func(_, _ []byte) error {
			left++
			return nil
		}))
		if left != 1 || len(s.rows) < 3000 {
			t.Errorf("%s: %d entries are left, %d rows came out", sql, left, len(s.rows))
		}
	}
}
