package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/postgrestest"
	"github.com/cepd/cepd/state/intake"
)

// TestServer runs what needs a server on one.
func TestServer(t *testing.T) {
	s := postgrestest.Start(t)
	for _, x := range []struct {
		name string
		test func(*testing.T, *postgrestest.Server)
	}{
		{"changes", testChanges}, {"inserts", testInserts}, {"filter", testFilter}, {"types", testTypes}, {"large values", testLargeValues}, {"writers", testWriters},
		{"idle", testIdle}, {"forgotten", testForgotten}, {"full log", testFullLog}, {"refusals", testRefusals}, {"lost", testLost},
		{"while reading", testWhileReading}, {"late query", testLateQuery}, {"damage", testDamage}, {"removed WAL", testRemovedWAL}, {"TLS", testTLS}, {"server's settings", testSettings},
	} {
		t.Run(x.name, func(t *testing.T) { x.test(t, s) })
	}
}

// testChanges reads what is there and what changes.
func testChanges(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", `INSERT INTO t VALUES (1, 'one'), (2, NULL), (3, 'a "b" \')`)
	x := w.read(w.table(idName, "id"), connectors.Start)
	got := x.next(3)
	want := `{"op":"r","after":{"id":1,"name":"one"}}
{"op":"r","after":{"id":2,"name":null}}
{"op":"r","after":{"id":3,"name":"a \"b\" \\"}}`
	if got != want {
		t.Error(got)
	}
	w.exec("INSERT INTO t VALUES (4, 'four')", "UPDATE t SET name = 'two' WHERE id = 2", "UPDATE t SET id = 5 WHERE id = 4", "DELETE FROM t WHERE id = 1",
		"BEGIN; INSERT INTO t VALUES (9, 'never'); ROLLBACK")
	w.exec("UPDATE t SET name = name || '!'")
	got = x.next(8)
	want = `{"op":"c","after":{"id":4,"name":"four"}}
{"op":"u","after":{"id":2,"name":"two"}}
{"op":"d","before":{"id":4,"name":null}}
{"op":"c","after":{"id":5,"name":"four"}}
{"op":"d","before":{"id":1,"name":null}}
{"op":"u","after":{"id":3,"name":"a \"b\" \\!"}}
{"op":"u","after":{"id":2,"name":"two!"}}
{"op":"u","after":{"id":5,"name":"four!"}}`
	if got != want {
		t.Error(got)
	}
	x.reaches(idNames)
	if n := strings.Count(w.notes.String(), "level=WARN"); n > 0 {
		t.Error(w.notes)
	}
}

// testInserts reads a table without a key: the rows that are inserted.
func testInserts(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint, name text)", "INSERT INTO t VALUES (1, 'before')")
	x := w.read(w.table(idName, "", optStartup, modeLatest), connectors.Start)
	w.connected()
	w.exec("INSERT INTO t VALUES (2, 'two')", "UPDATE t SET name = 'never told'", "DELETE FROM t WHERE id = 2", "TRUNCATE t", "INSERT INTO t VALUES (2, 'again')")
	if got := x.next(2); got != `{"op":"c","after":{"id":2,"name":"two"}}`+"\n"+`{"op":"c","after":{"id":2,"name":"again"}}` {
		t.Error(got)
	}
}

// testFilter: a publication that tells some rows has only those read at the beginning.
func testFilter(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t SELECT i, 'before' FROM generate_series(1, 100) AS i")
	if w.text("SHOW server_version_num") < "150000" {
		t.Skip("publications have conditions from PostgreSQL 15 on")
	}
	w.exec("CREATE PUBLICATION odd FOR TABLE t WHERE (id % 2 = 1)")
	x := w.read(w.table(idName, "id", optPublication, "odd", optChunk, "7"), connectors.Start)
	x.reaches(idNames + " WHERE id % 2 = 1")
	w.exec("UPDATE t SET name = 'after'", "INSERT INTO t VALUES (101, 'odd'), (102, 'even')", "DELETE FROM t WHERE id < 10")
	x.reaches(idNames + " WHERE id % 2 = 1")
}

