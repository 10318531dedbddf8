package engine

import (
	"encoding/json"
	"maps"
	"slices"
)

// Outcomes count rows by how they compare.
type Outcomes struct {
	Same    int64 `json:"same"`
	OnlyOld int64 `json:"only_old"`
	OnlyNew int64 `json:"only_new"`
	Changed int64 `json:"changed"`
}

func (o *Outcomes) add(x *Outcomes) {
	o.Same += x.Same
	o.OnlyOld += x.OnlyOld
	o.OnlyNew += x.OnlyNew
	o.Changed += x.Changed
}

// lone is the count of rows that only one side has.
func (o *Outcomes) lone(side int) *int64 {
	if side == sideQuery {
		return &o.OnlyOld
	}
	return &o.OnlyNew
}

// DayOutcomes are those of detections of a day, by event time in UTC.
type DayOutcomes struct {
	Day string `json:"day"`
	Outcomes
}

// The kinds of differences.
const (
	DifferenceOnlyOld = "only_old"
	DifferenceOnlyNew = "only_new"
	DifferenceChanged = "changed"
)

// Difference is a detection that the query and its shadow do not agree on. Rows
// are as JSON would write them.
type Difference struct {
	Kind    string          `json:"kind" enum:"only_old,only_new,changed"`
	Table   string          `json:"table"`
	ID      string          `json:"id" doc:"The detection's, the same on both sides"`
	Time    string          `json:"time,omitempty" doc:"Event time"`
	Columns []string        `json:"columns,omitempty" doc:"Those with other values"`
	Old     json.RawMessage `json:"old,omitempty" doc:"The query's row"`
	New     json.RawMessage `json:"new,omitempty" doc:"The shadow's row"`
}

// ColumnChanges is how often a column had another value.
type ColumnChanges struct {
	Column string `json:"column"`
	Rows   int64  `json:"rows"`
}

// Comparison is how a query and its shadow compare.
type Comparison struct {
	Since string `json:"since" doc:"Compared are detections made from then on"`
	Outcomes
	Days        []DayOutcomes   `json:"days" doc:"By event time; of more than 400 days the oldest are one"`
	Columns     []ColumnChanges `json:"columns" doc:"Those that changed"`
	Differences []Difference    `json:"differences" doc:"The last 100, newest first"`
	WaitingOld  int             `json:"waiting_old" doc:"The query's rows that the shadow has not come to"`
	WaitingNew  int             `json:"waiting_new" doc:"The shadow's rows that the query has not come to"`
	Uncompared  int64           `json:"uncompared" doc:"Rows let go of, as more than 100,000 waited"`
	Error       string          `json:"error,omitempty" doc:"Why it compares no more"`
}

func (d *comparisonDoc) total() (t Outcomes) {
	for _, o := range d.Days {
		t.add(o)
	}
	return t
}

// status is how it stands; nil: it has not begun.
func (c *comparison) status() *Comparison {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doc.Begun == 0 {
		return nil
	}
	s := &Comparison{Since: showTime(c.doc.Begun), Outcomes: c.doc.total(), Days: []DayOutcomes{}, Columns: []ColumnChanges{},
		Differences: slices.Clone(c.doc.Differences), Uncompared: c.doc.Uncompared}
	if s.Differences == nil {
		s.Differences = []Difference{}
	}
	slices.Reverse(s.Differences)
	for _, day := range slices.Sorted(maps.Keys(c.doc.Days)) {
		s.Days = append(s.Days, DayOutcomes{day, *c.doc.Days[day]})
	}
	for _, name := range slices.Sorted(maps.Keys(c.doc.Columns)) {
		s.Columns = append(s.Columns, ColumnChanges{name, c.doc.Columns[name]})
	}
	for _, pair := range c.tables {
		s.WaitingOld += pair[sideQuery].n
		s.WaitingNew += pair[sideShadow].n
	}
	if c.err != nil {
		s.Error = c.err.Error()
	}
	return s
}
