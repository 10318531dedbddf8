package savepoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Ext is how the names of the files end.
const Ext = ".savepoint"

// Dir is a directory with savepoints, one file each. It need not exist.
type Dir string

// Entry is a savepoint that is there.
type Entry struct {
	Header
	Size int64  `json:"size" doc:"Bytes of the file"`
	Path string `json:"-"`
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckName refuses names that are no name of a file everywhere.
func CheckName(name string) error {
	if !goodName.MatchString(name) || strings.HasSuffix(name, Ext) {
		return fmt.Errorf("%q cannot name a savepoint: use up to 100 letters, digits, '-', '_' and '.', beginning with a letter or digit", name)
	}
	return nil
}

// Path is where the savepoint of a name is.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name+Ext) }

// ErrNone says that there is no such savepoint, ErrTaken that there is one.
var (
	ErrNone  = errors.New("there is no such savepoint")
	ErrTaken = errors.New("there is a savepoint of this name already")
)

// Create writes a savepoint with write. It is there under its name when it is
// whole and synced.
func (d Dir) Create(name string, write func(w io.Writer) error) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if _, err := os.Lstat(d.Path(name)); err == nil {
		return fmt.Errorf("%q: %w", name, ErrTaken)
	}
	f, err := os.CreateTemp(string(d), ".new-*") // its owner alone may read it: statements may hold passwords
	if err != nil {
		return err
	}
	err = write(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), d.Path(name)) // unlike a rename, it replaces nothing
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%q: %w", name, ErrTaken)
	}
	return errors.Join(err, os.Remove(f.Name()), syncDir(string(d)))
}

func syncDir(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Open opens a savepoint. The caller closes the file.
func (d Dir) Open(name string) (*Reader, io.Closer, error) {
	if err := CheckName(name); err != nil {
		return nil, nil, err
	}
	return OpenFile(d.Path(name))
}

// OpenFile opens a savepoint wherever it is.
func OpenFile(path string) (*Reader, io.Closer, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: %w", path, ErrNone)
	}
	if err != nil {
		return nil, nil, err
	}
	r, err := NewReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, errors.Join(err, f.Close()))
	}
	return r, f, nil
}

// List is the savepoints, by name. Files that are none are left out; damaged
// ones are in broken.
func (d Dir) List() (list []Entry, broken []error, err error) {
	names, err := filepath.Glob(filepath.Join(string(d), "*"+Ext))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	list = []Entry{}
	for _, path := range names {
		info, err := Describe(path)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		list = append(list, info)
	}
	return list, broken, nil
}

// Describe reads the header of a file. The name is that of the file, which may
// have been changed.
func Describe(path string) (Entry, error) {
	r, f, err := OpenFile(path)
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	stat, err := os.Stat(path)
	if err != nil {
		return Entry{}, err
	}
	r.Header.Name = strings.TrimSuffix(filepath.Base(path), Ext)
	return Entry{Header: r.Header, Size: stat.Size(), Path: path}, nil
}

// VerifyFile reads a whole file and checks all its sums.
func VerifyFile(path string) (Entry, error) {
	info, err := Describe(path)
	if err != nil {
		return info, err
	}
	r, f, err := OpenFile(path)
	if err != nil {
		return info, err
	}
	defer f.Close()
	if _, err := r.Each(func(_, _ []byte) error { return nil }); err != nil {
		return info, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// Drop deletes a savepoint.
func (d Dir) Drop(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := os.Remove(d.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: %w", name, ErrNone)
	}
	return err
}
