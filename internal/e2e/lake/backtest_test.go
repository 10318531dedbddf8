package lake

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

// overLake is a rule on a table that is watched, and tried on what is there.
const overLake = `CREATE TABLE events (n BIGINT NOT NULL, region STRING) PARTITIONED BY (region) WITH ('connector' = 'filesystem', 'format' = 'parquet',
  'source.monitor-interval' = '1 s', 'scan.parallelism' = '4', %s);
CREATE TABLE found (n BIGINT, region STRING) WITH ('connector' = 'blackhole');
INSERT INTO found SELECT n, region FROM events WHERE MOD(n, 1000) = 1;
`

// TestBacktestFromBucket tries a rule on a lake of Parquet in a bucket.
func TestBacktestFromBucket(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs a process; not with -short")
	}
	dir := t.TempDir()
	options, put := inBucket(t, dir)
	order := make([]int, files)
	for i := range order {
		order[i] = i
	}
	stop := make(chan struct{})
	if err := write(order, put, stop); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rule.sql"), fmt.Appendf(nil, overLake, options), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(cepdtest.Program(t), "backtest", "rule.sql", "--by", "region")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("%d detections in %d rows", events/1000, events); err != nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "r1") {
		t.Errorf("%v: expected %s\n%s", err, want, out)
	}
}
