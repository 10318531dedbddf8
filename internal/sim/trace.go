package sim

import (
	"bytes"
	"fmt"

	"github.com/zeebo/xxh3"
)

// trace is what a run did: always its hash, its text when that is wanted.
type trace struct {
	hash xxh3.Hasher
	keep bool
	text bytes.Buffer
	line []byte
}

func (t *trace) turn(s *scheduler, k *task) {
	t.add("%6d %9d µs process %d %s: %s", s.turn, s.now, k.proc.id, k.name, k.op)
}

func (t *trace) add(format string, args ...any) {
	t.line = append(fmt.Appendf(t.line[:0], format, args...), '\n')
	_, _ = t.hash.Write(t.line) // never fails
	if t.keep {
		t.text.Write(t.line)
	}
}
