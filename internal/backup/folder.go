package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// folder is a repository in a directory: a disk of its own, or one that the
// network has. Statements may hold passwords, so only the owner may read it.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func (d folder) get(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(d.path(name))
}

func (d folder) put(_ context.Context, name string, content io.ReadSeeker, _ int64) error {
	return d.write(name, content, os.Rename)
}

func (d folder) putNew(_ context.Context, name string, content []byte) error {
	return d.write(name, bytes.NewReader(content), os.Link) // unlike a rename, a link replaces nothing
}

// write writes aside, syncs, and gives the file its name.
func (d folder) write(name string, content io.Reader, place func(from, to string) error) error {
	to := d.path(name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), temporary+"*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = place(f.Name(), to)
	}
	if gone := os.Remove(f.Name()); err == nil && !errors.Is(gone, fs.ErrNotExist) {
		err = gone
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// temporary begins the names of files that are being written; what a crash
// leaves of them is listed, and so swept.
const temporary = ".new-"

func (d folder) list(_ context.Context, prefix string, fn func(name string) error) error {
	err := filepath.WalkDir(d.path(prefix), func(file string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(string(d), file)
		if err != nil {
			return err
		}
		if prefix == manifests && strings.HasPrefix(e.Name(), temporary) {
			return nil
		}
		return fn(filepath.ToSlash(rel))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (d folder) remove(_ context.Context, name string) error { return os.Remove(d.path(name)) }
