package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

const (
	maxParams  = 30_000           // of one statement; PostgreSQL has 65,535, SQLite 32,766
	maxBytes   = 8 << 20          // of rows that wait
	tryTimeout = 30 * time.Second // of one transaction
)

// sink writes rows: by the primary key, if the table has one, so that a row that
// comes again takes its own place.
type sink struct {
	table   connectors.Table
	dialect *dialect
	source  string
	keys    []int // columns of the primary key; none: rows are only added
	limit   int   // of rows that wait
	timeout time.Duration
	log     *slog.Logger

	db    *sql.DB
	rows  []written
	place map[string]int // of the last row of a key, in rows
	bytes int
}

// written is a row that waits.
type written struct {
	values []any // as a driver takes them
	gone   bool  // the row of this key is to be deleted
	stale  bool  // a later row of the key counts
}

func newSink(t connectors.Table, d *dialect, source string) (connectors.Sink, error) {
	s := &sink{table: t, dialect: d, source: source, limit: int(t.Int(optRows, defaultRows)), timeout: 2 * time.Minute, log: remote.Logger(t.Log, "jdbc"), place: map[string]int{}}
	if wait, err := duration.Parse(t.Options[optTimeout]); err == nil {
		s.timeout = wait
	}
	for i, c := range t.Columns {
		if _, ok := sqlTypes[c.Type.Kind]; !ok {
			return nil, connectors.OptionError{Key: c.Name, Message: fmt.Sprintf("column %s: %s is no type that a database takes; CAST it to STRING", c.Name, c.Type)}
		}
		if slices.Contains(t.Key, c.Name) {
			s.keys = append(s.keys, i)
		}
	}
	switch {
	case len(s.keys) < len(t.Key):
		return nil, fmt.Errorf("the primary key of table %s has columns that the query does not write", t.Name)
	case t.Changes && len(s.keys) == 0:
		return nil, fmt.Errorf("rows of table %s are updated and deleted: it needs PRIMARY KEY (…) NOT ENFORCED, as the database's table has it", t.Name)
	}
	if t.Delivery == connectors.ExactlyOnce {
		return newTransactional(s), nil
	}
	return s, nil
}

// Open implements connectors.Sink.
func (s *sink) Open(ctx context.Context) (err error) {
	if s.db, err = s.dialect.open(s.table, s.source); err != nil {
		return errors.New("the database cannot be opened") // the cause may show the password
	}
	s.db.SetMaxOpenConns(1)
	return remote.Retry(ctx, s.log, remote.OpenBudget, passes, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, tryTimeout)
		defer cancel()
		return classed(s.db.PingContext(ctx))
	})
}

// passes says whether an error may pass by itself.
func passes(err error) bool {
	var permanent *connectors.PermanentError
	return !errors.As(err, &permanent)
}

// Close implements connectors.Sink. What has not been flushed is lost.
func (s *sink) Close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

// Write implements connectors.Sink.
func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	for n := range b.Live() {
		row := n
		if b.Sel != nil {
			row = int(b.Sel[n])
		}
		s.add(b, row)
		if len(s.rows) < s.limit && s.bytes < maxBytes {
			continue
		}
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// add takes a row to those that wait; of the rows of one key the last counts.
func (s *sink) add(b *event.Batch, row int) {
	w := written{values: make([]any, len(s.table.Columns)), gone: b.Change(row).Retracts()}
	var key strings.Builder
	for i, c := range s.table.Columns {
		v := b.Cols[i].Value(row)
		w.values[i] = paramOf(c.Type, v)
		s.bytes += 16 + len(v.S)
		if slices.Contains(s.keys, i) {
			text := function.Text(c.Type, v, time.UTC)
			fmt.Fprintf(&key, "%d %s", len(text), text)
		}
	}
	if len(s.keys) > 0 {
		if before, ok := s.place[key.String()]; ok {
			s.rows[before].stale = true
		}
		s.place[key.String()] = len(s.rows)
	}
	s.rows = append(s.rows, w)
}

// forget empties what waits.
func (s *sink) forget() {
	clear(s.rows)
	clear(s.place)
	s.rows, s.bytes = s.rows[:0], 0
}

// Flush implements connectors.Sink: what waits is one transaction, which is tried
// again until it is done.
func (s *sink) Flush(ctx context.Context) error {
	if len(s.rows) == 0 {
		return nil
	}
	err := remote.Retry(ctx, s.log, s.timeout, passes, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, tryTimeout)
		defer cancel()
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return classed(err)
		}
		defer func() { _ = tx.Rollback() }() // of what is not committed
		if err := s.send(ctx, tx); err != nil {
			return classed(err)
		}
		return classed(tx.Commit())
	})
	if err != nil {
		return s.failed(err)
	}
	s.forget()
	return nil
}

