package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/memstore"
)

var columns = []connectors.Column{
	{Name: "n", Type: event.TInt64}, {Name: "s", Type: event.TString}, {Name: "b", Type: event.TBool},
	{Name: "d", Type: event.Type{Kind: event.Decimal, Precision: 10, Scale: 2}},
	{Name: "t", Type: event.Type{Kind: event.Timestamp, Precision: 3}}, {Name: "a", Type: event.Type{Kind: event.Array, Elem: &event.TInt64}},
	{Name: "f", Type: event.TFloat64},
}

// table is a table with its hub, over a store.
func table(t *testing.T, store state.Store, now clock.Clock, options map[string]string) (*Hub, connectors.Table) {
	t.Helper()
	logs := intake.New(now)
	if err := logs.Open(store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	if options == nil {
		options = map[string]string{}
	}
	return NewHub(logs), connectors.Table{Name: "Board", Columns: columns, Options: options}
}

// batch is n rows with ids from a number on; row i has n = i.
func batch(from, n int, text string) *event.Batch {
	b := formattest.Batch(columns)
	b.Reset(n)
	for i := range n {
		at := int64(from + i)
		b.ID[i] = event.Detection(1, uint64(at))
		b.Cols[0].Set(i, n, event.IntValue(at))
		b.Cols[1].Set(i, n, event.StringValue(text))
		b.Cols[2].Set(i, n, event.BoolValue(at%2 == 0))
		b.Cols[3].Set(i, n, event.IntValue(150*at)) // 1.50 each
		b.Cols[4].Set(i, n, event.IntValue(at*1_000_000))
		b.Cols[5].Set(i, n, event.NullValue)
		b.Cols[6].Set(i, n, event.FloatValue(float64(at)/2))
	}
	return b
}

func write(t *testing.T, h *Hub, tab connectors.Table, batches ...*event.Batch) {
	t.Helper()
	s, err := New(h).Sink(tab)
	if err != nil {
		t.Fatal(err)
	}
	errs := []error{s.Open(t.Context())}
	for _, b := range batches {
		errs = append(errs, s.Write(t.Context(), b))
	}
	if err := errors.Join(append(errs, s.Flush(t.Context()), s.Close())...); err != nil {
		t.Fatal(err)
	}
}

// numbers reads what is there, as the numbers of ids.
func numbers(t *testing.T, r *Reader) (list []uint64, gaps []Gap) {
	t.Helper()
	for more := true; more; {
		gap, rows, m, err := r.Next(3)
		if err != nil {
			t.Fatal(err)
		}
		if more = m; gap != nil {
			gaps = append(gaps, *gap)
		}
		for _, x := range rows {
			list = append(list, x.ID.Lo)
		}
	}
	return list, gaps
}

func read(t *testing.T, h *Hub, tab connectors.Table, after string, where ...string) *Reader {
	t.Helper()
	r, err := h.Read(tab, after, where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestConditions(t *testing.T) {
	h, tab := table(t, nil, clock.Wall{}, nil)
	write(t, h, tab, batch(0, 8, "a=b"), batch(8, 2, ""))
	for where, want := range map[string]string{
		"":                         "[0 1 2 3 4 5 6 7 8 9]",
		"n=4":                      "[4]",
		"N= 4 ":                    "[4]", // as numbers are read
		"s=a=b":                    "[0 1 2 3 4 5 6 7]",
		"s=":                       "[8 9]",
		"s=a=b;b=true":             "[0 2 4 6]",
		"d=4.5":                    "[3]",
		"d=4.50":                   "[3]",
		"t=1970-01-01T00:00:07":    "[7]",
		"f=2.5":                    "[5]",
		"f=2.50;n=5":               "[5]",
		"n=99":                     "[]",
		"a=1":                      "error column a is ARRAY<BIGINT>, which is not compared",
		"n=x":                      "error want a number",
		"b=1":                      "error want true or false",
		"z=1":                      "error there is no column z",
		"n":                        "error want column=value",
		"n=1;n=2":                  "error stands in two conditions",
		strings.Repeat("n=1;", 17): "error at most 16",
	} {
		var list []string
		if where != "" {
			list = strings.Split(where, ";")
		}
		r, err := h.Read(tab, FromOldest, list)
		if part, wrong := strings.CutPrefix(want, "error "); wrong {
			if !errors.Is(err, ErrWhere) || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", where, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(where, err)
		}
		got, _ := numbers(t, r)
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", where, got, want)
		}
		r.Close()
	}
	if c := h.Counts()["board"]; c.Readers != 0 || c.Sent == 0 {
		t.Errorf("%+v", c)
	}
}

// A cursor stays good while its row is kept, across a restart; behind what has left
// there is a gap of known size, and in another log one that says so.
func TestCursors(t *testing.T) {
	now := &clock.Manual{}
	now.Advance(time.Hour)
	store := memstore.New()
	h, tab := table(t, store, now, map[string]string{"retention.bytes": "1048576"})
	write(t, h, tab, batch(0, 5, ""))
	r := read(t, h, tab, FromOldest)
	if got, _ := numbers(t, r); len(got) != 5 {
		t.Fatal(got)
	}
	five := r.Cursor()
	now.Advance(time.Second)
	write(t, h, tab, batch(5, 5, ""))

	h.logs.Close()
	h, tab = table(t, store, now, tab.Options)
	if got, gaps := numbers(t, read(t, h, tab, five)); fmt.Sprint(got, gaps) != "[5 6 7 8 9] []" {
		t.Error(got, gaps)
	}
	if got, gaps := numbers(t, read(t, h, tab, "")); fmt.Sprint(got, gaps) != "[] []" {
		t.Error(got, gaps)
	}
	slow := read(t, h, tab, five)
	for i := range 30 {
		write(t, h, tab, batch(10+i, 1, strings.Repeat("x", 100_000)))
	}
	for name, r := range map[string]*Reader{"open": slow, "comes again": read(t, h, tab, five)} {
		got, gaps := numbers(t, r)
		if len(gaps) != 1 || gaps[0].Reason != "evicted" || gaps[0].Missed+int64(len(got)) != 35 || got[len(got)-1] != 39 {
			t.Errorf("%s: %v %v", name, got, gaps)
		}
	}
	if c := h.Counts()["board"]; c.Missed == 0 {
		t.Errorf("%+v", c)
	}

	if err := h.logs.Drop("board"); err != nil {
		t.Fatal(err)
	}
	if slow.Alive() {
		t.Error("the table is gone, and the reader does not know")
	}
	write(t, h, tab, batch(0, 3, ""))
	for _, after := range []string{five, "2.1", "99.0"} {
		if got, gaps := numbers(t, read(t, h, tab, after)); fmt.Sprint(got, gaps) != "[0 1 2] [{0 restarted}]" {
			t.Errorf("%s: %v %v", after, got, gaps)
		}
	}
	for _, bad := range []string{"x", "1", "1.", ".1", "-1.0", "1.2.3", "99999999999999999999.1"} {
		if _, err := h.Read(tab, bad, nil); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Of rows that are too large the table says what becomes of them; the others pass, in
// order, cut into posts that the smallest log takes.
func TestLargeRows(t *testing.T) {
	for policy, want := range map[string]string{"": "fail", "fail": "fail", "skip": "skip"} {
		options := map[string]string{"retention.bytes": "1048576"}
		if policy != "" {
			options[connectors.OptRefusalPolicy] = policy
		}
		h, tab := table(t, memstore.New(), clock.Wall{}, options)
		sink, err := New(h).Sink(tab)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sink.Open(t.Context()), sink.Write(t.Context(), batch(0, 2, "small")), sink.Write(t.Context(), batch(2, 1, strings.Repeat("x", MaxRow)))); err != nil {
			t.Fatal(err)
		}
		err = sink.Flush(t.Context())
		refused := sink.(connectors.Refuser).Refused()
		if (err != nil) != (want == "fail") || len(refused) != 1 || refused[0].ID.Lo != 2 {
			t.Errorf("%q: %v, %d refused", policy, err, len(refused))
		}
		if want == "fail" {
			continue
		}
		write(t, h, tab, batch(3, 9, strings.Repeat("y", 200_000)), batch(12, 1, strings.Repeat("z", MaxRow-1000)))
		got, _ := numbers(t, read(t, h, tab, FromOldest))
		if len(got) < 3 || got[len(got)-1] != 12 {
			t.Error(got)
		}
	}
}

// TestHostileTexts: a reader gets a row as it was written, as JSON.
func TestHostileTexts(t *testing.T) {
	list, err := hostile.Texts()
	if err != nil {
		t.Fatal(err)
	}
	h, tab := table(t, nil, clock.Wall{}, nil)
	r := read(t, h, tab, FromOldest)
	for i, text := range list {
		if len(text) > MaxRow/8 { // TestLargeRows has them
			continue
		}
		write(t, h, tab, batch(i, 1, text))
		_, rows, _, err := r.Next(10)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%.50q: %d rows, %v", text, len(rows), err)
		}
		var row struct{ S string }
		if err := json.Unmarshal(rows[0].JSON, &row); err != nil || row.S != text {
			t.Errorf("%.50q: %.100q, %v", text, rows[0].JSON, err)
		}
	}
}

func TestNoServer(t *testing.T) {
	s, err := New(nil).Sink(connectors.Table{Name: "b", Columns: columns, Options: map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	var fault connectors.OptionError
	if err := s.Open(context.Background()); !errors.As(err, &fault) || !strings.Contains(fault.Hint, "cepd serve") {
		t.Error(err)
	}
	if _, err := New(nil).Source(connectors.Table{}); !errors.Is(err, connectors.ErrNotSource) {
		t.Error(err)
	}
}

// What is no mark of a row is not taken for one.
func TestMarks(t *testing.T) {
	m := mark{event.Detection(7, 9), event.Delete}
	if got, err := markOf(m.bytes()); err != nil || got != m {
		t.Error(got, err)
	}
	for _, bad := range [][]byte{nil, {1}, append([]byte{4}, m.bytes()[1:]...), append(m.bytes(), 0)} {
		if _, err := markOf(bad); err == nil {
			t.Errorf("%x is taken", bad)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	logs := intake.New(clock.Wall{})
	if err := logs.Open(nil); err != nil {
		b.Fatal(err)
	}
	defer logs.Close()
	s, err := New(NewHub(logs)).Sink(connectors.Table{Name: "b", Columns: columns, Options: map[string]string{}})
	if err != nil {
		b.Fatal(err)
	}
	rows := batch(0, 1000, "text")
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := errors.Join(s.Write(b.Context(), rows), s.Flush(b.Context())); err != nil {
			b.Fatal(err)
		}
	}
}
