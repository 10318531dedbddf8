package filesystem

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// hidden is the folder beside the table's files. Readers of tables pass over names
// that begin with an underscore.
const hidden = "_cepd"

// partial ends the names of staged files, so that no pattern for files finds them.
const partial = ".part"

// folder is a place in a file system with atomic renames and hard links.
type folder struct {
	path  string // for messages
	root  *os.Root
	work  string // hidden/IDENTITY
	owner string // whose process it is: told in the names of what it stages
	fsync func(*os.File) error
}

func openFolder(c *config, owner string) (*folder, error) {
	root, err := c.access.Root(c.path)
	if err != nil {
		return nil, err
	}
	d := &folder{path: c.path, root: root, work: hidden + "/" + c.identity, owner: owner, fsync: c.fsync}
	if err = d.mkdir(d.work + "/staged"); err == nil {
		err = d.mkdir(d.work + "/log")
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

func (d *folder) close() error { return d.root.Close() }

// failed names the place in an error.
func (d *folder) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", d.path, err)
}

// mkdir makes a folder, durably.
func (d *folder) mkdir(dir string) error {
	if err := d.root.MkdirAll(dir, 0o755); err != nil {
		return d.failed(err)
	}
	return d.sync(ancestors(dir)...)
}

// ancestors is a folder and those around it, the innermost first.
func ancestors(dir string) (list []string) {
	for ; dir != "."; dir = path.Dir(dir) {
		list = append(list, dir)
	}
	return append(list, ".")
}

// sync makes durable what names folders have.
func (d *folder) sync(dirs ...string) error {
	for _, name := range dirs {
		dir, err := d.root.Open(name)
		if err != nil {
			return d.failed(err)
		}
		if err := errors.Join(d.fsync(dir), dir.Close()); err != nil {
			return d.failed(err)
		}
	}
	return nil
}

func (d *folder) stagedName(f *file) string { return d.work + "/staged/" + path.Base(f.Name) + partial }

func (d *folder) stage(_ context.Context, f *file) (staged, error) {
	out, err := d.root.OpenFile(d.stagedName(f), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, d.failed(err)
	}
	return &stagedFile{folder: d, file: f, out: out, Writer: bufio.NewWriterSize(out, 64<<10)}, nil
}

// stagedFile is a file under another name.
type stagedFile struct {
	folder *folder
	file   *file
	out    *os.File
	*bufio.Writer
}

func (s *stagedFile) seal(context.Context) error {
	if err := errors.Join(s.Flush(), s.folder.fsync(s.out), s.out.Close()); err != nil {
		return s.folder.failed(err)
	}
	return s.folder.sync(s.folder.work + "/staged")
}

func (s *stagedFile) abandon(ctx context.Context) error {
	_ = s.out.Close() // it is not wanted any more
	return s.folder.discard(ctx, s.file)
}

func (d *folder) discard(_ context.Context, f *file) error {
	return d.failed(d.root.Remove(d.stagedName(f)))
}

func (d *folder) publish(_ context.Context, files []file) error {
	var dirs []string
	for i := range files {
		f := &files[i]
		if err := d.root.MkdirAll(path.Dir(f.Name), 0o755); err != nil {
			return d.failed(err)
		}
		err := d.root.Rename(d.stagedName(f), f.Name)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = d.root.Stat(f.Name) // another attempt has done it
		}
		if err != nil {
			return d.failed(fmt.Errorf("publish a committed file: %w", err))
		}
		dirs = append(dirs, ancestors(path.Dir(f.Name))...)
	}
	slices.Sort(dirs)
	return d.sync(slices.Compact(dirs)...)
}

func (d *folder) sweep(_ context.Context, keep func(name string, age time.Duration) bool) error {
	dir := d.work + "/staged"
	found, err := fs.ReadDir(d.root.FS(), dir)
	if err != nil {
		return d.failed(err)
	}
	for _, e := range found {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && keep(e.Name(), time.Since(info.ModTime())) {
			continue
		}
		if err == nil {
			err = d.root.Remove(dir + "/" + e.Name())
		}
		if err != nil {
			return d.failed(err)
		}
	}
	return nil
}

// putNew writes aside, syncs, and links: unlike a rename, a link replaces nothing.
func (d *folder) putNew(_ context.Context, name string, content []byte) error {
	aside := d.work + "/staged/" + path.Base(name) + "-" + d.owner + partial
	f, err := d.root.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return d.failed(err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, d.fsync(f), f.Close()); err == nil {
		err = d.root.Link(aside, d.work+"/"+name)
	}
	if gone := d.root.Remove(aside); err == nil {
		err = gone
	}
	if err != nil {
		return d.failed(err)
	}
	return d.sync(path.Dir(d.work + "/" + name))
}

func (d *folder) get(_ context.Context, name string) ([]byte, error) {
	text, err := fs.ReadFile(d.root.FS(), d.work+"/"+name)
	return text, d.failed(err)
}

func (d *folder) list(_ context.Context, dir string) (names []string, err error) {
	found, err := fs.ReadDir(d.root.FS(), d.work+"/"+dir)
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names, d.failed(err)
}

func (d *folder) remove(_ context.Context, name string) error {
	return d.failed(d.root.Remove(d.work + "/" + name))
}
