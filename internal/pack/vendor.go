package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"
)

// LockName is the file that says which packs a folder has.
const LockName = "packs.lock"

// Locked is a pack as it was imported.
type Locked struct {
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
	Source  string `yaml:"source"`
	Hash    string `yaml:"hash"`
}

// ReadLock reads the lock of a folder; where there is none, it has no packs.
func ReadLock(dir string) (list []Locked, err error) {
	text, err := os.ReadFile(filepath.Join(dir, LockName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = yaml.Unmarshal(text, &list)
	}
	return list, err
}

func writeLock(dir string, list []Locked) error {
	slices.SortFunc(list, func(a, b Locked) int { return strings.Compare(a.Name, b.Name) })
	text, err := yaml.Marshal(list)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, LockName), append([]byte("# Written by cepd pack import.\n"), text...))
}

func replaceFile(name string, content []byte) error {
	if err := os.WriteFile(name+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// Fetch reads a pack from a folder, an archive, or an https URL of one.
func Fetch(ctx context.Context, client *http.Client, from string) (Files, error) {
	if strings.Contains(from, "://") {
		return download(ctx, client, from)
	}
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return ReadFiles(os.DirFS(from))
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadArchive(f)
}

func download(ctx context.Context, client *http.Client, from string) (Files, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s: a pack comes over https, not %s", from, req.URL.Scheme)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", from, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBytes))
	if err != nil {
		return nil, err
	}
	return ReadArchive(bytes.NewReader(body))
}

// Plan is an import that has not been done yet.
type Plan struct {
	New     *Manifest
	Changes []string // against the pack that is there; none: it is new, or the same
	Upgrade bool     // another one is there
	dir     string
	locked  Locked
	files   Files
}

// Prepare compares a pack with what is under a folder. The error says what forbids it:
// the pack there has been changed, or is newer.
func Prepare(dir, source string, files Files) (*Plan, error) {
	m, err := Read(files)
	if err != nil {
		return nil, err
	}
	p := &Plan{New: m, dir: dir, files: files, locked: Locked{m.Name, m.Version, source, files.Hash()}}
	list, err := ReadLock(dir)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(l Locked) bool { return l.Name == m.Name })
	if at < 0 {
		if _, err := os.Stat(filepath.Join(dir, m.Name)); err == nil {
			return nil, fmt.Errorf("%s is there, and no pack of %s", filepath.Join(dir, m.Name), LockName)
		}
		return p, nil
	}
	there, err := verify(dir, list[at])
	if err != nil {
		return nil, err
	}
	old, err := Read(there)
	if err != nil {
		return nil, err
	}
	if list[at].Hash == p.locked.Hash {
		return p, nil
	}
	p.Upgrade, p.Changes = true, Diff(old, there, m, files)
	return p, notBackward(old, m)
}

func notBackward(old, m *Manifest) error {
	from, err1 := semver.NewVersion(old.Version)
	to, err2 := semver.NewVersion(m.Version)
	switch {
	case err1 != nil || err2 != nil:
		return errors.Join(err1, err2)
	case to.LessThan(from):
		return fmt.Errorf("pack %s %s is there; %s is older", m.Name, old.Version, m.Version)
	case to.Equal(from):
		return fmt.Errorf("pack %s %s is there with other files: a version is one content", m.Name, m.Version)
	}
	return nil
}

// verify reads an imported pack, which must be as it was imported.
func verify(dir string, l Locked) (Files, error) {
	files, err := ReadFiles(os.DirFS(filepath.Join(dir, l.Name)))
	if err != nil {
		return nil, err
	}
	if files.Hash() != l.Hash {
		return nil, fmt.Errorf("pack %s has been changed in %s: move the changes elsewhere, or delete the folder and its entry in %s", l.Name, dir, LockName)
	}
	return files, nil
}

// Verify checks that the packs of a folder are as they were imported.
func Verify(dir string) error {
	list, err := ReadLock(dir)
	errs := []error{err}
	for _, l := range list {
		_, err := verify(dir, l)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Apply puts the pack into its folder, in place of one that is there, and into the lock.
func (p *Plan) Apply() error {
	to := filepath.Join(p.dir, p.New.Name)
	next := to + ".new"
	if err := errors.Join(os.RemoveAll(next), p.files.write(next)); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(to), os.Rename(next, to)); err != nil {
		return err
	}
	list, err := ReadLock(p.dir)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(l Locked) bool { return l.Name == p.New.Name })
	return writeLock(p.dir, append(list, p.locked))
}

func (f Files) write(dir string) error {
	for name, content := range f {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
