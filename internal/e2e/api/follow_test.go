package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/api/client"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/pebblestore"
)

const board = `CREATE TABLE src (x BIGINT, region STRING, pad STRING) WITH ('connector' = 'memory');
CREATE TABLE board (x BIGINT, region STRING, pad STRING) WITH ('connector' = 'stream', 'retention.bytes' = '1048576', 'max-readers' = '40');
INSERT INTO board /*+ NAME('q') */ SELECT x, region, pad FROM src`

// followed is a server whose tables can be followed.
type followed struct {
	*client.Client
	src     *memory.Table
	hub     *stream.Hub
	metrics *prometheus.Registry
	address string
	stop    func() // in order
}

// serveFollowed serves with state on a file system (nil: none).
func serveFollowed(t *testing.T, fs vfs.FS, dir, sql string, rows *memory.Store) *followed {
	t.Helper()
	logs := intake.New(clock.Wall{})
	f := &followed{src: rows.Table("src"), hub: stream.NewHub(logs), metrics: prometheus.NewRegistry()}
	o := engine.Options{Registry: all.New(memory.New(rows), stream.New(f.hub)), Workers: 1, CommitInterval: time.Millisecond, SnapshotInterval: 20 * time.Millisecond}
	closeStore := func() error { return nil }
	if fs != nil {
		store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		o.Store, closeStore = store, store.Close
	}
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if err := logs.Open(o.Store); err != nil {
		t.Fatal(err)
	}
	s, err := api.NewService(dir, api.EngineRunner{Engine: e, Logs: logs, Hub: f.hub}, log)
	if err != nil {
		t.Fatal(err)
	}
	f.metrics.MustRegister(api.StreamMetrics(f.hub, logs))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- api.Serve(ctx, listener, api.NewHandler(s, f.metrics, "test", api.Protection{}), nil, log)
	}()
	f.stop = sync.OnceFunc(func() {
		cancel()
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(<-done, s.Close(stopping), closeStore()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(f.stop)
	f.address = "http://" + listener.Addr().String()
	if f.Client, err = client.New(f.address, client.Options{}); err != nil {
		t.Fatal(err)
	}
	if list, err := f.Queries(t.Context()); err != nil || len(list) > 0 { // of a life before
		return f
	}
	if _, err := f.Submit(t.Context(), &api.Submission{SQL: sql}); err != nil {
		t.Fatal(err)
	}
	return f
}

// add adds rows from a number on; even ones are of the region eu.
func (f *followed) add(t *testing.T, from, n int, pad string) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if err := f.src.AppendJSON(fmt.Sprintf(`{"x":%d,"region":"%s","pad":"%s"}`, i, []string{"eu", "us"}[i%2], pad)); err != nil {
			t.Fatal(err)
		}
	}
}

// rows reads a table by server-sent events until it has so many rows.
func (f *followed) rows(t *testing.T, n int, o client.TableStream) (list []client.TableEvent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for e, err := range f.StreamTable(ctx, "board", o) {
		if err != nil || e.Gap != nil {
			t.Fatal(err, e.Gap)
		}
		if list = append(list, e); len(list) == n {
			return list
		}
	}
	t.Fatalf("%d of %d rows came", len(list), n)
	return nil
}

// message is one of the WebSocket.
type message struct {
	Event, Cursor, ID, Op, End, Reason string
	Row                                json.RawMessage
	Missed                             int64
}

// dial opens a WebSocket.
func (f *followed) dial(t *testing.T, query string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), f.address+"/v1/tables/board/stream"+query, nil) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return conn
}

