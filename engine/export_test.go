package engine

import "context"

// Inspect calls f between two steps of a running query.
func (q *Query) Inspect(f func()) error {
	return q.ask(context.Background(), func(*Pipeline) error { f(); return nil })
}
