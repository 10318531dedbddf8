package jdbc

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
)

// TestConfined names a server and a file that the server's configuration does
// not allow.
func TestConfined(t *testing.T) {
	p, err := access.New(access.Config{Roots: []string{t.TempDir()}, Network: []string{"elsewhere.example:5432"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"jdbc:postgresql://127.0.0.1:5432/db", "jdbc:sqlite:" + filepath.Join(t.TempDir(), "x.db")} {
		table := connectors.Table{Options: map[string]string{optURL: source, optTable: "t"}, Access: p}
		if _, err := dialectSource(table); !errors.Is(err, access.ErrRefused) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func dialectSource(t connectors.Table) (string, error) {
	d, err := dialectOf(t.Options[optURL])
	if err != nil {
		return "", err
	}
	return d.source(t, false)
}
