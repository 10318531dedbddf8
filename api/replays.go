package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ownKeys ends the pattern of posts of events: their log keeps the keys itself.
const ownKeys = "/events"

// The limits of answers that are kept to be given again.
const (
	idempotencyHeader = "Idempotency-Key"
	maxKeyLength      = 255
	maxReplays        = 1000
	replayFor         = 24 * time.Hour
	maxReplayBytes    = 1 << 20 // of an answer; a larger one is not kept
	replayDir         = "answers"
)

// replays are the answers to requests that came with an Idempotency-Key: the same
// request gets the same answer, and changes nothing a second time.
//
//	data-dir/answers/<digest of who and key>.json
//
// A crash between the change and the writing of its answer forgets the key; the
// request then finds what it made the first time, and is refused.
type replays struct {
	dir string // empty: in memory only
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	answers map[string]*replay // nil: the request is under way
}

// replay is an answer.
type replay struct {
	At     time.Time `json:"at"`
	Digest string    `json:"digest"` // of the request
	Status int       `json:"status"`
	Type   string    `json:"type,omitempty"`
	Body   []byte    `json:"body,omitempty"`
}

// newReplays reads the answers of a data directory.
func newReplays(dir string, now func() time.Time, log *slog.Logger) *replays {
	r := &replays{now: now, log: log, answers: map[string]*replay{}}
	if dir == "" {
		return r
	}
	r.dir = filepath.Join(dir, replayDir)
	files, err := os.ReadDir(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the answers to requests with an Idempotency-Key cannot be read", "error", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok {
			continue
		}
		x := &replay{}
		text, err := os.ReadFile(filepath.Join(r.dir, f.Name()))
		if err = errors.Join(err, json.Unmarshal(text, x)); err != nil {
			log.Warn("an answer to a request with an Idempotency-Key cannot be read", "file", f.Name(), "error", err)
			continue
		}
		r.answers[name] = x
	}
	return r
}

// serve has next answer the request, unless it has been answered before.
func (r *replays) serve(w http.ResponseWriter, req *http.Request, who string, next http.HandlerFunc) {
	key := req.Header.Get(idempotencyHeader)
	if r == nil || req.Method != http.MethodPost || key == "" {
		next(w, req)
		return
	}
	if len(key) > maxKeyLength {
		writeProblem(w, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("%s has more than %d characters", idempotencyHeader, maxKeyLength)))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBodyBytes))
	if err != nil {
		writeProblem(w, newProblem(http.StatusRequestEntityTooLarge, "the body cannot be read: "+err.Error()))
		return
	}
	name, digest := digestOf(who, key), digestOf(req.URL.RequestURI(), string(body))
	old, err := r.begin(name, digest)
	switch {
	case err != nil:
		writeProblem(w, problemOf(err))
	case old != nil:
		w.Header().Set("Idempotency-Replayed", "true")
		w.Header().Set("Content-Type", old.Type)
		w.WriteHeader(old.Status)
		_, _ = w.Write(old.Body)
	default:
		req.Body = io.NopCloser(bytes.NewReader(body))
		h := &held{header: w.Header()}
		done := false
		defer func() { // also of a panic
			if !done {
				r.end(name, nil)
			}
		}()
		next(h, req)
		done = true
		r.end(name, &replay{r.now(), digest, h.code(), w.Header().Get("Content-Type"), h.body.Bytes()})
		w.WriteHeader(h.code())
		_, _ = w.Write(h.body.Bytes())
	}
}

func digestOf(parts ...string) string {
	sum := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(sum, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// begin takes a key, or gives the answer that it has.
func (r *replays) begin(name, digest string) (*replay, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prune()
	old, known := r.answers[name]
	switch {
	case known && old == nil:
		return nil, conflict("a request with this %s is under way", idempotencyHeader)
	case known && old.Digest != digest:
		return nil, badRequest("this %s was used for another request", idempotencyHeader)
	case known:
		return old, nil
	case len(r.answers) >= maxReplays:
		return nil, newProblem(http.StatusServiceUnavailable, "too many requests with keys are under way")
	}
	r.answers[name] = nil
	return nil, nil
}

// end keeps an answer. What the server is to blame for (or nil), and what is too
// large, is not kept: the key is free again.
func (r *replays) end(name string, x *replay) {
	keep := x != nil && x.Status < http.StatusInternalServerError && len(x.Body) <= maxReplayBytes
	if keep && r.dir != "" {
		if err := r.write(name, x); err != nil {
			r.log.Error("an answer to a request with an Idempotency-Key is not kept", "error", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if delete(r.answers, name); keep {
		r.answers[name] = x
	}
}

func (r *replays) write(name string, x *replay) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	return writeFileAtomic(filepath.Join(r.dir, name+".json"), text)
}

// prune forgets what is old, and the oldest when there are too many; the lock is
// held.
func (r *replays) prune() {
	oldest := ""
	for name, x := range r.answers {
		switch {
		case x == nil:
		case r.now().Sub(x.At) > replayFor:
			r.forget(name)
		case oldest == "" || x.At.Before(r.answers[oldest].At):
			oldest = name
		}
	}
	if len(r.answers) >= maxReplays && oldest != "" {
		r.forget(oldest)
	}
}

func (r *replays) forget(name string) {
	delete(r.answers, name)
	if r.dir == "" {
		return
	}
	if err := os.Remove(filepath.Join(r.dir, name+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("an old answer cannot be deleted", "error", err)
	}
}
