package engine

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state"
)

// Replace makes the state of a query that does not run that of another version. It
// happens or, after an error or a crash, does not: the new state is written beside
// the old one, and a last batch says which holds. The next Start is of the new text.
func (e *Engine) Replace(c *Change) error {
	name := c.From.Root.Name
	if err := e.reserve(name); err != nil {
		return err
	}
	defer e.release(name)
	m, err := e.compare(c)
	if err != nil {
		return err
	}
	switch {
	case !c.Drop && !m.verdict.Keep:
		return fmt.Errorf("the state of query %q cannot be kept: %s", name, m.verdict.Reasons[0].Text)
	case e.store == nil:
		return nil
	}
	a := &applying{migration: m, change: c, version: e.options.Version}
	found, err := a.read()
	if err != nil || !found { // it has never run
		return err
	}
	w := &restoring{store: e.store, prefix: m.from.journal.root.Prefix}
	w.begin()
	if err = a.copyState(w); err == nil {
		err = a.conclude(w)
	}
	if err != nil {
		return errors.Join(err, w.batch.Close())
	}
	return w.commit()
}

// applying is a change at work.
type applying struct {
	*migration
	change  *Change
	version string // of the program
	head    header
}

// read reads the snapshot, and the journal's steps behind it; found is false where
// there is neither.
func (a *applying) read() (found bool, err error) {
	p := a.from.Pipeline
	p.fingerprint = p.settings.fingerprint(p.root, formatVersion)
	if found, err = p.checkMeta(); err != nil || !found {
		return false, err
	}
	text, found, err := p.readUnder().Get([]byte{sectionSnapshot})
	if err != nil || !found {
		return false, err
	}
	if p.restored != nil {
		return false, fmt.Errorf("the state of query %q was restored and has not run since: resume it, and change it when it runs", p.name)
	}
	if err := json.Unmarshal(text, &a.head); err != nil {
		return false, fmt.Errorf("the snapshot of query %q is corrupt: %w", p.name, err)
	}
	if len(a.head.Stages) != len(p.stages) || len(a.head.Put) != len(a.from.boxes) {
		return false, fmt.Errorf("the snapshot of query %q has %d stages and %d sinks, its text %d and %d", p.name, len(a.head.Stages), len(a.head.Put), len(p.stages), len(a.from.boxes))
	}
	if err := a.readJournal(); err != nil {
		return false, err
	}
	return true, a.delivered()
}

// readJournal passes over the steps behind the snapshot, which only a version that
// begins with no state may do.
func (a *applying) readJournal() error {
	after := a.head.Step
	return a.from.readUnder(sectionJournal).Scan(be64(after+1), nil, func(key, value []byte) error {
		if !a.change.Drop {
			return ErrJournal
		}
		s, err := decodeStep(slices.Clone(value), a.from.format, len(a.head.Units), len(a.head.Put))
		if err != nil {
			return err
		}
		for _, part := range s.parts {
			u := &a.head.Units[part.unit]
			u.Position += part.count
			u.EOF = u.EOF || part.flags&partEnded != 0
		}
		a.head.Step, a.head.Now, a.head.Put = fromBE64(key), s.now, s.puts
		return nil
	})
}

// delivered refuses to leave rows behind.
func (a *applying) delivered() error {
	for i, put := range a.head.Put {
		value, _, err := a.from.readUnder().Get([]byte{sectionAcked, byte(i)})
		if err != nil {
			return err
		}
		if fromBE64(value) < put {
			return fmt.Errorf("table %s: %w", a.from.boxes[i], ErrUndelivered)
		}
	}
	return nil
}

// copyState writes the operators' state into the other half, in batches.
func (a *applying) copyState(w *restoring) error {
	half := a.head.Half ^ 1
	if err := w.root().DeleteRange([]byte{stateSection(half)}, []byte{stateSection(half) + 1}); err != nil {
		return err
	}
	a.from.half, a.to.half = a.head.Half, half
	if a.change.Drop {
		return w.commit()
	}
	c := &copying{r: state.Under{R: a.from.journal.store, Prefix: a.from.journal.root.Prefix}, w: w, from: a.head.Half, to: half}
	return a.copyStages(c)
}

// copying is where the operators' state is read and written.
type copying struct {
	r        state.Under
	w        *restoring
	from, to int // halves
}

// under is what is read at a place.
func (c *copying) under(place []byte) *state.Under {
	return &state.Under{R: c.r.R, Prefix: slices.Concat(c.r.Prefix, place)}
}

// copyStages writes the operators' state as that of the new version.
func (m *migration) copyStages(c *copying) error {
	for i, s := range m.from.stages {
		for shard := range s.shards {
			if err := m.copyShard(c, i, shard); err != nil {
				return fmt.Errorf("stage %d: %w", i, err)
			}
		}
	}
	return c.w.commit()
}

