package scenario

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios runs testdata: "events" shows what a file makes, in the order of
// arrival, and its labels; limit=n the first n. "error" shows why a file is refused.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			limit := 1000
			td.MaybeScanArgs(t, "limit", &limit)
			f, err := Parse([]byte(td.Input))
			if err != nil {
				return err.Error() + "\n"
			}
			w, err := New(f, f.Seed)
			if err != nil {
				return err.Error() + "\n"
			}
			var out strings.Builder
			for range limit {
				e, ok, err := w.Next()
				if err != nil {
					fmt.Fprintln(&out, err)
				}
				if !ok {
					break
				}
				fmt.Fprintf(&out, "%s %s %s\n", e.Arrival.Format("15:04:05.000"), e.Table, e.AppendJSON(nil))
			}
			for _, l := range w.TakeLabels() {
				fmt.Fprintf(&out, "label %s\n", l.AppendJSON(nil))
			}
			return out.String()
		})
	})
}

// everything is a file in which much happens.
const everything = `
duration: 1d
delay: [0s, 5s]
entities: {card: {count: 500, first: 100, attributes: {usual: {lognormal: [25, 0.5]}}}}
rules: {r: {key: {card: $card}, time: ts}}
traffic:
  - {name: pay, entity: card, zipf: 1.3, rate: 400/h, rhythm: {peak: 15h, swing: 0.6}, steps: [{table: a, set: {card: $card, amount: {of: $card.usual, times: {normal: [1, 0.2]}, digits: 2}}}]}
  - {name: beat, entity: card, every: 6h, steps: [{table: b, set: {card: $card}}]}
scenarios:
  - {name: odd, entity: card, count: 30, quiet: 1h, finds: r, steps: [{table: a, repeat: {uniform: [2, 4]}, after: {exponential: 60s}, set: {card: $card, amount: 1}}]}
`

func play(t *testing.T, text string, seed uint64) (events []Event, labels []Label) {
	t.Helper()
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(f, seed)
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, ok, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return events, labels
		}
		events = append(events, e)
		labels = append(labels, w.TakeLabels()...)
	}
}

func TestWorldIsDeterministic(t *testing.T) {
	text := func(seed uint64) (b []byte) {
		events, labels := play(t, everything, seed)
		for i := range events {
			b = append(events[i].AppendJSON(b), '\n')
		}
		for i := range labels {
			b = append(labels[i].AppendJSON(b), '\n')
		}
		return b
	}
	if !bytes.Equal(text(7), text(7)) {
		t.Error("the same seed gives other events")
	}
	if bytes.Equal(text(7), text(8)) {
		t.Error("another seed gives the same events")
	}
}

// TestOtherStoriesStay checks that a story more leaves what the others draw as it was.
func TestOtherStoriesStay(t *testing.T) {
	before, _ := play(t, everything, 1)
	after, _ := play(t, everything+"  - {name: another, count: 5, steps: [{table: c, set: {x: {uniform: [1, 9]}}}]}\n", 1)
	n := 0
	for i := range after {
		if after[i].Table == "c" {
			continue
		}
		if got, want := after[i].AppendJSON(nil), before[n].AppendJSON(nil); !bytes.Equal(got, want) {
			t.Fatalf("event %d: %s, before %s", n, got, want)
		}
		n++
	}
	if n != len(before) {
		t.Errorf("%d events, before %d", n, len(before))
	}
}

func TestArrival(t *testing.T) {
	events, labels := play(t, everything, 3)
	var last time.Time
	disorder, rising := 0, time.Time{}
	for i := range events {
		e := &events[i]
		if d := e.Arrival.Sub(e.Time); d < 0 || d > 5*time.Second {
			t.Fatalf("event %d arrives %v after its time", i, d)
		}
		if e.Arrival.Before(last) {
			t.Fatalf("event %d is not in the order of arrival", i)
		}
		last = e.Arrival
		if e.Time.Before(rising) {
			disorder++
		}
		rising = e.Time
	}
	if disorder == 0 {
		t.Error("no event arrives out of order")
	}
	if len(labels) != 30 {
		t.Errorf("%d labels, not 30", len(labels))
	}
	beats := 0
	for i := range events {
		if events[i].Table == "b" {
			beats++
		}
	}
	if beats < 1950 || beats > 2000 { // 4 of each card, but for those in a story
		t.Errorf("%d beats of 500 cards in a day, not about 2000", beats)
	}
}

