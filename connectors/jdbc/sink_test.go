package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
)

var sumColumns = []connectors.Column{{Name: "id", Type: event.TInt64}, {Name: "name", Type: event.TString}, {Name: "sum", Type: event.TDecimal(10, 2)}}

// target is a database with a table sums that is written.
type target struct {
	t       *testing.T
	db      *sql.DB
	options map[string]string
	restart func() // nil: it cannot be
}

func (x *target) table(options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "q", Columns: sumColumns, Physical: sumColumns, Key: []string{"id"}, Changes: true, Options: map[string]string{optTable: "sums"}}
	maps.Copy(t.Options, x.options)
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	if t.Options[optGuarantee] == "exactly-once" {
		t.Delivery = connectors.ExactlyOnce
	}
	return t
}

func (x *target) open(table connectors.Table) connectors.Sink {
	x.t.Helper()
	s, err := New().Sink(table)
	if err != nil {
		x.t.Fatal(err)
	}
	if err := s.Open(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = s.Close() })
	return s
}

// has compares the table.
func (x *target) has(want ...string) {
	x.t.Helper()
	rows, err := x.db.Query("SELECT id, COALESCE(name, 'NULL'), CAST(sum AS varchar(20)) FROM sums ORDER BY id, name")
	if err != nil {
		x.t.Fatal(err)
	}
	defer rows.Close()
	got := []string{}
	for rows.Next() {
		var id int
		var name, sum string
		if err := rows.Scan(&id, &name, &sum); err != nil {
			x.t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %s", id, name, sum))
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		x.t.Error(diff)
	}
}

// change is a row: +I 1 name 1.00.
func changes(t *testing.T, texts ...string) *event.Batch {
	t.Helper()
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "name", Type: event.TString}, event.Field{Name: "sum", Type: event.TDecimal(10, 2)}))
	b.Reset(len(texts))
	for i, text := range texts {
		var kind, name string
		var id, cents int64
		if _, err := fmt.Sscan(text, &kind, &id, &name, &cents); err != nil {
			t.Fatal(err)
		}
		b.Cols[0].Set(i, b.N, event.IntValue(id))
		v := event.StringValue(name)
		if name == "NULL" {
			v = event.NullValue
		}
		b.Cols[1].Set(i, b.N, v)
		b.Cols[2].Set(i, b.N, event.IntValue(cents))
		for _, c := range []event.Change{event.Insert, event.UpdateBefore, event.UpdateAfter, event.Delete} {
			if c.String() == kind {
				b.SetChange(i, c)
			}
		}
	}
	return b
}

func write(t *testing.T, s connectors.Sink, texts ...string) error {
	t.Helper()
	return s.Write(t.Context(), changes(t, texts...))
}

// targets runs a test on both databases.
func targets(t *testing.T, test func(t *testing.T, x *target)) {
	const create = "CREATE TABLE sums (id bigint PRIMARY KEY, name varchar(100), sum %s)"
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "c.db")
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(60000)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if _, err := db.Exec(fmt.Sprintf(create, "text")); err != nil {
			t.Fatal(err)
		}
		test(t, &target{t: t, db: db, options: map[string]string{optURL: "jdbc:sqlite:" + path}})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		p := startPostgres(t)
		if _, err := p.DB.Exec(fmt.Sprintf(create, "numeric(10,2)")); err != nil {
			t.Fatal(err)
		}
		test(t, &target{t: t, db: p.DB, options: p.options(), restart: func() { p.Down(); p.Up() }})
	})
}