func receive(t *testing.T, conn *websocket.Conn) (m message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, text, err := conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Both ways give the same rows, ids and places, as a whole and in part.
func TestFollowTable(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	conn := f.dial(t, "")
	if m := receive(t, conn); m.Event != "at" || m.Cursor != "0.0" {
		t.Errorf("%+v", m)
	}
	f.add(t, 0, 100, "")
	list := f.rows(t, 100, client.TableStream{After: stream.FromOldest})
	for i, e := range list {
		m := receive(t, conn)
		if want := fmt.Sprintf(`{"x":%d,"region":"%s","pad":""}`, i, []string{"eu", "us"}[i%2]); string(e.Row.Row) != want || e.Row.Op != "+I" {
			t.Fatalf("row %d is %s %s", i, e.Row.Op, e.Row.Row)
		}
		if m.Event != "row" || m.ID != e.Row.ID || m.Cursor != e.Cursor || m.Op != e.Row.Op || string(m.Row) != string(e.Row.Row) {
			t.Fatalf("row %d is %+v by WebSocket, %+v by events", i, m, e)
		}
	}
	if page, err := f.Detections(t.Context(), "q", client.Page{After: "0"}); err != nil || page.Detections[7].ID != list[7].Row.ID {
		t.Error("the detections have other ids", err)
	}
	if rest := f.rows(t, 40, client.TableStream{After: list[59].Cursor}); string(rest[0].Row.Row) != string(list[60].Row.Row) {
		t.Errorf("behind row 59 comes %s", rest[0].Row.Row)
	}
	some := f.rows(t, 10, client.TableStream{After: list[9].Cursor, Where: []string{"region=us"}})
	for i, e := range some {
		if e.Row.ID != list[11+2*i].Row.ID {
			t.Errorf("%s is not asked for, or out of order", e.Row.Row)
		}
	}
	if one := f.rows(t, 1, client.TableStream{After: "0", Where: []string{"X=51", "region=us"}}); one[0].Row.ID != list[51].Row.ID {
		t.Error(string(one[0].Row.Row))
	}
	if text := f.scrape(t); !strings.Contains(text, `cepd_stream_rows_total{table="board"} 100`) || !strings.Contains(text, `cepd_stream_readers{table="board"}`) {
		t.Error(text)
	}
}

func (f *followed) scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(f.address + "/metrics")
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

func TestFollowRefusals(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	for query, want := range map[string]string{
		"board/stream?where=x":                               "422 want column=value",
		"board/stream?where=y%3D1":                           "422 there is no column y",
		"board/stream?where=x%3Done":                         "422 column x is BIGINT",
		"board/stream?where=x%3D1&where=X%3D2":               "422 stands in two conditions",
		"board/stream?after=somewhere":                       "422 want the id of an event",
		"board/stream?after=-1.0":                            "422 want the id of an event",
		"nobody/stream":                                      "404 there is no table",
		"src/stream":                                         "422 cannot be followed",
		"board/stream?" + strings.Repeat("where=x%3D1&", 17): "422 ",
	} {
		resp, err := http.Get(f.address + "/v1/tables/" + query)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		status, part, _ := strings.Cut(want, " ")
		if !strings.HasPrefix(resp.Status, status) || !strings.Contains(string(text), part) {
			t.Errorf("%s: %s %s", query, resp.Status, text)
		}
	}
	_, err := f.Submit(t.Context(), &api.Submission{SQL: "CREATE TABLE o (x BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT x FROM board"})
	if err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Error(err)
	}
}

// Results that change say how.
func TestFollowChanges(t *testing.T) {
	f := serveFollowed(t, nil, "", `CREATE TABLE src (x BIGINT, region STRING, pad STRING) WITH ('connector' = 'memory');
		CREATE TABLE board (region STRING, n BIGINT) WITH ('connector' = 'stream'); INSERT INTO board /*+ NAME('q') */ SELECT region, COUNT(*) FROM src GROUP BY region`, memory.NewStore(0))
	var got []string
	f.add(t, 0, 1, "")
	got = append(got, show(f.rows(t, 1, client.TableStream{After: "0"})[0]))
	f.add(t, 2, 1, "")
	for _, e := range f.rows(t, 3, client.TableStream{After: "0"})[1:] {
		got = append(got, show(e))
	}
	if want := []string{`+I {"region":"eu","n":1}`, `-U {"region":"eu","n":1}`, `+U {"region":"eu","n":2}`}; !slices.Equal(got, want) {
		t.Error(got)
	}
}

func show(e client.TableEvent) string { return e.Row.Op + " " + string(e.Row.Row) }

// Through crashes of the machine and restarts in order a reader misses nothing, and
// what comes again has the same id.
func TestFollowSurvivesCrashes(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	fs, dir, rows := vfs.NewCrashableMem(), t.TempDir(), memory.NewStore(0)
	const lives, each = 6, 200
	byID, seen, cursor := map[string]string{}, map[string]bool{}, stream.FromOldest
	for life := range lives {
		f := serveFollowed(t, fs, dir, board, rows)
		f.add(t, life*each, each, "")
		wanted := life*each + 1 + rng.IntN(each)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for e, err := range f.StreamTable(ctx, "board", client.TableStream{After: cursor}) {
			if err != nil || e.Gap != nil {
				t.Fatalf("life %d: %v %+v", life, err, e.Gap)
			}
			cursor = e.Cursor
			if was, again := byID[e.Row.ID]; again && was != string(e.Row.Row) {
				t.Fatalf("%s was %s and is %s", e.Row.ID, was, e.Row.Row)
			}
			byID[e.Row.ID], seen[string(e.Row.Row)] = string(e.Row.Row), true
			if len(seen) >= wanted || life == lives-1 && len(seen) == lives*each {
				break
			}
		}
		cancel()
		if life%2 == 0 {
			fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
		}
		f.stop()
	}
	f := serveFollowed(t, fs, dir, board, rows)
	for _, e := range f.rows(t, lives*each-len(seen), client.TableStream{After: cursor}) {
		byID[e.Row.ID], seen[string(e.Row.Row)] = string(e.Row.Row), true
	}
	if len(byID) != lives*each || len(seen) != lives*each {
		t.Errorf("%d ids of %d rows, want %d", len(byID), len(seen), lives*each)
	}
}

