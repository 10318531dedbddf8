package engine

import "testing"

// Offsets that a source which cannot replay has skipped are skipped again: the
// journal has no records for them.
func TestReplayOfSkippedOffsets(t *testing.T) {
	u := &unit{src: &source{}, position: 4, from: 4}
	p := part{count: 3}
	u.takeAgain(&p)
	if u.err != nil || u.position != 7 || p.count >= 0 {
		t.Errorf("position %d, count %d, %v", u.position, p.count, u.err)
	}
}