func TestUpsert(t *testing.T) {
	targets(t, func(t *testing.T, x *target) {
		s := x.open(x.table(optRows, "3"))
		for _, texts := range [][]string{
			{"+I 1 a 100", "+I 2 b 200", "+I 3 NULL 300", "+I 4 d 400"},
			{"-U 1 a 100", "+U 1 a 150", "-D 2 b 200", "-U 3 NULL 300", "+U 3 c'\"; 350", "-D 9 none 0"},
			{"-D 4 d 400", "+I 4 again 444"},
		} {
			if err := write(t, s, texts...); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		x.has("1 a 1.50", "3 c'\"; 3.50", "4 again 4.44")
		if x.restart != nil {
			x.restart()
		}
		if err := errors.Join(write(t, s, "+U 1 z 1"), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		x.has("1 z 0.01", "3 c'\"; 3.50", "4 again 4.44")
	})
}

// TestAppend: without a key rows are added, and what the database refuses is told.
func TestAppend(t *testing.T) {
	targets(t, func(t *testing.T, x *target) {
		table := x.table()
		table.Key, table.Changes = nil, false
		s := x.open(table)
		var texts, want []string
		for i := range 700 { // more than one statement
			texts, want = append(texts, fmt.Sprintf("+I %d n %d", i, i)), append(want, fmt.Sprintf("%d n %d.%02d", i, i/100, i%100))
		}
		if err := errors.Join(write(t, s, texts...), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		x.has(want...)
		err := errors.Join(write(t, s, "+I 5 twice 1"), s.Flush(t.Context()))
		var p *connectors.PermanentError
		if !errors.As(err, &p) || !strings.Contains(err.Error(), "write sums") {
			t.Errorf("a key that is there: %v", err)
		}
		missing := x.open(x.table(optTable, "nowhere"))
		if err := errors.Join(write(t, missing, "+I 5 x 1"), missing.Flush(t.Context())); !errors.As(err, &p) {
			t.Errorf("a table that is not there: %v", err)
		}
	})
}

// TestHostileTexts: a text is in the database as it was, or the write ends with the
// database's reason, which no repetition changes.
func TestHostileTexts(t *testing.T) {
	list, err := hostile.Texts()
	if err != nil {
		t.Fatal(err)
	}
	targets(t, func(t *testing.T, x *target) {
		if _, err := x.db.Exec("CREATE TABLE texts (id bigint PRIMARY KEY, name text)"); err != nil {
			t.Fatal(err)
		}
		table := x.table(optTable, "texts")
		table.Columns, table.Physical = sumColumns[:2], sumColumns[:2]
		for i, text := range list {
			s := x.open(table)
			b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "name", Type: event.TString}))
			b.Reset(1)
			b.Cols[0].Set(0, 1, event.IntValue(int64(i)))
			b.Cols[1].Set(0, 1, event.StringValue(text))
			err := errors.Join(s.Write(t.Context(), b), s.Flush(t.Context()), s.Close())
			var got string
			found := x.db.QueryRow("SELECT name FROM texts WHERE id = " + strconv.Itoa(i)).Scan(&got)
			var p *connectors.PermanentError
			switch {
			case errors.As(err, &p) && strings.Contains(text, "\x00") && x.restart != nil && errors.Is(found, sql.ErrNoRows): // PostgreSQL has no NUL
			case err != nil || found != nil || got != text:
				t.Errorf("%.50q: %.50q, %v, %v", text, got, err, found)
			}
		}
	})
}

