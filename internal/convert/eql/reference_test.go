package eql_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd"
	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/convert/eql"
)

// occurrence is an event of the random test; "" is NULL.
type occurrence struct {
	at         int // seconds
	kind, k, j string
	n          int
}

// step is an event of a random sequence: its text, and what it says of an occurrence.
type step struct {
	text    string
	missing bool
	runs    int
	is      func(occurrence) bool
}

// sequence is a random sequence.
type sequence struct {
	by, each string // keys: of all, of each event; "": none
	optional bool   // NULL is a key
	maxspan  int
	steps    []step
	until    *step
}

var conditions = []step{
	{text: `a where true`, is: func(o occurrence) bool { return o.kind == "a" }},
	{text: `b where true`, is: func(o occurrence) bool { return o.kind == "b" }},
	{text: `c where n > 1`, is: func(o occurrence) bool { return o.kind == "c" && o.n > 1 }},
	{text: `any where n == 3`, is: func(o occurrence) bool { return o.n == 3 }},
	{text: `any where kind : ("A", "C*") and not n == 0`, is: func(o occurrence) bool { return (o.kind == "a" || o.kind == "c") && o.n != 0 }},
	{text: `any where kind regex "[bc]" or n in (2, 5)`, is: func(o occurrence) bool { return o.kind == "b" || o.kind == "c" || o.n == 2 }},
}

func randomSequence(r *rand.Rand) sequence {
	pick := func() step {
		s := conditions[r.IntN(len(conditions))]
		s.runs = 1
		if r.IntN(5) == 0 {
			s.runs = 2 + r.IntN(2)
		}
		return s
	}
	q := sequence{maxspan: 1 + r.IntN(12), optional: r.IntN(3) == 0}
	if r.IntN(2) == 0 {
		q.by = "k"
	}
	if r.IntN(3) == 0 {
		q.each = "j"
	}
	for range 2 + r.IntN(2) {
		q.steps = append(q.steps, pick())
	}
	if r.IntN(3) == 0 {
		u := pick()
		u.runs = 1
		q.until = &u
	}
	switch r.IntN(4) {
	case 0: // missing before the last
		m := pick()
		m.runs, m.missing = 1, true
		q.steps[len(q.steps)-1].runs = 1
		q.steps = slices.Insert(q.steps, len(q.steps)-1, m)
	case 1: // missing after one event
		m := pick()
		m.runs, m.missing = 1, true
		q.steps = []step{q.steps[0], m}
		q.steps[0].runs, q.until = 1, nil
	}
	return q
}

func (q *sequence) text() string {
	mark := ""
	if q.optional {
		mark = "?"
	}
	var b strings.Builder
	b.WriteString("sequence")
	if q.by != "" {
		b.WriteString(" by " + mark + q.by)
	}
	fmt.Fprintf(&b, " with maxspan=%ds", q.maxspan)
	item := func(s step) {
		if s.missing {
			b.WriteString(" !")
		}
		b.WriteString(" [" + s.text + "]")
		if q.each != "" {
			b.WriteString(" by " + mark + q.each)
		}
		if s.runs > 1 {
			fmt.Fprintf(&b, " with runs=%d", s.runs)
		}
	}
	for _, s := range q.steps {
		item(s)
	}
	if q.until != nil {
		b.WriteString(" until")
		item(*q.until)
	}
	return b.String()
}

// key is the keys of an occurrence, and whether it has them.
func (q *sequence) key(o occurrence) (string, bool) {
	parts := []string{}
	for _, k := range []struct{ name, value string }{{q.by, o.k}, {q.each, o.j}} {
		if k.name == "" {
			continue
		}
		if k.value == "" && !q.optional {
			return "", false
		}
		parts = append(parts, k.value)
	}
	return strings.Join(parts, "|"), true
}

// pending is a sequence in a state: the places of its events.
type pending []int

// matches is EQL's state machine, as its reference describes it: of each key one pending
// sequence in each state, the later in place of the earlier; then what is missing is
// looked for.
func (q *sequence) matches(events []occurrence) (found []string) {
	var stages, missing []step
	for _, s := range q.steps {
		if s.missing {
			missing = append(missing, s)
			continue
		}
		for range s.runs {
			stages = append(stages, s)
		}
	}
	trailing := q.steps[len(q.steps)-1].missing
	states := map[string][]pending{}
	for at, e := range events {
		key, ok := q.key(e)
		if !ok {
			continue
		}
		if states[key] == nil {
			states[key] = make([]pending, len(stages)+1)
		}
		for _, p := range q.advance(states[key], stages, events, at) {
			if !q.isMissingSeen(p, key, missing, trailing, events) {
				found = append(found, fmt.Sprint(events[p[0]].at, events[p[len(p)-1]].at, key))
			}
		}
	}
	slices.Sort(found)
	return found
}

