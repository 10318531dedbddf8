package engine

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
)

func TestWarnings(t *testing.T) {
	var written strings.Builder
	policy := access.Unrestricted()
	t.Setenv("CEPD_SECRET_PASSWORD", "of the broker")
	if _, err := policy.Resolve("${env:CEPD_SECRET_PASSWORD}"); err != nil {
		t.Fatal(err)
	}
	b := &opener{options: &Options{Access: policy}}
	table := connectors.Table{Log: slog.New(slog.NewTextHandler(&written, nil)).With("table", "t")}
	w := b.watchWarnings(&table)
	if w.status() != nil || (*warnings)(nil).status() != nil {
		t.Error("a warning of nothing")
	}
	table.Log.Info("connected again")
	table.Log.With("partition", 3).Warn("connection lost, connecting again", "error", errors.New("login with of the broker refused"))
	table.Log.Error(strings.Repeat("ö", longestWarning))
	s := w.status()
	if s.Count != 2 || len(s.Last) > longestWarning+len("…") || !strings.HasSuffix(s.Last, "ö…") {
		t.Errorf("got %+v", s)
	}
	if !strings.Contains(written.String(), "connected again") || !strings.Contains(written.String(), "partition=3") {
		t.Errorf("the log has %q", written.String())
	}

	quiet := connectors.Table{Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))}
	w = b.watchWarnings(&quiet)
	quiet.Log.Warn("connection lost", "error", errors.New("login with of the broker refused"))
	if s := w.status(); s == nil || s.Last != "connection lost error=login with ${env:CEPD_SECRET_PASSWORD} refused" || s.At == "" {
		t.Errorf("of a log that is not written: %+v", s)
	}
}
