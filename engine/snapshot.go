package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// formatVersion is the version of everything the engine and its operators
// write. A store of a newer one is refused, one of an older one is read and
// from then on written as this one.
//
//	1  the clock and the offsets of a journal entry tell which partitions turn idle
//	2  the entry tells it itself
//	3  patterns name the deadline of each key, and have deadlines by time
//	4  a snapshot says where its rows end in the sinks, and what a restored
//	   query has to leave out; the range says which cepd wrote it
//	5  a window with many groups is reported in several steps
//	6  a step may end open matches; a pattern's row may say that nothing begins with it
//	7  the header of a snapshot says which version of the text made the state, and
//	   where the operators' state lies
const formatVersion = 7

// meta says what a query's range was written by.
type meta struct {
	Format      int    `json:"format"`
	Fingerprint string `json:"fingerprint"`
	Cepd        string `json:"cepd,omitempty"`
	Partial     bool   `json:"partial,omitempty"` // a restore has begun and not ended
}

// header is a snapshot but for the operators' state and the outboxes' rows.
type header struct {
	Step   uint64       `json:"step"` // the journal goes on behind it
	Now    event.Time   `json:"now"`
	Done   bool         `json:"done"`
	Units  []unitState  `json:"units"`
	Stages []stageState `json:"stages"`
	Put    []uint64     `json:"put"`              // rows numbered, per outbox
	Tables []string     `json:"tables,omitempty"` // of the units

	// Where in the sinks the rows begin that this snapshot does not know of.
	Places []map[int32]int64 `json:"places,omitempty"`

	Version   int    `json:"version,omitempty"`   // of the query's text; 0: the first
	Explained []bool `json:"explained,omitempty"` // per outbox: its rows tell what they are made of
	Half      int    `json:"half,omitempty"`      // where the operators' state lies: sectionState, or sectionOther
}

type unitState struct {
	Source    int        `json:"source"`
	Partition int32      `json:"partition"`
	Position  int64      `json:"position"`
	EOF       bool       `json:"eof,omitempty"`
	Mark      event.Time `json:"mark"`
	Idle      bool       `json:"idle,omitempty"`
	Ready     bool       `json:"ready,omitempty"`
	Seen      event.Time `json:"seen"`
}

type stageState struct {
	Combined event.Time `json:"combined"`
	Told     event.Time `json:"told"`
	Output   event.Time `json:"output"`
}

func (p *Pipeline) header() header {
	h := header{Step: p.number, Now: p.now, Done: p.done, Version: p.textVersion, Half: p.half}
	for _, u := range p.units {
		h.Tables = append(h.Tables, u.src.name)
		h.Units = append(h.Units, unitState{u.src.index, u.part, u.position, u.eof, u.mark, u.idle, u.ready, u.seen})
	}
	for _, s := range p.stages {
		h.Stages = append(h.Stages, stageState{s.domain.combined, s.told, s.output})
	}
	for _, o := range p.boxes {
		h.Put = append(h.Put, o.seq)
		h.Places = append(h.Places, o.placeNow())
		h.Explained = append(h.Explained, o.explainer != nil)
	}
	return h
}

// Snapshot captures, between two steps, all that has changed, in memory, and
// returns the write of it, which may run beside further steps. The writes of
// successive snapshots must run in order. Without a store there is no write.
func (p *Pipeline) Snapshot() (write func() error, size int, err error) {
	if p.journal.store == nil {
		return nil, 0, nil
	}
	b := p.journal.store.NewBatch()
	if err := p.capture(b); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("take a snapshot: %w", err), b.Close())
	}
	p.journal.mu.Lock()
	p.journal.since = 0
	p.journal.mu.Unlock()
	size = b.Len()
	p.rebase()
	p.budget.writes.Add(1)
	tell := p.keeping()
	return func() error {
		if err := b.Commit(true); err != nil {
			return fmt.Errorf("write a snapshot: %w", err)
		}
		p.budget.writes.Add(-1)
		return tell()
	}, size, nil
}

