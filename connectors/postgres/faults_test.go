package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/postgrestest"
)

// testRefusals: what is wrong with a server or table ends the queries with what helps.
func testRefusals(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "CREATE TABLE bare (id bigint, name text)", "CREATE TABLE other (id bigint PRIMARY KEY, name text)",
		"CREATE VIEW v AS SELECT * FROM t", "CREATE PUBLICATION elsewhere FOR TABLE other", "CREATE PUBLICATION halves FOR TABLE t WITH (publish = 'insert')")
	s.DB.Exec("CREATE ROLE reader LOGIN") // it is there on another run
	for _, x := range []struct {
		options []string
		columns []connectors.Column
		want    string
	}{
		{[]string{optTable, "nope"}, idName, `there is no table "public"."nope"`},
		{[]string{optTable, "v"}, idName, "is no table whose changes"},
		{[]string{optTable, "bare"}, idName, `ALTER TABLE "public"."bare" REPLICA IDENTITY FULL`},
		{[]string{optDatabase, "nope"}, idName, "'database-name' is to be right"},
		{[]string{optUser, "reader"}, idName, "ALTER ROLE"},
		{[]string{optUser, "nobody"}, idName, `role "nobody" does not exist`},
		{[]string{optPublication, "nope", optAutocreate, createDisabled}, idName, `CREATE PUBLICATION "nope" FOR TABLE "public"."t"`},
		{[]string{optPublication, "elsewhere"}, idName, `ALTER PUBLICATION "elsewhere" ADD TABLE "public"."t"`},
		{[]string{optPublication, "halves"}, idName, `ALTER PUBLICATION "halves" SET`},
		{nil, append(idName[:1:1], connectors.Column{Name: "nope", Type: event.TString}), "has no column nope"},
		{nil, append(idName[:1:1], connectors.Column{Name: "name", Type: event.TInt64}), "column name of table \"public\".\"t\" is text, which is not read as BIGINT"},
	} {
		table := w.table(x.columns, "id", x.options...)
		r := w.read(table, connectors.Start)
		if got := r.fails(); !strings.Contains(got, x.want) {
			t.Errorf("%v: %s", x.options, got)
		}
		_ = r.r.Close()
	}
	if got := w.text("SELECT count(*) FROM pg_replication_slots WHERE database = $1", w.name); got != "0" {
		t.Errorf("%s slots are left", got)
	}
}

