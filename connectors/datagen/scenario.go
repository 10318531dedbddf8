package datagen

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/scenario"
)

// told is a table of a scenario: docs/generator.md.
type told struct {
	file    *scenario.File
	seed    uint64
	table   string
	columns []connectors.Column
	lone    bool // a table of one column: records as they are go there
}

// newTold reads the scenario of a table.
func newTold(t connectors.Table) (*told, error) {
	for key := range t.Options {
		if strings.HasPrefix(key, "fields.") {
			return nil, fmt.Errorf("option '%s': the values are those of the scenario", key)
		}
	}
	text, err := t.Access.ReadFile(t.Options["scenario"])
	if err != nil {
		return nil, err
	}
	f, err := scenario.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", t.Options["scenario"], err)
	}
	s := &told{file: f, seed: f.Seed, table: t.Options["scenario.table"], columns: t.Columns, lone: len(allColumns(t)) == 1}
	if s.table == "" {
		s.table = t.Name
	}
	if !slices.Contains(f.Tables(), s.table) {
		return nil, fmt.Errorf("the scenario has no events of a table %s, but of %s: name one in 'scenario.table'", s.table, strings.Join(f.Tables(), ", "))
	}
	if t.Options["seed"] != "" {
		s.seed = uint64(t.Int("seed", 0))
	}
	for _, c := range t.Columns {
		if !cell.Supported(c.Type) {
			return nil, fmt.Errorf("column %s: datagen cannot make %s", c.Name, c.Type)
		}
	}
	return s, nil
}

// telling makes the events of a table, one after the other.
type telling struct {
	*told
	world  *scenario.World
	events []scenario.Event // of the batch that is being made
	buf    []byte
}

// begin starts at an event: those before it are made and forgotten.
func (s *told) begin(from int64) (*telling, error) {
	w, err := scenario.New(s.file, s.seed)
	if err != nil {
		return nil, err
	}
	t := &telling{told: s, world: w}
	for range from {
		if _, err := t.next(); errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// next is the table's next event; after the last io.EOF.
func (t *telling) next() (scenario.Event, error) {
	for {
		e, ok, err := t.world.Next()
		switch {
		case err != nil:
			return e, err
		case !ok:
			return e, io.EOF
		case e.Table == t.table:
			t.world.TakeLabels()
			return e, nil
		}
	}
}

// poll makes a batch of at most n rows.
func (t *telling) poll(from int64, n int, dst *event.Batch) error {
	t.events = t.events[:0]
	for len(t.events) < n {
		e, err := t.next()
		if errors.Is(err, io.EOF) && len(t.events) > 0 {
			break // and then again
		}
		if err != nil {
			dst.Reset(0)
			return err
		}
		t.events = append(t.events, e)
	}
	n = len(t.events)
	dst.Reset(n)
	for i := range n {
		dst.ID[i] = event.ID{Lo: uint64(from) + uint64(i)}
		for c := range t.columns {
			if err := t.set(&dst.Cols[c], i, n, &t.events[i], t.columns[c]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *telling) set(v *event.Vec, i, n int, e *scenario.Event, c connectors.Column) error {
	text, ok := t.text(e, c.Name)
	switch {
	case !ok:
		v.Set(i, n, event.NullValue)
	case c.Type.Physical() == event.PhysStr:
		v.SetBytes(i, text)
	case !cell.Set(v, i, text, cell.Style{}):
		return fmt.Errorf("column %s: '%s' is no value: expected %s", c.Name, text, cell.Expected(c.Type, cell.Style{}))
	}
	return nil
}

// text is an event's value of a column.
func (t *telling) text(e *scenario.Event, column string) ([]byte, bool) {
	if e.Record != nil {
		return []byte(*e.Record), t.lone
	}
	for k := range e.Fields {
		if f := &e.Fields[k]; f.Name == column && !f.Value.Null() {
			t.buf = f.Value.AppendText(t.buf[:0])
			return t.buf, true
		}
	}
	return nil, false
}
