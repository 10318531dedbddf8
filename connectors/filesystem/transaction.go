package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
)

// transactional writes a table exactly once.
type transactional struct {
	*sink
	journal  *journal
	claimed  bool // this process was the writer once
	failures int  // since the last commit
	doubt    bool // the files in staged may be those of the last entry
}

var _ connectors.Transactional = (*transactional)(nil)

// maxFailures is how often a commit may fail in a row, and a claim be taken by
// others.
const maxFailures = 10

// Identity implements connectors.Transactional.
func (t *transactional) Identity() string { return t.config.identity }

// Carries implements connectors.Transactional.
func (t *transactional) Carries(connectors.Source) bool { return false }

// Flush implements connectors.Sink: what was written is durable, and nobody sees it.
func (t *transactional) Flush(ctx context.Context) error { return t.sealAll(ctx) }

// Recover implements connectors.Transactional.
func (t *transactional) Recover(ctx context.Context, state int64) (m connectors.Mark, found bool, err error) {
	if t.failures++; t.failures > maxFailures {
		return m, false, fmt.Errorf("%s: no transaction could be committed in %d attempts", t.config.path, maxFailures)
	}
	t.journal = &journal{place: t.place, owner: t.owner}
	last, err := t.takeOver(ctx, func(e *entry) error { return t.ours(e, state) })
	if err != nil {
		return m, false, err
	}
	if t.doubt = false; last.Owner == t.owner {
		t.staged = missing(t.staged, last.Files)
	}
	if err := t.drop(ctx); err != nil {
		return m, false, err
	}
	t.begun, t.count = t.journal.last+1, 0
	return last.mark(), last.Known, nil
}

// missing are the files that are not among others.
func missing(files, others []file) (rest []file) {
	known := map[string]bool{}
	for i := range others {
		known[others[i].Name] = true
	}
	for i := range files {
		if !known[files[i].Name] {
			rest = append(rest, files[i])
		}
	}
	return rest
}

// ours refuses the entry of another state, and of a process that took over from
// this one.
func (t *transactional) ours(e *entry, state int64) error {
	if t.claimed && e.Owner != t.owner {
		return connectors.ErrFenced
	}
	if e.Known && e.State != state {
		return fmt.Errorf("%s: %d rows were delivered under the name %q by another state of the query, begun %s: "+
			"if that runs elsewhere, choose another '%s'; if it is lost or was dropped and rows may be delivered again, remove %s/%s there",
			t.config.path, e.Rows, t.config.identity, time.UnixMicro(e.State).UTC().Format(time.RFC3339), optPrefix, hidden, t.config.identity)
	}
	return nil
}

// takeOver publishes what the last entry names, claims the number behind it, and
// then removes what others have staged: they cannot commit it any more. It gives
// the entry.
func (t *transactional) takeOver(ctx context.Context, check func(*entry) error) (last entry, err error) {
	for range maxFailures {
		if last, err = t.journal.read(ctx); err == nil {
			err = check(&last)
		}
		if err == nil {
			err = t.place.publish(ctx, last.Files)
		}
		if err != nil {
			return last, err
		}
		err = t.journal.put(ctx, entry{Claim: true, Known: last.Known, State: last.State, Rows: last.Rows})
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = t.journal.exclusive(ctx)
		}
		if err != nil {
			return last, err
		}
		t.claimed = true
		return last, t.place.sweep(ctx, func(name string, _ time.Duration) bool { return strings.Contains(name, t.owner) })
	}
	return last, fmt.Errorf("%s: others write under the name %q: %w", t.config.path, t.config.identity, err)
}

// Commit implements connectors.Transactional.
func (t *transactional) Commit(ctx context.Context, m connectors.Mark, _ []connectors.Progress) error {
	if t.doubt {
		return connectors.ErrInDoubt
	}
	t.doubt = true
	if err := t.journal.put(ctx, entry{Known: true, State: m.State, Rows: m.Rows, Files: t.staged}); err != nil {
		return fmt.Errorf("%w: %w", connectors.ErrInDoubt, err)
	}
	if err := t.place.publish(ctx, t.staged); err != nil {
		return fmt.Errorf("%w: %w", connectors.ErrInDoubt, err)
	}
	t.staged, t.doubt, t.failures = t.staged[:0], false, 0
	t.begun, t.count = t.journal.last+1, 0
	if err := t.journal.prune(ctx); err != nil {
		t.log.Info("old entries of the log are not removed", "path", t.config.path, "error", err)
	}
	return nil
}

// Forget implements connectors.Transactional: an entry without a mark. The log
// stays, for a process that was fenced.
func (t *transactional) Forget(ctx context.Context) error {
	own, err := t.config.open(t.owner)
	if err != nil {
		return err
	}
	t.place, t.journal = own, &journal{place: own, owner: t.owner}
	if _, err := t.takeOver(ctx, func(e *entry) error { e.Known = false; e.State, e.Rows = 0, 0; return nil }); err != nil {
		return errors.Join(err, own.close())
	}
	return own.close()
}

// Close implements connectors.Sink. What may have been committed stays.
func (t *transactional) Close() error {
	if t.doubt {
		t.staged = nil
	}
	return t.sink.Close()
}
