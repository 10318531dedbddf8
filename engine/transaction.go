package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Exactly once, as the outbox of a connectors.Transactional sees it:
//
//	journal synced --> transaction: rows, mark (number of the last row) --> acked, in the next journal write
//
// Of the two places that know how far a table is, the sink's mark is the one
// that a crash cannot put into doubt. A start asks for it before anything is
// delivered and suppresses in the replay what it covers.

// ledger is what the store knows of a table's transactions.
type ledger struct {
	State    event.Time `json:"state"`    // when they began: tells this state from others with the same name
	Identity string     `json:"identity"` // of the sink
	Marked   bool       `json:"marked"`   // the sink has a mark of ours
}

// takeMarks has the sinks that deliver exactly once tell how far they are, and
// becomes their only writer.
func (p *Pipeline) takeMarks(ctx context.Context) error {
	for i, o := range p.boxes {
		var err error
		if o.tx == nil {
			err = p.endLedger(byte(i))
		} else {
			err = p.takeMark(ctx, byte(i), o)
		}
		if err != nil {
			return fmt.Errorf("table %s: %w", o.table, err)
		}
	}
	return nil
}

// endLedger notes that the sink delivers without transactions: the mark it may
// have says no longer how far it is.
func (p *Pipeline) endLedger(i byte) error {
	if p.journal.store == nil {
		return nil
	}
	l, err := p.readLedger(i)
	if err != nil || !l.Marked {
		return err
	}
	l.Marked = false
	return p.writeLedger(i, l)
}

func (p *Pipeline) takeMark(ctx context.Context, i byte, o *outbox) error {
	if p.journal.store == nil {
		return errors.New("'sink.delivery-guarantee' = 'exactly-once' needs state that survives: give a data directory (--data-dir)")
	}
	l, err := p.readLedger(i)
	if err != nil {
		return err
	}
	if l.State == 0 {
		l.State = p.clock.Now()
	}
	if l.Identity != o.tx.Identity() {
		l.Identity, l.Marked = o.tx.Identity(), false
	}
	if err := p.writeLedger(i, l); err != nil { // before there is a mark that names it
		return err
	}
	m, found, err := o.tx.Recover(ctx, l.State)
	if err != nil {
		return err
	}
	o.state = l.State
	rows, err := p.settleMark(ctx, i, o, m, found, l.Marked)
	if err != nil {
		return err
	}
	err = o.commit(ctx, rows, nil)
	switch {
	case errors.Is(err, connectors.ErrInDoubt): // until the sink has had enough
		return p.takeMark(ctx, i, o)
	case err != nil:
		return err
	}
	l.Marked = true
	return p.writeLedger(i, l)
}

// settleMark compares the sink's mark with the state, takes what is delivered as
// acknowledged, and gives the number of rows to mark.
func (p *Pipeline) settleMark(ctx context.Context, i byte, o *outbox, m connectors.Mark, found, marked bool) (rows uint64, err error) {
	last := p.lastPut(int(i))
	err = o.checkMark(m, found, marked, last)
	if err == nil && p.restored != nil && marked && !found {
		err = fmt.Errorf("how many rows have been delivered as %s is not recorded, and the state is a copy from %s", o.tx.Identity(), p.restored.At.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return p.settleCopy(ctx, o, m, last, err)
	}
	o.skip(max(m.Rows, o.acked))
	return o.acked, nil
}

// lastPut is the number of the last row that the journal knows of.
func (p *Pipeline) lastPut(i int) uint64 {
	if p.recovery != nil {
		return p.recovery.steps[len(p.recovery.steps)-1].puts[i]
	}
	return p.boxes[i].seq
}

// checkMark refuses what a crash alone cannot bring about.
func (o *outbox) checkMark(m connectors.Mark, found, marked bool, last uint64) error {
	const remedy = "choose another 'sink.transactional-id-prefix' to go on from what the state knows: rows may then be missing or come twice"
	switch {
	case found && m.Rows > last:
		return fmt.Errorf("%d rows have been delivered as %s, but the state knows of %d only: it is an old copy; start the newest state; of a restored one say what its sinks shall do (--sinks of cepd backup restore, cepd savepoint restore, cepd state sinks), or %s", m.Rows, o.tx.Identity(), last, remedy)
	case found && marked && m.Rows < o.acked:
		return fmt.Errorf("%d rows had been delivered as %s, now only %d are recorded there: the sink has lost data; %s", o.acked, o.tx.Identity(), m.Rows, remedy)
	case !found && marked && o.acked < last:
		return fmt.Errorf("how many rows have been delivered as %s is not recorded any more, the state knows of %d at least and has made %d; %s", o.tx.Identity(), o.acked, last, remedy)
	}
	return nil
}

// ledgerPlace is the key of a table's ledger in the query's range.
func ledgerPlace(i byte) []byte { return []byte{sectionLedger, i} }

func (p *Pipeline) readLedger(i byte) (l ledger, err error) {
	text, found, err := p.readUnder().Get(ledgerPlace(i))
	if err != nil || !found {
		return l, err
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("the ledger of query %q is corrupt: %w", p.name, err)
	}
	return l, nil
}

func (p *Pipeline) writeLedger(i byte, l ledger) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	b := p.journal.store.NewBatch()
	if err := p.under(b).Put(ledgerPlace(i), text); err != nil {
		return errors.Join(err, b.Close())
	}
	return b.Commit(true)
}

