package backup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// One process at a time writes or prunes: a prune must not sweep the objects of a
// backup whose manifest is not there yet. The lock is renewed while work goes
// on; one that was not is taken over.
type lock struct {
	r       *Repository
	holder  holder
	renewed event.Time
}

type holder struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Renewed time.Time `json:"renewed"`
}

const (
	renewAfter = time.Minute
	staleAfter = 15 * time.Minute
)

// ErrLocked says that another process is writing.
var ErrLocked = errors.New("another process is writing backups there")

func (r *Repository) now() time.Time { return time.UnixMicro(r.clock.Now()).UTC() }

// lock becomes the only writer.
func (r *Repository) lock(ctx context.Context) (*lock, error) {
	host, _ := os.Hostname() // it is shown only
	l := &lock{r: r, holder: holder{ID: rand.Text(), Host: host, PID: os.Getpid()}}
	for tries := 0; ; tries++ {
		err := r.store.putNew(ctx, lockName, l.text())
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		var h holder
		err = r.getJSON(ctx, lockName, &h)
		switch {
		case errors.Is(err, fs.ErrNotExist): // just released
		case err != nil && !errors.Is(err, ErrDamaged):
			return nil, err
		case err == nil && r.now().Sub(h.Renewed) < staleAfter:
			return nil, fmt.Errorf("%w: process %d on %s, heard of last at %s; one that has died is passed over after %v", ErrLocked, h.PID, h.Host, h.Renewed.Format(time.RFC3339), staleAfter)
		default:
			if err := r.store.remove(ctx, lockName); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		if tries > 10 {
			return nil, ErrLocked
		}
	}
}

// text is the lock as of now.
func (l *lock) text() []byte {
	l.renewed = l.r.clock.Now()
	l.holder.Renewed = l.r.now()
	text, _ := json.Marshal(l.holder) // texts and a number
	return text
}

// renew shows, if it has not done so for a while, that the holder lives.
func (l *lock) renew(ctx context.Context) error {
	if l.r.clock.Now()-l.renewed < renewAfter.Microseconds() {
		return nil
	}
	if err := l.held(ctx); err != nil {
		return err
	}
	return l.r.putText(ctx, lockName, l.text())
}

// held says whether the lock is still ours, before something is done that needs
// it.
func (l *lock) held(ctx context.Context) error {
	var h holder
	if err := l.r.getJSON(ctx, lockName, &h); err != nil {
		return fmt.Errorf("the lock is gone: %w", err)
	}
	if h.ID != l.holder.ID {
		return fmt.Errorf("%w: it took over because this one was silent for %v", ErrLocked, staleAfter)
	}
	return nil
}

// release lets others write. It works when ctx has ended too.
func (l *lock) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewAfter)
	defer cancel()
	if err := l.held(ctx); err != nil {
		return nil // it is another's, and no harm was done
	}
	return l.r.store.remove(ctx, lockName)
}
