package postgres

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/postgrestest"
)

// TestServer runs what needs a server on one.
func TestServer(t *testing.T) {
	s := postgrestest.Start(t)
	for name, test := range map[string]func(*testing.T, *postgrestest.Server){
		"changes": testChanges,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
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