// connected waits until a slot is read.
func (w *world) connected() {
	w.t.Helper()
	w.until("nobody reads the slot", func() bool {
		return w.text("SELECT count(*) FROM pg_replication_slots WHERE active AND database = $1", w.name) == "1"
	})
}

// released waits until the server has heard that nobody reads the slot any more.
func (w *world) released() {
	w.t.Helper()
	w.until("the slot is read for ever", func() bool {
		return w.text("SELECT count(*) FROM pg_replication_slots WHERE active AND database = $1", w.name) == "0"
	})
}

// testTypes reads each type, from the table and from the changes alike.
func testTypes(t *testing.T, s *postgrestest.Server) {
	array := func(e event.Type) event.Type { return event.Type{Kind: event.Array, Elem: &e} }
	row := event.Type{Kind: event.Row, Fields: []event.Field{{Name: "a", Type: event.TInt64}}}
	list := []struct {
		declared event.Type
		typ      string
		value    string // as SQL
		json     string
	}{
		{event.TBool, "boolean", "true", "true"},
		{event.TInt32, "smallint", "-32768", "-32768"},
		{event.TInt64, "bigint", "9223372036854775807", "9223372036854775807"},
		{event.TFloat64, "double precision", "0.1", "0.1"},
		{event.TFloat64, "double precision", "'NaN'", `"NaN"`},
		{event.TFloat64, "real", "1e30", "1e+30"},
		{event.TDecimal(38, 10), "numeric", "12345678901234567890.0123456789", "12345678901234567890.0123456789"},
		{event.TString, "varchar(10)", `E'\u00e9\n"\\'`, `"é\u000a\"\\"`},
		{event.TString, "uuid", "'00000000-0000-0000-0000-000000000001'", `"00000000-0000-0000-0000-000000000001"`},
		{event.TString, "jsonb", `'{"a":[1,"x"]}'`, `"{\"a\": [1, \"x\"]}"`},
		{row, "json", `'{"a":1}'`, `{"a":1}`},
		{event.TBytes, "bytea", `'\x00ff41'`, `"AP9B"`},
		{event.TDate, "date", "'2026-01-02'", `"2026-01-02"`},
		{event.TTime, "time", "'03:04:05.25'", `"03:04:05.25"`},
		{event.Type{Kind: event.Timestamp, Precision: 6}, "timestamp", "'2026-01-02 03:04:05.000001'", `"2026-01-02 03:04:05.000001"`},
		{event.Type{Kind: event.TimestampLTZ, Precision: 3}, "timestamptz", "'2026-01-02 03:04:05.5+02'", `"2026-01-02 01:04:05.5Z"`},
		{array(event.TInt64), "integer[]", "'{1,NULL,-3}'", `[1,null,-3]`},
		{array(event.TString), "text[]", `ARRAY['a', '', 'b,"c"\', NULL, 'NULL', '{}']`, `["a","","b,\"c\"\\",null,"NULL","{}"]`},
		{array(array(event.TBool)), "boolean[]", "'{{t,f},{f,t}}'", `[[true,false],[false,true]]`},
		{array(event.TInt32), "integer[]", "'[2:3]={5,6}'", `[5,6]`},
		{array(event.TInt32), "integer[]", "'{}'", `[]`},
		{event.TString, "interval", "'1 day 2 hours'", `"P1DT2H"`},
		{event.TString, "mood", "'happy'", `"happy"`},
		{event.TInt64, "positive", "7", "7"},
	}
	columns, create, values := []connectors.Column{{Name: "ID", Type: event.TInt64}}, `CREATE TABLE t ("ID" bigint PRIMARY KEY`, ""
	want := ""
	for i, x := range list {
		name := fmt.Sprintf("c%d", i)
		columns = append(columns, connectors.Column{Name: name, Type: x.declared})
		create += fmt.Sprintf(", %s %s", name, x.typ)
		values += ", " + x.value
		want += fmt.Sprintf(`,"%s":%s`, name, x.json)
	}
	w := newWorld(t, s, "CREATE TYPE mood AS ENUM ('happy')", "CREATE DOMAIN positive AS bigint CHECK (VALUE > 0)", create+", g bigint GENERATED ALWAYS AS (1) STORED)", "INSERT INTO t VALUES (1"+values+")")
	x := w.read(w.table(columns, "ID"), connectors.Start)
	if got := x.next(1); got != `{"op":"r","after":{"ID":1`+want+`}}` {
		t.Error(got)
	}
	w.exec("SET TIME ZONE 'Asia/Tokyo'; SET DateStyle = 'German'; INSERT INTO t VALUES (2"+values+")", "INSERT INTO t VALUES (3)")
	if got := x.next(1); got != `{"op":"c","after":{"ID":2`+want+`}}` {
		t.Error(got)
	}
	if got := x.next(1); strings.Count(got, "null") != len(list) {
		t.Error(got)
	}
}