// TestDistributions compares means and ends with what the distributions say.
func TestDistributions(t *testing.T) {
	for _, c := range []struct {
		spec        string
		mean, tenth float64 // of the values; the share of their mean that it may be off
		least, most float64
	}{
		{"{uniform: [3, 6]}", 4.5, 0.02, 3, 6},
		{"{uniform: [0.50, 9.99]}", 5.245, 0.02, 0.5, 9.99},
		{"{normal: [70, 2]}", 70, 0.01, 50, 90},
		{"{normal: [10, 5], min: 8, max: 9, digits: 1}", 8.6, 0.05, 8, 9},
		{"{lognormal: [25, 0.5], digits: 2}", 25 * math.Exp(0.125), 0.03, 1, 400},
		{"{exponential: 60, digits: 3}", 60, 0.06, 0, 1000},
		{"{poisson: 4}", 4, 0.03, 0, 20},
		{"{zipf: [3, 10]}", 1.3, 0.05, 1, 10},
		{"{pick: {10: 3, 20: 1}}", 12.5, 0.02, 10, 20},
		{"{of: 10, times: {uniform: [1, 3]}, plus: 0.5}", 20.5, 0.02, 10.5, 30.5},
	} {
		events, _ := play(t, "duration: 1d\ntraffic: [{name: x, rate: 150/h, steps: [{table: a, set: {v: "+c.spec+"}}]}]", 5)
		sum := 0.0
		for i := range events {
			v := events[i].Fields[1].Value.num
			if v < c.least || v > c.most {
				t.Errorf("%s: %v", c.spec, v)
			}
			sum += v
		}
		if mean := sum / float64(len(events)); math.Abs(mean-c.mean) > c.tenth*c.mean || len(events) < 3000 {
			t.Errorf("%s: the mean of %d is %.3f, not %.3f", c.spec, len(events), mean, c.mean)
		}
	}
}

func TestRhythm(t *testing.T) {
	events, _ := play(t, everything, 2)
	hours := [24]int{}
	for i := range events {
		if events[i].Table == "a" {
			hours[events[i].Time.Hour()]++
		}
	}
	if hours[15] < 2*hours[3] {
		t.Errorf("%d at the peak, %d half a day away", hours[15], hours[3])
	}
}

func TestWrite(t *testing.T) {
	f, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w, err := Write(f, 1, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{"a.jsonl": w.Events["a"], "b.jsonl": w.Events["b"], LabelsFile: 30} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(text, []byte("\n")); got != n || n == 0 {
			t.Errorf("%s has %d lines, not %d", name, got, n)
		}
	}
	if w, err := Write(f, 1, t.TempDir(), 100); err != nil || w.Events["a"]+w.Events["b"] != 100 {
		t.Errorf("%v, %v", w, err)
	}
}

func TestScore(t *testing.T) {
	f, err := Parse([]byte(strings.Replace(everything, "time: ts}", "time: ts, delay: 10s}", 1) + "  - {name: alike, entity: card, count: 1, steps: [{table: a, set: {card: $card}}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := NewScore(f)
	at := f.Start
	key := func(n float64) []Field { return []Field{{"card", Value{kind: number, num: n}}} }
	s.Plant(Label{Story: "odd", Rule: "r", Key: key(7), From: at, To: at.Add(time.Minute)})
	s.Plant(Label{Story: "odd", Rule: "r", Key: key(8), From: at, To: at.Add(time.Minute)})
	s.Plant(Label{Story: "alike", Key: key(9), From: at, To: at.Add(time.Minute)})
	for _, c := range []struct {
		query, table, row string
		verdict           Verdict
		story             string
	}{
		{"other", "other", `{}`, Unscored, ""},
		{"r", "out", `{"card": 7, "ts": "2026-03-02 00:00:30.000"}`, Found, "odd"},
		{"r", "out", `{"card": 7, "ts": "2026-03-02 00:00:31"}`, Repeated, "odd"},
		{"q", "r", `{"card": 8, "ts": "2026-03-02 00:01:10.001"}`, FalseAlarm, ""},
		{"q", "r", `{"card": 9, "ts": "2026-03-02 00:01:10.000"}`, FalseAlarm, "alike"},
	} {
		v, _, l, err := s.Judge(c.query, c.table, []byte(c.row))
		story := ""
		if l != nil {
			story = l.Story
		}
		if err != nil || v != c.verdict || story != c.story {
			t.Errorf("%s: %v, %q, %v", c.row, v, story, err)
		}
	}
	r := s.Rules[0]
	if r.Planted != 2 || r.Found != 1 || r.PrecisionIs() != 0.25 || r.RecallIs() != 0.5 || !r.Short() {
		t.Errorf("%+v", r)
	}
	if m := s.Missed(); len(m) != 1 || m[0].KeyText() != "card=8" {
		t.Errorf("missed %+v", m)
	}
	if _, _, _, err := s.Judge("r", "out", []byte(`{"card": 7}`)); err == nil {
		t.Error("a detection without its time is judged")
	}
}
