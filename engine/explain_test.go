package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/history"
	"github.com/cepd/cepd/internal/why"
	"github.com/cepd/cepd/state/memstore"
)

// shownDetections runs a query to its end and gives what can be watched of it.
func shownDetections(t *testing.T, w *enginetest.World, sql string, more func(*engine.Options)) []engine.Detection {
	t.Helper()
	e := newEngine(t, w, more)
	q := start(t, e, sql)
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	watch, err := e.Watch(q.Name(), engine.FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	list := watch.Next(1000, false).Detections
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return list
}

// fields is JSON without what only one side tells.
func fields(t *testing.T, x any) string {
	t.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDetectionsTellWhatWhyTells: what detections carry is what a replay of the
// history finds, event for event and value for value.
func TestDetectionsTellWhatWhyTells(t *testing.T) {
	for name, clause := range tracedPatterns {
		t.Run(name, func(t *testing.T) {
			sql := "SET 'detections.explain' = 'conditions'; " + tracedSQL(clause)
			w := enginetest.NewWorld()
			var rows []string
			for i, v := range []int{2, 9, 1, 8, 2, 2, 9, 0, 5, 9} {
				rows = append(rows, fmt.Sprintf("%d,%d,%d", i%2, 1000*(i+1), v), fmt.Sprintf("7,%d,%d", 1000*(i+1), v))
			}
			w.Input("t", rows)
			list := shownDetections(t, w, sql, nil)
			if len(list) < 3 {
				t.Fatalf("%d detections", len(list))
			}
			c, err := enginetest.Compile(sql)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				report, err := why.Run(t.Context(), history.Query{Root: c.Root, Catalog: c.Catalog}, w.Options(), why.Request{Detection: d.ID})
				if err != nil {
					t.Fatal(err)
				}
				var want []engine.DetectedEvent
				for _, r := range report.Patterns[0].Matches[0].Rows {
					e := engine.DetectedEvent{Variable: r.Variable, Table: r.Table, Partition: r.Partition, Offset: r.Offset, Time: r.Time}
					for _, x := range r.Conditions {
						e.Conditions = append(e.Conditions, engine.DetectedCondition{Text: x.Text, Values: x.Values})
					}
					want = append(want, e)
				}
				if diff := cmp.Diff(fields(t, want), fields(t, d.Events)); diff != "" || d.Version != 1 {
					t.Errorf("version %d: %s", d.Version, diff)
				}
				if strings.Contains(string(d.Columns), "cepd-detection") {
					t.Errorf("the columns are %s", d.Columns)
				}
			}
		})
	}
}

// TestExplainIsForWhoWantsIt: without the setting detections of patterns tell
// nothing, with 'events' no conditions; what is written is the same.
func TestExplainIsForWhoWantsIt(t *testing.T) {
	var written []string
	told := map[bool]string{true: "", false: `{"query":"o","version":1,"events":`}
	for level, want := range map[string]string{"none": "null", "events": `[{"variable":"A","table":"t","partition":0,"offset":0,"time":"1970-01-01T00:00:01Z"},{"variable":"B","table":"t","partition":0,"offset":1,"time":"1970-01-01T00:00:02Z"}]`} {
		w := enginetest.NewWorld()
		w.Input("t", []string{"1,1000,2", "1,2000,8"})
		list := shownDetections(t, w, fmt.Sprintf("SET 'detections.explain' = '%s'; ", level)+tracedSQL(tracedPatterns["automaton"]), nil)
		if len(list) != 1 || fields(t, list[0].Events) != want {
			t.Errorf("%s: %s", level, fields(t, list))
		}
		if made := w.Output("o").Made(w.Output("o").Rows()[0].ID); made != "" && level == "none" || !strings.HasPrefix(made, told[level == "none"]) {
			t.Errorf("%s: the sink was told %s", level, made)
		}
		written = append(written, w.Output("o").Texts()...)
	}
	if len(written) != 2 || written[0] != written[1] {
		t.Errorf("written: %q", written)
	}
}

// TestExplainOfRows: a row that no pattern is in between of tells of its event.
func TestExplainOfRows(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", []string{"1,1000,2", "1,2000,8"})
	list := shownDetections(t, w, `SET 'detections.explain' = 'events';
CREATE TABLE t (k BIGINT, ts TIMESTAMP(3), v DOUBLE) WITH ('connector'='test','format'='csv');
CREATE TABLE o (k BIGINT, v DOUBLE) WITH ('connector'='test'); INSERT INTO o SELECT k, v FROM t WHERE v > 5`, nil)
	if want := `[{"table":"t","partition":0,"offset":1}]`; len(list) != 1 || fields(t, list[0].Events) != want {
		t.Errorf("%s", fields(t, list))
	}
}

// TestExplainSurvives: what is kept of detections tells the same after a restart,
// and stays readable when the setting changes.
func TestExplainSurvives(t *testing.T) {
	w, store := enginetest.NewWorld(), memstore.New()
	in := w.Input("t", []string{"1,1000,2", "1,2000,8", "1,3000,0", "1,4000,1", "1,5000,9", "1,6000,0"}).Open()
	life := func(level string, shown, want int) []engine.Detection {
		in.Show(0, shown)
		e := newEngine(t, w, func(o *engine.Options) { o.Store = store })
		q := start(t, e, "SET 'detections.explain' = '"+level+"'; "+tracedSQL(tracedPatterns["automaton"]))
		watch, err := e.Watch(q.Name(), engine.FromOldest)
		if err != nil {
			t.Fatal(err)
		}
		defer watch.Close()
		var list []engine.Detection
		for len(list) < want {
			list = append(list, watch.Next(100, false).Detections...)
			if len(list) < want {
				<-watch.Stirred()
			}
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		return list
	}
	before := life("none", 3, 1)
	on := life("events", 6, 2)
	if before[0].Events != nil || on[0].Events != nil || on[0].ID != before[0].ID || len(on[1].Events) != 2 {
		t.Errorf("before %s, turned on %s", fields(t, before), fields(t, on))
	}
	off := life("none", 6, 2)
	if off[1].Events != nil || string(off[1].Columns) != string(on[1].Columns) {
		t.Errorf("turned off: %s", fields(t, off))
	}
	if again := life("events", 6, 2); fields(t, again[1].Events) != fields(t, on[1].Events) {
		t.Errorf("turned on again: %s", fields(t, again))
	}
}

// TestCrashesExplained: a row that comes again tells the same of its making,
// whatever lay between; the sink of the test refuses another.
func TestCrashesExplained(t *testing.T) {
	const explained = "SET 'detections.explain' = 'conditions';\n"
	for seed := range cases(4, 2) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testCrashes(t, seed, seed%4 == 3, "", explained+probes) })
		t.Run(fmt.Sprintf("seed=%d/without memory", seed), func(t *testing.T) {
			testCrashes(t, seed, false, "SET 'state.memory.budget' = '1 b';", explained+probes)
		})
	}
}

// TestExplainIsOfTheState: conditions are kept where they are told of, so the
// state of a query that does not is not that of one which does.
func TestExplainIsOfTheState(t *testing.T) {
	w, store := enginetest.NewWorld(), memstore.New()
	w.Input("t", []string{"1,1000,2"}).Open()
	open := func(level string) error {
		c, err := enginetest.Compile("SET 'detections.explain' = '" + level + "'; " + tracedSQL(tracedPatterns["partial"]))
		if err != nil {
			t.Fatal(err)
		}
		p, err := engine.OpenPipeline(t.Context(), w.Options(), c.Root, c.Catalog, store)
		if err != nil {
			return err
		}
		return p.Close()
	}
	for _, level := range []string{"none", "events", "none"} {
		if err := open(level); err != nil {
			t.Errorf("%s: %v", level, err)
		}
	}
	if err := open("conditions"); err == nil || !strings.Contains(err.Error(), "another text") {
		t.Errorf("conditions: %v", err)
	}
}