// testLost: a slot that does not have what comes next is no slot to go on with.
func testLost(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	w.logs = newDurableLogs(t)
	table := w.table(idName, "id")
	x := w.read(table, connectors.Start)
	x.next(1)
	w.until("the mark is not in the log", func() bool { m, err := w.logs.Find("t").Mark(); return err == nil && m != nil })
	_ = x.r.Close()
	w.released()
	slot := table.Options[optSlot]
	w.exec("INSERT INTO t VALUES (2, 'two')")
	w.exec("SELECT pg_replication_slot_advance('" + slot + "', pg_current_wal_flush_lsn())")
	x = w.read(table, 1)
	if got := x.fails(); !strings.Contains(got, "what lies between is lost") {
		t.Error(got)
	}
	_ = x.r.Close()
	w.released()
	w.exec("SELECT pg_drop_replication_slot('" + slot + "')")
	x = w.read(table, 1)
	if got := x.fails(); !strings.Contains(got, "is not there any more") {
		t.Error(got)
	}
	_ = x.r.Close()
	w.exec("SELECT pg_create_logical_replication_slot('"+slot+"', 'test_decoding')", "DROP TABLE t", "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "ALTER PUBLICATION "+slot+" ADD TABLE t")
	x = w.read(table, 1)
	if got := x.fails(); !strings.Contains(got, "has been dropped and made again") {
		t.Error(got)
	}
	_ = x.r.Close()
	w.logs = newDurableLogs(t)
	x = w.read(table, connectors.Start)
	if got := x.fails(); !strings.Contains(got, "choose another 'slot.name'") {
		t.Error(got)
	}
	_ = x.r.Close()
	w.released()
	w.exec("SELECT pg_drop_replication_slot('" + slot + "')")
}

// testRemovedWAL: a slot whose WAL the server has removed, while nobody read it, ends the
// queries with what helps, which does.
func testRemovedWAL(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	w.logs = newDurableLogs(t)
	table := w.table(idName, "id")
	x := w.read(table, connectors.Start)
	x.next(1)
	w.until("the mark is not in the log", func() bool { m, err := w.logs.Find("t").Mark(); return err == nil && m != nil })
	_ = x.r.Close()
	w.released()
	w.exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()")
	slot := table.Options[optSlot]
	w.until("the WAL is not removed", func() bool {
		w.exec("INSERT INTO t SELECT max(id) + 1, 'more' FROM t", "SELECT pg_switch_wal()", "CHECKPOINT")
		return w.text("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", slot) == "lost"
	})
	w.exec("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")
	x = w.read(table, 1)
	if got := x.fails(); !strings.Contains(got, "has removed the WAL it needs (max_slot_wal_keep_size)") || !strings.Contains(got, "create it again") {
		t.Error(got)
	}
	_ = x.r.Close()
	w.exec("SELECT pg_drop_replication_slot('" + slot + "')")
	w.logs = newDurableLogs(t)
	w.read(table, connectors.Start).reaches(idNames)
}

// testWhileReading: what happens to the table while it is read.
func testWhileReading(t *testing.T, s *postgrestest.Server) {
	for want, change := range map[string]string{
		"declare the table without it": "ALTER TABLE t DROP COLUMN name; INSERT INTO t VALUES (2)",
		"has been truncated":           "TRUNCATE t",
		"":                             "ALTER TABLE t ADD more text DEFAULT 'x'; INSERT INTO t VALUES (2, 'two', 'y')",
	} {
		w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
		x := w.read(w.table(idName, "id"), connectors.Start)
		x.next(1)
		w.exec(change)
		if want == "" {
			x.reaches(idNames)
		} else if got := x.fails(); !strings.Contains(got, want) {
			t.Errorf("%s: %s", change, got)
		}
		_ = x.r.Close()
	}
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	x := w.read(w.table(idName, "id", optTruncate, truncateSkip), connectors.Start)
	x.next(1)
	w.exec("TRUNCATE t", "INSERT INTO t VALUES (2, 'two')")
	x.next(1)
	if len(x.state) != 2 || !strings.Contains(w.notes.String(), "a TRUNCATE is passed over") {
		t.Errorf("%v\n%s", x.state, w.notes)
	}
}

// testLateQuery: a query that comes when the beginning is gone is told so.
func testLateQuery(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	w.logs = newDurableLogs(t)
	table := w.table(idName, "id", "retention.bytes", "1048576")
	x := w.read(table, connectors.Start)
	x.next(1)
	table.Query = "second"
	y := w.read(table, connectors.Start)
	y.next(1)
	l := w.logs.Find("t")
	for i := 0; l.Stats().First == 0; i++ {
		w.exec("UPDATE t SET name = repeat('x', 100000)")
		x.next(1)
		y.next(1)
		for _, q := range []string{"q", "second"} {
			if err := l.Keep(q, x.r.Position()); err != nil {
				t.Fatal(err)
			}
		}
	}
	table.Query = "late"
	if _, err := w.open(table, connectors.Start); err == nil || !strings.Contains(err.Error(), "does not have its beginning any more") {
		t.Error(err)
	}
	table.Options[optStartup] = modeEarliest
	if _, err := w.open(table, connectors.Start); err != nil {
		t.Error(err)
	}
}

// testDamage: a server that sends what is no message is left, with a warning, and
// asked again.
func testDamage(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t SELECT i, 'row' FROM generate_series(1, 100) AS i")
	p := startProxy(t, s.Port)
	x := w.read(w.table(idName, "id", optPort, strconv.Itoa(p.port)), connectors.Start)
	x.reaches(idNames)
	for i, damage := range []func([]byte) []byte{
		func(p []byte) []byte { return p[:len(p)/2] },
		func(p []byte) []byte { return append(p[:26:26], 0xff, 0xff, 0xff, 0xff) },
		func(p []byte) []byte { return append(p, 0) },
		func([]byte) []byte { return []byte{'w'} },
		func(p []byte) []byte { return append(p[:25:25], '?') },
		func(p []byte) []byte { return append(p[:25:25], make([]byte, 20)...) },
		func(p []byte) []byte { return nil },
	} {
		p.damage.Store(&damage)
		w.exec("UPDATE t SET name = name || " + strconv.Itoa(i) + " WHERE id <= 3")
		w.until("nobody minds the damage", func() bool { return strings.Count(w.notes.String(), "no connection to PostgreSQL") > i })
		x.reaches(idNames)
	}
	if text := w.notes.String(); !strings.Contains(text, "no message of pgoutput") {
		t.Error(text)
	}
}

// proxy stands before a server, and damages one message that brings a change.
type proxy struct {
	port   int
	damage atomic.Pointer[func([]byte) []byte]
}

func startProxy(t *testing.T, port int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &proxy{port: l.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				_ = client.Close()
				return
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				p.answers(client, server)
				_ = client.Close()
			}()
		}
	}()
	return p
}