// transact delivers items in one transaction. When its outcome is in doubt,
// the sink's mark decides it: what was not committed stays in the queue.
func (o *outbox) transact(ctx context.Context, items []item, c cut) error {
	err := o.write(ctx, items)
	if err == nil {
		err = o.commit(ctx, items[len(items)-1].last, c.at)
	}
	switch {
	case errors.Is(err, connectors.ErrInDoubt):
		return o.resolve(ctx)
	case err != nil:
		return err
	}
	o.acknowledge(len(items))
	return nil
}

// commit ends a transaction after the row with a number. With it goes how far
// the sources have been read.
func (o *outbox) commit(ctx context.Context, rows uint64, at []int64) error {
	if err := o.tx.Commit(ctx, connectors.Mark{State: o.state, Rows: rows}, o.progress(at)); err != nil {
		return fmt.Errorf("write to %s: %w", o.table, err)
	}
	return nil
}

// refresh commits how far the sources have been read, without rows. It also
// keeps the mark from being forgotten for its age.
func (o *outbox) refresh(ctx context.Context, c cut) error {
	err := o.commit(ctx, o.position(), c.at)
	if errors.Is(err, connectors.ErrInDoubt) {
		return o.resolve(ctx)
	}
	return err
}

// resolve asks the sink what has become of a transaction.
func (o *outbox) resolve(ctx context.Context) error {
	m, found, err := o.tx.Recover(ctx, o.state)
	for errors.Is(err, connectors.ErrInDoubt) {
		m, found, err = o.tx.Recover(ctx, o.state)
	}
	if err == nil {
		err = o.checkMark(m, found, true, o.known())
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", o.table, err)
	}
	o.skip(m.Rows)
	return nil
}

// known is the number of the last row that has been numbered or delivered.
func (o *outbox) known() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := max(o.seq, o.acked)
	if n := len(o.queue); n > 0 { // restored rows, while the replay is behind them
		last = max(last, o.queue[n-1].last)
	}
	return last
}

// progress is how far the sources have been read that the transactions carry.
func (o *outbox) progress(at []int64) (read []connectors.Progress) {
	for _, s := range o.carried {
		offsets := map[int32]int64{}
		for i, part := range s.parts {
			if part >= 0 && i < len(at) && at[i] >= 0 {
				offsets[part] = at[i]
			}
		}
		if len(offsets) > 0 {
			read = append(read, connectors.Progress{Source: s.source, Offsets: offsets})
		}
	}
	return read
}

// carried is a source whose offsets go with the transactions of a sink.
type carried struct {
	source connectors.Source
	parts  []int32 // by unit; -1: of another source
}

// carry finds the sources whose offsets the query's sink commits; where there
// are several sinks, none of them can tell for all. The units must be in their
// final order.
func (p *Pipeline) carry() {
	o := p.boxes[0]
	if o.tx == nil || len(p.graph.Sinks) > 1 {
		return
	}
	for _, s := range p.sources {
		if !o.tx.Carries(s.source) {
			continue
		}
		c := carried{source: s.source}
		for _, u := range p.units {
			part := u.part
			if u.src != s {
				part = -1
			}
			c.parts = append(c.parts, part)
		}
		s.carried = true
		o.carried = append(o.carried, c)
	}
}
