package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/savepoint"
)

// ErrHasState says that a query has state already.
var ErrHasState = errors.New("the query has state already: drop it first, or restore under another name")

// Restore fills the state of a query that is not running, and has none, from a
// savepoint file; Start then goes on from it. Sinks says what becomes of rows
// that exactly-once sinks have got since.
func (e *Engine) Restore(name, path string, sinks Sinks) error {
	if e.store == nil {
		return errors.New("restoring needs a data directory")
	}
	if _, err := savepoint.VerifyFile(path); err != nil {
		return err
	}
	if err := e.reserve(name); err != nil {
		return err
	}
	defer e.release(name)
	r, file, err := savepoint.OpenFile(path)
	if err != nil {
		return err
	}
	return errors.Join(restoreState(e.store, name, r, sinks), file.Close())
}

// release ends a reservation.
func (e *Engine) release(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.queries[name] == nil {
		delete(e.queries, name)
	}
}

// restoreBatch is how much is written at once.
const restoreBatch = 4 << 20

// restoreState writes the pairs of a savepoint. Until all are there the range
// says that it is not whole.
func restoreState(store state.Store, name string, r *savepoint.Reader, sinks Sinks) error {
	h := &r.Header
	if h.Format > formatVersion {
		return fmt.Errorf("the savepoint was written by a newer cepd (%s, state format %d; this one reads up to format %d): run that version or a later one", h.Cepd, h.Format, formatVersion)
	}
	root := state.Under{R: store, Prefix: queryRange(name)}
	prefix, err := stateRange(store, name)
	if err != nil {
		return err
	}
	inForce := state.Under{R: store, Prefix: prefix}
	if _, found, err := inForce.Get([]byte{sectionMeta}); err != nil || found {
		return errors.Join(err, fmt.Errorf("query %q: %w", name, ErrHasState))
	}
	w := &restoring{store: store, prefix: root.Prefix}
	w.begin()
	err = w.root().DeleteRange(nil, nil)
	if err == nil {
		err = w.putJSON(sectionMeta, meta{Format: h.Format, Fingerprint: h.Fingerprint, Partial: true})
	}
	if err == nil {
		err = w.commit()
	}
	if err == nil {
		_, err = r.Each(w.put)
	}
	if err == nil {
		err = w.putJSON(sectionRestored, restored{Query: h.Query, At: h.Created, Sinks: sinks})
	}
	if err == nil {
		err = w.putJSON(sectionMeta, meta{Format: h.Format, Fingerprint: h.Fingerprint, Cepd: h.Cepd})
	}
	if err != nil {
		return errors.Join(err, w.batch.Close())
	}
	return w.commit()
}

type restoring struct {
	store  state.Store
	prefix []byte
	batch  state.Batch
}

func (w *restoring) begin() { w.batch = w.store.NewBatch() }

func (w *restoring) root() *state.Under { return &state.Under{W: w.batch, Prefix: w.prefix} }

func (w *restoring) commit() error {
	err := w.batch.Commit(true)
	w.begin()
	return err
}

// put writes a pair; who wrote the range is told at the end.
func (w *restoring) put(key, value []byte) error {
	if len(key) == 0 || key[0] == sectionMeta || key[0] == sectionRestored {
		return nil
	}
	if err := w.root().Put(key, value); err != nil {
		return err
	}
	if w.batch.Len() < restoreBatch {
		return nil
	}
	return w.commit()
}

func (w *restoring) putJSON(section byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.root().Put([]byte{section}, text)
}

// StateNames lists the queries that a store has state of.
func StateNames(r state.Reader) (names []string, err error) {
	from := []byte{'q'}
	for from != nil {
		var name string
		err := r.Scan(from, []byte{'r'}, func(key, _ []byte) error {
			if len(key) < 3 || len(key) < 3+int(binary.BigEndian.Uint16(key[1:])) {
				return fmt.Errorf("the state has a key that is none of cepd's: %x", key)
			}
			name = string(key[3 : 3+int(binary.BigEndian.Uint16(key[1:]))])
			return errStop
		})
		if err == nil {
			return names, nil
		}
		if !errors.Is(err, errStop) {
			return nil, err
		}
		names = append(names, name)
		from = state.PrefixEnd(queryRange(name))
	}
	return names, nil
}

