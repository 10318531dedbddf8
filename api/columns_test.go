package api

import (
	"strings"
	"testing"
)

// TestAlterTable: columns belong to what is submitted behind them, and not to what was
// there, after a restart too.
func TestAlterTable(t *testing.T) {
	s := &server{t: t, dir: t.TempDir()}
	s.start()
	submit := func(sql, want string) {
		t.Helper()
		_, err := s.service.Submit(&Submission{SQL: sql})
		switch {
		case want == "" && err != nil:
			t.Fatalf("%s: %v", sql, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Fatalf("%s: %v, want %s", sql, err, want)
		}
	}
	submit("CREATE TABLE t (id BIGINT) WITH ('connector' = 'datagen'); CREATE TABLE one (a BIGINT) WITH ('connector' = 'blackhole'); CREATE TABLE two (a BIGINT, b STRING) WITH ('connector' = 'blackhole')", "")
	submit("INSERT INTO one SELECT * FROM t", "")
	submit("ALTER TABLE t ADD (note STRING)", "")
	submit("INSERT INTO two SELECT * FROM t", "")
	submit("INSERT INTO one /*+ NAME('again') */ SELECT * FROM t", "column")
	submit("CREATE VIEW v (a, b) AS SELECT * FROM t", "")
	submit("ALTER TABLE t ADD more INT", "the columns cannot be added: view")
	submit("DROP VIEW v; ALTER TABLE t ADD more INT", "")
	for _, text := range []string{"ALTER TABLE t ADD NOTE INT", "ALTER TABLE t ADD (x INT, x INT)", "ALTER TABLE none ADD x INT", "ALTER TABLE t ADD x INT NOT NULL", "ALTER TABLE t ADD x AS id + 1"} {
		if _, err := s.service.Submit(&Submission{SQL: text}); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	check := func() {
		t.Helper()
		for name, want := range map[string]int{"one": 1, "two": 2} {
			q, _, err := s.service.compiledQuery(name)
			if err != nil || len(q.Insert.Input.Schema().Fields) != want {
				t.Errorf("%s: %v, %v", name, q, err)
			}
		}
		out, err := s.service.Submit(&Submission{SQL: "SHOW CREATE TABLE t"})
		if err != nil || !strings.HasSuffix(out.Answers[0].Rows[0][0], ";\nALTER TABLE t ADD (note STRING);\nALTER TABLE t ADD (more INT)") {
			t.Errorf("%+v, %v", out, err)
		}
	}
	check()
	if err := s.service.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.start()
	check()
	submit("DROP TABLE t", "unknown-table")
	submit("DROP QUERY one; DROP QUERY two; DROP TABLE t", "")
	submit("CREATE TABLE t (id BIGINT) WITH ('connector' = 'datagen')", "")
	if table, err := s.service.Table("t"); err != nil || len(table.Columns) != 1 || table.Added != nil {
		t.Errorf("made anew: %+v, %v", table, err)
	}
}
