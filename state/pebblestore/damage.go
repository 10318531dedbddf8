package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cepd/cepd/state"
)

// damaged adds to an error of damage which file it is and what to do; others
// stay as they are.
func damaged(err error, dir string) error {
	if err == nil || !isDamage(err) {
		return err
	}
	return &state.DamageError{Dir: dir, File: damagedFile(err, dir), Err: err}
}

// isDamage says whether the disk holds something else than what was written.
// Pebble marks what fails a checksum; a table that is gone, or a MANIFEST or
// OPTIONS file that makes no sense, it tells in words.
func isDamage(err error) bool {
	if pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	for _, words := range []string{"does not exist", "invalid", "mismatch", "malformed", "corrupt", "unknown", "cannot be opened", "could not open", "EOF", "out of range", "checkConsistency", "not pristine"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// damagedFile is the file that an error is about, if it says so.
func damagedFile(err error, dir string) string {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return info.Path
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Path
	}
	for _, word := range strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(" :;,()\"'", r) }) {
		base := filepath.Base(word)
		if strings.HasSuffix(base, ".sst") || strings.HasSuffix(base, ".log") || strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "OPTIONS-") {
			return filepath.Join(dir, base)
		}
	}
	return ""
}

// Verify reads everything, so that every checksum is looked at, and compares the
// order of the tables with what the database says of it.
func (s *Store) Verify() (keys int, err error) {
	if err := s.db.CheckLevels(nil); err != nil {
		return 0, damaged(fmt.Errorf("verify the state: %w", err), s.dir)
	}
	err = s.Scan(nil, nil, func(_, _ []byte) error {
		keys++
		return nil
	})
	return keys, err
}

// Checkpoint makes dir, which must not exist, a copy of the database as it is
// now. Tables are linked, not copied, where the file system can.
func (s *Store) Checkpoint(dir string) error {
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return damaged(fmt.Errorf("copy the state: %w", err), s.dir)
	}
	return nil
}
