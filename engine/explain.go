package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/state"
)

// explainLevel is what detections carry.
type explainLevel int

const (
	explainNothing    explainLevel = iota
	explainEvents                  // the rows of the match
	explainConditions              // and what conditions read of them
)

// Making is what a row tells of how it was made, as the header cepd-detection has
// it.
type Making struct {
	Query   string          `json:"query"`
	Version int             `json:"version"`
	Events  []DetectedEvent `json:"events,omitempty"`
	Left    int             `json:"left_out,omitempty"`
}

// DetectedEvent is a row that a detection was made of.
type DetectedEvent struct {
	Variable   string              `json:"variable,omitempty"`
	Table      string              `json:"table,omitempty"`
	Partition  int32               `json:"partition"`
	Offset     int64               `json:"offset"`
	Detection  string              `json:"detection,omitempty" doc:"The row is a detection of another pattern, and of no table"`
	Time       string              `json:"time,omitempty" doc:"Event time"`
	Conditions []DetectedCondition `json:"conditions,omitempty" doc:"What held for it, and the values that were read"`
}

// DetectedCondition is a condition that a row of a match has met.
type DetectedCondition struct {
	Text   string                     `json:"text"`
	Values map[string]json.RawMessage `json:"values,omitempty"`
}

// explainer adds to the rows of an outbox a column with their Making. A nil one
// adds none.
//
//	stage --Lineage--> put: columns | Making --> sink: columns, header
//	                                         --> recent: columns, events
type explainer struct {
	pipeline *Pipeline
	narrow   *event.Schema // without the column
	index    map[event.ID]int
	made     event.Vec
	told     event.Batch // what the sink is given
}

// explain has an outbox tell how its rows are made.
func (o *outbox) explain(p *Pipeline) {
	o.explainer = &explainer{pipeline: p, narrow: o.schema, index: map[event.ID]int{}, made: event.NewVec(event.TString)}
	o.schema = withMaking(o.schema)
}

// withMaking is a schema with the column more.
func withMaking(s *event.Schema) *event.Schema {
	return event.NewSchema(append(slices.Clone(s.Fields), event.Field{Name: "cepd-detection", Type: event.TString})...)
}

// note reads what the rows of a shard's step are made of.
func (x *explainer) note(l *operators.Lineage) {
	clear(x.index)
	if l == nil {
		return
	}
	for i := range l.Made() {
		x.index[l.Made()[i].ID] = i
	}
}

// widen is b with the Making of its live rows.
func (x *explainer) widen(b *event.Batch, live []int32, l *operators.Lineage) *event.Batch {
	if x == nil {
		return b
	}
	x.note(l)
	wide := *b
	x.made.Reset(b.N)
	for _, row := range live {
		x.made.SetBytes(int(row), x.making(b.ID[row], l))
	}
	wide.Cols = append(slices.Clip(b.Cols), x.made)
	return &wide
}

// making is the Making of a row as JSON.
func (x *explainer) making(id event.ID, l *operators.Lineage) []byte {
	p := x.pipeline
	m := Making{Query: p.name, Version: max(1, p.textVersion)}
	if i, ok := x.index[id]; ok {
		made := &l.Made()[i]
		rows := l.Rows(made)
		m.Events, m.Left = make([]DetectedEvent, len(rows)), made.Left
		for k := range rows {
			m.Events[k] = p.detectedEvent(&rows[k])
		}
	} else if e, ok := p.originEvent(id); ok {
		m.Events = []DetectedEvent{e}
	}
	text, _ := json.Marshal(&m) // of texts and numbers: it cannot fail
	return text
}

func (p *Pipeline) detectedEvent(r *operators.MadeRow) DetectedEvent {
	e, ok := p.originEvent(r.ID)
	if !ok {
		e.Detection = r.ID.Hex()
	}
	e.Variable, e.Time = r.Variable, showTime(r.Time)
	for i := range r.Met {
		c := DetectedCondition{Text: r.Met[i].Text, Values: map[string]json.RawMessage{}}
		for _, v := range r.Met[i].Values {
			c.Values[v.Name] = function.JSON(v.Type, v.Value)
		}
		e.Conditions = append(e.Conditions, c)
	}
	return e
}

// originEvent is a row that a source gave.
func (p *Pipeline) originEvent(id event.ID) (e DetectedEvent, ok bool) {
	if !id.Detected() {
		id.Hi &= 1<<48 - 1 // whatever way it came
	}
	e.Table, e.Partition, e.Offset, ok = p.origin(id)
	return e, ok
}

// split divides rows into what the sink writes and what they are made of; nil
// where that is not told.
func (x *explainer) split(b *event.Batch) (rows *event.Batch, made *event.Vec) {
	if x == nil {
		return b, nil
	}
	x.told = *b
	last := len(b.Cols) - 1
	x.told.Schema, x.told.Cols = x.narrow, b.Cols[:last:last]
	return &x.told, &b.Cols[last]
}

// keptRows reads rows that were kept, by a query that explained or did not, as
// those of one with this schema that does or does not.
func keptRows(s *event.Schema, did, does bool, value []byte) (*event.Batch, error) {
	stored := s
	switch {
	case did && !does:
		stored = withMaking(s)
	case !did && does:
		stored = event.NewSchema(s.Fields[:len(s.Fields)-1]...)
	}
	b := event.NewBatch(stored)
	if err := state.ReadBatch(value, b); err != nil {
		return nil, err
	}
	switch {
	case did && !does:
		b.Cols = b.Cols[:len(s.Fields)]
	case !did && does:
		none := event.NewVec(event.TString)
		none.Reset(b.N)
		for i := range b.N {
			none.SetBytes(i, nil)
		}
		b.Cols = append(b.Cols, none)
	}
	b.Schema = s
	return b, nil
}

// explained reads the Making of a row; of one that was made before the query
// explained there is none.
func explained(text []byte) (m Making, err error) {
	if len(text) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("what a detection was made of is corrupt: %w", err)
	}
	return m, nil
}
