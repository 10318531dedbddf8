package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/state"
)

// recovery is the journal behind the snapshot, while it is replayed.
type recovery struct {
	steps   []step
	numbers []uint64
	at      int
	back    []part // of the step at hand, by unit; count < 0: nothing
	// Before format 2 the clock alone told who was idle, and the journal did not.
	timedIdle bool
	atOnce    bool // before format 4 a window was reported in one step
}

// load restores the last snapshot and reads the journal behind it. Without
// either the query begins.
func (p *Pipeline) load() error {
	if p.journal.store == nil {
		return nil
	}
	found, err := p.checkMeta()
	if err != nil {
		return err
	}
	if !found {
		if err := p.writeMeta(); err != nil {
			return err
		}
	}
	if err := p.loadSnapshot(); err != nil || p.recovery != nil || p.format == formatVersion {
		return err
	}
	return p.writeMeta()
}

func (p *Pipeline) loadSnapshot() error {
	text, found, err := p.readUnder().Get([]byte{sectionSnapshot})
	if err != nil {
		return err
	}
	if !found {
		return p.restoreOperators()
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return fmt.Errorf("the snapshot of query %q is corrupt: %w", p.name, err)
	}
	if err := p.restore(&h); err != nil {
		return fmt.Errorf("restore query %q: %w", p.name, err)
	}
	return p.loadJournal(h.Step)
}

func (p *Pipeline) restore(h *header) error {
	if len(h.Stages) != len(p.stages) || len(h.Put) != len(p.boxes) {
		return fmt.Errorf("the snapshot has %d stages and %d sinks, the query %d and %d: another cepd wrote it, which put patterns together in another way; use that one, or drop the query's state", len(h.Stages), len(h.Put), len(p.stages), len(p.boxes))
	}
	p.number, p.now, p.done, p.textVersion, p.half = h.Step, h.Now, h.Done, h.Version, h.Half
	if err := p.restoreUnits(h.Units); err != nil {
		return err
	}
	for i, s := range p.stages {
		s.domain.combined, s.told, s.output = h.Stages[i].Combined, h.Stages[i].Told, h.Stages[i].Output
	}
	if err := p.restoreOperators(); err != nil {
		return err
	}
	for i, o := range p.boxes {
		if err := p.restoreOutbox(byte(i), o, h.Put[i], i < len(h.Explained) && h.Explained[i]); err != nil {
			return err
		}
		if i < len(h.Places) {
			o.place = h.Places[i]
		}
	}
	return nil
}

// restoreOperators restores from what is there; from nothing, it tells the
// operators that snapshots will come.
//
// The store's checksums keep damage away from them. What gets through, such as
// the bytes of a faulty program, must fail this query only.
func (p *Pipeline) restoreOperators() error {
	return p.operatorsOf(func(place []byte, op snapshotter) (err error) {
		defer panics.RecoverAt(&err, func() string { return "the opening of the query" })
		return op.Restore(p.readUnder(place...))
	})
}

func (p *Pipeline) restoreOutbox(i byte, o *outbox, put uint64, explained bool) error {
	value, _, err := p.readUnder().Get([]byte{sectionAcked, i})
	if err == nil {
		err = o.recent.restore(p.readUnder(sectionRecent, i))
	}
	if err != nil {
		return err
	}
	if err := o.restore(p.readUnder(sectionOutbox, i), put, fromBE64(value), explained); err != nil {
		return err
	}
	return o.restoreAgain(p.readUnder(sectionAgain, i))
}

// restoreUnits brings the units into the order of the snapshot: the journal
// names them by number. Partitions that are new come behind.
func (p *Pipeline) restoreUnits(states []unitState) error {
	old := p.units
	p.units = nil
	for _, st := range states {
		u := findUnit(old, st)
		if u == nil {
			return fmt.Errorf("partition %d of source %d is gone: its state cannot be continued", st.Partition, st.Source)
		}
		u.position, u.eof, u.mark, u.idle, u.seen = st.Position, st.EOF, st.Mark, st.Idle, st.Seen
		u.ready = st.Ready || st.EOF
		u.known = true
		p.units = append(p.units, u)
	}
	for _, u := range old {
		if !u.known {
			p.units = append(p.units, u)
		}
	}
	return nil
}

func findUnit(units []*unit, st unitState) *unit {
	for _, u := range units {
		if u.src.index == st.Source && u.part == st.Partition {
			return u
		}
	}
	return nil
}

