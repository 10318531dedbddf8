package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
)

// warnings counts what the connector of a table warns of – a connection that is
// lost, a request that fails and is sent again – and keeps the last, for the
// status. It is a slog.Handler beside the one that writes the log.
type warnings struct {
	mu    sync.Mutex
	count int64
	at    time.Time
	last  string
}

// WarningStatus is what a connector has warned of since the query started.
type WarningStatus struct {
	Count int64  `json:"count"`
	Last  string `json:"last"`
	At    string `json:"at"` // when the last one was
}

// longestWarning is how many bytes of a warning are kept.
const longestWarning = 500

// watchWarnings has the table's connector heard.
func (b *opener) watchWarnings(t *connectors.Table) *warnings {
	w := &warnings{}
	t.Log = slog.New(slog.NewMultiHandler(t.Log.Handler(), b.options.Access.LogHandler(w)))
	return w
}

// Enabled implements slog.Handler.
func (w *warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// WithAttrs implements slog.Handler: query and table are known.
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup implements slog.Handler.
func (w *warnings) WithGroup(string) slog.Handler { return w }

// Handle implements slog.Handler.
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&text, " %s=%v", a.Key, a.Value)
		return true
	})
	last := text.String()
	if len(last) > longestWarning {
		last = strings.ToValidUTF8(last[:longestWarning], "") + "…"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count, w.at, w.last = w.count+1, r.Time, last
	return nil
}

// status is nil where there was no warning.
func (w *warnings) status() *WarningStatus {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == 0 {
		return nil
	}
	return &WarningStatus{Count: w.count, Last: w.last, At: w.at.UTC().Format(time.RFC3339Nano)}
}
