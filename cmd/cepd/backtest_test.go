package main

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestBacktestOnServer has a server try a change of a query that it runs.
func TestBacktestOnServer(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("data/files", 0o700); err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, "data/files/p.csv", "1,2026-01-01 10:00:00,150\n2,2026-01-02 10:00:00,250\n")
	const insert = "INSERT INTO large /*+ NAME('rule') */ SELECT card, amount FROM payments WHERE amount > "
	writeTestFile(t, "tables.sql", `CREATE TABLE payments (card BIGINT, ts TIMESTAMP(3), amount DECIMAL(9, 2), WATERMARK FOR ts AS ts) WITH ('connector' = 'file', 'path' = 'p.csv', 'format' = 'csv');
CREATE TABLE large (card BIGINT, amount DECIMAL(9, 2)) WITH ('connector' = 'blackhole');`)
	writeTestFile(t, "old.sql", insert+"100;")
	writeTestFile(t, "new.sql", insert+":least;")
	address, stop := testServer(t, "data")
	defer stop()
	expect(t, "exit 0\n", "query", "submit", "tables.sql", "--server", address)
	expect(t, "exit 0\nquery rule runs\n", "query", "submit", "old.sql", "--server", address)
	out := cepd([]string{"backtest", "new.sql", "--param", "least=200", "--against", "rule", "--report", "page.html", "--server", address}, "")
	if !strings.Contains(out, "after   1 detections in 2 rows\nbefore  2 detections in 2 rows\nsame 1, appear 0, disappear 1, change 0\n") {
		t.Error(out)
	}
	if page, err := os.ReadFile("page.html"); err != nil || !strings.Contains(string(page), "Disappear (1)") {
		t.Errorf("%v %s", err, page)
	}
	expect(t, "exit 1\nstderr:\ncepd: there is no query \"other\"\n", "backtest", "new.sql", "--param", "least=1", "--against", "other", "--server", address)
}
