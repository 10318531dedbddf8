package remote

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Between two attempts passes a time that doubles from least to most, a random
// part of which is left out, so that those who lost one server do not come back
// to it at once.
const (
	leastWait = 50 * time.Millisecond
	mostWait  = 5 * time.Second
)

// Wait is the waiting between attempts. The zero value is ready.
type Wait struct{ next time.Duration }

// Reset begins anew, after a success.
func (w *Wait) Reset() { w.next = 0 }

// Wait waits; it ends early with the context's error.
func (w *Wait) Wait(ctx context.Context) error {
	w.next = min(max(2*w.next, leastWait), mostWait)
	return Sleep(ctx, w.next/2+rand.N(w.next/2))
}

// Sleep waits for d or the end of the context.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// OpenBudget is how long opening a table tries to reach a server.
const OpenBudget = 30 * time.Second

// Retry repeats op until it succeeds, its error is none that passes, or the
// budget is spent. The first failure is logged.
func Retry(ctx context.Context, log *slog.Logger, budget time.Duration, passes func(error) bool, op func(context.Context) error) error {
	start, wait, told := time.Now(), Wait{}, false
	for {
		err := op(ctx)
		if err == nil || ctx.Err() != nil || !passes(err) || time.Since(start) > budget {
			return err
		}
		if !told {
			log.Warn("the server cannot be reached, trying again", "error", err)
			told = true
		}
		if wait.Wait(ctx) != nil {
			return err
		}
	}
}

// Logger is the table's, or one that writes nothing.
func Logger(log *slog.Logger, connector string) *slog.Logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return log.With("connector", connector)
}
