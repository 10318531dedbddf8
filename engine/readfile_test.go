package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/access"
)

// TestStatementFilesAreConfined: a statement names no file outside of what the
// server allows.
func TestStatementFilesAreConfined(t *testing.T) {
	inside, outside := t.TempDir(), t.TempDir()
	for _, dir := range []string{inside, outside} {
		if err := os.WriteFile(filepath.Join(dir, "f.wasm"), []byte("code"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := access.New(access.Config{Roots: []string{inside}})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, enginetest.NewWorld(), func(o *engine.Options) { o.Access, o.Dir = p, inside })
	if text, err := e.ReadFile("f.wasm"); err != nil || string(text) != "code" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := e.ReadFile(filepath.Join(outside, "f.wasm")); !errors.Is(err, access.ErrRefused) {
		t.Errorf("outside: %v", err)
	}
}