// advance moves the pending sequences of a key by an event, the last state first, and
// gives the complete ones.
func (q *sequence) advance(state []pending, stages []step, events []occurrence, at int) (complete []pending) {
	for s := len(stages) - 1; s >= 0; s-- {
		if !stages[s].is(events[at]) {
			continue
		}
		p := pending{}
		if s > 0 {
			if p = state[s]; p == nil {
				continue
			}
			state[s] = nil
			if events[at].at-events[p[0]].at > q.maxspan {
				continue
			}
		}
		p = append(p[:len(p):len(p)], at)
		if s == len(stages)-1 {
			complete = append(complete, p)
		} else {
			state[s+1] = p
		}
	}
	if q.until != nil && q.until.is(events[at]) {
		clear(state)
	}
	return complete
}

func (q *sequence) isMissingSeen(p pending, key string, missing []step, trailing bool, events []occurrence) bool {
	if missing == nil {
		return false
	}
	from, to := p[max(len(p)-2, 0)]+1, p[len(p)-1]
	if trailing {
		from, to = p[0]+1, len(events)
	}
	for _, e := range events[from:to] {
		k, ok := q.key(e)
		within := !trailing || e.at <= events[p[0]].at+q.maxspan
		if ok && k == key && within && missing[0].is(e) {
			return true
		}
	}
	return false
}

func randomEvents(r *rand.Rand) []occurrence {
	events := make([]occurrence, 30)
	at := 0
	for i := range events {
		if at += r.IntN(3); r.IntN(4) > 0 {
			at++
		}
		events[i] = occurrence{at: at, kind: string("abcd"[r.IntN(4)]), k: []string{"x", "y", ""}[r.IntN(3)], j: []string{"p", "q", ""}[r.IntN(3)], n: r.IntN(4)}
	}
	return events
}

// TestSequencesFindWhatEQLFinds converts random sequences, runs them over random events,
// and compares what they find with EQL's state machine.
func TestSequencesFindWhatEQLFinds(t *testing.T) {
	seeds := uint64(250)
	if testing.Short() {
		seeds = 60
	}
	total := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 9))
		q, events := randomSequence(r), randomEvents(r)
		want := q.matches(events)
		got, sql := run(t, &q, events)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %s\n%s\n%v\ngot  %v\nwant %v", seed, q.text(), sql, events, got, want)
		}
		total += len(got)
	}
	if total < int(seeds) {
		t.Errorf("only %d matches over %d seeds", total, seeds)
	}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// run runs the converted sequence over the events: from, to and key of what it finds.
func run(t *testing.T, q *sequence, events []occurrence) (found []string, sql string) {
	t.Helper()
	ctx := context.Background()
	sql, err := eql.Convert("seq.eql", q.text(), convert.Options{Tables: []convert.Table{{Name: "events"}}, Into: "found", Fields: map[string]string{"event.category": "kind"}})
	if err != nil {
		t.Fatalf("%s: %v", q.text(), err)
	}
	columns := []string{}
	for _, k := range []string{q.by, q.each} {
		if k != "" {
			columns = append(columns, k+" STRING")
		}
	}
	at := min(len(columns), 1) // the key of all comes first, that of each last
	if q.by == "" {
		at = 0
	}
	columns = slices.Insert(columns, at, "started TIMESTAMP(3)", "ended TIMESTAMP(3)")
	tables := `CREATE TABLE events (kind STRING, k STRING, j STRING, n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'go');
		CREATE TABLE found (` + strings.Join(columns, ", ") + `) WITH ('connector' = 'go');`
	e, err := cepd.Open(cepd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(ctx)
	e.On("found", func(row cepd.Row) error {
		found = append(found, describe(row.Values))
		return nil
	})
	queries, err := e.Exec(ctx, tables+sql, nil)
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	for _, o := range events {
		row := cepd.Row{Values: []any{o.kind, null(o.k), null(o.j), o.n, epoch.Add(time.Duration(o.at) * time.Second)}}
		if err := e.Push(ctx, "events", row); err != nil {
			t.Fatal(err)
		}
	}
	e.End("events")
	if err := queries[0].Wait(); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, cmp.Compare[string])
	return found, sql
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// describe is a row as the reference says it.
func describe(values []any) string {
	var times []any
	var keys []string
	for _, v := range values {
		switch v := v.(type) {
		case time.Time:
			times = append(times, int(v.Sub(epoch)/time.Second))
		case string:
			keys = append(keys, v)
		default:
			keys = append(keys, "")
		}
	}
	return fmt.Sprint(append(times, strings.Join(keys, "|"))...)
}
