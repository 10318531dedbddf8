package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxSmallFile is how long a file may be that is read as a whole: keys,
// schemas, secrets.
const maxSmallFile = 8 << 20

// OpenFile opens a file as os.OpenFile does, if it is below one of the roots.
func (p *Policy) OpenFile(path string, flag int, perm fs.FileMode) (*os.File, error) {
	if !p.Confined() {
		return os.OpenFile(path, flag, perm)
	}
	var f *os.File
	err := within(p.roots, "files.roots", path, func(r *os.Root, rel string) (err error) {
		f, err = r.OpenFile(rel, flag, perm)
		return err
	})
	return f, err
}

// Open opens a file for reading.
func (p *Policy) Open(path string) (*os.File, error) { return p.OpenFile(path, os.O_RDONLY, 0) }

// Root opens a folder, made if it is not there; what is reached through it stays
// inside.
func (p *Policy) Root(path string) (*os.Root, error) {
	if !p.Confined() {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
		return os.OpenRoot(path)
	}
	var folder *os.Root
	err := within(p.roots, "files.roots", path, func(r *os.Root, rel string) (err error) {
		if err = r.MkdirAll(rel, 0o755); err == nil {
			folder, err = r.OpenRoot(rel)
		}
		return err
	})
	return folder, err
}

// Folder is as Root, but makes nothing.
func (p *Policy) Folder(path string) (*os.Root, error) {
	if !p.Confined() {
		return os.OpenRoot(path)
	}
	var folder *os.Root
	err := within(p.roots, "files.roots", path, func(r *os.Root, rel string) (err error) {
		folder, err = r.OpenRoot(rel)
		return err
	})
	return folder, err
}

// Stat is what path leads to.
func (p *Policy) Stat(path string) (fs.FileInfo, error) {
	if !p.Confined() {
		return os.Stat(path)
	}
	var info fs.FileInfo
	err := within(p.roots, "files.roots", path, func(r *os.Root, rel string) (err error) {
		info, err = r.Stat(rel)
		return err
	})
	return info, err
}

// Glob lists the files of a pattern, as filepath.Glob does.
func (p *Policy) Glob(pattern string) ([]string, error) {
	if !p.Confined() {
		return filepath.Glob(pattern)
	}
	var names []string
	err := within(p.roots, "files.roots", pattern, func(r *os.Root, rel string) error {
		found, err := fs.Glob(r.FS(), filepath.ToSlash(rel))
		for _, name := range found {
			names = append(names, filepath.Join(r.Name(), filepath.FromSlash(name)))
		}
		return err
	})
	return names, err
}

// ReadFile reads a file as a whole; it is below one of the roots.
func (p *Policy) ReadFile(path string) ([]byte, error) {
	f, err := p.Open(path)
	if err != nil {
		return nil, err
	}
	return readSmall(f)
}

// ReadKey reads a certificate, a key or a token; it is below one of the roots,
// or of the folders for secrets.
func (p *Policy) ReadKey(path string) ([]byte, error) {
	if !p.Confined() {
		return p.ReadFile(path)
	}
	var f *os.File
	err := within(append(p.dirs[:len(p.dirs):len(p.dirs)], p.roots...), "secrets.dirs", path, func(r *os.Root, rel string) (err error) {
		f, err = r.Open(rel)
		return err
	})
	if err != nil {
		return nil, err
	}
	return readSmall(f)
}

func readSmall(f *os.File) ([]byte, error) {
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSmallFile+1))
	if err == nil && len(text) > maxSmallFile {
		err = fmt.Errorf("%s has more than %d bytes", f.Name(), maxSmallFile)
	}
	return text, err
}

// within calls do with the root that path is below, and the rest of the path. A
// link that leads out of the root is not followed.
func within(roots []string, setting, path string, do func(*os.Root, string) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, dir := range roots {
		rel, err := filepath.Rel(dir, path)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", setting, err)
		}
		defer root.Close()
		return escape(setting, path, do(root, rel))
	}
	return refusal(setting, "%s is outside of the folders for it", path)
}

// escape turns os.Root's refusal of a link into one that names the setting.
func escape(setting, path string, err error) error {
	var e *fs.PathError
	if errors.As(err, &e) && strings.Contains(e.Err.Error(), "escapes") {
		return refusal(setting, "%s leads out of the folders for it", path)
	}
	return err
}
