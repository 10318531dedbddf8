package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/s3"
)

// object is a file of the table, as it was listed.
type object struct {
	Name     string `json:"name"` // below the path, with slashes
	Size     int64  `json:"size"` // bytes
	Modified int64  `json:"modified"`
	ETag     string `json:"etag,omitempty"` // of a bucket
}

// same says whether nothing has changed.
func (o *object) same(x *object) bool {
	return o.Size == x.Size && o.Modified == x.Modified && o.ETag == x.ETag
}

// hiddenName says whether readers of tables pass over a file or folder. A folder of
// a column whose name begins with an underscore is none of them.
func hiddenName(name string) bool {
	return name == "" || name[0] == '.' || name[0] == '_' && !strings.Contains(name, "=")
}

// visible says whether no part of a name is hidden.
func visible(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if hiddenName(part) {
			return false
		}
	}
	return true
}

// files is a folder, or a bucket's prefix, that is read.
type files interface {
	// list calls fn with the files that are not hidden.
	list(ctx context.Context, fn func(object) error) error
	// full is the whole name of a file.
	full(name string) string
	// open opens a file, if it still is the one that was listed; else errChanged,
	// fs.ErrNotExist.
	open(ctx context.Context, o *object) (content, error)
	close() error
}

// errChanged is of a file that is not the one that was listed.
var errChanged = s3.ErrChanged

// openFiles opens what a table's path leads to.
func openFiles(c *config, log *slog.Logger) (files, error) {
	if c.remote() {
		b, err := openBucket(c)
		if err != nil {
			return nil, err
		}
		return &bucketFiles{objects: b.objects, idle: b.idle, path: strings.TrimSuffix(c.path, "/"), log: log}, nil
	}
	return openFolderFiles(c.access, c.path)
}

// folderFiles is a folder, or a single file in it.
type folderFiles struct {
	root *os.Root
	path string
	only string // ""; or the file
}

func openFolderFiles(p *access.Policy, path string) (*folderFiles, error) {
	info, err := p.Stat(path)
	if err != nil {
		return nil, err
	}
	f := &folderFiles{path: path}
	if !info.IsDir() {
		f.path, f.only = filepath.Split(path)
	}
	f.root, err = p.Folder(f.path)
	return f, err
}

func (d *folderFiles) close() error { return d.root.Close() }

func (d *folderFiles) full(name string) string {
	return filepath.Join(d.path, filepath.FromSlash(name))
}

func (d *folderFiles) list(ctx context.Context, fn func(object) error) error {
	if d.only != "" {
		info, err := d.root.Stat(d.only)
		if err != nil {
			return err
		}
		return fn(listed(d.only, info))
	}
	return fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".":
			return nil // it was there a moment ago
		case err != nil:
			return fmt.Errorf("%s: %w", d.path, err)
		case ctx.Err() != nil:
			return ctx.Err()
		case name == ".":
			return nil
		case hiddenName(path.Base(name)) && e.IsDir():
			return fs.SkipDir
		case hiddenName(path.Base(name)) || e.IsDir():
			return nil
		}
		info, err := d.root.Stat(name) // where a link leads, if that is inside
		if err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // it is gone, or leads outside
		}
		return fn(listed(name, info))
	})
}

func listed(name string, info fs.FileInfo) object {
	return object{Name: name, Size: info.Size(), Modified: info.ModTime().UnixMicro()}
}

func (d *folderFiles) open(_ context.Context, o *object) (content, error) {
	f, err := d.root.Open(filepath.FromSlash(o.Name))
	if err != nil {
		return nil, err
	}
	l := &localContent{File: f, listed: o}
	if err := l.unchanged(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// bucketFiles is a bucket's prefix.
type bucketFiles struct {
	objects *s3.Bucket
	idle    func()
	path    string
	log     *slog.Logger
}

func (b *bucketFiles) close() error {
	b.idle()
	return nil
}

func (b *bucketFiles) full(name string) string { return b.path + "/" + name }

func (b *bucketFiles) list(ctx context.Context, fn func(object) error) error {
	return b.objects.Objects(ctx, "", func(o s3.Object) error {
		if !visible(o.Name) { // also what ends with a slash: it stands for a folder
			return nil
		}
		return fn(object{o.Name, o.Size, o.Modified.UnixMicro(), o.ETag})
	})
}

// matching are those files whose whole names a pattern matches; nil: all.
func matching(f files, pattern *regexp.Regexp, fn func(object) error) func(object) error {
	if pattern == nil {
		return fn
	}
	return func(o object) error {
		if !pattern.MatchString(f.full(o.Name)) {
			return nil
		}
		return fn(o)
	}
}
