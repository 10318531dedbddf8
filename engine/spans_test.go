package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/internal/trace/tracetest"
	"github.com/cepd/cepd/state/memstore"
)

// parent is the traceparent of trace n.
func parent(n int) string { return fmt.Sprintf("00-%032x-%016x-01", n, 0xa0+n) }

// traced runs a query to its end with a collector.
func traced(t *testing.T, w *enginetest.World, sql string) *tracetest.Collector {
	t.Helper()
	c := tracetest.Start(t)
	o := w.Options()
	o.Spans = c.Tracer(t)
	compiled, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	if err := enginetest.Finish(w.Pipeline(t, compiled, o, nil)); err != nil {
		t.Fatal(err)
	}
	o.Spans.Close(t.Context())
	return c
}

// named are the spans with a name.
func named(c *tracetest.Collector, name string) []tracetest.Span {
	return slices.DeleteFunc(c.Spans(), func(s tracetest.Span) bool { return s.Name != name })
}

// tracedPatterns are patterns of every way to run.
var tracedPatterns = map[string]string{
	"automaton": "PATTERN (A B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > 7",
	"threads":   "PATTERN (A B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > A.v + 4",
	"shared":    "PATTERN (A ->> B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > 7",
	"partial":   "PATTERN (A -> B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > A.v + 4",
	"all rows":  "ALL ROWS PER MATCH PATTERN (A B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > 7",
}

func tracedSQL(clause string) string {
	columns := "k BIGINT, n DOUBLE"
	if strings.Contains(clause, "ALL ROWS") {
		columns = "k BIGINT, ts TIMESTAMP(3), n DOUBLE, v DOUBLE"
	}
	return `CREATE TABLE t (k BIGINT, ts TIMESTAMP(3), v DOUBLE, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv');
CREATE TABLE o (` + columns + `) WITH ('connector'='test');
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.v AS n ` + clause + `)`
}

// TestTraces: a match is in the trace of its last event that is sampled, linked
// with all of them, and what leaves goes on from it.
func TestTraces(t *testing.T) {
	for name, clause := range tracedPatterns {
		t.Run(name, func(t *testing.T) {
			w := enginetest.NewWorld()
			in := w.Input("t", []string{"1,1000,2", "2,1000,2", "1,2000,8", "2,2000,9"})
			in.Head(0, 0, trace.Header, parent(1))
			in.Head(0, 2, trace.Header, parent(2))
			in.Head(0, 3, "other", parent(3))
			c := traced(t, w, tracedSQL(clause))
			read := named(c, "process t")
			if len(read) != 2 || read[0].Kind != "consumer" || read[0].Trace != parent(1)[3:35] || read[0].Parent != parent(1)[36:52] || read[0].Attributes["messaging.kafka.offset"] != "0" {
				t.Fatalf("read: %+v", read)
			}
			match := named(c, "match default")
			if len(match) == 0 {
				match = slices.DeleteFunc(c.Spans(), func(s tracetest.Span) bool { return !strings.HasPrefix(s.Name, "match ") })
			}
			want := []tracetest.Link{{Trace: read[0].Trace, ID: read[0].ID, Variable: "A"}, {Trace: read[1].Trace, ID: read[1].ID, Variable: "B"}}
			if len(match) != 1 || match[0].Trace != read[1].Trace || match[0].Parent != read[1].ID || !slices.Equal(match[0].Links, want) {
				t.Fatalf("matches: %+v", match)
			}
			rows := w.Output("o").Rows()
			sent := named(c, "send o")
			leave := 0
			for _, r := range rows {
				head := w.Output("o").Traced(r.ID)
				if strings.HasPrefix(r.Text, "2") != (head == "") {
					t.Errorf("row %s has the header %q", r.Text, head)
				}
				if head != "" {
					leave++
					if !slices.ContainsFunc(sent, func(s tracetest.Span) bool { return s.Parent == match[0].ID && head == "00-"+s.Trace+"-"+s.ID+"-01" }) {
						t.Errorf("the header %q is of none of %+v", head, sent)
					}
				}
			}
			if leave == 0 || len(sent) != leave || sent[0].Kind != "producer" || match[0].Attributes["cepd.detection.id"] == "" {
				t.Errorf("sent: %+v, of match %+v", sent, match[0])
			}
		})
	}
}

