package lake

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/internal/cepdtest"
)

var (
	seed  = flag.Uint64("lake.seed", uint64(time.Now().UnixNano()), "seed of the moments of the kills")
	kills = flag.Int("lake.kills", 6, "number of kills")
)

const (
	events     = 60_000
	longestRun = 800 * time.Millisecond
)

// query is paced, so that the kills meet it at work, and makes many files.
const query = `SET 'sink.max-rows-per-second' = '20000';
CREATE TABLE events (n BIGINT NOT NULL, region STRING) WITH ('connector' = 'file', 'path' = 'events.jsonl', 'format' = 'json');
CREATE TABLE lake (n BIGINT NOT NULL, region STRING) WITH ('connector' = 'filesystem', 'path' = 'lake', 'format' = 'parquet', 'partition-by' = 'region',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.rolling-policy.rollover-interval' = '40 ms', 'sink.max-open-partitions' = '3');
INSERT INTO lake SELECT n, region FROM events;
`

// Killed again and again while it writes Parquet, cepd has each row in the files
// once, and at no time one twice.
func TestKillsWhileFilesAreWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for seconds; not with -short")
	}
	t.Logf("seed %d: repeat with -lake.seed=%d", *seed, *seed)
	dir := t.TempDir()
	var in bytes.Buffer
	for n := range events {
		fmt.Fprintf(&in, "{\"n\":%d,\"region\":\"r%d\"}\n", n, n%4)
	}
	for name, text := range map[string][]byte{"q.sql": []byte(query), "events.jsonl": in.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(*seed, 1))
	for range *kills {
		run(t, dir, "q.sql", time.Duration(rnd.Int64N(int64(longestRun))))
		count(t, dir, false)
	}
	if !run(t, dir, "q.sql", 2*time.Minute) {
		t.Fatal("it does not come to an end")
	}
	files := count(t, dir, true)
	t.Logf("%d rows in %d files", events, files)
}

// run runs cepd until it ends, or kills it.
func run(t *testing.T, dir, query string, until time.Duration) (ended bool) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(cepdtest.Program(t), "run", filepath.Join(dir, query), "--data-dir", filepath.Join(dir, "state"))
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%v\n%s", err, &out)
		}
	case <-time.After(until):
		_ = cmd.Process.Kill()
		<-done
		return false
	}
	return true
}

// count looks into all files as a reader would that knows nothing of cepd.
func count(t *testing.T, dir string, all bool) (files int) {
	t.Helper()
	seen := make([]int, events)
	names, err := filepath.Glob(filepath.Join(dir, "lake", "region=*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		type row struct {
			N int64 `parquet:"n"`
		}
		rows, err := parquet.ReadFile[row](name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range rows {
			if want := fmt.Sprintf("region=r%d", r.N%4); !strings.Contains(name, want) {
				t.Fatalf("row %d is in %s", r.N, name)
			}
			seen[r.N]++
		}
	}
	for n, times := range seen {
		if times > 1 || all && times == 0 {
			t.Fatalf("row %d is there %d times", n, times)
		}
	}
	return len(names)
}