// testLargeValues: a large value that has not changed does not come with an update.
func testLargeValues(t *testing.T, s *postgrestest.Server) {
	columns := append(idName[:2:2], connectors.Column{Name: "large", Type: event.TString})
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text, large text)", "ALTER TABLE t ALTER large SET STORAGE EXTERNAL",
		"INSERT INTO t VALUES (1, 'one', repeat('x', 10000)), (2, 'two', repeat('y', 10000))")
	const all = `SELECT format('{"id":%s,"name":%s,"large":%s}', id, to_json(name), COALESCE(to_json(large)::text, 'null')) FROM t`
	x := w.read(w.table(columns, "id"), connectors.Start)
	x.reaches(all)
	w.exec("UPDATE t SET name = 'changed'")
	x.reaches(all)
	w.exec("ALTER TABLE t REPLICA IDENTITY FULL", "UPDATE t SET name = 'again' WHERE id = 1", "BEGIN; UPDATE t SET name = 'x' WHERE id = 2; UPDATE t SET large = repeat('z', 10000) WHERE id = 2; DELETE FROM t WHERE id = 1; COMMIT")
	x.reaches(all)
	w.exec("ALTER TABLE t REPLICA IDENTITY DEFAULT", "BEGIN; UPDATE t SET name = 'gone' WHERE id = 2; UPDATE t SET id = 3 WHERE id = 2; COMMIT")
	x.reaches(all)
	w.exec("UPDATE t SET large = repeat('z', 2000000)")
	if got := x.fails(); !strings.Contains(got, "leave its large columns out") {
		t.Error(got)
	}
}

// testWriters: writers are at work while the table is read in small chunks, the
// reading is cut off again and again, and so is the server. No row may go back in
// time, and at the end all are right.
func testWriters(t *testing.T, s *postgrestest.Server) {
	seed := rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t SELECT 10 * i, '0' FROM generate_series(1, 2000) AS i", "CREATE SEQUENCE versions")
	w.logs = newDurableLogs(t)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for i := range uint64(3) {
		writers.Go(func() { w.write(ctx, rand.New(rand.NewPCG(seed, i))) })
	}
	table := w.table(idName, "id", optChunk, "23")
	x := &reading{w: w, key: "id", state: map[string]string{}}
	random := rand.New(rand.NewPCG(seed, 99))
	versions, at := map[string]int64{}, connectors.Start
	for round := range 12 {
		y := w.read(table, at)
		y.state = x.state
		for n := random.IntN(700); n > 0; {
			before := y.r.Position()
			y.follow(versions)
			n -= int(y.r.Position() - before)
		}
		if round == 6 {
			s.Down()
			s.Up()
		}
		x, at = y, y.r.Position()
		_ = y.r.Close()
	}
	stop()
	writers.Wait()
	y := w.read(table, at)
	y.state = x.state
	y.reaches(idNames)
	if got := w.text("SELECT count(*) FROM pg_replication_slots WHERE database = $1", w.name); got != "1" {
		t.Errorf("%s slots", got)
	}
}

