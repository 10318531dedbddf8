package why

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
)

// Report is what became of the rows of one key.
type Report struct {
	Query    string    `json:"query"`
	Version  int       `json:"version,omitempty" doc:"Of the query's text, which the history was read by; told by the server"`
	Patterns []Pattern `json:"patterns" doc:"Those that had rows of the key"`
}

// Pattern is the report of one pattern of the query.
type Pattern struct {
	Stage   int                        `json:"stage"`
	Key     map[string]json.RawMessage `json:"key"`
	Rows    int                        `json:"rows" doc:"Rows of the key"`
	Others  int                        `json:"others,omitempty" doc:"Rows of other keys that the filter chooses too, and that were left out"`
	Matches []Match                    `json:"matches"`
	Misses  []Miss                     `json:"misses" doc:"Matches that began and came to nothing, those that came furthest first"`
	Open    []Miss                     `json:"open" doc:"Matches that are open at the end"`
	Cut     bool                       `json:"cut,omitempty" doc:"There was more to follow than the limits allow"`
}

// Match is a match that was reported.
type Match struct {
	IDs      []string `json:"ids" doc:"Of the detections"`
	Time     string   `json:"time"`
	TimedOut bool     `json:"timed_out,omitempty"`
	Rows     []Row    `json:"rows"`
}

// Miss is a match that began and came to nothing, or is open.
type Miss struct {
	Rows    []Row    `json:"rows" doc:"What it had"`
	Waited  []string `json:"waited_for,omitempty" doc:"Variables of which a row was to be next"`
	NoneOf  []string `json:"none_of,omitempty" doc:"Variables of which no row was to come"`
	Cause   string   `json:"cause" enum:"row,forbidden,time,skipped,open"`
	Ended   string   `json:"ended,omitempty"`
	EndedBy *Row     `json:"ended_by,omitempty"`
	Nearest []Row    `json:"nearest,omitempty" doc:"Per variable that was waited for, the row that came nearest, and which conditions failed on it"`
}

// Row is a row of a source, as a variable.
type Row struct {
	Variable   string      `json:"variable,omitempty"`
	Time       string      `json:"time"`
	Table      string      `json:"table,omitempty"`
	Partition  int32       `json:"partition"`
	Offset     int64       `json:"offset"`
	Detection  string      `json:"detection,omitempty" doc:"The row is a detection of another pattern"`
	Conditions []Condition `json:"conditions,omitempty"`
}

// Condition is a conjunct of DEFINE and what it read.
type Condition struct {
	Text   string                     `json:"text"`
	Holds  bool                       `json:"holds"`
	Error  string                     `json:"error,omitempty"`
	Values map[string]json.RawMessage `json:"values,omitempty"`
}

var causes = [...]string{operators.CauseOpen: "open", operators.CauseRow: "row", operators.CauseForbidden: "forbidden", operators.CauseTime: "time", operators.CauseSkipped: "skipped"}

// reporter writes rows out.
type reporter struct{ run *engine.Query }

// patternOf is the report of a trace; only the match with the id, if one is
// given.
func patternOf(run *engine.Query, x *traced, t *operators.Trace, id event.ID) Pattern {
	r := reporter{run}
	out := Pattern{Stage: x.stage, Key: map[string]json.RawMessage{}, Rows: t.Rows, Others: t.Others, Cut: t.Cut, Matches: []Match{}, Misses: []Miss{}, Open: []Miss{}}
	for i, f := range x.program.KeyFields() {
		out.Key[f.Name] = function.JSON(f.Type, t.Key[i])
	}
	for i := range t.Matches {
		if m := &t.Matches[i]; id == (event.ID{}) || slices.Contains(m.IDs, id) {
			out.Matches = append(out.Matches, r.match(m))
		}
	}
	if id != (event.ID{}) {
		return out
	}
	for i := range t.Misses {
		out.Misses = append(out.Misses, r.miss(&t.Misses[i]))
	}
	for i := range t.Open {
		out.Open = append(out.Open, r.miss(&t.Open[i]))
	}
	return out
}

func (r reporter) match(m *operators.TracedMatch) Match {
	out := Match{Time: timeOf(m.At), TimedOut: m.TimedOut, IDs: []string{}, Rows: []Row{}}
	for _, id := range m.IDs {
		out.IDs = append(out.IDs, id.Hex())
	}
	for i := range m.Tests {
		out.Rows = append(out.Rows, r.test(&m.Tests[i]))
	}
	return out
}

func (r reporter) miss(m *operators.Miss) Miss {
	out := Miss{Waited: m.Waited, NoneOf: m.Absent, Cause: causes[m.Cause], Ended: timeOf(m.Ended), Rows: []Row{}}
	for i := range m.Rows {
		out.Rows = append(out.Rows, r.row(&m.Rows[i]))
	}
	if m.Row != nil {
		row := r.row(m.Row)
		out.EndedBy = &row
	}
	for i := range m.Tests {
		out.Nearest = append(out.Nearest, r.test(&m.Tests[i]))
	}
	return out
}

func (r reporter) test(t *operators.Test) Row {
	out := r.row(&t.Row)
	for i := range t.Conjuncts {
		c := &t.Conjuncts[i]
		x := Condition{Text: c.Text, Holds: c.Holds, Values: map[string]json.RawMessage{}}
		if c.Err != nil {
			x.Error = c.Err.Error()
		}
		for _, v := range c.Values {
			x.Values[v.Name] = function.JSON(v.Type, v.Value)
		}
		out.Conditions = append(out.Conditions, x)
	}
	return out
}

func (r reporter) row(b *operators.BoundRow) Row {
	out := Row{Variable: b.Variable, Time: timeOf(b.Time)}
	var ok bool
	if out.Table, out.Partition, out.Offset, ok = r.run.Origin(b.ID); !ok {
		out.Detection = b.ID.Hex()
	}
	return out
}

func timeOf(t event.Time) string {
	if t == event.MinTime || t == event.MaxTime {
		return ""
	}
	return time.UnixMicro(t).UTC().Format(time.RFC3339Nano)
}
