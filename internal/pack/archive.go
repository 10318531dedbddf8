package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// The limits of a pack: more is no pack, or a bomb.
const (
	MaxBytes = 16 << 20
	MaxFiles = 1000
)

// sumsName is the file of an archive with the hash of each file.
const sumsName = "SHA256SUMS"

// Files are the files of a pack by path.
type Files map[string][]byte

// ReadFiles reads the files under a folder, but those whose names begin with a dot.
func ReadFiles(pack fs.FS) (Files, error) {
	files, total := Files{}, 0
	err := fs.WalkDir(pack, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(path.Base(name), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || name == sumsName:
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no regular file", name)
		}
		files[name], err = fs.ReadFile(pack, name)
		if total += len(files[name]); total > MaxBytes || len(files) > MaxFiles {
			return fmt.Errorf("a pack has at most %d files and %d MiB", MaxFiles, MaxBytes>>20)
		}
		return err
	})
	return files, err
}

// sums is the hash of each file, a line each, as sha256sum writes it.
func (f Files) sums() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		h := sha256.Sum256(f[name])
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(h[:]), name)
	}
	return b.String()
}

// Hash is the hash of all files and their names: the same for a folder and its archive.
func (f Files) Hash() string {
	h := sha256.Sum256([]byte(f.sums()))
	return "sha256:" + hex.EncodeToString(h[:])
}

// WriteArchive writes a tar.gz: the same files give the same bytes.
func (f Files) WriteArchive(w io.Writer) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	write := func(name string, content []byte) error {
		err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatPAX})
		if err == nil {
			_, err = t.Write(content)
		}
		return err
	}
	if err := write(sumsName, []byte(f.sums())); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := write(name, f[name]); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// ReadArchive reads an archive and compares its files with its hashes.
func ReadArchive(r io.Reader) (Files, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("this is no archive of a pack: %w", err)
	}
	t := tar.NewReader(io.LimitReader(z, 2*MaxBytes))
	files, sums, total := Files{}, "", int64(0)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("this is no archive of a pack: %w", err)
		}
		if total += h.Size; total > MaxBytes || len(files) > MaxFiles {
			return nil, fmt.Errorf("a pack has at most %d files and %d MiB", MaxFiles, MaxBytes>>20)
		}
		if h.Typeflag != tar.TypeReg || !fs.ValidPath(h.Name) || strings.ContainsAny(h.Name, `\:`) {
			return nil, fmt.Errorf("the archive has %q, which is no file of a pack", h.Name)
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, t); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		if h.Name == sumsName {
			sums = b.String()
		} else {
			files[h.Name] = b.Bytes()
		}
	}
	if sums != files.sums() {
		return nil, errors.New("the archive is damaged: its files do not have the hashes in " + sumsName)
	}
	return files, nil
}