func (p *Pipeline) loadJournal(after uint64) error {
	r := &recovery{timedIdle: p.format < 2, atOnce: p.format < 5}
	err := p.readUnder(sectionJournal).Scan(be64(after+1), nil, func(key, value []byte) error {
		number := fromBE64(key)
		if number != after+uint64(len(r.steps))+1 {
			return fmt.Errorf("step %d follows step %d: %w", number, after+uint64(len(r.steps)), errCorruptJournal)
		}
		s, err := decodeStep(append([]byte{}, value...), p.format, len(p.units), len(p.boxes))
		r.steps, r.numbers = append(r.steps, s), append(r.numbers, number)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the journal of query %q: %w", p.name, err)
	}
	p.journal.last, p.journal.durable.step = after+uint64(len(r.steps)), after+uint64(len(r.steps))
	if len(r.steps) > 0 {
		r.back = make([]part, len(p.units))
		p.recovery = r
	}
	return nil
}

// readFrom is where a unit's reader has to begin: at the snapshot, or, when the
// source cannot replay, behind the journal, which has the records.
func (p *Pipeline) readFrom(i int) int64 {
	u := p.units[i]
	at := u.position
	if u.src.replayable || p.recovery == nil {
		return at
	}
	for _, s := range p.recovery.steps {
		for _, part := range s.parts {
			if part.unit == i {
				at += part.count
			}
		}
	}
	return at
}

// readToEnd says whether unit i has ended, in the snapshot or the journal behind
// it.
func (p *Pipeline) readToEnd(i int) bool {
	if p.units[i].eof || p.recovery == nil {
		return p.units[i].eof
	}
	for _, s := range p.recovery.steps {
		for _, part := range s.parts {
			if part.unit == i && part.flags&partEnded != 0 {
				return true
			}
		}
	}
	return false
}

// replayStep repeats the next step of the journal.
func (p *Pipeline) replayStep(ctx context.Context) error {
	r := p.recovery
	s := &r.steps[r.at]
	p.begin(s.now)
	for i := range r.back {
		r.back[i] = part{count: -1}
	}
	for _, part := range s.parts {
		r.back[part.unit] = part
	}
	if err := p.takeAll(ctx); err != nil {
		return err
	}
	if r.timedIdle {
		for _, u := range p.units {
			u.turnsIdle = u.silent(s.now)
		}
	}
	p.endings = s.endings
	if err := p.advance(ctx, s.now); err != nil {
		return err
	}
	for i, o := range p.boxes {
		if o.seq != s.puts[i] {
			return fmt.Errorf("query %q: replay of step %d made %d rows for %s where %d had been made: an input has changed, or a function is not deterministic; drop the query's state to begin anew",
				p.name, r.numbers[r.at], o.seq, o.table, s.puts[i])
		}
	}
	if r.at++; r.at == len(r.steps) {
		p.recovery = nil
		return p.goLive()
	}
	return nil
}

// takeAll takes exactly what the step took, waiting where a source has not got
// there yet.
func (p *Pipeline) takeAll(ctx context.Context) error {
	for {
		p.workers.run(len(p.recovery.back), p.takeBack)
		if err := p.taken(); err != nil {
			return err
		}
		missing := false
		for _, part := range p.recovery.back {
			missing = missing || part.count >= 0
		}
		if !missing {
			return nil
		}
		select {
		case <-p.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// takeAgain takes the unit's part of a step; part.count becomes -1 when it is
// complete.
func (u *unit) takeAgain(p *part) {
	defer panics.RecoverAt(&u.err, u.atWork)
	if p.count < 0 || u.err != nil {
		return
	}
	if p.flags&partIdle != 0 {
		u.turnsIdle, p.count = true, -1
		return
	}
	to := u.from + p.count
	switch {
	case p.flags&partPayload != 0 || !u.src.replayable: // without payload, offsets were skipped
		u.err = u.takePayload(p.payload)
		u.position = to
	default:
		for u.position < to && u.err == nil {
			progress, err := u.poll(u.max, to)
			if u.err = err; err == nil && !progress {
				if u.ended {
					u.err = fmt.Errorf("%s ended at offset %d, but had been read up to %d", u, u.position, to)
				}
				return
			}
		}
	}
	u.took, u.ended, u.loaded, p.count = true, p.flags&partEnded != 0, p.flags&partLoaded != 0, -1
}

// takePayload takes records that the journal has kept.
func (u *unit) takePayload(src []byte) error {
	for len(src) > 0 {
		if len(src) < 4 || uint64(binary.BigEndian.Uint32(src)) > uint64(len(src)-4) {
			return errCorruptJournal
		}
		n := binary.BigEndian.Uint32(src)
		if err := u.takeRecords(src[4 : 4+n]); err != nil {
			return err
		}
		src = src[4+n:]
	}
	return nil
}

func (u *unit) takeRecords(src []byte) error {
	u.keepRuns()
	if u.raws == nil {
		if err := state.ReadBatch(src, u.in); err != nil {
			return err
		}
		return u.take()
	}
	if err := readRaw(src, u.part, &u.raw); err != nil {
		return err
	}
	return u.take()
}

// goLive ends the recovery: silence is counted from now on, and a snapshot
// makes the order of the partitions known to the journal that follows.
func (p *Pipeline) goLive() error {
	p.now = p.tick()
	for _, u := range p.units {
		u.seen, u.idle = p.now, false // there may be much since
		if !u.src.replayable && !u.eof {
			u.position = u.reader.Position()
		}
	}
	p.journal.resume(p.units)
	for _, o := range p.boxes {
		o.goLive(p.now)
	}
	wake(p.boxes) // what the replay has made may leave
	write, _, err := p.Snapshot()
	if err == nil && write != nil {
		err = write()
	}
	p.restored = nil
	if err != nil || p.journal.store == nil || p.format == formatVersion {
		return err
	}
	return p.writeMeta()
}
