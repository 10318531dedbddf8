package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
)

// receiver reads a table through its slot. It implements pushed.Receiver and
// pushed.Forgetter.
type receiver struct {
	*config
	mark  *mark  // with what the inbox has been given; nil: nothing yet
	given uint64 // marks that the inbox has been given to be confirmed
	kept  atomic.Uint64
	safe  atomic.Uint64 // LSN up to which the log has everything
}

// Run implements pushed.Receiver. A connection that breaks is made again; what that
// does not cure ends it.
func (r *receiver) Run(ctx context.Context, in *pushed.Inbox) error {
	text, err := in.Mark()
	if err == nil && text != nil {
		r.mark, err = parseMark(text)
	}
	if err != nil {
		return err
	}
	var wait remote.Wait
	for {
		given := r.given
		err := r.judge(r.connected(ctx, in))
		in.Connected(false)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isFinal(err):
			return err
		case r.given > given: // it came further
			wait.Reset()
		}
		r.log.Warn("no connection to PostgreSQL, it is made again", "error", err)
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}

// connected reads as long as the connections last.
func (r *receiver) connected(ctx context.Context, in *pushed.Inbox) error {
	ask, err := r.dial(ctx, false)
	if err != nil {
		return err
	}
	defer hangUp(ask)
	s := &session{receiver: r, in: in, ask: ask, seen: map[uint32]bool{}}
	if s.rel, err = r.inspect(ctx, ask); err != nil {
		return err
	}
	if err := r.publish(ctx, ask, s.rel); err != nil {
		return err
	}
	if s.repl, err = r.dial(ctx, true); err != nil {
		return err
	}
	defer hangUp(s.repl)
	if err := s.begin(ctx); err != nil {
		return err
	}
	in.Connected(true)
	return s.run(ctx)
}

func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// Forget implements pushed.Forgetter: what was received is forgotten, so the slot
// is of no use.
func (r *receiver) Forget(ctx context.Context) error {
	conn, err := r.dial(ctx, true)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	return pglogrepl.DropReplicationSlot(ctx, conn, r.slot, pglogrepl.DropReplicationSlotOptions{Wait: true})
}

// after calls f after a time, unless it is stopped.
func after(d time.Duration, f func()) (stop func()) {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}
