package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Restore makes dir the data directory that a backup has. It must not exist, or
// be empty; it is there when all of it is there, checked and synced.
func (r *Repository) Restore(ctx context.Context, id, dir string, progress func(done, total int64)) (*Backup, error) {
	b, err := r.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := vacant(dir); err != nil {
		return nil, err
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".restoring-")
	if err != nil {
		return nil, err
	}
	if err = r.fetchAll(ctx, b, part, progress); err == nil {
		if err = os.Remove(dir); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(part, dir)
	}
	if err == nil {
		err = syncDir(filepath.Dir(dir))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(part))
	}
	return b, nil
}

func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty: restore into a new directory, and move it there when the old one has been put aside", dir)
	}
	return err
}

func (r *Repository) fetchAll(ctx context.Context, b *Backup, dir string, progress func(done, total int64)) error {
	var done int64
	for i := range b.Files {
		f := &b.Files[i]
		if err := r.fetch(ctx, f, filepath.Join(dir, filepath.FromSlash(f.Path))); err != nil {
			return fmt.Errorf("restore %s: %w", f.Path, err)
		}
		if done += f.Size; progress != nil {
			progress(done, b.Bytes)
		}
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(name)
	})
}

func (r *Repository) fetch(ctx context.Context, f *File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = r.check(ctx, f, out)
	return errors.Join(err, out.Sync(), out.Close())
}

// check reads an object to out and compares its sum.
func (r *Repository) check(ctx context.Context, f *File, out io.Writer) error {
	if f.Size == 0 {
		return nil
	}
	in, err := r.store.get(ctx, f.object())
	if errors.Is(err, fs.ErrNotExist) {
		return r.damaged(f.object(), "it is gone")
	}
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), in)
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.Sum {
		return r.damaged(f.object(), fmt.Sprintf("of %s, it has %d bytes and another sum", f.Path, n))
	}
	return nil
}

// Verify reads every file of a backup and compares sizes and sums; all that is
// wrong is told.
func (r *Repository) Verify(ctx context.Context, id string) (*Backup, error) {
	b, err := r.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range b.Files {
		errs = append(errs, r.check(ctx, &b.Files[i], io.Discard))
		if ctx.Err() != nil {
			break
		}
	}
	return b, errors.Join(errs...)
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Pruned is what a prune has done.
type Pruned struct {
	Backups []string `json:"backups"` // deleted
	Objects int      `json:"objects"` // swept
}

// Prune deletes all but the newest backups, then the objects that none of the
// others has. A backup that cannot be read keeps everything from being swept.
func (r *Repository) Prune(ctx context.Context, keep int) (p *Pruned, err error) {
	if keep < 1 {
		return nil, errors.New("keep at least one backup")
	}
	l, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.release(ctx)) }()
	ids, err := r.IDs(ctx)
	if err != nil {
		return nil, err
	}
	cut := max(0, len(ids)-keep)
	used := map[string]bool{}
	for _, id := range ids[cut:] {
		b, err := r.Get(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("nothing is pruned: %w", err)
		}
		for i := range b.Files {
			used[b.Files[i].object()] = true
		}
	}
	p = &Pruned{Backups: ids[:cut]}
	if err := l.held(ctx); err != nil {
		return nil, err
	}
	for _, id := range p.Backups {
		if err := r.store.remove(ctx, manifests+id+".json"); err != nil {
			return p, err
		}
	}
	return p, r.sweep(ctx, l, used, p)
}

func (r *Repository) sweep(ctx context.Context, l *lock, used map[string]bool, p *Pruned) error {
	var old []string
	err := r.store.list(ctx, objects, func(name string) error {
		if !used[name] && !strings.HasSuffix(name, "/") {
			old = append(old, name)
		}
		return nil
	})
	for _, name := range old {
		if err == nil {
			err = l.renew(ctx)
		}
		if err == nil {
			err = r.store.remove(ctx, name)
		}
		if err != nil {
			return err
		}
		p.Objects++
	}
	return err
}