// A reader that does not read holds nobody up; then it is told how much it missed.
func TestFollowIsSlow(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	conn := f.dial(t, "")
	const rows = 5000
	f.add(t, 0, rows, strings.Repeat("x", 4000))
	cepdtest.Await(t, func() bool {
		s, err := f.Status(t.Context(), "q")
		return err == nil && s.Sinks[0].Acknowledged == rows
	})
	var seen, missed int64
	for seen+missed < rows {
		switch m := receive(t, conn); m.Event {
		case "row":
			seen++
		case "gap":
			missed += m.Missed
		}
	}
	if missed == 0 || seen+missed != rows || f.hub.Counts()["board"].Missed != missed {
		t.Errorf("%d rows seen, %d missed, of %d; counted %+v", seen, missed, rows, f.hub.Counts())
	}
}

// Many readers get all rows each; more than the table has are refused, and those that
// go make room.
func TestManyFollow(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	conns := make([]*websocket.Conn, 40)
	for i := range conns {
		conns[i] = f.dial(t, "")
		receive(t, conns[i])
	}
	refused := func() bool {
		resp, err := http.Get(f.address + "/v1/tables/board/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	}
	if !refused() {
		t.Error("the 41st was let in")
	}
	f.add(t, 0, 300, "")
	var wg sync.WaitGroup
	for _, conn := range conns {
		wg.Go(func() {
			for i := range 300 {
				_, text, err := conn.Read(t.Context())
				if err != nil || !strings.Contains(string(text), fmt.Sprintf(`{"x":%d,`, i)) {
					t.Errorf("row %d: %s %v", i, text, err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, conn := range conns {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
	cepdtest.Await(t, func() bool { return !refused() })
	cepdtest.Await(t, func() bool { return f.hub.Counts()["board"].Readers == 0 })
}

// What is sent to a WebSocket ends it, and nothing else.
func TestFollowHostileFrames(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	good := f.dial(t, "")
	receive(t, good)
	mask := "\x00\x00\x00\x00"
	for name, frames := range map[string]string{
		"a message":                 "\x81\x82" + mask + "{}",
		"not masked":                "\x81\x02{}",
		"reserved bits":             "\xf1\x80" + mask,
		"reserved opcode":           "\x8f\x80" + mask,
		"2^63 bytes":                "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + mask,
		"a long ping":               "\x89\xfe\x04\x00" + mask + strings.Repeat("x", 1024),
		"a ping in pieces":          "\x09\x80" + mask,
		"a continuation of nothing": "\x80\x80" + mask,
		"half a close":              "\x88\x81" + mask + "x",
		"no frame":                  strings.Repeat("GET / HTTP/1.1\r\n\r\n", 100),
		"many pings and a text":     strings.Repeat("\x89\x80"+mask, 2000) + "\x81\x80" + mask,
	} {
		conn := upgrade(t, f.address)
		if _, err := io.WriteString(conn, frames); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = conn.CloseWrite() // or the server waits some seconds for a good-bye
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays", name)
		}
		_ = conn.Close()
	}
	cepdtest.Await(t, func() bool { return f.hub.Counts()["board"].Readers == 1 })
	f.add(t, 0, 1, "")
	if m := receive(t, good); m.Event != "row" {
		t.Errorf("%+v", m)
	}
}

// upgrade is a connection behind the answer 101.
func upgrade(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /v1/tables/board/stream HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", u.Host)
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil) //nolint:bodyclose // it has none
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	return conn.(*net.TCPConn)
}

// A page of another site is refused; the server's own, and programs, are not.
func TestFollowOrigins(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	for origin, good := range map[string]bool{"": true, f.address: true, "https://evil.example": false, "null": false} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, resp, err := websocket.Dial(t.Context(), f.address+"/v1/tables/board/stream", &websocket.DialOptions{HTTPHeader: header}) //nolint:bodyclose // the library closes it
		if (err == nil) != good || !good && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %v", origin, err)
		}
		if err == nil {
			_ = conn.CloseNow()
		}
	}
}

// A server that stops, and a table that is dropped, say good-bye.
func TestFollowEnds(t *testing.T) {
	f := serveFollowed(t, nil, "", board, memory.NewStore(0))
	conn := f.dial(t, "")
	receive(t, conn)
	go f.stop()
	if m := receive(t, conn); m.Event != "end" || m.End != "stopping" {
		t.Errorf("%+v", m)
	}
	f.stop()
}