func (s *sink) failed(err error) error {
	return fmt.Errorf("write %s: %w", s.table.Options[optTable], err)
}

// send writes what waits in a transaction: the rows that are gone, then the others.
func (s *sink) send(ctx context.Context, tx *sql.Tx) error {
	for _, gone := range []bool{true, false} {
		var list [][]any
		for i := range s.rows {
			if w := &s.rows[i]; !w.stale && w.gone == gone {
				list = append(list, s.params(w))
			}
		}
		text := s.upsert
		if gone {
			text = s.remove
		}
		if err := execute(ctx, tx, list, text); err != nil {
			return err
		}
	}
	return nil
}

// params are a row's values for its statement.
func (s *sink) params(w *written) []any {
	if !w.gone {
		return w.values
	}
	keys := make([]any, len(s.keys))
	for i, c := range s.keys {
		keys[i] = w.values[c]
	}
	return keys
}

// execute carries out statements over as many rows as one takes parameters for: a
// power of two, so that few different statements are prepared.
func execute(ctx context.Context, tx *sql.Tx, list [][]any, text func(n int) string) error {
	for len(list) > 0 {
		n := min(len(list), max(1, maxParams/max(1, len(list[0]))))
		n = 1 << (bits.Len(uint(n)) - 1)
		if _, err := tx.ExecContext(ctx, text(n), slices.Concat(list[:n]...)...); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// upsert is the statement that adds n rows, or puts them in the place of those with
// their keys. Parameters have the types of the columns.
func (s *sink) upsert(n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + quotedPath(s.table.Options[optTable]) + " (" + s.names(nil) + ") VALUES ")
	s.tuples(&b, n, len(s.table.Columns))
	if len(s.keys) == 0 {
		return b.String()
	}
	b.WriteString(" ON CONFLICT (" + s.names(s.keys) + ") DO ")
	var set []string
	for i, c := range s.table.Columns {
		if !slices.Contains(s.keys, i) {
			set = append(set, quoted(c.Name)+" = EXCLUDED."+quoted(c.Name))
		}
	}
	if len(set) == 0 {
		b.WriteString("NOTHING")
	} else {
		b.WriteString("UPDATE SET " + strings.Join(set, ", "))
	}
	return b.String()
}

// remove is the statement that deletes the rows of n keys. A comparison of single
// columns gives the parameters their types.
func (s *sink) remove(n int) string {
	var b strings.Builder
	b.WriteString("DELETE FROM " + quotedPath(s.table.Options[optTable]) + " WHERE ")
	for i := range n {
		if i > 0 {
			b.WriteString(" OR ")
		}
		for k, c := range s.keys {
			b.WriteString([]string{"(", " AND "}[min(k, 1)])
			fmt.Fprintf(&b, "%s = %s", quoted(s.table.Columns[c].Name), s.dialect.parameter(i*len(s.keys)+k+1))
		}
		b.WriteString(")")
	}
	return b.String()
}

// names lists columns; nil: all.
func (s *sink) names(columns []int) string {
	var list []string
	for i, c := range s.table.Columns {
		if columns == nil || slices.Contains(columns, i) {
			list = append(list, quoted(c.Name))
		}
	}
	return strings.Join(list, ", ")
}

func (s *sink) tuples(b *strings.Builder, n, columns int) {
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		for c := range columns {
			b.WriteString([]string{"(", ", "}[min(c, 1)] + s.dialect.parameter(i*columns+c+1))
		}
		b.WriteString(")")
	}
}

// parameter is the n-th.
func (d *dialect) parameter(n int) string {
	if d.typed {
		return fmt.Sprintf("$%d", n)
	}
	return fmt.Sprintf("?%d", n)
}
