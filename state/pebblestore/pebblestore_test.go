package pebblestore_test

import (
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/state/pebblestore"
)

// held is a directory that another process has locked.
type held struct{ vfs.FS }

func (held) Lock(string) (io.Closer, error) { return nil, syscall.EAGAIN }

func TestDirectoryInUse(t *testing.T) {
	_, err := pebblestore.Open("db", pebblestore.Options{FS: held{vfs.NewMem()}})
	if err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("%v", err)
	}
}
