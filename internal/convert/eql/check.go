package eql

import (
	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// check refuses the sequences that cepd has no pattern for that finds the same.
func (w *writer) check(s *sequence) bool {
	switch {
	case len(s.items) == 1 && s.items[0].runs == 1:
		convert.Refuse(w.errs, s.items[0].span, "a sequence of one event", "EQL wants two").WithHint("write the event alone, without sequence and [ ]")
	case s.maxspan == 0:
		convert.Refuse(w.errs, s.span, "a sequence without maxspan", "it waits for its next event for ever, and a query that goes on keeps no state without a bound").
			WithHint("write sequence with maxspan=…")
	}
	w.checkKeys(s)
	for i := range s.items {
		if s.items[i].missing {
			w.checkMissing(s, i)
		}
	}
	return !w.errs.HasErrors()
}

// checkKeys wants as many keys of each event.
func (w *writer) checkKeys(s *sequence) {
	all := s.items
	if s.until != nil {
		all = append(all[:len(all):len(all)], *s.until)
	}
	for i := range all {
		if len(all[i].by) != len(s.items[0].by) {
			w.errs.Add(diag.Syntax, all[i].span, "expected as many keys after by as the first event has: %d", len(s.items[0].by))
		}
	}
}

// checkMissing: EQL first chooses the sequence, among those that wait for the same event
// the latest, and then looks whether something is missing. In cepd what must not come
// ends a partial match. That is the same before the last event, where all that wait are
// ended, and not before others.
func (w *writer) checkMissing(s *sequence, i int) {
	next := i
	for next < len(s.items) && s.items[next].missing {
		next++
	}
	switch it := &s.items[i]; {
	case it.runs > 1:
		convert.Refuse(w.errs, it.span, "a missing event with runs", "what is missing is missing once")
	case w.allMissing(s, i):
		convert.Refuse(w.errs, it.span, "a missing event at the beginning", "in cepd absence begins at an event")
	case next == len(s.items) && (w.stages(s) > 1 || s.until != nil):
		convert.Refuse(w.errs, it.span, "a missing event at the end of several, or with until",
			"EQL keeps of the sequences with the same last event the latest; in cepd each is decided when its own time is over")
	case next < len(s.items) && (next != len(s.items)-1 || s.items[next].runs > 1):
		convert.Refuse(w.errs, it.span, "a missing event before another than the last one",
			"EQL looks for it after it has chosen the sequence, cepd before")
	}
}

// allMissing says that there is no event before item i.
func (w *writer) allMissing(s *sequence, i int) bool {
	for _, it := range s.items[:i] {
		if !it.missing {
			return false
		}
	}
	return true
}
