package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
)

// session is two connections to the server: one brings the changes, the other
// answers questions.
type session struct {
	*receiver
	in        *pushed.Inbox
	ask, repl *pgconn.PgConn
	rel       *relation

	place []int    // of the declared columns in the rows that come; nil: it has not been told
	width int      // columns of those rows
	types []uint32 // OIDs of the declared columns

	txn      txn
	position pglogrepl.LSN // up to which all has come

	tick   context.Context // ends when the server is to be told how far all is
	due    time.Time
	cancel context.CancelFunc

	window *window         // rows that wait for the place they have among the changes; nil: none
	seen   map[uint32]bool // transactions that have come, and may not be visible yet
	wait   bool            // for those
	since  time.Time       // when waiting for them began
	told   bool            // that it takes long
}

// txn is the transaction at hand.
type txn struct {
	open   bool
	commit pglogrepl.LSN
	time   int64 // µs since 1970
	xid    uint32
	n      uint64 // places that its changes have taken so far
	news   bool   // something of it was new
}

// begin checks the server against the mark, and has the slot send.
func (s *session) begin(ctx context.Context) error {
	id, err := pglogrepl.IdentifySystem(ctx, s.repl)
	if err != nil {
		return err
	}
	switch {
	case s.mark == nil:
	case id.SystemID != s.mark.system:
		return final("the log of the table is of another server (system identifier %s, this one has %s): %s", s.mark.system, id.SystemID, anew)
	case s.rel.oid != s.mark.oid:
		return final("table %s has been dropped and made again since it was read: drop the slot, and %s", s.rel.name, anew)
	}
	confirmed, err := s.takeSlot(ctx)
	if err != nil {
		return err
	}
	if s.mark == nil {
		s.mark = &mark{system: id.SystemID, oid: s.rel.oid, end: confirmed, snapshot: s.snapshot}
	} else if err := s.recall(ctx); err != nil {
		return err
	}
	s.position = max(confirmed, s.mark.end)
	if s.safe.Load() == 0 {
		s.safe.Store(uint64(confirmed))
	}
	return pglogrepl.StartReplication(ctx, s.repl, s.slot, 0, pglogrepl.StartReplicationOptions{Mode: pglogrepl.LogicalReplication,
		PluginArgs: []string{"proto_version '1'", "publication_names " + literal(quoted(s.publication)), "messages 'true'"}})
}

// run takes what comes until the connection breaks.
func (s *session) run(ctx context.Context) error {
	s.renew(ctx)
	defer func() { s.cancel() }()
	for {
		if s.mark.snapshot && s.window == nil && !s.txn.open {
			if err := s.readChunk(ctx); err != nil {
				return err
			}
		}
		if err := s.receive(ctx); err != nil {
			return err
		}
	}
}

// renew begins the time to the next status.
func (s *session) renew(ctx context.Context) {
	if s.cancel != nil {
		s.cancel()
	}
	s.due = time.Now().Add(s.heartbeat)
	s.tick, s.cancel = context.WithDeadline(ctx, s.due)
}

// receive takes a message.
func (s *session) receive(ctx context.Context) error {
	within := s.tick
	if s.wait {
		short, cancel := context.WithTimeout(s.tick, unsettled)
		defer cancel()
		within = short
	}
	m, err := s.repl.ReceiveMessage(within)
	switch {
	case err == nil:
	case ctx.Err() == nil && timedOut(err):
		return s.statusIfDue(ctx)
	default:
		return err
	}
	switch m := m.(type) {
	case *pgproto3.CopyData:
		if err := s.take(ctx, m.Data); err != nil {
			return err
		}
	case *pgproto3.CopyDone:
		return errors.New("the server has ended the stream")
	case *pgproto3.ErrorResponse:
		return pgconn.ErrorResponseToPgError(m)
	}
	return s.statusIfDue(ctx)
}

// take takes a message of replication.
func (s *session) take(ctx context.Context, p []byte) error {
	if len(p) == 0 {
		return errDamaged
	}
	switch p[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(p[1:])
		if err != nil {
			return err
		}
		if !s.txn.open {
			s.position = max(s.position, k.ServerWALEnd)
		}
		if k.ReplyRequested {
			return s.status(ctx)
		}
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(p[1:])
		if err != nil {
			return err
		}
		m, err := parse(x.WALData)
		if err != nil {
			return err
		}
		return s.apply(ctx, &m)
	}
	return nil
}

func (s *session) statusIfDue(ctx context.Context) error {
	if time.Now().Before(s.due) {
		return nil
	}
	return s.status(ctx)
}

// status tells the server how far all is in the log: what was before that it need
// not keep. Where nothing concerned the table, the place is noted in the log first,
// so that what the slot has been read is never beyond what the log says.
func (s *session) status(ctx context.Context) error {
	s.renew(ctx)
	safe := pglogrepl.LSN(s.safe.Load())
	if err := pglogrepl.SendStandbyStatusUpdate(ctx, s.repl, pglogrepl.StandbyStatusUpdate{WALWritePosition: safe}); err != nil {
		return err
	}
	if s.txn.open || s.position <= s.mark.end || s.kept.Load() != s.given {
		return nil
	}
	s.mark.end = s.position
	return s.note(ctx)
}

// note puts the mark into the log. When it is there, what is before its end can be
// confirmed.
func (s *session) note(ctx context.Context) error {
	s.given++
	end := uint64(s.mark.end)
	return s.put(ctx, pushed.Message{Mark: s.mark.append(nil), Kept: func() {
		s.safe.Store(end)
		s.kept.Add(1)
	}})
}

// put gives a message to the inbox, and tells the server meanwhile that it is heard.
func (s *session) put(ctx context.Context, m pushed.Message) error {
	if n := len(m.Value) + len(m.Mark) + 1024; n > pushed.MaxMessage { // the rest is small
		return final("a row of table %s has %d bytes as JSON, and %d are taken: leave its large columns out of the declaration of the table", s.rel.name, len(m.Value), pushed.MaxMessage)
	}
	for {
		err := s.in.Put(s.tick, m)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.renew(ctx)
		safe := pglogrepl.LSN(s.safe.Load())
		if err := pglogrepl.SendStandbyStatusUpdate(ctx, s.repl, pglogrepl.StandbyStatusUpdate{WALWritePosition: safe}); err != nil {
			return err
		}
	}
}

// record is a change of a row, as Debezium describes it.
func (s *session) record(op byte, row []byte, at int64) pushed.Message {
	field := "after"
	if op == 'd' {
		field = "before"
	}
	value := make([]byte, 0, len(row)+32)
	value = append(append(append(value, `{"op":"`...), op), `","`...)
	value = append(append(append(append(value, field...), `":`...), row...), '}')
	o := s.table.Options
	return pushed.Message{Value: value, Mark: s.mark.append(nil), Headers: []connectors.Header{
		connectors.Hidden(metaOp, []byte{op}), connectors.Hidden(metaLSN, strconv.AppendUint(nil, uint64(s.mark.commit), 10)), connectors.Hidden(metaTime, strconv.AppendInt(nil, at, 10)),
		connectors.Hidden(metaDatabase, []byte(o[optDatabase])), connectors.Hidden(metaSchema, []byte(option(s.table, optSchema))), connectors.Hidden(metaTable, []byte(o[optTable])),
	}}
}

// question asks over the other connection, and tells the server meanwhile that it is
// heard.
func (s *session) question(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-s.tick.Done():
			if ctx.Err() != nil {
				return errors.Join(ctx.Err(), <-done)
			}
			if err := s.status(ctx); err != nil {
				cancel()
				return errors.Join(err, <-done)
			}
		}
	}
}
