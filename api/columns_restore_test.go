package api

import (
	"os"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/explain"
)

const (
	tablesOfSavepoint = `CREATE TABLE payments (id BIGINT) WITH ('connector' = 'datagen');
CREATE TABLE one (a BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE two (a BIGINT, b STRING) WITH ('connector' = 'blackhole');
CREATE VIEW seen AS SELECT * FROM payments`
	before = "INSERT INTO one /*+ NAME('before') */ SELECT * FROM seen"
	after  = "INSERT INTO two /*+ NAME('after') */ SELECT * FROM seen"
)

// submits submits texts; want is in the error, empty: there is none.
func (s *server) submits(want string, texts ...string) {
	s.t.Helper()
	for _, sql := range texts {
		_, err := s.service.Submit(&Submission{SQL: sql})
		s.expect(err, want, sql)
	}
}

func (s *server) expect(err error, want, what string) {
	s.t.Helper()
	if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
		s.t.Fatalf("%s: %v, want %q", what, err, want)
	}
}

func (s *server) plan(query string) string {
	s.t.Helper()
	q, _, err := s.service.compiledQuery(query)
	if err != nil {
		s.t.Fatal(err)
	}
	return explain.Of(q.Insert).Text()
}

func (s *server) restores(want string, names ...string) {
	s.t.Helper()
	for _, name := range names {
		_, err := s.service.RestoreSavepoint(name, &Restoration{})
		s.expect(err, want, name)
	}
}

// saved is a server with savepoints of a query from before a table got columns and of
// one from between them, and the plans that these have.
func saved(t *testing.T) (s *server, plans map[string]string) {
	s = &server{t: t, dir: t.TempDir()}
	s.start()
	s.submits("", tablesOfSavepoint, before, "ALTER TABLE payments ADD (note STRING)", after, "ALTER TABLE payments ADD (more INT)")
	plans = map[string]string{}
	for _, name := range []string{"before", "after"} {
		plans[name] = s.plan(name)
		if _, err := s.service.CreateSavepoint(t.Context(), &NewSavepoint{Name: name, Query: name}); err != nil {
			t.Fatal(err)
		}
	}
	return s, plans
}

// elsewhere is an empty server with the savepoints of another.
func (s *server) elsewhere() *server {
	s.t.Helper()
	to := &server{t: s.t, dir: s.t.TempDir()}
	if err := os.CopyFS(string(SavepointDir(to.dir)), os.DirFS(string(SavepointDir(s.dir)))); err != nil {
		s.t.Fatal(err)
	}
	to.start()
	return to
}

func (s *server) has(plans map[string]string, columns int) {
	s.t.Helper()
	for range 2 {
		for name, want := range plans {
			if got := s.plan(name); got != want {
				s.t.Errorf("%s:\n%s\nwas\n%s", name, got, want)
			}
		}
		if table, err := s.service.Table("payments"); err != nil || len(table.Columns) != columns {
			s.t.Errorf("%+v, %v", table, err)
		}
		if err := s.service.Close(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		s.start() // and the same from the registry
	}
}

// TestRestoreWithColumns: the query of a savepoint has the columns that it had, whatever
// its table has got where it is restored, and what runs there keeps its own.
func TestRestoreWithColumns(t *testing.T) {
	s, plans := saved(t)
	for _, order := range [][]string{{"before", "after"}, {"after", "before"}} {
		to := s.elsewhere()
		to.restores("", order...)
		to.has(plans, 2)
	}
	to := s.elsewhere()
	to.submits("", tablesOfSavepoint, "ALTER TABLE payments ADD (note STRING)", "ALTER TABLE payments ADD (more INT)", "ALTER TABLE payments ADD (third INT)")
	to.restores("", "after", "before")
	to.has(plans, 4)
	s.submits("", "DROP QUERY before; DROP QUERY after")
	s.restores("", "after", "before")
	s.has(plans, 3)
}

// TestRestoreBesideColumns: where the order of statements leaves no place for a query of
// before, that is said; another table of the name has its own columns.
func TestRestoreBesideColumns(t *testing.T) {
	s, _ := saved(t)
	late := s.elsewhere()
	late.submits("", "CREATE TABLE payments (id BIGINT) WITH ('connector' = 'datagen')", "ALTER TABLE payments ADD (note STRING)",
		"CREATE TABLE one (a BIGINT) WITH ('connector' = 'blackhole')")
	late.restores("needs the table one, which came behind them", "before")
	late.submits("", "DROP TABLE one")
	late.restores("", "before", "after")
	other := s.elsewhere()
	other.submits("", "CREATE TABLE payments (id INT) WITH ('connector' = 'datagen')")
	other.restores("", "before")
	other.restores("column", "after")
	if table, err := other.service.Table("payments"); err != nil || table.Added != nil {
		t.Errorf("%+v, %v", table, err)
	}
	shadow := s.elsewhere()
	shadow.restores("", "before")
	if _, err := shadow.service.StartShadow("before", &NewShadow{SQL: "INSERT INTO one SELECT id + 1 FROM payments"}); err != nil {
		t.Fatal(err)
	}
	shadow.restores("has a shadow", "after")
}

// TestSavepointOfView: the columns come along where only a view names their table.
func TestSavepointOfView(t *testing.T) {
	s, _ := saved(t)
	info, err := s.service.Savepoint("after")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, st := range info.Statements {
		kinds = append(kinds, st.Kind+" "+st.Name)
	}
	if got := strings.Join(kinds, ", "); got != "table payments, table two, view seen, columns payments, query after" {
		t.Error(got)
	}
}

// TestReplaceWithColumns: a text may have the columns that its table has got, and brings
// no new ones.
func TestReplaceWithColumns(t *testing.T) {
	s := &server{t: t, dir: t.TempDir()}
	s.start()
	s.submits("", tablesOfSavepoint, before, "ALTER TABLE payments ADD note STRING")
	replace := func(want, sql string) {
		t.Helper()
		_, err := s.service.Replace(t.Context(), "before", &Replacement{SQL: sql})
		s.expect(err, want, sql)
	}
	replace("has not got this text: ALTER TABLE payments ADD (more INT)", "ALTER TABLE payments ADD (more INT); INSERT INTO one SELECT more FROM payments")
	replace("has not got this text", "ALTER TABLE absent ADD (more INT); INSERT INTO one SELECT id FROM payments")
	replace("", tablesOfSavepoint+"; alter table payments add (note STRING); INSERT INTO one SELECT id FROM payments WHERE note = 'x'")
	if err := s.service.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.start()
	if got := s.plan("before"); !strings.Contains(got, "note") {
		t.Error(got)
	}
}
