package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Revision is a text of a query, compiled.
type Revision struct {
	Root    *plan.Insert
	Catalog *catalog.Catalog // with the settings of the query
}

// Change makes one version of a query of another.
type Change struct {
	From, To Revision
	Version  int               // number of To
	Renamed  map[string]string // pattern variables, new names by old ones
	Drop     bool              // begin with no state, where the sources are
}

// Verdict is what becomes of the state of a query when its text changes.
type Verdict struct {
	Keep      bool     `json:"keep" doc:"All state can be kept"`
	Anew      bool     `json:"anew,omitempty" doc:"Conditions on the match so far are computed anew for open matches"`
	Fresh     bool     `json:"fresh,omitempty" doc:"New aggregates begin with no rows in what is open"`
	Operators []Kept   `json:"operators" doc:"The operators with state"`
	Reasons   []Reason `json:"reasons,omitempty" doc:"Why state cannot be kept"`
	Notes     []string `json:"notes,omitempty" doc:"What changes for what is open"`
	Reach     int64    `json:"-"` // µs that the new text looks back; -1: without end
}

// Kept is what becomes of an operator's state.
type Kept struct {
	Stage    int    `json:"stage"`
	Operator string `json:"operator"`
	State    string `json:"state" enum:"kept,moved,lost" doc:"kept as it is, moved slot by slot, or lost"`
}

// Reason is why state cannot be kept.
type Reason struct {
	Text     string    `json:"text"`
	Variable string    `json:"variable,omitempty" doc:"Pattern variable that it is about"`
	Remedy   string    `json:"remedy,omitempty"`
	At       diag.Span `json:"-"` // in the new text; zero: nowhere in particular
}

// drafted is a revision whose stages have been built, without sources and sinks.
type drafted struct {
	*Pipeline
	boxes []string // tables of the outboxes
}

// draft builds the stages of a revision.
func (e *Engine) draft(r Revision) (*drafted, error) {
	o := e.options
	set, err := parseSettings(r.Catalog.Settings, o.bounds())
	if err != nil {
		return nil, err
	}
	p := &Pipeline{name: r.Root.Name, root: r.Root, settings: set, journal: journal{store: e.store, root: state.Under{Prefix: queryRange(r.Root.Name)}}}
	b := &opener{options: &o, cat: r.Catalog, root: r.Root, p: p}
	sinks, err := b.graph()
	if err != nil {
		return nil, err
	}
	d := &drafted{Pipeline: p}
	for _, s := range sinks {
		d.boxes = append(d.boxes, s.table.Name)
	}
	for i := range p.graph.Sources {
		if scan := p.graph.Sources[i].Scan; scan != nil {
			d.rejects(scan.Table, len(sinks))
		}
	}
	b.stages()
	return d, nil
}

// rejects adds the outboxes of a table's rejected rows behind those of the sinks.
func (d *drafted) rejects(t *catalog.Table, sinks int) {
	for _, key := range []string{optDeadLetters, optLateRows} {
		if name := t.Option(key, ""); name != "" && !slices.Contains(d.boxes[sinks:], name) {
			d.boxes = append(d.boxes, name)
		}
	}
}

// Compare says what a change does to the state, without doing it.
func (e *Engine) Compare(c *Change) (*Verdict, error) {
	m, err := e.compare(c)
	if err != nil {
		return nil, err
	}
	return &m.verdict, nil
}

// migration is a change of which it is known how state is carried over.
type migration struct {
	from, to  *drafted
	transfers []operators.Transfer // per stage; nil: as it is
	verdict   Verdict
}

func (e *Engine) compare(c *Change) (*migration, error) {
	from, err := e.draft(c.From)
	if err != nil {
		return nil, fmt.Errorf("the running version: %w", err)
	}
	to, err := e.draft(c.To)
	if err != nil {
		return nil, err
	}
	m := &migration{from: from, to: to}
	m.verdict.Reach = reach(c.To.Root)
	if e.store == nil {
		m.refuse("the server keeps no state: it has no data directory")
	}
	m.compare(c.Renamed)
	return m, nil
}

