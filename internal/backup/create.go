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
)

// Source is what is backed up: files that do not change meanwhile.
type Source struct {
	Dir     string
	Cepd    string
	Queries []string
	// Progress is told how much has been looked at; nil: nobody is.
	Progress func(done, total int64)
}

// Create adds a backup. Files that the repository has are not copied again.
func (r *Repository) Create(ctx context.Context, src Source) (b *Backup, err error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	l, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.release(ctx)) }()
	known, err := r.known(ctx)
	if err != nil {
		return nil, err
	}
	b = &Backup{Created: r.now(), Cepd: src.Cepd, Queries: src.Queries}
	b.ID = b.Created.Format("20060102T150405.000Z")
	if err := b.walk(src.Dir); err != nil {
		return nil, err
	}
	var done int64
	for i := range b.Files {
		f := &b.Files[i]
		if err := errors.Join(ctx.Err(), l.renew(ctx)); err != nil {
			return nil, err
		}
		if err := r.keep(ctx, src.Dir, f, known, b); err != nil {
			return nil, fmt.Errorf("back up %s: %w", f.Path, err)
		}
		if done += f.Size; src.Progress != nil {
			src.Progress(done, b.Bytes)
		}
	}
	text, err := seal(b)
	if err == nil {
		err = l.held(ctx)
	}
	if err == nil {
		err = r.store.putNew(ctx, manifests+b.ID+".json", text)
	}
	return b, err
}

// known are the objects that are there.
func (r *Repository) known(ctx context.Context) (map[string]bool, error) {
	known := map[string]bool{}
	err := r.store.list(ctx, objects, func(name string) error {
		known[name] = true
		return nil
	})
	return known, err
}

// walk lists the files of a directory.
func (b *Backup) walk(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		b.Files = append(b.Files, File{Path: filepath.ToSlash(rel), Size: info.Size()})
		b.Bytes += info.Size()
		return err
	})
}

// keep sums a file up and copies it if it is new.
func (r *Repository) keep(ctx context.Context, dir string, f *File, known map[string]bool, b *Backup) error {
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("it had %d bytes and now has %d", f.Size, n)
	}
	if f.Sum = hex.EncodeToString(h.Sum(nil)); known[f.object()] || f.Size == 0 { // nothing needs no object
		return nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	known[f.object()], b.NewBytes = true, b.NewBytes+f.Size
	return r.store.put(ctx, f.object(), file, f.Size)
}
