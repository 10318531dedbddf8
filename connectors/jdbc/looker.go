package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// maxRows is how many rows the keys of one question have at most.
const maxRows = 100_000

// looker asks a database. It implements connectors.Looker.
type looker struct {
	table   connectors.Table
	dialect *dialect
	source  string
	keys    []connectors.Column
	batch   int
	db      *sql.DB
}

func newLooker(t connectors.Table, d *dialect, source string, keys []connectors.Column) (connectors.Looker, error) {
	for _, list := range [][]connectors.Column{keys, t.Columns} {
		for _, c := range list {
			if _, ok := sqlTypes[c.Type.Kind]; !ok {
				return nil, connectors.OptionError{Key: c.Name, Message: fmt.Sprintf("column %s: %s is no type that a database gives", c.Name, c.Type)}
			}
		}
	}
	return &looker{table: t, dialect: d, source: source, keys: keys, batch: int(t.Int(optBatch, defaultBatch))}, nil
}

// Open implements connectors.Looker. It connects with the first question.
func (l *looker) Open(context.Context) (err error) {
	if l.db, err = l.dialect.open(l.table, l.source); err != nil {
		return errors.New("the database cannot be opened") // the cause may show the password
	}
	l.db.SetMaxOpenConns(int(l.table.Int("lookup.async.max-in-flight", 16)))
	l.db.SetConnMaxIdleTime(time.Minute)
	return nil
}

func (d *dialect) open(t connectors.Table, source string) (*sql.DB, error) {
	if !d.typed {
		return sql.Open(d.driver, source)
	}
	c, err := pgx.ParseConfig(source)
	if err != nil {
		return nil, err
	}
	c.DialFunc = t.Access.DialContext
	return stdlib.OpenDB(*c), nil
}

// Batch implements connectors.Looker.
func (l *looker) Batch() int { return l.batch }

// Close implements connectors.Looker.
func (l *looker) Close() error {
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}

// Find implements connectors.Looker.
func (l *looker) Find(ctx context.Context, keys *event.Batch, add func(key int, row []event.Value)) error {
	rows, err := l.db.QueryContext(ctx, l.query(keys.N), l.params(keys)...)
	if err != nil {
		return classed(err)
	}
	defer rows.Close()
	key, cells := 0, make([]any, len(l.table.Columns)+1)
	to := make([]any, len(cells))
	for i := range cells {
		to[i] = &cells[i]
	}
	to[0] = &key
	row := make([]event.Value, len(l.table.Columns))
	for n := 0; rows.Next(); n++ {
		if n == maxRows {
			return connectors.Permanent(fmt.Errorf("%d keys have more than %d rows", keys.N, maxRows))
		}
		if err := rows.Scan(to...); err != nil {
			return connectors.Permanent(err)
		}
		for i := range row {
			if row[i], err = valueOf(l.table.Columns[i].Type, cells[i+1]); err != nil {
				return connectors.Permanent(fmt.Errorf("column %s: %w", l.table.Columns[i].Name, err))
			}
		}
		add(key, row)
	}
	return classed(rows.Err())
}

// classed tells errors that asking again may cure from those of the question.
func classed(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg):
		err = fmt.Errorf("%s (SQLSTATE %s)", pg.Message, pg.Code)
		switch pg.Code[:2] {
		case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, not now, operator, system
			return err
		}
		return connectors.Permanent(err)
	case strings.Contains(err.Error(), "no such"), strings.Contains(err.Error(), "constraint failed"), // table, column, row, of SQLite
		strings.Contains(err.Error(), "failed to encode"): // a value that the column's type has no place for
		return connectors.Permanent(err)
	}
	return err
}

// query asks for n keys at once. Each row says which key it is of, so that the
// database's own idea of equality counts. The order is that of all columns: the same
// rows come in the same order.
func (l *looker) query(n int) string {
	var b strings.Builder
	b.WriteString("WITH k (i")
	for c := range l.keys {
		fmt.Fprintf(&b, ", k%d", c)
	}
	b.WriteString(") AS (VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "(%d", i)
		for c, k := range l.keys {
			fmt.Fprintf(&b, ", %s", l.parameter(i*len(l.keys)+c+1, k.Type))
		}
		b.WriteString(")")
	}
	b.WriteString(") SELECT k.i")
	for _, c := range l.table.Columns {
		b.WriteString(", t." + quoted(c.Name))
	}
	b.WriteString(" FROM k JOIN " + quotedPath(l.table.Options[optTable]) + " AS t ON ")
	for c, k := range l.keys {
		if c > 0 {
			b.WriteString(" AND ")
		}
		fmt.Fprintf(&b, "t.%s = k.k%d", quoted(k.Name), c)
	}
	b.WriteString(" ORDER BY 1")
	for c := range l.table.Columns {
		fmt.Fprintf(&b, ", %d", c+2)
	}
	return b.String()
}

func (l *looker) parameter(n int, t event.Type) string {
	if !l.dialect.typed {
		return fmt.Sprintf("?%d", n)
	}
	return fmt.Sprintf("CAST($%d AS %s)", n, sqlTypes[t.Kind])
}

func (l *looker) params(keys *event.Batch) []any {
	all := make([]any, 0, keys.N*len(l.keys))
	for i := range keys.N {
		for c, k := range l.keys {
			all = append(all, paramOf(k.Type, keys.Cols[c].Value(i)))
		}
	}
	return all
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quotedPath is schema.table.
func quotedPath(name string) string {
	parts := strings.Split(name, ".")
	for i := range parts {
		parts[i] = quoted(parts[i])
	}
	return strings.Join(parts, ".")
}
