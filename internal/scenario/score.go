package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict is what a detection turned out to be.
type Verdict uint8

// The verdicts.
const (
	Unscored Verdict = iota // the file has no rule for it
	Found
	Repeated   // the same story once more
	FalseAlarm // nothing like it was planted
)

// Score counts what rules find of what was planted.
type Score struct {
	file   *File
	labels map[string][]*judged // by rule and key
	decoys map[string][]*Label  // by a value of their keys
	list   []*judged            // as planted
	Rules  []Tally              // as in the file
}

type judged struct {
	Label
	found bool
}

// Tally is the count of a rule.
type Tally struct {
	Rule
	Planted, Found, Repeated, FalseAlarms int
}

// NewScore counts for the rules of a file.
func NewScore(f *File) *Score {
	s := &Score{file: f, labels: map[string][]*judged{}, decoys: map[string][]*Label{}}
	for _, r := range f.Rules {
		s.Rules = append(s.Rules, Tally{Rule: r})
	}
	return s
}

// Plant adds what was planted.
func (s *Score) Plant(l Label) {
	if l.Rule == "" {
		for i := range l.Key {
			v := string(l.Key[i].Value.AppendText(nil))
			s.decoys[v] = append(s.decoys[v], &l)
		}
		return
	}
	j := &judged{Label: l}
	k := l.Rule + "\x00" + keyText(l.Key)
	s.labels[k] = append(s.labels[k], j)
	s.list = append(s.list, j)
	s.Rules[s.file.rule(l.Rule)].Planted++
}

// Detection is a row that a query wrote.
type Detection struct {
	Rule string // "": none of the file's
	Time time.Time
	Row  json.RawMessage
}

// Judge says what a row is that a query wrote into a table. The label is that of
// the story, or of the decoy that was taken for one; nil: neither.
func (s *Score) Judge(query, table string, row json.RawMessage) (v Verdict, d Detection, l *Label, err error) {
	d = Detection{Row: row}
	r := s.file.rule(query)
	if r < 0 {
		r = s.file.rule(table)
	}
	if r < 0 {
		return Unscored, d, nil, nil
	}
	t := &s.Rules[r]
	d.Rule = t.Name
	cells := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(string(row)))
	decoder.UseNumber()
	if err := decoder.Decode(&cells); err != nil {
		return v, d, nil, fmt.Errorf("rule %s: %w", t.Name, err)
	}
	if d.Time, err = timeOf(cells[t.Time]); err != nil {
		return v, d, nil, fmt.Errorf("rule %s: column %s: %w", t.Name, t.Time, err)
	}
	key, err := s.keyOf(&t.Rule, cells)
	if err != nil {
		return v, d, nil, err
	}
	v, l = s.judge(t, t.Name+"\x00"+key, d.Time)
	if v == FalseAlarm {
		l = s.decoy(&t.Rule, cells, d.Time)
	}
	return v, d, l, nil
}

func (s *Score) judge(t *Tally, key string, at time.Time) (Verdict, *Label) {
	var seen *Label
	for _, l := range s.labels[key] {
		switch {
		case at.Before(l.From) || at.After(l.To.Add(t.Delay)):
		case l.found:
			seen = &l.Label
		default:
			l.found = true
			t.Found++
			return Found, &l.Label
		}
	}
	if seen != nil {
		t.Repeated++
		return Repeated, seen
	}
	t.FalseAlarms++
	return FalseAlarm, nil
}

// decoy is the decoy of that time and one of those values.
func (s *Score) decoy(r *Rule, cells map[string]any, at time.Time) *Label {
	for i := 0; i < len(r.key.Content); i += 2 {
		for _, l := range s.decoys[fmt.Sprint(cells[r.key.Content[i].Value])] {
			if !at.Before(l.From) && !at.After(l.To.Add(r.Delay)) {
				return l
			}
		}
	}
	return nil
}

func (s *Score) keyOf(r *Rule, cells map[string]any) (string, error) {
	var b strings.Builder
	for i := 0; i < len(r.key.Content); i += 2 {
		v, ok := cells[r.key.Content[i].Value]
		if !ok {
			return "", fmt.Errorf("rule %s: its detections have no column %s", r.Name, r.key.Content[i].Value)
		}
		fmt.Fprintf(&b, "%v\x00", v)
	}
	return b.String(), nil
}

func timeOf(v any) (time.Time, error) {
	s, _ := v.(string)
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%v is no time", v)
}

// Missed lists what was planted and not found, as it was planted.
func (s *Score) Missed() (list []Label) {
	for _, j := range s.list {
		if !j.found {
			list = append(list, j.Label)
		}
	}
	slices.SortStableFunc(list, func(a, b Label) int { return a.From.Compare(b.From) })
	return list
}

// Missed is how many were not found.
func (t *Tally) Missed() int { return t.Planted - t.Found }

// PrecisionIs is the share of detections that found something planted, each once.
// Without detections it is 1.
func (t *Tally) PrecisionIs() float64 { return share(t.Found, t.Found+t.Repeated+t.FalseAlarms) }

// RecallIs is the share of what was planted that was found.
func (t *Tally) RecallIs() float64 { return share(t.Found, t.Planted) }

func share(part, all int) float64 {
	if all == 0 {
		return 1
	}
	return float64(part) / float64(all)
}

// Short says whether the rule does worse than the file asks for.
func (t *Tally) Short() bool {
	return t.Planted == 0 || t.PrecisionIs() < t.Precision || t.RecallIs() < t.Recall
}

// Key is a label's key for people: host=h7 port=22.
func (l *Label) KeyText() string {
	var b []byte
	for i := range l.Key {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, l.Key[i].Name...), '=')
		b = l.Key[i].Value.AppendText(b)
	}
	return string(b)
}
