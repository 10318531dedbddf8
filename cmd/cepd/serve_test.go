package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/cepdtest"
)

// testServer is a server on a directory; stop ends it in order.
func testServer(t *testing.T, dir string) (address string, stop func()) {
	t.Helper()
	s, err := newServer(config{DataDir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, l) }()
	return "http://" + l.Addr().String(), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

// TestServerKeepsItsQueries submits a query, restarts the server, and looks
// whether the query goes on.
func TestServerKeepsItsQueries(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", `CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.x.kind' = 'sequence', 'fields.x.start' = '1', 'fields.x.end' = '1000000');
CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b /*+ NAME('numbers') */ SELECT x FROM a;`)
	address, stop := testServer(t, "data")
	expect(t, "exit 0\nquery numbers runs\n", "query", "submit", "q.sql", "--server", address)
	waitFor(t, func() bool {
		return strings.Contains(cepd([]string{"query", "status", "numbers", "--server", address}, ""), "numbers: running")
	})
	expect(t, "exit 1\nstderr:\ncepd: there is no query \"other\"\n", "query", "drop", "other", "--server", address)
	stop()

	address, stop = testServer(t, "data")
	defer stop()
	if out := cepd([]string{"query", "list", "--server", address}, ""); !strings.Contains(out, "numbers") {
		t.Fatalf("after a restart: %s", out)
	}
	waitFor(t, func() bool {
		return strings.Contains(get(t, address+"/metrics"), `cepd_source_records_total{partition="0",query="numbers",table="a"}`)
	})
	expect(t, "exit 0\n", "query", "drop", "numbers", "--server", address)
	expect(t, "exit 0\nQUERY  STATE  VERSION  CREATED  ERROR\n", "query", "list", "--server", address)
}

func expect(t *testing.T, want string, args ...string) {
	t.Helper()
	if got := cepd(args, ""); got != want {
		t.Fatalf("cepd %s:\n%swant:\n%s", strings.Join(args, " "), got, want)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	cepdtest.Await(t, ok)
}

// TestInstances lists the open match of a running query.
func TestInstances(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", `CREATE TABLE a (x BIGINT, device STRING, ts AS TIMESTAMPADD(SECOND, CAST(x AS INT), TIMESTAMP '2026-01-01 00:00:00'), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.x.kind' = 'sequence', 'fields.x.start' = '1', 'fields.x.end' = '100000', 'fields.device.values' = 'pump');
CREATE TABLE b (device STRING, x BIGINT, y BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b /*+ NAME('pumps') */ SELECT * FROM a MATCH_RECOGNIZE (PARTITION BY device ORDER BY ts
  MEASURES F.x AS first, L.x AS last PATTERN (F -> L) WITHIN INTERVAL '365' DAY DEFINE F AS F.x = 7, L AS L.x = 90000);
INSERT INTO b /*+ NAME('early') */ SELECT * FROM a MATCH_RECOGNIZE (PARTITION BY device ORDER BY ts
  MEASURES F.x AS first, L.x AS last PATTERN (F -> L) WITHIN INTERVAL '1' DAY DEFINE F AS F.x = 7, L AS L.x = 20);`)
	address, stop := testServer(t, "data")
	defer stop()
	expect(t, "exit 0\nquery pumps runs\nquery early runs\n", "query", "submit", "q.sql", "--server", address)
	list := func(more ...string) string {
		return cepd(append([]string{"query", "instances", "pumps", "--server", address}, more...), "")
	}
	waitFor(t, func() bool { return strings.Contains(list("--waits-for", "l", "--key", "device=pump"), "first=7") })
	for _, want := range []string{"device=\"pump\" first=7", "2026-01-01T00:00:07Z  2027-01-01T00:00:07Z  F     L"} {
		if out := list(); !strings.Contains(out, want) {
			t.Errorf("%s\nlacks %q", out, want)
		}
	}
	if out := list("--older-than", "87600h"); strings.Contains(out, "first=7") {
		t.Error(out)
	}
	if out := list("--limit", "0"); !strings.HasPrefix(out, "exit 1") {
		t.Error(out)
	}
	told := "query pumps, version 1\ndevice = \"pump\"  100000 rows\n"
	rows := "  F    2026-01-01T00:00:07Z  a 0@6\n       yes  F.x = 7    [F.x = 7]\n  L    2026-01-02T01:00:00Z  a 0@89999\n"
	for _, args := range [][]string{{"query", "why", "pumps", "--key", "pump"}, {"why", "--query", "pumps", "--key", "pump"}} {
		if out := cepd(append(args, "--server", address), ""); !strings.Contains(out, told) || !strings.Contains(out, rows) {
			t.Errorf("%s: %s", args, out)
		}
	}
	var delivered engine.Detections
	waitFor(t, func() bool {
		return json.Unmarshal([]byte(get(t, address+"/v1/queries/early/detections")), &delivered) == nil && len(delivered.Detections) == 1
	})
	if d := delivered.Detections[0]; d.Version != 1 {
		t.Errorf("%+v", d)
	}
	if out := cepd([]string{"why", delivered.Detections[0].ID, "--server", address}, ""); !strings.Contains(out, "detection "+delivered.Detections[0].ID) || !strings.Contains(out, "query early, version 1") || !strings.Contains(out, "yes  L.x = 20    [L.x = 20]") {
		t.Error(out)
	}
	if out := cepd([]string{"why", strings.Repeat("0f", 16), "--server", address}, ""); !strings.Contains(out, "name the query by --query") {
		t.Error(out)
	}
}