// TestExactlyOnce goes through what may happen to a transaction.
func TestExactlyOnce(t *testing.T) {
	targets(t, func(t *testing.T, x *target) {
		table := x.table(optGuarantee, "exactly-once", optRows, "2")
		s := x.open(table).(connectors.Transactional)
		recovered(t, s, 7, connectors.Mark{State: 7}, false)
		commit(t, s, 0)
		if err := write(t, s, "+I 1 a 100", "+I 2 b 200", "+I 3 c 300"); err != nil {
			t.Fatal(err)
		}
		if x.restart != nil {
			x.has() // two are in the transaction, which nobody sees
		}
		commit(t, s, 3)
		x.has("1 a 1.00", "2 b 2.00", "3 c 3.00")

		if err := errors.Join(write(t, s, "+I 4 gone 400", "+I 5 gone 500"), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		recovered(t, s, 7, connectors.Mark{State: 7, Rows: 3}, true) // without a commit
		commit(t, s, 3)
		x.has("1 a 1.00", "2 b 2.00", "3 c 3.00")

		other := x.open(table).(connectors.Transactional)
		recovered(t, other, 7, connectors.Mark{State: 7, Rows: 3}, true)
		if err := errors.Join(write(t, s, "+I 4 fenced 400"), s.Commit(t.Context(), connectors.Mark{State: 7, Rows: 4}, nil)); !errors.Is(err, connectors.ErrFenced) {
			t.Fatalf("who was taken over from: %v", err)
		}
		if err := write(t, other, "+I 4 d 400"); err != nil {
			t.Fatal(err)
		}
		commit(t, other, 4)
		x.has("1 a 1.00", "2 b 2.00", "3 c 3.00", "4 d 4.00")

		third := x.open(table).(connectors.Transactional)
		if _, _, err := third.Recover(t.Context(), 8); err == nil || !strings.Contains(err.Error(), "by another state") {
			t.Errorf("the mark of another state: %v", err)
		}
		if err := write(t, other, "-D 4 d 400"); err != nil { // which fenced nobody
			t.Fatal(err)
		}
		commit(t, other, 5)
		if err := other.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		recovered(t, third, 8, connectors.Mark{State: 8}, false)
		x.has("1 a 1.00", "2 b 2.00", "3 c 3.00")
	})
}

func recovered(t *testing.T, s connectors.Transactional, state int64, want connectors.Mark, found bool) {
	t.Helper()
	m, ok, err := s.Recover(t.Context(), state)
	if err != nil || ok != found || m != want {
		t.Fatalf("%v %v %v, want %v %v", m, ok, err, want, found)
	}
}

func commit(t *testing.T, s connectors.Transactional, rows uint64) {
	t.Helper()
	if err := errors.Join(s.Flush(t.Context()), s.Commit(t.Context(), connectors.Mark{State: 7, Rows: rows}, nil)); err != nil {
		t.Fatal(err)
	}
}

// TestDoubt: the server goes away in a transaction, and comes back.
func TestDoubt(t *testing.T) {
	p := startPostgres(t)
	if _, err := p.DB.Exec("CREATE TABLE sums (id bigint PRIMARY KEY, name text, sum numeric)"); err != nil {
		t.Fatal(err)
	}
	x := &target{t: t, db: p.DB, options: p.options()}
	s := x.open(x.table(optGuarantee, "exactly-once")).(connectors.Transactional)
	recovered(t, s, 7, connectors.Mark{State: 7}, false)
	commit(t, s, 0)
	if err := errors.Join(write(t, s, "+I 1 a 100"), s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	p.Down()
	if err := s.Commit(t.Context(), connectors.Mark{State: 7, Rows: 1}, nil); !errors.Is(err, connectors.ErrInDoubt) {
		t.Fatalf("a server that is away: %v", err)
	}
	if _, _, err := s.Recover(t.Context(), 7); !errors.Is(err, connectors.ErrInDoubt) {
		t.Fatalf("a server that is away: %v", err)
	}
	p.Up()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		m, found, err := s.Recover(t.Context(), 7)
		if err == nil && found && m.Rows == 0 {
			break
		}
		if err == nil || !errors.Is(err, connectors.ErrInDoubt) || time.Now().After(deadline) {
			t.Fatalf("%v %v %v", m, found, err)
		}
	}
	if err := write(t, s, "+I 1 a 100"); err != nil {
		t.Fatal(err)
	}
	commit(t, s, 1)
	x.has("1 a 1.00")
	short := x.open(x.table(optGuarantee, "exactly-once", optTimeout, "1 ms")).(connectors.Transactional)
	p.Down()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		if _, _, err := short.Recover(ctx, 7); !errors.Is(err, connectors.ErrInDoubt) {
			if err == nil || !strings.Contains(err.Error(), "no transaction has been committed") {
				t.Fatal(err)
			}
			break
		}
	}
	p.Up()
}

func TestSinkOptions(t *testing.T) {
	x := &target{t: t, options: map[string]string{optURL: "sqlite:x"}}
	noKey := x.table()
	noKey.Key = nil
	other := x.table()
	other.Key = []string{"id", "elsewhere"}
	list := x.table()
	list.Columns = []connectors.Column{{Name: "list", Type: event.Type{Kind: event.Array, Elem: &event.TInt64}}}
	for want, table := range map[string]connectors.Table{"needs PRIMARY KEY": noKey, "does not write": other, "column list": list} {
		if _, err := New().Sink(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
