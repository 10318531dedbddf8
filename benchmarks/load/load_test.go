package load

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script is a pattern that each row completes, so that a detection leaves for
// each row, two seconds of event time later.
const script = `CREATE TABLE rows (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'kafka', 'topic' = 'rows', 'properties.bootstrap.servers' = 'nowhere:9092', 'format' = 'json');
SELECT * FROM rows MATCH_RECOGNIZE (ORDER BY ts MEASURES A.id AS id PATTERN (A) DEFINE A AS A.id >= 0);`

// recorded is a recording of n rows, a second apart.
func recorded(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":%d,\"ts\":\"2026-01-01 00:%02d:%02d\"}\n", i, i/60, i%60)
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlatOut(t *testing.T) {
	r, err := Run(context.Background(), Options{File: "x.sql", Text: script, Inputs: map[string]string{"": recorded(t, 600)}, Warmup: 100})
	if err != nil {
		t.Fatal(err)
	}
	if r.Events+r.Warmup != 600 || r.Warmup < 100 || r.Detections != 600 || r.Latency != nil {
		t.Errorf("%+v", r)
	}
}

// TestAtARate checks that all detections but those that the end of the input
// lets leave have a latency, and that none comes before its row was due.
func TestAtARate(t *testing.T) {
	r, err := Run(context.Background(), Options{File: "x.sql", Text: script, Inputs: map[string]string{"rows": recorded(t, 300)}, Rate: 2000, Duration: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	// A row leaves when the third after it comes: its time has then passed the
	// row's by more than two seconds.
	if l := r.Latency; l.Count != 297 || l.ByEnd != 3 || l.P50Millis <= 0 {
		t.Errorf("%+v", l)
	}
	if r.WallSeconds < 0.14 {
		t.Errorf("300 rows at 2,000 a second took %.3f s", r.WallSeconds)
	}
}

// TestReleasingRow checks which row the index says lets a detection leave.
func TestReleasingRow(t *testing.T) {
	const second = 1_000_000
	x := &index{rows: 4, marks: []int64{-1, second - 1, second - 1, 3*second - 1}}
	for at, want := range map[int64]int{-1: 0, 0: 1, second - 1: 1, second: 3, 3 * second: 4} {
		if got := x.releases(at); got != want {
			t.Errorf("%d: row %d, want %d", at, got, want)
		}
	}
}

// TestStatelessByID checks that rows of a query without a pattern are found by
// their IDs: places in the file.
func TestStatelessByID(t *testing.T) {
	text := strings.Split(script, "SELECT")[0] + "SELECT id FROM rows WHERE MOD(id, 3) = 0;"
	r, err := Run(context.Background(), Options{File: "x.sql", Text: text, Inputs: map[string]string{"": recorded(t, 300)}, Rate: 3000, Events: 300})
	if err != nil {
		t.Fatal(err)
	}
	if l := r.Latency; r.Detections != 100 || l.Count != 100 || l.ByEnd != 0 || l.MaxMillis > 60_000 {
		t.Errorf("%d detections, %+v", r.Detections, l)
	}
}

func TestRefusals(t *testing.T) {
	for want, o := range map[string]Options{
		"give a recording of the table with --input rows=FILE": {Text: script},
		"the queries read rows":                                {Text: script, Inputs: map[string]string{"other": "x"}},
		"leaves nothing to measure":                            {Text: script, Inputs: map[string]string{"": recorded(t, 10)}, Warmup: 11},
		"there is no query to run":                             {Text: "SHOW TABLES;"},
		"needs a duration":                                     {Text: script, Rate: 10},
		"no such file":                                         {Text: script, Inputs: map[string]string{"": "/nowhere/rows.jsonl"}},
	} {
		o.File = "x.sql"
		if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestInterrupted checks that a run that is cut short reports what it measured.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	text := strings.ReplaceAll(script, "'kafka', 'topic' = 'rows', 'properties.bootstrap.servers' = 'nowhere:9092', 'format' = 'json'", "'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0'")
	r, err := Run(ctx, Options{File: "x.sql", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if r.Text(&b); !strings.Contains(b.String(), "not measured: it needs --rate") {
		t.Error(b.String())
	}
}
