package gallery

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cepd/cepd/internal/scenario"
)

// Screen writes a play for a person.
type Screen struct {
	Out    io.Writer
	Colour bool
	Each   int // detections of a rule that are shown, and as many wrong ones; below 0: all
	shown  map[string]int
}

const (
	red    = "31;1"
	green  = "32"
	yellow = "33"
	dim    = "2"
)

func (s *Screen) paint(code, text string) string {
	if !s.Colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Saw shows a detection.
func (s *Screen) Saw(f Finding) {
	if f.Verdict == scenario.Unscored {
		return
	}
	if s.shown == nil {
		s.shown = map[string]int{}
	}
	if s.enough(f) {
		return
	}
	title := s.paint(red, "FOUND")
	switch f.Verdict {
	case scenario.FalseAlarm:
		title = s.paint(yellow, "FALSE ALARM")
		if f.Label != nil {
			title += " (" + f.Label.Story + ")"
		}
	case scenario.Repeated:
		title = s.paint(dim, "REPEATED")
	}
	fmt.Fprintf(s.Out, "%s  %s  %s  %s\n", f.Time.Format(time.DateTime), title, f.Rule, s.paint(dim, string(f.Row)))
}

// enough says whether there have been so many of a rule, right or wrong ones, that
// this one is not shown.
func (s *Screen) enough(f Finding) bool {
	kind := f.Rule
	if f.Verdict != scenario.Found {
		kind += ", wrong ones"
	}
	s.shown[kind]++
	n := s.shown[kind]
	if s.Each >= 0 && n == s.Each+1 {
		fmt.Fprintln(s.Out, s.paint(dim, "                     "+kind+": more of these are not shown"))
	}
	return s.Each >= 0 && n > s.Each
}

// maxMissed is how many missed stories are listed.
const maxMissed = 10

// Summary is the last word.
func (s *Screen) Summary(r *Report) {
	for i, l := range r.Missed {
		if i == maxMissed {
			fmt.Fprintf(s.Out, "and %d more are missed\n", len(r.Missed)-maxMissed)
			break
		}
		fmt.Fprintf(s.Out, "%s  %s  %s: %s, %s\n", l.From.Format(time.DateTime), s.paint(yellow, "MISSED"), l.Rule, l.KeyText(), l.Story)
	}
	fmt.Fprintf(s.Out, "\n%s events, %s to %s\n", thousands(r.Events), r.From.Format(time.DateTime), r.To.Format(time.DateTime))
	if r.Late+r.Rejected > 0 {
		fmt.Fprintf(s.Out, "dropped: %d behind the watermark, %d unusable\n", r.Late, r.Rejected)
	}
	if r.Open > 0 {
		fmt.Fprintf(s.Out, "%d of what is planted are not decided yet\n", r.Open)
	}
	for _, t := range slices.Sorted(maps.Keys(r.Others)) {
		fmt.Fprintf(s.Out, "%s rows in %s\n", thousands(r.Others[t]), t)
	}
	fmt.Fprintln(s.Out)
	s.table(r)
}

func (s *Screen) table(r *Report) {
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tPLANTED\tFOUND\tMISSED\tFALSE ALARMS\tREPEATED\tPRECISION\tRECALL")
	for i := range r.Rules {
		t := &r.Rules[i]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.3f\t%.3f\n", t.Name, t.Planted, t.Found, t.Missed(), t.FalseAlarms, t.Repeated, t.PrecisionIs(), t.RecallIs())
	}
	_ = w.Flush()
	for i := range r.Rules {
		if t := &r.Rules[i]; t.Why != "" {
			fmt.Fprintf(s.Out, "%s cannot be decided by the events alone: %s; at least %.2f and %.2f are asked for\n", t.Name, strings.TrimSpace(t.Why), t.Precision, t.Recall)
		}
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
