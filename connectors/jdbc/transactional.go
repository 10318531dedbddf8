package jdbc

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/event"
)

// transactional writes rows and how far they go in one transaction, with a row per
// writer in the marks table:
//
//	identity      state             delivered  owner
//	cepd-q-sums   1767225600000000  5000       KJ3…
//
//	Recover  owner = mine, by which whoever wrote before is fenced; reads the mark
//	Write    INSERT, DELETE in the open transaction, in blocks
//	Commit   UPDATE … SET delivered WHERE identity AND owner = mine; COMMIT
//
// A transaction whose COMMIT was not answered is in doubt until Recover has read
// the mark. Recover waits for the row of a writer that is just committing.
type transactional struct {
	*sink
	id      string // identity
	owner   string
	tx      *sql.Tx
	failing time.Time // first attempt since the last commit
	wait    remote.Wait
}

var _ connectors.Transactional = (*transactional)(nil)

func newTransactional(s *sink) *transactional {
	prefix := s.table.Options[optPrefix]
	if prefix == "" {
		prefix = "cepd"
	}
	id := prefix + "-" + s.table.Query + "-" + s.table.Name
	if s.table.Writer > 0 {
		id += fmt.Sprintf("-%d", s.table.Writer+1)
	}
	return &transactional{sink: s, id: id, owner: rand.Text()}
}

// Identity implements connectors.Transactional.
func (t *transactional) Identity() string { return t.id }

// Carries implements connectors.Transactional.
func (t *transactional) Carries(connectors.Source) bool { return false }

func (t *transactional) marks() string {
	if name := t.table.Options[optMarks]; name != "" {
		return quotedPath(name)
	}
	return quoted("cepd_marks")
}

// Recover implements connectors.Transactional.
func (t *transactional) Recover(ctx context.Context, state int64) (m connectors.Mark, found bool, err error) {
	t.rollback()
	t.forget()
	if err := t.patience(ctx); err != nil {
		return m, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	m, found, err = t.takeOver(ctx, state)
	return m, found, t.doubtful(err)
}

// patience waits between attempts, and ends those that have not led to a commit for
// too long.
func (t *transactional) patience(ctx context.Context) error {
	if t.failing.IsZero() {
		t.failing = time.Now()
		return nil
	}
	if err := t.wait.Wait(ctx); err != nil {
		return err
	}
	if time.Since(t.failing) > t.timeout {
		return fmt.Errorf("write %s: no transaction has been committed for %v ('%s')", t.table.Options[optTable], t.timeout, optTimeout)
	}
	return nil
}

// takeOver becomes the owner of the mark, and reads it.
func (t *transactional) takeOver(ctx context.Context, state int64) (m connectors.Mark, found bool, err error) {
	if err := t.makeMarks(ctx); err != nil {
		return m, false, err
	}
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return m, false, err
	}
	defer func() { _ = tx.Rollback() }() // of what is not committed
	p := t.dialect.parameter
	_, err = tx.ExecContext(ctx, "INSERT INTO "+t.marks()+" (identity, state, owner) VALUES ("+p(1)+", "+p(2)+", "+p(3)+") ON CONFLICT (identity) DO NOTHING", t.id, state, t.owner)
	if err == nil {
		_, err = tx.ExecContext(ctx, "UPDATE "+t.marks()+" SET owner = "+p(1)+" WHERE identity = "+p(2), t.owner, t.id)
	}
	if err != nil {
		return m, false, err
	}
	var delivered sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT state, delivered FROM "+t.marks()+" WHERE identity = "+p(1), t.id).Scan(&m.State, &delivered); err != nil {
		return m, false, err
	}
	if delivered.Valid && m.State != state {
		return m, false, connectors.Permanent(fmt.Errorf("%d rows were delivered as '%s' by another state of the query, begun %s: if that runs elsewhere, choose another '%s'; if it is lost or was dropped and rows may be delivered again, DELETE FROM %s WHERE identity = '%s'",
			delivered.Int64, t.id, time.UnixMicro(m.State).UTC().Format(time.RFC3339), optPrefix, t.marks(), t.id))
	}
	m.Rows = uint64(delivered.Int64)
	return m, delivered.Valid, tx.Commit()
}

// makeMarks makes the table. Two at once may both find it missing; then one fails,
// and finds it the next time.
func (t *transactional) makeMarks(ctx context.Context) error {
	var n int
	if t.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.marks()).Scan(&n) == nil {
		return nil
	}
	_, err := t.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+t.marks()+" (identity varchar(400) PRIMARY KEY, state bigint NOT NULL, delivered bigint, owner varchar(40) NOT NULL)")
	return err
}

// doubtful says what an error means to the engine: one that may pass leaves the
// transaction in doubt.
func (t *transactional) doubtful(err error) error {
	if err == nil {
		return nil
	}
	t.rollback()
	if err = classed(err); !passes(err) {
		return t.failed(err)
	}
	t.log.Warn("a transaction is in doubt", "table", t.table.Options[optTable], "error", err)
	return errors.Join(connectors.ErrInDoubt, err)
}

func (t *transactional) rollback() {
	if t.tx != nil {
		_ = t.tx.Rollback() // the server does it with the connection
		t.tx = nil
	}
}

// Write implements connectors.Sink.
func (t *transactional) Write(ctx context.Context, b *event.Batch) error {
	for n := range b.Live() {
		row := n
		if b.Sel != nil {
			row = int(b.Sel[n])
		}
		t.add(b, row)
		if len(t.rows) < t.limit && t.bytes < maxBytes {
			continue
		}
		if err := t.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Flush implements connectors.Sink: the rows are in the transaction.
func (t *transactional) Flush(ctx context.Context) error {
	if len(t.rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := t.begin()
	if err == nil {
		err = t.send(ctx, t.tx)
	}
	t.forget()
	return t.doubtful(err)
}

// begin begins a transaction, if none is open. It outlives the context of a call.
func (t *transactional) begin() (err error) {
	if t.tx == nil {
		t.tx, err = t.db.BeginTx(context.Background(), nil)
	}
	return err
}

// Commit implements connectors.Transactional.
func (t *transactional) Commit(ctx context.Context, m connectors.Mark, _ []connectors.Progress) error {
	if err := t.Flush(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if err := t.begin(); err != nil {
		return t.doubtful(err)
	}
	p := t.dialect.parameter
	result, err := t.tx.ExecContext(ctx, "UPDATE "+t.marks()+" SET state = "+p(1)+", delivered = "+p(2)+" WHERE identity = "+p(3)+" AND owner = "+p(4), m.State, int64(m.Rows), t.id, t.owner)
	if err != nil {
		return t.doubtful(err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		t.rollback()
		return connectors.ErrFenced
	}
	err = t.tx.Commit()
	t.tx = nil
	if err == nil {
		t.failing = time.Time{}
		t.wait.Reset()
	}
	return t.doubtful(err)
}

// Forget implements connectors.Transactional.
func (t *transactional) Forget(ctx context.Context) error {
	db, err := t.dialect.open(t.table, t.source)
	if err != nil {
		return errors.New("the database cannot be opened")
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "DELETE FROM "+t.marks()+" WHERE identity = "+t.dialect.parameter(1), t.id)
	return classed(err)
}
