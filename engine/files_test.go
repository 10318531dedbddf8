package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/filesystem"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/memstore"
	"github.com/cepd/cepd/state/savepoint"
)

// lakeFiles is a table of so many files in each of three regions, whose events are
// out of order between them.
func lakeFiles(t *testing.T, days int) (dir string) {
	t.Helper()
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(4, 2))
	for day := range days {
		for _, region := range []string{"eu", "us", "ap"} {
			text := ""
			for i := range 30 {
				text += fmt.Sprintf("%d,%d,2026-03-%02d 00:%02d:%02d\n", rng.IntN(5), rng.IntN(100), day+1, i, rng.IntN(60))
			}
			path := filepath.Join(dir, fmt.Sprintf("dt=2026-03-%02d/region=%s/a.csv", day+1, region))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

const overLake = `CREATE TABLE lake (card BIGINT, amount INT, at TIMESTAMP(3), dt DATE, region STRING, file STRING METADATA FROM 'file.name' VIRTUAL, WATERMARK FOR at AS at - INTERVAL '%s' MINUTE)
  PARTITIONED BY (dt, region) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv', 'source.partition-pruning' = '%s');
CREATE TABLE alerts (card BIGINT, amount INT, at TIMESTAMP(3)) WITH ('connector' = 'test');
CREATE TABLE others (card BIGINT, amount INT, at TIMESTAMP(3)) WITH ('connector' = 'test');
EXECUTE STATEMENT SET BEGIN %s; END;`

const (
	risesInEurope = `INSERT INTO alerts SELECT * FROM (SELECT * FROM lake WHERE region = 'eu' AND dt >= DATE '2026-03-02') MATCH_RECOGNIZE (PARTITION BY card ORDER BY at
  MEASURES B.amount AS amount, B.at AS at PATTERN (A B) DEFINE B AS B.amount > A.amount)`
	rowsOfEurope = `INSERT INTO alerts SELECT card, amount, at FROM lake WHERE amount > 5 AND region = 'eu' AND file LIKE '%.csv'`
	rowsOfADay   = `INSERT INTO others SELECT card, amount, at FROM lake WHERE dt = DATE '2026-03-02'`
	allRows      = `INSERT INTO others SELECT card, amount, at FROM lake`
)

// TestFilesLeftOut has a query give the same rows, late ones among them, whether or
// not it opens the files of which it takes none, with crashes in between.
func TestFilesLeftOut(t *testing.T) {
	const days = 4
	dir := lakeFiles(t, days)
	for name, x := range map[string]struct {
		inserts string
		mode    string
		delay   string
		skipped int64
	}{
		"stateless":       {rowsOfEurope, "auto", "1", 2 * days},
		"two":             {rowsOfEurope + ";" + rowsOfADay, "auto", "1", 2 * (days - 1)},
		"one of all":      {rowsOfEurope + ";" + allRows, "auto", "1", 0},
		"late":            {risesInEurope, "auto", "20", 0},
		"late beside":     {risesInEurope + ";" + rowsOfADay, "auto", "20", 0},
		"in time":         {risesInEurope, "always", "120", 2*days + 1},
		"in time, beside": {risesInEurope + ";" + rowsOfADay, "always", "120", 2*days - 1},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 1))
			run := func(mode string, rounds func() int) (rows [2]map[enginetest.Row]bool, late int64, skipped, lives int64) {
				c := &crashRun{t: t, rng: rng, w: enginetest.NewWorld(), fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
				c.sql = fmt.Sprintf(overLake, x.delay, dir, mode, x.inserts)
				logs := intake.New(clock.Wall{})
				if err := logs.Open(memstore.New()); err != nil {
					t.Fatal(err)
				}
				defer logs.Close()
				for lives = 1; ; lives++ {
					c.more = []connectors.Connector{filesystem.New(logs)}
					if c.life(rounds()) {
						break
					}
				}
				for i, table := range []string{"alerts", "others"} {
					rows[i] = map[enginetest.Row]bool{}
					for _, r := range c.w.Output(table).Rows() {
						rows[i][r] = true
					}
				}
				return rows, c.rejected, c.skipped, lives
			}
			want, late, none, _ := run("never", func() int { return 1 << 20 })
			got, lateToo, skipped, _ := run(x.mode, func() int { return 1 << 20 })
			if diff := cmp.Diff(want, got); diff != "" || late != lateToo {
				t.Errorf("%d late, then %d; %s", late, lateToo, diff)
			}
			if none != 0 || skipped != x.skipped || len(want[0]) < 10 || x.delay == "20" && late < 20 {
				t.Errorf("%d and %d files were left out, want %d; %d rows, %d late", none, skipped, x.skipped, len(want[0]), late)
			}
			got, _, _, lives := run(x.mode, func() int { return 1 + rng.IntN(4) })
			if diff := cmp.Diff(want, got); diff != "" || lives < 3 {
				t.Errorf("after %d lives: %s", lives, diff)
			}
		})
	}
}

// TestSavepointHasTheFiles goes on in another engine, with a data directory of its own,
// over a folder in which a file has appeared that comes before all others.
func TestSavepointHasTheFiles(t *testing.T) {
	dir := lakeFiles(t, 3)
	now := &clock.Manual{}
	now.Advance(time.Hour)
	w := enginetest.NewWorld()
	sql := fmt.Sprintf(overLake, "1", dir, "auto", allRows)
	sql = strings.Replace(sql, "'format' = 'csv'", "'format' = 'csv', 'source.monitor-interval' = '10 ms'", 1)
	newOn := func(store state.Store) *engine.Engine {
		logs := intake.New(clock.Wall{})
		if err := logs.Open(store); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(logs.Close)
		return newEngine(t, w, func(o *engine.Options) {
			o.Store, o.Clock, o.Registry = store, now, w.Registry(formats.Specs(), filesystem.New(logs))
		})
	}
	rows := func() int { return len(w.Output("others").Rows()) }
	q := start(t, newOn(memstore.New()), sql)
	until(t, func() bool { now.Advance(time.Second); return rows() == 3*3*30 })
	saves := savepoint.Dir(t.TempDir())
	done := make(chan error, 1)
	go func() {
		done <- saves.Create("s", func(f io.Writer) error { return q.Savepoint(context.Background(), f, &savepoint.Header{Name: "s"}) })
	}()
	until(t, func() bool { now.Advance(time.Second); return len(done) == 1 })
	if err := errors.Join(<-done, q.Stop(context.Background())); err != nil {
		t.Fatal(err)
	}
	early := filepath.Join(dir, "dt=2025-01-01", "region=ap")
	if err := errors.Join(os.MkdirAll(early, 0o700), os.WriteFile(filepath.Join(early, "a.csv"), []byte("7,7,2026-01-01 00:00:00\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	store := memstore.New()
	for round := range 2 { // and once more, when the savepoint is behind it
		e := newOn(store)
		if round == 0 {
			if err := e.Restore(q.Name(), saves.Path("s"), engine.SinksDeduplicate); err != nil {
				t.Fatal(err)
			}
		}
		again := start(t, e, sql)
		until(t, func() bool { now.Advance(time.Second); return rows() > 3*3*30 })
		until(t, func() bool {
			now.Advance(time.Second)
			s := again.Status().Durability
			return s.LastSnapshot != "" && s.Step == s.DurableStep
		})
		if n := rows(); n != 3*3*30+1 {
			t.Fatalf("%d rows", n)
		}
		if err := again.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
