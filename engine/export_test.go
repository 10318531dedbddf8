package engine

import "context"

// FormatVersion is for tests that keep states of each version.
const FormatVersion = formatVersion

// Inspect calls f between two steps of a running query.
func (q *Query) Inspect(f func()) error {
	return q.ask(context.Background(), func(*Pipeline) error { f(); return nil })
}

// TurnsWaited is how many queries wait for their turn.
func (e *Engine) TurnsWaited() int {
	e.turns.mu.Lock()
	defer e.turns.mu.Unlock()
	return len(e.turns.waiting)
}
