// Package backup keeps copies of data directories in a folder or an S3 bucket.
//
//	cepd-backup.json     says what this is
//	objects/ab/abcd…     a file, under the SHA-256 of its content: once, however many backups have it
//	backups/ID.json      a backup: the names, sizes and sums of its files; there when all its objects are
//	lock.json            who is writing, and when it was last heard of
//
// What was written is never changed, but for the lock. A process that dies in
// between leaves objects that the next prune sweeps.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/clock"
)

// Version is that of the layout. Repositories of a newer one are refused.
const Version = 1

const (
	markerName = "cepd-backup.json"
	lockName   = "lock.json"
	objects    = "objects/"
	manifests  = "backups/"
)

// Backup is a copy of a data directory.
type Backup struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	Cepd     string    `json:"cepd"` // version of the program
	Queries  []string  `json:"queries" doc:"That have state in it"`
	Files    []File    `json:"files"`
	Bytes    int64     `json:"bytes" doc:"Of all files"`
	NewBytes int64     `json:"new_bytes" doc:"Of those that no earlier backup had"`
}

// File is a file of a data directory.
type File struct {
	Path string `json:"path"` // with slashes, from the directory
	Size int64  `json:"size"`
	Sum  string `json:"sha256"`
}

func (f *File) object() string { return objects + f.Sum[:2] + "/" + f.Sum }

// store is where a repository lies. Names have slashes. What is not there is
// fs.ErrNotExist, what putNew finds there fs.ErrExist.
type store interface {
	get(ctx context.Context, name string) (io.ReadCloser, error)
	put(ctx context.Context, name string, content io.ReadSeeker, size int64) error
	// putNew is put, but changes nothing that is there.
	putNew(ctx context.Context, name string, content []byte) error
	list(ctx context.Context, prefix string, fn func(name string) error) error
	remove(ctx context.Context, name string) error
}

// Repository is backups in one place.
type Repository struct {
	url   string
	store store
	clock clock.Clock
}

// Open finds the repository at a URL: file:///folder or s3://bucket/prefix. It
// need not be there yet.
func Open(ctx context.Context, url string, c clock.Clock) (*Repository, error) {
	s, err := openStore(url)
	if err != nil {
		return nil, err
	}
	r := &Repository{url: url, store: s, clock: c}
	var m marker
	err = r.getJSON(ctx, markerName, &m)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, nil
	case err != nil:
		return nil, err
	case m.Version > Version:
		return nil, fmt.Errorf("%s was written by a newer cepd (backup version %d, this one reads up to version %d): use that one or a later one", url, m.Version, Version)
	}
	return r, nil
}

func openStore(url string) (store, error) {
	scheme, rest, ok := strings.Cut(url, "://")
	switch {
	case ok && scheme == "file" && path.IsAbs(rest):
		return folder(path.Clean(rest)), nil
	case ok && scheme == "s3":
		return openS3(url)
	}
	return nil, fmt.Errorf("%q is no place for backups: write file:///folder or s3://bucket/prefix", url)
}

// marker is the content of markerName.
type marker struct {
	What    string `json:"what"`
	Version int    `json:"version"`
}

func (r *Repository) begin(ctx context.Context) error {
	text, _ := json.Marshal(marker{"backups of cepd", Version}) // a text and a number
	err := r.store.putNew(ctx, markerName, text)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func (r *Repository) getJSON(ctx context.Context, name string, v any) error {
	text, err := r.read(ctx, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return r.damaged(name, err.Error())
	}
	return nil
}

// maxText bounds a manifest.
const maxText = 256 << 20

func (r *Repository) read(ctx context.Context, name string) ([]byte, error) {
	f, err := r.store.get(ctx, name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText))
	return text, errors.Join(err, f.Close())
}

// ErrDamaged says that a backup is not what was written.
var ErrDamaged = errors.New("damaged")

func (r *Repository) damaged(name, why string) error {
	return fmt.Errorf("%s/%s is %w: %s; restore another backup (cepd backup list)", strings.TrimSuffix(r.url, "/"), name, ErrDamaged, why)
}

// sealed is a manifest with the sum of its text.
type sealed struct {
	Sum    string          `json:"sha256"`
	Backup json.RawMessage `json:"backup"`
}

func seal(b *Backup) ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	return json.Marshal(sealed{hexSum(text), text})
}

func hexSum(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// Get reads what a backup has.
func (r *Repository) Get(ctx context.Context, id string) (*Backup, error) {
	var s sealed
	name := manifests + id + ".json"
	err := r.getJSON(ctx, name, &s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no backup %q in %s; see cepd backup list", id, r.url)
	}
	if err != nil {
		return nil, err
	}
	b := &Backup{}
	if hexSum(s.Backup) != s.Sum || json.Unmarshal(s.Backup, b) != nil || b.ID != id {
		return nil, r.damaged(name, "its sum is another one")
	}
	for i := range b.Files {
		if f := &b.Files[i]; !goodSum.MatchString(f.Sum) || !fs.ValidPath(f.Path) {
			return nil, r.damaged(name, fmt.Sprintf("it names a file %q", f.Path))
		}
	}
	return b, nil
}

var goodSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// IDs lists the backups, the oldest first.
func (r *Repository) IDs(ctx context.Context) (ids []string, err error) {
	err = r.store.list(ctx, manifests, func(name string) error {
		if id, ok := strings.CutSuffix(strings.TrimPrefix(name, manifests), ".json"); ok {
			ids = append(ids, id)
		}
		return nil
	})
	slices.Sort(ids)
	return ids, err
}

// List reads all backups, the oldest first; those that cannot be read are in
// broken.
func (r *Repository) List(ctx context.Context) (list []*Backup, broken []error, err error) {
	ids, err := r.IDs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		b, err := r.Get(ctx, id)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		list = append(list, b)
	}
	return list, broken, nil
}

// Latest is the id of the newest backup.
func (r *Repository) Latest(ctx context.Context) (string, error) {
	ids, err := r.IDs(ctx)
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("there is no backup in %s", r.url)
	}
	if err != nil {
		return "", err
	}
	return ids[len(ids)-1], nil
}

func (r *Repository) putText(ctx context.Context, name string, text []byte) error {
	return r.store.put(ctx, name, bytes.NewReader(text), int64(len(text)))
}