// compare finds what becomes of the state.
func (m *migration) compare(renamed map[string]string) {
	m.compareSources()
	if now := m.to.settings.shards; m.from.settings.shards != now {
		m.refuse("'cepd.shards' becomes %d: keys would lie in other shards", now)
	}
	m.compareStages(renamed)
	m.verdict.Keep = len(m.verdict.Reasons) == 0
	if !m.verdict.Keep {
		m.lost()
	}
}

func (m *migration) refuse(format string, args ...any) {
	m.verdict.Reasons = append(m.verdict.Reasons, Reason{Text: fmt.Sprintf(format, args...)})
}

// lost says that no operator's state is kept: what one holds is made of what others
// gave it.
func (m *migration) lost() {
	m.verdict.Operators = m.verdict.Operators[:0]
	for _, s := range m.to.stages {
		m.verdict.Operators = append(m.verdict.Operators, Kept{s.index, title(s.plan), "lost"})
	}
}

func title(s *build.Stage) string {
	text := s.Kind
	if len(s.Nodes) == 1 {
		text = plan.Title(s.Nodes[0])
	}
	if n := len(s.Nodes); n > 1 {
		text = fmt.Sprintf("%d patterns that run together", n)
	}
	return text
}

// compareSources sees to it that rows keep their IDs and places.
func (m *migration) compareSources() {
	old, now := m.from.graph.Sources, m.to.graph.Sources
	if !slices.EqualFunc(old, now, sameSource) {
		m.refuse("the query reads %s, the running version %s", sourceNames(now), sourceNames(old))
	}
}

// sameSource says whether the rows of b are those of a, an earlier version: b may have
// got columns since.
func sameSource(a, b build.Source) bool {
	if a.Scan == nil || b.Scan == nil {
		return a.Scan == nil && b.Scan == nil
	}
	was, is := a.Scan.Table, b.Scan.Table
	return was.Name == is.Name && tableHash(was) == tableHash(asBefore(is, len(was.Columns)))
}

// asBefore is a table without columns that it got behind the first n.
func asBefore(t *catalog.Table, n int) *catalog.Table {
	if n > len(t.Columns) || len(t.Columns)-n > t.Grown {
		return t
	}
	before := *t
	before.Columns = t.Columns[:n]
	return &before
}

func sourceNames(list []build.Source) string {
	var names []string
	for i := range list {
		name := "VALUES"
		if list[i].Scan != nil {
			name = list[i].Scan.Table.Name
		}
		names = append(names, name)
	}
	return fmt.Sprint(names)
}

// reach is how far back rows can matter to a query, µs; -1: without end.
func reach(n plan.Node) int64 {
	var own int64
	switch n := n.(type) {
	case *plan.Match:
		own = endless(n.Within)
	case *plan.Aggregate:
		own = endless(n.Window.Size)
	case *plan.Over:
		for _, f := range n.Frames {
			if f.Rows || f.Preceding < 0 {
				return -1
			}
			own = max(own, f.Preceding)
		}
	case *plan.Join:
		if own = max(n.Upper, -n.Lower, 0); n.Mode != plan.Interval {
			return -1
		}
	case *plan.TopN, *plan.Normalize, *plan.Suppress:
		return -1
	}
	var below int64
	for _, in := range n.Inputs() {
		b := reach(in)
		if b < 0 {
			return -1
		}
		below = max(below, b)
	}
	if own < 0 {
		return -1
	}
	return own + below
}

func endless(span int64) int64 {
	if span <= 0 {
		return -1
	}
	return span
}

// ErrJournal says that a query has steps to repeat before its text can change.
var ErrJournal = errors.New("the query ended in the middle: its last steps are to be repeated first, by the version that took them; resume it, and change it when it runs")

// ErrUndelivered says that rows of the running version have not been delivered.
var ErrUndelivered = errors.New("rows of the running version have not been delivered yet: resume the query, and change it when its sinks take rows")
