package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cepd/cepd/state"
)

// A query's state is a generation. The first is the query's range itself; the
// next lie within it, and so go with it:
//
//	q name ...             generation 0
//	q name g               the number of the one in force; none: 0
//	q name g number ...    the others
//
// A shadow's state is the generation after the one in force.
const sectionGenerations = 'g'

// generationRange is the key prefix of a generation.
func generationRange(query string, generation uint32) []byte {
	root := queryRange(query)
	if generation == 0 {
		return root
	}
	return binary.BigEndian.AppendUint32(append(root, sectionGenerations), generation)
}

// inForce is the generation that is the query's.
func inForce(r state.Reader, query string) (uint32, error) {
	root := state.Under{R: r, Prefix: queryRange(query)}
	value, found, err := root.Get([]byte{sectionGenerations})
	if err != nil || !found {
		return 0, err
	}
	if len(value) != 4 {
		return 0, fmt.Errorf("the state of query %q is corrupt: it does not say which generation is in force", query)
	}
	return binary.BigEndian.Uint32(value), nil
}

// stateRange is the key prefix of the generation in force.
func stateRange(r state.Reader, query string) ([]byte, error) {
	if r == nil {
		return queryRange(query), nil
	}
	generation, err := inForce(r, query)
	return generationRange(query, generation), err
}

// deleteGeneration deletes a generation and no other.
func deleteGeneration(w state.Writer, query string, generation uint32) error {
	u := state.Under{W: w, Prefix: generationRange(query, generation)}
	if generation > 0 {
		return u.DeleteRange(nil, nil)
	}
	return errors.Join(u.DeleteRange(nil, []byte{sectionGenerations}), u.DeleteRange([]byte{sectionGenerations + 1}, nil))
}

// Generation is the number of the state that is the query's: it grows when a
// shadow takes over.
func (e *Engine) Generation(query string) (uint32, error) {
	if e.store == nil {
		return 0, nil
	}
	return inForce(e.store, query)
}

// takeover is a shadow on its way to be the query: both have ended at the cut,
// each with a snapshot.
type takeover struct {
	store      state.Store
	query      string
	generation uint32     // of the shadow
	version    int        // of the query's text, from then on
	cut        []Position // that both must have
	from       []int      // by outbox of the shadow: that of the query; -1: none
}

// commit makes the shadow's state the query's, in one batch. What the query has
// numbered and not delivered goes along.
func (t *takeover) commit() error {
	old, err := inForce(t.store, t.query)
	if err != nil {
		return err
	}
	b := t.store.NewBatch()
	if err := t.write(b, old); err != nil {
		return errors.Join(fmt.Errorf("promote the shadow of query %q: %w", t.query, err), b.Close())
	}
	return b.Commit(true)
}

func (t *takeover) write(w state.Writer, old uint32) error {
	was := state.Under{R: t.store, Prefix: generationRange(t.query, old)}
	now := state.Under{R: t.store, W: w, Prefix: generationRange(t.query, t.generation)}
	before, err := readHeader(&was)
	if err != nil {
		return err
	}
	after, err := readHeader(&now)
	if err != nil {
		return err
	}
	if err := errors.Join(t.standsAt(before, &was), t.standsAt(after, &now)); err != nil {
		return err
	}
	after.Version = t.version
	after.Places = make([]map[int32]int64, len(after.Put))
	for i := range after.Put {
		if err := t.outbox(&was, &now, before, after, i); err != nil {
			return err
		}
	}
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	root := state.Under{W: w, Prefix: queryRange(t.query)}
	return errors.Join(
		now.Put([]byte{sectionSnapshot}, text),
		now.DeleteRange([]byte{sectionComparison}, []byte{sectionComparison + 1}),
		root.Put([]byte{sectionGenerations}, binary.BigEndian.AppendUint32(nil, t.generation)),
		deleteGeneration(w, t.query, old))
}

func readHeader(u *state.Under) (*header, error) {
	text, found, err := u.Get([]byte{sectionSnapshot})
	if err == nil && !found {
		err = errors.New("there is no snapshot")
	}
	if err != nil {
		return nil, err
	}
	h := &header{}
	return h, json.Unmarshal(text, h)
}

// standsAt checks that a snapshot is that of the cut, and that nothing follows it.
func (t *takeover) standsAt(h *header, u *state.Under) error {
	to := offsetsOf(t.cut)
	if len(h.Tables) == 0 {
		return errors.New("the snapshot does not name its tables")
	}
	for i, unit := range h.Units {
		at := partition{h.Tables[i], unit.Partition}
		if want, ok := to[at]; ok && !unit.EOF && unit.Position < want {
			return fmt.Errorf("%s partition %d has been kept at offset %d, not %d", at.table, at.part, unit.Position, want)
		}
	}
	journal := u.Prefix[:len(u.Prefix):len(u.Prefix)]
	behind := state.Under{R: t.store, Prefix: append(journal, sectionJournal)}
	return behind.Scan(be64(h.Step+1), nil, func(_, _ []byte) error { return errors.New("steps follow the snapshot") })
}

// outbox gives outbox i of the shadow what the query's has.
func (t *takeover) outbox(was, now *state.Under, before, after *header, i int) error {
	for _, section := range []byte{sectionOutbox, sectionAgain, sectionAcked, sectionLedger} {
		if err := now.DeleteRange([]byte{section, byte(i)}, []byte{section, byte(i) + 1}); err != nil {
			return err
		}
	}
	from := t.from[i]
	if from < 0 {
		return now.Put([]byte{sectionAcked, byte(i)}, be64(after.Put[i]))
	}
	after.Put[i] = before.Put[from]
	if from < len(before.Places) {
		after.Places[i] = before.Places[from]
	}
	for _, section := range []byte{sectionOutbox, sectionAgain, sectionAcked, sectionLedger} {
		err := was.Scan([]byte{section, byte(from)}, []byte{section, byte(from) + 1}, func(key, value []byte) error {
			to := append([]byte{section, byte(i)}, key[2:]...)
			return now.Put(to, value)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