var errStop = errors.New("stop")

// StateVersion is the version of the text of a query that made its state; 0: it
// has none.
func (e *Engine) StateVersion(name string) (int, error) {
	if e.store == nil {
		return 0, nil
	}
	prefix, err := stateRange(e.store, name)
	if err != nil {
		return 0, err
	}
	root := state.Under{R: e.store, Prefix: prefix}
	text, found, err := root.Get([]byte{sectionSnapshot})
	if err != nil || !found {
		return 0, err
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return 0, fmt.Errorf("the snapshot of query %q is corrupt: %w", name, err)
	}
	return max(h.Version, 1), nil
}

// ChooseSinks notes, in the store of a data directory that nobody uses, what the
// queries of these names (none: all) shall do about sinks that are ahead. At is
// when the store was copied.
func ChooseSinks(store state.Store, names []string, sinks Sinks, at time.Time) ([]string, error) {
	all, err := StateNames(store)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = all
	}
	for _, name := range names {
		prefix, err := stateRange(store, name)
		if err != nil {
			return nil, err
		}
		root := state.Under{R: store, Prefix: prefix}
		if _, found, err := root.Get([]byte{sectionMeta}); err != nil || !found {
			return nil, errors.Join(err, fmt.Errorf("there is no state of a query %q; there is of %q", name, all))
		}
		if err := chooseSinks(store, root, name, sinks, at); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func chooseSinks(store state.Store, root state.Under, name string, sinks Sinks, at time.Time) error {
	old, err := decodeRestored(&root, name)
	if err != nil {
		return err
	}
	r := restored{Query: name, At: at, Sinks: sinks}
	if old != nil { // it has not run since it was restored
		r.Query, r.At = old.Query, old.At
	}
	w := &restoring{store: store, prefix: root.Prefix}
	w.begin()
	err = w.putJSON(sectionRestored, r)
	return errors.Join(err, w.commit())
}

// VerifyState reads what the engine wrote about each query: who wrote it, the
// snapshot, an unbroken journal. It gives the queries' names.
func VerifyState(r state.Reader) (names []string, err error) {
	if names, err = StateNames(r); err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		prefix, err := stateRange(r, name)
		if err == nil {
			err = verifyQuery(&state.Under{R: r, Prefix: prefix}, name)
		}
		errs = append(errs, err)
	}
	return names, errors.Join(errs...)
}

func verifyQuery(root *state.Under, name string) error {
	text, found, err := root.Get([]byte{sectionMeta})
	if err == nil && !found {
		err = fmt.Errorf("the state of query %q does not say who wrote it", name)
	}
	var m meta
	if err == nil {
		m, err = decodeMeta(name, text)
	}
	if err != nil {
		return err
	}
	text, found, err = root.Get([]byte{sectionSnapshot})
	if err != nil || !found {
		return err
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return fmt.Errorf("the snapshot of query %q is corrupt: %w", name, err)
	}
	next := h.Step + 1
	return root.Scan(append([]byte{sectionJournal}, be64(next)...), []byte{sectionJournal + 1}, func(key, value []byte) error {
		if number := fromBE64(key[1:]); number != next {
			return fmt.Errorf("query %q: step %d follows step %d: %w", name, number, next-1, errCorruptJournal)
		}
		next++
		if _, err := decodeStep(value, m.Format, len(h.Units), len(h.Put)); err != nil {
			return fmt.Errorf("query %q: step %d: %w", name, next-1, err)
		}
		return nil
	})
}

// Checkpoint copies the store as it is now into dir, which must not exist: it is
// what a crash at this moment would leave.
func (e *Engine) Checkpoint(dir string) error {
	if e.disk == nil {
		return errors.New("a backup needs a data directory")
	}
	return e.disk.Checkpoint(dir)
}
