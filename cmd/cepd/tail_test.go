package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestTableTail follows a table of a server, over a restart.
func TestTableTail(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", `CREATE TABLE clicks (page STRING) WITH ('connector' = 'http', 'format' = 'json');
		CREATE TABLE board (page STRING) WITH ('connector' = 'stream');
		INSERT INTO board /*+ NAME('q') */ SELECT page FROM clicks;`)
	address, stop := testServer(t, "data")
	expect(t, "exit 0\nquery q runs\n", "query", "submit", "q.sql", "--server", address)
	for life := range 2 {
		if code, out, _ := post(t, address+"/v1/tables/clicks/events", `[{"page":"home"},{"page":"cart"}]`); code != http.StatusAccepted {
			t.Fatal(code, out)
		}
		waitFor(t, func() bool {
			return strings.Contains(get(t, address+"/metrics"), `cepd_stream_rows_total{table="board"} `+[]string{"2", "4"}[life])
		})
		stop()
		address, stop = testServer(t, "data")
	}
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	out, lines := io.Pipe()
	done := make(chan int, 1)
	go func() {
		args := []string{"table", "tail", "board", "--after", "0", "--where", "page=cart", "--server", address}
		done <- execute(ctx, args, stdio{in: strings.NewReader(""), out: lines, err: io.Discard})
	}()
	rows := bufio.NewScanner(out)
	for i := range 2 {
		if !rows.Scan() || !strings.HasSuffix(rows.Text(), `  +I  {"page":"cart"}`) {
			t.Errorf("row %d: %s", i, rows.Text())
		}
	}
	cancel()
	if code := <-done; code != 0 {
		t.Error("exit", code)
	}
	expect(t, "exit 1\nstderr:\ncepd: where=\"x=1\": there is no column x\n", "table", "tail", "board", "--where", "x=1", "--server", address)
}
