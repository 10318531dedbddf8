package auth

import (
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often files are looked at for a change.
const lookEvery = time.Second

// reloaded is what files say, read again when they change. Files that cannot be
// read leave what was read before.
type reloaded[T any] struct {
	files []string
	load  func() (T, error)
	log   *slog.Logger
	now   func() time.Time

	mu     sync.Mutex
	value  T
	stamps []stamp
	looked time.Time
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

func newReloaded[T any](log *slog.Logger, now func() time.Time, load func() (T, error), files ...string) (*reloaded[T], error) {
	r := &reloaded[T]{files: files, load: load, log: log, now: now, looked: now()}
	r.stamps = r.look()
	var err error
	r.value, err = load()
	return r, err
}

func (r *reloaded[T]) look() []stamp {
	out := make([]stamp, len(r.files))
	for i, file := range r.files {
		if info, err := os.Stat(file); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}

func (r *reloaded[T]) get() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Sub(r.looked) < lookEvery {
		return r.value
	}
	r.looked = now
	stamps := r.look()
	changed := false
	for i := range stamps {
		changed = changed || stamps[i] != r.stamps[i]
	}
	if !changed {
		return r.value
	}
	r.stamps = stamps
	value, err := r.load()
	if err != nil {
		r.log.Error("changed files cannot be used: what they said before counts", "files", r.files, "error", err)
		return r.value
	}
	r.log.Info("files read again", "files", r.files)
	r.value = value
	return value
}