// copyShard copies the rows that wait for the watermark, and what the operator has.
func (m *migration) copyShard(c *copying, stage, shard int) error {
	t := m.transfers[stage]
	place := func(half, operator int) []byte { return operatorPlace(half, stage, shard, operator) }
	waiting, held := &portions{c.w, place(c.to, 0)}, &portions{c.w, place(c.to, 1)}
	if t == nil {
		return errors.Join(c.under(place(c.from, 0)).Scan(nil, nil, waiting.Put), c.under(place(c.from, 1)).Scan(nil, nil, held.Put))
	}
	schema := m.from.stages[stage].plan.Prepared
	if err := order.Rewrite(c.under(place(c.from, 0)), waiting, schema, t.Waiting); err != nil {
		return err
	}
	return t.Copy(c.under(place(c.from, 1)), held)
}

// conclude puts what makes the new state the query's into the batch at hand.
func (a *applying) conclude(w *restoring) error {
	p := a.to.Pipeline
	h := header{Step: a.head.Step, Now: a.head.Now, Done: a.head.Done && !a.change.Drop, Version: a.change.Version, Half: p.half}
	a.sources(&h)
	for i := range p.stages {
		st := stageState{event.MinTime, event.MinTime, event.MinTime}
		if !a.change.Drop {
			st = a.head.Stages[i]
		}
		h.Stages = append(h.Stages, st)
	}
	if err := a.sinks(w, &h); err != nil {
		return err
	}
	for _, section := range []byte{sectionJournal, stateSection(a.head.Half), sectionOutbox, sectionAgain} {
		if err := w.root().DeleteRange([]byte{section}, []byte{section + 1}); err != nil {
			return err
		}
	}
	m := meta{Format: formatVersion, Fingerprint: p.settings.fingerprint(p.root, formatVersion), Cepd: a.version}
	return errors.Join(w.putJSON(sectionSnapshot, h), w.putJSON(sectionMeta, m))
}

// sources are where they were; one that is new begins as its table says.
func (a *applying) sources(h *header) {
	for _, u := range a.head.Units {
		old := a.from.graph.Sources[u.Source]
		if i := slices.IndexFunc(a.to.graph.Sources, func(s build.Source) bool { return sameSource(old, s) }); i >= 0 {
			u.Source = i
			h.Units = append(h.Units, u)
		}
	}
}

// sinks go on counting; one that is new counts from nothing.
func (a *applying) sinks(w *restoring, h *header) error {
	var ledgers [][]byte
	for i := range a.to.boxes {
		k := a.boxBefore(i)
		put, place, ledger := uint64(0), map[int32]int64(nil), []byte(nil)
		if k >= 0 {
			put = a.head.Put[k]
			if k < len(a.head.Places) {
				place = a.head.Places[k]
			}
			value, _, err := a.from.readUnder().Get([]byte{sectionLedger, byte(k)})
			if err != nil {
				return err
			}
			ledger = slices.Clone(value)
		}
		h.Put, h.Places, ledgers = append(h.Put, put), append(h.Places, place), append(ledgers, ledger)
	}
	for _, section := range []byte{sectionAcked, sectionLedger} {
		if err := w.root().DeleteRange([]byte{section}, []byte{section + 1}); err != nil {
			return err
		}
	}
	for i, put := range h.Put {
		err := w.root().Put([]byte{sectionAcked, byte(i)}, be64(put))
		if err == nil && ledgers[i] != nil {
			err = w.root().Put([]byte{sectionLedger, byte(i)}, ledgers[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// boxBefore is the outbox of the running version that box i goes on from: the one
// of the same table, of several the one of the same number; -1: it is new.
func (a *applying) boxBefore(i int) int {
	number := 0
	for _, table := range a.to.boxes[:i] {
		if table == a.to.boxes[i] {
			number++
		}
	}
	for k, table := range a.from.boxes {
		if table != a.to.boxes[i] {
			continue
		}
		if number == 0 {
			return k
		}
		number--
	}
	return -1
}

// portions writes pairs under a place, in batches that fit into memory.
type portions struct {
	w     *restoring
	place []byte
}

// Put implements state.Writer.
func (p *portions) Put(key, value []byte) error {
	return p.w.put(append(slices.Clone(p.place), key...), value)
}

// Delete implements state.Writer.
func (p *portions) Delete(key []byte) error {
	return p.w.root().Delete(append(slices.Clone(p.place), key...))
}

// DeleteRange implements state.Writer.
func (p *portions) DeleteRange(from, to []byte) error {
	under := state.Under{W: p.w.root(), Prefix: p.place}
	return under.DeleteRange(from, to)
}

func tableHash(t *catalog.Table) string {
	h := sha256.New()
	hashTable(h, t)
	return string(h.Sum(nil))
}