// write changes rows until the context ends; each change has a later version. It
// leaves time for who reads them.
func (w *world) write(ctx context.Context, random *rand.Rand) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		id := 10*random.IntN(2000) + random.IntN(3)
		text := "UPDATE t SET name = nextval('versions')::text WHERE id = $1"
		switch random.IntN(6) {
		case 0:
			text = "DELETE FROM t WHERE id = $1"
		case 1:
			text = "UPDATE t SET name = nextval('versions')::text WHERE id BETWEEN $1 AND $1 + 90"
		case 2, 3:
			text = "INSERT INTO t VALUES ($1, nextval('versions')::text) ON CONFLICT (id) DO UPDATE SET name = nextval('versions')::text"
		}
		_, _ = w.db.ExecContext(ctx, text, id) // the server is restarted too
	}
}

// follow takes records, and checks that none is older than what is known of its row.
func (x *reading) follow(versions map[string]int64) {
	x.w.t.Helper()
	list := strings.Split(x.next(1), "\n")
	for _, text := range list {
		_, row, _ := strings.Cut(text, `{"id":`)
		id, rest, _ := strings.Cut(row, ",")
		var version int64
		if n, _ := fmt.Sscanf(rest, `"name":"%d"`, &version); n == 0 { // it is deleted
			delete(versions, id)
			continue
		}
		if version < versions[id] {
			x.w.t.Errorf("row %s goes back from %d to %d", id, versions[id], version)
		}
		versions[id] = version
	}
}

// testIdle: changes of other tables do not have the server keep its WAL.
func testIdle(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "CREATE TABLE other (id bigint)")
	w.logs = newDurableLogs(t)
	table := w.table(idName, "id", optHeartbeat, "100 ms")
	x := w.read(table, connectors.Start)
	w.connected()
	w.exec("INSERT INTO other SELECT generate_series(1, 1000)")
	wrote := w.text("SELECT pg_current_wal_flush_lsn()")
	w.until("the slot keeps what nobody needs", func() bool {
		return w.text("SELECT confirmed_flush_lsn >= $1::pg_lsn FROM pg_replication_slots WHERE database = $2", wrote, w.name) == "true"
	})
	_ = x.r.Close()
	x = w.read(table, 0)
	w.exec("INSERT INTO t VALUES (1, 'one')")
	if got := x.next(1); got != `{"op":"c","after":{"id":1,"name":"one"}}` {
		t.Error(got)
	}
}

// testForgotten: a log in memory is gone with its last reader, and the slot too.
func testForgotten(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	for range 2 {
		x := w.read(w.table(idName, "id"), connectors.Start)
		if got := x.next(1); got != `{"op":"r","after":{"id":1,"name":"one"}}` {
			t.Error(got)
		}
		_ = x.r.Close()
		if got := w.text("SELECT count(*) FROM pg_replication_slots WHERE database = $1", w.name); got != "0" {
			t.Errorf("%s slots", got)
		}
	}
}

// testFullLog: what finds no room in the log is not confirmed.
func testFullLog(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	w.logs = newDurableLogs(t)
	x := w.read(w.table(idName, "id", optHeartbeat, "100 ms"), connectors.Start)
	x.next(1)
	l := w.logs.Find("t")
	l.Limit(intake.Limits{Bytes: 1})
	w.exec("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(2, 5000) AS i")
	wrote := w.text("SELECT pg_current_wal_flush_lsn()")
	w.until("the log is not full", func() bool { return l.Refused()["full"] > 2 })
	if got := w.text("SELECT confirmed_flush_lsn < $1::pg_lsn FROM pg_replication_slots WHERE database = $2", wrote, w.name); got != "true" {
		t.Error("what is not in the log has been confirmed")
	}
	l.Limit(intake.Limits{})
	x.reaches(idNames)
}
