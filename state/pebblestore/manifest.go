package pebblestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Pebble takes a MANIFEST that ends early as one that a crash has torn, and then
// does not miss the tables that its lost end names: the state would have a gap.
// So after each flush the store notes how long the MANIFEST is, and its sum, in a
// file beside it. A crash leaves a MANIFEST that begins with all of that.
//
//	CEPD-MANIFEST   {"name":"MANIFEST-000001","size":414,"crc32c":1234567890}
const noteName = "CEPD-MANIFEST"

type manifestNote struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  uint32 `json:"crc32c"`
}

// maxManifest is how long a MANIFEST gets before Pebble begins another one: it is
// read after each flush.
const maxManifest = 2 << 20

// sumOf is the size and the sum of a file's first bytes; limit < 0: of all, which
// are then on the disk.
func sumOf(path string, limit int64) (size int64, sum uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	var r io.Reader = f
	if limit >= 0 {
		r = io.LimitReader(f, limit)
	}
	size, err = io.Copy(h, r)
	if err == nil && limit < 0 { // what is noted must not be lost: another edit may be on its way to the disk
		err = f.Sync()
	}
	return size, h.Sum32(), err
}

// currentManifest is the MANIFEST that the marker in dir names; "" when there is
// no database.
func currentManifest(dir string) (string, error) {
	markers, err := filepath.Glob(filepath.Join(dir, "marker.manifest.*.MANIFEST-*"))
	if err != nil || len(markers) == 0 {
		return "", err
	}
	base := markers[len(markers)-1] // their numbers have six digits
	return base[strings.LastIndex(base, ".")+1:], nil
}

// note writes how long the MANIFEST is. It is for the next opening; when it
// cannot be written, that one knows less.
func note(dir string) {
	name, err := currentManifest(dir)
	if err != nil || name == "" {
		return
	}
	size, sum, err := sumOf(filepath.Join(dir, name), -1)
	if err != nil {
		return
	}
	text, err := json.Marshal(manifestNote{name, size, sum})
	if err != nil {
		return
	}
	file := filepath.Join(dir, noteName)
	if os.WriteFile(file+".new", text, 0o600) == nil {
		_ = os.Rename(file+".new", file)
	}
}

// checkManifest compares the MANIFEST with what was noted of it.
func checkManifest(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, noteName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var n manifestNote
	if !json.Valid(text) { // the note itself was torn: it says nothing
		return nil
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	name, err := currentManifest(dir)
	if err != nil || name > n.Name {
		return err
	}
	size, sum, err := sumOf(filepath.Join(dir, n.Name), n.Size)
	switch {
	case err != nil:
		return fmt.Errorf("corrupt: %w", err)
	case name != n.Name:
		return fmt.Errorf("corrupt: %s was in use, now it is %q", n.Name, name)
	case size < n.Size:
		return fmt.Errorf("corrupt: %s has %d bytes, and had %d", n.Name, size, n.Size)
	case sum != n.Sum:
		return fmt.Errorf("corrupt: the first %d bytes of %s are not what was written", n.Size, n.Name)
	}
	return nil
}

// listener hears what Pebble does in the background. Reads that meet damage fail
// by themselves; without a listener Pebble would end the process.
func listener(noted string) *pebble.EventListener {
	l := &pebble.EventListener{
		BackgroundError: func(error) {},
		DataCorruption:  func(pebble.DataCorruptionInfo) {},
	}
	if noted != "" {
		l.FlushEnd = func(pebble.FlushInfo) { note(noted) }
	}
	return l
}