// answers passes the server's messages: a byte for the kind, a length, a body. The
// answer to the question for TLS is one byte.
func (p *proxy) answers(client io.Writer, server io.Reader) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(server, head[:1]); err != nil {
		return
	}
	if head[0] == 'N' {
		if _, err := client.Write(head[:1]); err != nil {
			return
		}
		head[0] = 0
	}
	for {
		from := 0
		if head[0] != 0 {
			from = 1
		}
		if _, err := io.ReadFull(server, head[from:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if len(body) > 25 && head[0] == 'd' && body[0] == 'w' && body[25] == msgUpdate {
			if f := p.damage.Swap(nil); f != nil {
				body = (*f)(body)
			}
		}
		out := binary.BigEndian.AppendUint32([]byte{head[0]}, uint32(len(body)+4))
		if _, err := client.Write(append(out, body...)); err != nil {
			return
		}
		head[0] = 0
	}
}

// testSettings: servers that are not made for it.
func testSettings(t *testing.T, s *postgrestest.Server) {
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)")
	w.until("slots are read for ever", func() bool { // the server does not start with any
		s.DB.Exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
		return w.text("SELECT count(*) FROM pg_replication_slots") == "0"
	})
	for setting, want := range map[string]string{"wal_level=replica": "set wal_level = logical", "max_replication_slots=0": "max_replication_slots"} {
		s.Down()
		s.Up(setting)
		x := w.read(w.table(idName, "id"), connectors.Start)
		if got := x.fails(); !strings.Contains(got, want) {
			t.Errorf("%s: %s", setting, got)
		}
		_ = x.r.Close()
	}
}

// TestConfined names a server that the configuration does not allow.
func TestConfined(t *testing.T) {
	p, err := access.New(access.Config{Network: []string{"elsewhere.example:5432"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, server: &postgrestest.Server{Port: 5432}, notes: &notes{}}
	table := w.table(idName, "id")
	table.Access = p
	if _, err := New(nil).Source(table); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	w := &world{t: t, server: &postgrestest.Server{Port: 5432}, notes: &notes{}}
	for want, options := range map[string][]string{
		"declare PRIMARY KEY": nil, "name or address": {optHost, "/var/run", optStartup, modeLatest}, "'verify-full' goes with": {optStartup, modeLatest, "tls.ca.location", "x.pem"},
	} {
		_, err := New(nil).Source(w.table(idName, "", options...))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v: %v", options, err)
		}
	}
	day := []connectors.Column{{Name: "i", Type: event.TDay}}
	if _, err := New(nil).Source(w.table(day, "i")); err == nil || !strings.Contains(err.Error(), "column i") {
		t.Error(err)
	}
	if _, err := New(nil).Sink(w.table(idName, "id")); err == nil || !strings.Contains(err.Error(), "read only") {
		t.Error(err)
	}
}