// TestTracesOfRows: rows that meet no pattern are followed from table to table.
func TestTracesOfRows(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("t", []string{"1,1000,2", "1,2000,8", "1,3000,9"})
	in.Head(0, 0, trace.Header, parent(1))
	in.Head(0, 1, trace.Header, parent(2))
	c := traced(t, w, `CREATE TABLE t (k BIGINT, ts TIMESTAMP(3), v DOUBLE) WITH ('connector'='test','format'='csv');
CREATE TABLE o (k BIGINT, v DOUBLE) WITH ('connector'='test'); INSERT INTO o SELECT k, v FROM t WHERE v > 5`)
	read, sent := named(c, "process t"), named(c, "send o")
	if len(read) != 2 || len(sent) != 1 || sent[0].Parent != read[1].ID || sent[0].Trace != parent(2)[3:35] {
		t.Errorf("read %+v, sent %+v", read, sent)
	}
}

// TestTracesOfSets: of patterns that run together each has its own spans.
func TestTracesOfSets(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("t", []string{"1,1000,2", "1,2000,8"})
	in.Head(0, 1, trace.Header, parent(1))
	rule := func(table string, least int) string {
		return fmt.Sprintf(`INSERT INTO %s SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES B.v AS n PATTERN (A B) WITHIN INTERVAL '1' MINUTE DEFINE A AS v < 3, B AS v > %d);`, table, least)
	}
	c := traced(t, w, `CREATE TABLE t (k BIGINT, ts TIMESTAMP(3), v DOUBLE, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv');
CREATE TABLE o (k BIGINT, n DOUBLE) WITH ('connector'='test'); CREATE TABLE p (k BIGINT, n DOUBLE) WITH ('connector'='test');
EXECUTE STATEMENT SET BEGIN `+rule("o", 4)+rule("p", 6)+` END;`)
	if len(named(c, "send o")) != 1 || len(named(c, "send p")) != 1 {
		t.Errorf("%+v", c.Spans())
	}
}

// TestTracesAfterRestart: what is read again tells of no second span, and is
// known by the header that it came with; a sink that fails ends the span with it.
func TestTracesAfterRestart(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("t", []string{"1,1000,2", "1,2000,8", "9,3000,0"}).Open()
	in.Head(0, 0, trace.Header, parent(1))
	in.Show(0, 1)
	c := tracetest.Start(t)
	o := w.Options()
	o.Spans = c.Tracer(t)
	compiled, err := enginetest.Compile(tracedSQL(tracedPatterns["partial"]))
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New()
	life := func(shown int) *engine.Pipeline {
		in.Show(0, shown)
		p := w.Pipeline(t, compiled, o, store)
		for idle := false; !idle; {
			if idle, err = enginetest.Round(p); err != nil {
				t.Log(err)
				break
			}
		}
		return p
	}
	life(1) // and nothing is closed: the process has died
	broken := errors.New("broken")
	w.Output("o").Before = func(*event.Batch) error { return broken }
	life(3)
	o.Spans.Close(t.Context())
	read, sent := named(c, "process t"), named(c, "send o")
	if len(read) != 1 {
		t.Errorf("read %+v", read)
	}
	match := slices.DeleteFunc(c.Spans(), func(s tracetest.Span) bool { return !strings.HasPrefix(s.Name, "match ") })
	if len(match) != 1 || match[0].Trace != parent(1)[3:35] || match[0].Parent != parent(1)[36:52] {
		t.Errorf("matches %+v", match)
	}
	if len(sent) != 1 || !strings.Contains(sent[0].Failed, "broken") {
		t.Errorf("sent %+v", sent)
	}
}
