package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/postgrestest"
)

const schema = `CREATE TABLE customers (id %s, region text, name text, score %s, balance %s, active boolean, since %s, born date, note text);
INSERT INTO customers VALUES (1, 'EU', 'Ann', 1.5, '10.25', true, '2026-01-02 03:04:05', '1990-02-03', NULL);
INSERT INTO customers VALUES (1, 'US', 'Bo "x"', 2, '-3.50', false, NULL, NULL, 'n');
INSERT INTO customers VALUES (2, 'EU', 'Eve', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO customers VALUES (2, 'EU', 'Adam', 0.25, '0.00', true, '2026-12-31 23:59:59.5', '2000-01-01', '');`

var columns = []connectors.Column{
	{Name: "name", Type: event.TString}, {Name: "score", Type: event.TFloat64}, {Name: "balance", Type: event.TDecimal(10, 2)},
	{Name: "active", Type: event.TBool}, {Name: "since", Type: event.Type{Kind: event.Timestamp, Precision: 3}}, {Name: "born", Type: event.TDate}, {Name: "note", Type: event.TString},
}

var keys = []connectors.Column{{Name: "id", Type: event.TInt64}, {Name: "region", Type: event.TString}}

// find asks for keys and gives the rows as text.
func find(l connectors.Looker, list ...[2]string) ([]string, error) {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "region", Type: event.TString}))
	b.Reset(len(list))
	for i, k := range list {
		id, _ := strconv.ParseInt(k[0], 10, 64)
		b.Cols[0].Set(i, len(list), event.IntValue(id))
		b.Cols[1].Set(i, len(list), event.StringValue(k[1]))
	}
	var rows []string
	err := l.Find(context.Background(), b, func(key int, row []event.Value) {
		parts := []string{strconv.Itoa(key)}
		for i, v := range row {
			parts = append(parts, function.Format(columns[i].Type, v))
		}
		rows = append(rows, strings.Join(parts, " | "))
	})
	return rows, err
}

func asking(t *testing.T, columns []connectors.Column, options map[string]string) connectors.Looker {
	t.Helper()
	options["table-name"] = "customers"
	l, err := New().(connectors.Asked).Looker(connectors.Table{Name: "t", Columns: columns, Options: options}, keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// testDatabase runs the same questions on either database.
func testDatabase(t *testing.T, options map[string]string) {
	t.Helper()
	l := asking(t, columns, options)
	got, err := find(l, [2]string{"2", "EU"}, [2]string{"9", "EU"}, [2]string{"1", "US"}, [2]string{"1", "EU"}, [2]string{"1", "' OR 1=1 --"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`0 | 'Adam' | 0.25 | 0.00 | TRUE | TIMESTAMP '2026-12-31 23:59:59.500' | DATE '2000-01-01' | ''`,
		`0 | 'Eve' | NULL | NULL | NULL | NULL | NULL | NULL`,
		`2 | 'Bo "x"' | 2.0 | -3.50 | FALSE | NULL | NULL | 'n'`,
		`3 | 'Ann' | 1.5 | 10.25 | TRUE | TIMESTAMP '2026-01-02 03:04:05.000' | DATE '1990-02-03' | NULL`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = find(asking(t, []connectors.Column{{Name: "nope", Type: event.TString}}, options), [2]string{"1", "EU"})
	var p *connectors.PermanentError
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "nope") {
		t.Errorf("a column that is not there: %v", err)
	}
	_, err = find(asking(t, []connectors.Column{{Name: "name", Type: event.TInt64}}, options), [2]string{"1", "EU"})
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "column name: cannot cast 'Ann'") {
		t.Errorf("a text for a number: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "region", Type: event.TString}))
	b.Reset(1)
	if err := l.Find(ctx, b, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(fmt.Sprintf(schema, "integer", "real", "text", "timestamp")); err != nil {
		t.Fatal(err)
	}
	testDatabase(t, map[string]string{"url": "jdbc:sqlite:" + path})
	missing := asking(t, columns, map[string]string{"url": "sqlite:" + path + "x"})
	if _, err := find(missing, [2]string{"1", "EU"}); err == nil {
		t.Error("a database that is not there has answered")
	}
	if _, err := os.Stat(path + "x"); err == nil {
		t.Error("asking has made a database")
	}
}

func TestPostgreSQL(t *testing.T) {
	p := startPostgres(t)
	if _, err := p.DB.Exec(fmt.Sprintf(schema, "integer", "double precision", "numeric(10,2)", "timestamp")); err != nil {
		t.Fatal(err)
	}
	testDatabase(t, p.options())
	testLookupRestart(t, p)
}

// testLookupRestart: one looker asks a database that goes and comes back; meanwhile it
// says that asking again may help, which the query does.
func testLookupRestart(t *testing.T, p postgres) {
	t.Helper()
	l := asking(t, columns, p.options())
	for round := range 2 {
		var rows []string
		var err error
		for range 100 { // a connection of before may break once each
			if rows, err = find(l, [2]string{"2", "EU"}, [2]string{"1", "US"}); err == nil {
				break
			}
		}
		if len(rows) != 3 || err != nil {
			t.Fatalf("round %d: %v, %v", round, rows, err)
		}
		p.Down()
		_, err = find(l, [2]string{"2", "EU"})
		if permanent := (*connectors.PermanentError)(nil); err == nil || errors.As(err, &permanent) {
			t.Fatalf("round %d: a server that is away: %v", round, err)
		}
		p.Up()
	}
}

// postgres is a server of the test's own.
type postgres struct{ *postgrestest.Server }

func startPostgres(t *testing.T) postgres {
	t.Helper()
	return postgres{postgrestest.Start(t)}
}

func (p postgres) options() map[string]string {
	return map[string]string{"url": fmt.Sprintf("jdbc:postgresql://127.0.0.1:%d/postgres", p.Port), "username": postgrestest.User, "password": "hidden"}
}

func TestOptions(t *testing.T) {
	for url, want := range map[string]string{
		"jdbc:oracle:x":              "expected jdbc:postgresql",
		"jdbc:postgresql://u:p@h/db": "no place in it",
		"jdbc:postgresql:":           "expected jdbc:postgresql",
		"jdbc:sqlite:":               "expected jdbc:sqlite",
		"jdbc:sqlite:x?mode=rwc":     "expected jdbc:sqlite",
	} {
		_, err := New().(connectors.Asked).Looker(connectors.Table{Options: map[string]string{"url": url, "table-name": "t"}}, keys)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", url, err)
		}
	}
	array := []connectors.Column{{Name: "list", Type: event.Type{Kind: event.Array, Elem: &event.TInt64}}}
	_, err := New().(connectors.Asked).Looker(connectors.Table{Columns: array, Options: map[string]string{"url": "sqlite:x", "table-name": "t"}}, keys)
	if err == nil || !strings.Contains(err.Error(), "column list") {
		t.Error(err)
	}
}