func (p *Pipeline) capture(w state.Writer) error {
	err := p.operatorsOf(func(place []byte, op snapshotter) error {
		return op.Snapshot(p.under(w, place...))
	})
	if err != nil {
		return err
	}
	for i, o := range p.boxes {
		if err := o.save(p.under(w, sectionOutbox, byte(i))); err != nil {
			return err
		}
		if err := o.saveAgain(p.under(w, sectionAgain, byte(i))); err != nil {
			return err
		}
		if err := o.recent.save(p.under(w, sectionRecent, byte(i))); err != nil { // after the outbox: what leaves in between is in both
			return err
		}
	}
	if p.restored != nil && p.recovery == nil { // what it asked for has been done: from now on it is the query's own
		if err := errors.Join(p.under(w).Delete([]byte{sectionRestored}), p.under(w, sectionCarried).DeleteRange(nil, nil), p.putMeta(w)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(p.header())
	if err != nil {
		return err
	}
	root := p.under(w)
	if err := root.Put([]byte{sectionSnapshot}, text); err != nil {
		return err
	}
	return p.under(w, sectionJournal).DeleteRange(nil, be64(p.number+1))
}

// under is the writer of a part of the query's range.
func (p *Pipeline) under(w state.Writer, place ...byte) *state.Under {
	return &state.Under{W: w, Prefix: append(p.journal.root.Prefix[:len(p.journal.root.Prefix):len(p.journal.root.Prefix)], place...)}
}

func (p *Pipeline) readUnder(place ...byte) *state.Under {
	u := p.under(nil, place...)
	u.R = p.journal.store
	return u
}

// queryRange is the key prefix of a query. The length before the name keeps a
// name's range apart from those of names that begin with it.
func queryRange(name string) []byte {
	return append([]byte{'q', byte(len(name) >> 8), byte(len(name))}, name...)
}

// checkMeta refuses a range that this query or this version cannot go on from;
// found is false when the range is empty.
func (p *Pipeline) checkMeta() (found bool, err error) {
	text, found, err := p.readUnder().Get([]byte{sectionMeta})
	if err != nil || !found {
		return false, err
	}
	m, err := decodeMeta(p.name, text)
	if err != nil {
		return false, err
	}
	if m.Partial {
		return false, fmt.Errorf("a savepoint was not restored to its end into query %q: drop the query's state and restore it again", p.name)
	}
	if p.restored, err = decodeRestored(p.readUnder(), p.name); err != nil {
		return false, err
	}
	if m.Fingerprint != p.fingerprintAs(m.Format, p.restored) {
		return false, fmt.Errorf("the state of query %q was made by another text of the query, or of the tables it reads: restore that text, give the query another name, or drop its state", p.name)
	}
	p.format = m.Format
	return true, nil
}

// decodeMeta reads who wrote the state of a query; a newer cepd is an error.
func decodeMeta(query string, text []byte) (m meta, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("the state of query %q is corrupt: %w", query, err)
	}
	if m.Format > formatVersion {
		return m, fmt.Errorf("the state of query %q was written by a newer cepd (%s, state format %d; this one reads up to format %d): run that version or a later one, or restore a savepoint or backup that this one wrote", query, cmp.Or(m.Cepd, "version not known"), m.Format, formatVersion)
	}
	return m, nil
}

func (p *Pipeline) putMeta(w state.Writer) error {
	text, err := json.Marshal(meta{Format: formatVersion, Fingerprint: p.fingerprint, Cepd: p.version})
	if err != nil {
		return err
	}
	return p.under(w).Put([]byte{sectionMeta}, text)
}

func (p *Pipeline) writeMeta() error {
	b := p.journal.store.NewBatch()
	if err := p.putMeta(b); err != nil {
		return errors.Join(err, b.Close())
	}
	p.format = formatVersion
	return b.Commit(true)
}
