package engine

import (
	"fmt"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
)

// alignment keeps the partitions of a group of tables close in event time: one
// that is too far ahead of the last of them is not read until the others have
// caught up, so that fewer of its rows wait for the watermark. Options and
// meaning are Flink's (FLIP-182), but that partitions, not whole tables, pause.
//
// Only live steps look at it. What was read is in the journal.
type alignment struct {
	group   string
	sources []*source
	base    event.Time // the least mark
	looked  event.Time // clock when base was made
}

// drift is how a table is aligned.
type drift struct {
	most  int64 // µs ahead of the group's least mark
	every int64 // µs of clock after which the least mark is looked for again; 0: each step
}

// align puts a table into its group; a table without one is not aligned.
func (b *opener) align(s *source, t *catalog.Table) error {
	group := t.Option(optAlignGroup, "")
	if group == "" {
		return nil
	}
	most, err := durationOption(t, optAlignDrift, 0)
	if err != nil {
		return err
	}
	every, err := durationOption(t, optAlignInterval, 0)
	if err != nil {
		return err
	}
	s.drift = drift{most.Microseconds(), every.Microseconds()}
	for _, a := range b.p.alignments {
		if a.group == group {
			s.alignment = a
		}
	}
	if s.alignment == nil {
		s.alignment = &alignment{group: group, base: event.MinTime, looked: math.MinInt64 / 2}
		b.p.alignments = append(b.p.alignments, s.alignment)
	}
	s.alignment.sources = append(s.alignment.sources, s)
	return nil
}

// checkAlignment says what is wrong with a table's options of alignment.
func checkAlignment(t *catalog.Table) (key string, err error) {
	for _, key := range []string{optAlignDrift, optAlignInterval} {
		if _, err := durationOption(t, key, 0); err != nil {
			return key, err
		}
		if t.Option(key, "") != "" && t.Option(optAlignGroup, "") == "" {
			return key, fmt.Errorf("is for tables of a group: set '%s'", optAlignGroup)
		}
	}
	switch {
	case t.Option(optAlignGroup, "") == "":
	case t.Option(optAlignDrift, "") == "":
		return optAlignGroup, fmt.Errorf("needs '%s'", optAlignDrift)
	case t.Watermark == nil:
		return optAlignGroup, fmt.Errorf("needs a WATERMARK: the table has no event time to align")
	}
	return "", nil
}

// alignSources says which partitions pause in the step.
func (p *Pipeline) alignSources(now event.Time) {
	for _, a := range p.alignments {
		every := int64(math.MaxInt64)
		for _, s := range a.sources {
			every = min(every, s.drift.every)
		}
		if now-a.looked >= every {
			a.base, a.looked = a.least(), now
		}
		for _, s := range a.sources {
			for _, u := range s.units {
				u.paused = u.mark != event.MinTime && u.mark > later(a.base, s.drift.most)
			}
		}
	}
}

// least is the least mark of the partitions that are neither idle nor at their
// end.
func (a *alignment) least() event.Time {
	t := event.MaxTime
	for _, s := range a.sources {
		for _, u := range s.units {
			if u.active() {
				t = min(t, u.mark)
			}
		}
	}
	return t
}

// later is t + d, at most MaxTime.
func later(t event.Time, d int64) event.Time {
	if t > event.MaxTime-d {
		return event.MaxTime
	}
	return t + d
}
