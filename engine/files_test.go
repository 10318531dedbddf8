package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/filesystem"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/memstore"
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
