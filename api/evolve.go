package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query/catalog"
)

// The limits of columns that the server adds by itself.
const (
	addEvery    = 10 * time.Second // how often it looks for fields
	addAgain    = time.Minute      // after columns could not be added
	maxAdded    = 64               // columns of a table: a status tells of some more
	maxAddedLen = 128              // bytes of a name
	maxWindows  = 8                // places of the source that are looked at for types, at a time
)

// serverItself is who adds them, in the registry and in the audit log.
const serverItself = "cepd"

// evolution is what is known of tables that are given columns, by their names.
type evolution struct {
	mu    sync.Mutex
	notes map[string]string    // why fields of a table are no columns
	again map[string]time.Time // when it is tried again
}

// due says whether a table is looked at.
func (e *evolution) due(table string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !now.Before(e.again[table])
}

func (e *evolution) later(table string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.again == nil {
		e.again = map[string]time.Time{}
	}
	e.again[table] = at
}

// note keeps why fields of a table are no columns, and says whether that is news.
func (e *evolution) note(table, text string) (news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.notes == nil {
		e.notes = map[string]string{}
	}
	news = e.notes[table] != text && text != ""
	e.notes[table] = text
	return news
}

func (e *evolution) noteOf(table string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.notes[table]
}

// forget forgets tables that are gone: others may get their names.
func (e *evolution) forget(tables []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range tables {
		delete(e.notes, name)
		delete(e.again, name)
	}
}

// addFields gives tables with 'schema.evolution' = 'add' the columns that their
// records have.
func (s *Service) addFields(ctx context.Context) {
	for _, t := range s.definitions().Tables() {
		if t.Option(connectors.OptEvolution, "") != connectors.EvolutionAdd || !s.evolution.due(t.Name, s.now()) {
			continue
		}
		fields, note := s.addable(t)
		if len(fields) > 0 {
			if err := s.addTo(ctx, t, fields); err != nil {
				note = err.Error()
				s.evolution.later(t.Name, s.now().Add(addAgain))
			}
		}
		if s.evolution.note(t.Name, note) {
			s.log.Warn("fields do not become columns", "table", t.Name, "reason", note)
		}
	}
}

// addable are the fields that queries have seen and that may become columns of a
// table, by name; note says what of the others is in the way.
func (s *Service) addable(t *catalog.Table) (fields []engine.FieldStatus, note string) {
	seen := map[string]engine.FieldStatus{}
	for _, src := range s.sourcesOf(t.Name) {
		if src.Difference == nil {
			continue
		}
		for _, f := range src.Difference.Unknown {
			if other, ok := seen[f.Name]; !ok || other.Type == "" {
				seen[f.Name] = f
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		switch f := seen[name]; {
		case f.Type == "": // null so far
		case !nameable(name):
			note = fmt.Sprintf("the field %q has a name that no column has", short(name))
		case taken(t, fields, name):
			note = fmt.Sprintf("the field %q differs from a column in upper and lower case only", name)
		case t.Grown+len(fields) >= maxAdded:
			note = fmt.Sprintf("%d columns have been added, and more are not: declare those that are wanted (ALTER TABLE %s ADD …)", maxAdded, t.Name)
		default:
			fields = append(fields, f)
		}
	}
	if err := shadowed(s.statements()); len(fields) > 0 && err != nil {
		return nil, err.Error()
	}
	return fields, note
}

func nameable(name string) bool {
	return name != "" && len(name) <= maxAddedLen && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return r == '`' || unicode.IsControl(r) })
}

func taken(t *catalog.Table, fields []engine.FieldStatus, name string) bool {
	return t.Column(name) >= 0 || slices.ContainsFunc(fields, func(f engine.FieldStatus) bool { return strings.EqualFold(f.Name, name) })
}

// addTo makes columns of fields. What is about to be done is in the audit log before it
// is done, as with what users do.
func (s *Service) addTo(ctx context.Context, t *catalog.Table, fields []engine.FieldStatus) error {
	columns, err := s.typed(ctx, t, fields)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("ALTER TABLE %s ADD (%s)", infer.Quoted(t.Name), strings.Join(columns, ", "))
	if err := s.wouldAdd(t.Name, sql); err != nil {
		return err // that is tried often, and need not be in the audit log
	}
	e := audit.Entry{RequestID: rand.Text(), Who: serverItself, Action: "add-columns", Object: "/v1/tables/" + t.Name, Phase: audit.Attempt, Reason: short(sql)}
	if err := s.audited(e); err != nil {
		return fmt.Errorf("the audit log cannot be written, so nothing is changed: %w", err)
	}
	_, err = s.Submit(&Submission{SQL: sql, By: serverItself})
	if e.Phase = audit.Done; err != nil {
		e.Reason = short(err.Error())
	}
	if failed := s.audited(e); failed != nil {
		s.log.Error("columns were added whose audit log lacks the outcome", "table", t.Name, "error", failed)
	}
	if err == nil {
		s.log.Info("columns added", "table", t.Name, "columns", strings.Join(columns, ", "))
	}
	return err
}

// wouldAdd says whether a table may get columns as things are.
func (s *Service) wouldAdd(table, sql string) error {
	c := &change{list: slices.Clone(s.statements())}
	if find(c.list, kindTable, table) < 0 {
		return notFound("there is no table %q", table)
	}
	return c.columns(Statement{SQL: sql}, table)
}

func (s *Service) audited(e audit.Entry) error {
	if s.Audit == nil {
		return nil
	}
	e.Time = s.now().UTC()
	return s.Audit.Write(e, true)
}

// typed are the columns for fields, each with the type that LIKE SAMPLE would give it
// by the records from where it was first seen.
func (s *Service) typed(ctx context.Context, t *catalog.Table, fields []engine.FieldStatus) ([]string, error) {
	done, err := s.sampling()
	if err != nil {
		return nil, err
	}
	defer done()
	types := map[string]event.Type{}
	windows := 0
	for _, f := range fields {
		if _, ok := types[f.Name]; !ok && windows < maxWindows {
			s.sampleFrom(ctx, t, &f, types)
			windows++
		}
	}
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = infer.Column(event.Field{Name: f.Name, Type: settled(types[f.Name], &f)})
	}
	return columns, nil
}

// sampleFrom adds the types that fields have in the records from where one was seen.
// Where these cannot be read again, there are none.
func (s *Service) sampleFrom(ctx context.Context, t *catalog.Table, f *engine.FieldStatus, types map[string]event.Type) {
	options := map[string]string{}
	for k, o := range t.Options {
		options[k] = o.Value
	}
	format := cmp.Or(options["value.format"], options["format"])
	if style := format + ".timestamp-format.standard"; format == "json" || format == "debezium-json" {
		options[style] = cmp.Or(options[style], "SQL") // the table has it, and reads no other
	}
	found, err := s.runner.Infer(ctx, infer.Request{Name: t.Name, Options: options, From: map[int32]int64{f.Partition: f.Offset}})
	if err != nil {
		s.log.Debug("the records of a new field are not read again", "table", t.Name, "field", f.Name, "error", err)
		return
	}
	for _, c := range found.Columns {
		if _, ok := types[c.Name]; !ok {
			types[c.Name] = c.Type
		}
	}
}

// settled is the type of a column that nobody looks over: what a sample gives, or a
// wider one where other records have shown something else, or more may come. A number
// with a fraction is a DOUBLE, since as a DECIMAL the next with a digit more would be
// rejected.
func settled(sample event.Type, f *engine.FieldStatus) event.Type {
	seen, known := seenTypes[f.Type]
	switch {
	case f.Schema > 0 && sample.Kind != event.Null:
		return sample // the schema says it
	case !known: // an object or array
		seen = event.TString // its text
	}
	switch {
	case sample.Kind == event.Null:
		return seen
	case sample.Integer() && seen.Float(), sample.Kind == event.Decimal && sample.Scale > 0:
		sample = event.TFloat64
	}
	if f.Type == "STRING" && !textual(sample) {
		return event.TString
	}
	return sample
}

// seenTypes are those that a status tells of values.
var seenTypes = map[string]event.Type{"BIGINT": event.TInt64, "DOUBLE": event.TFloat64, "BOOLEAN": event.TBool, "STRING": event.TString}

// textual says whether values of a type are text in JSON.
func textual(t event.Type) bool {
	return t.Kind == event.String || t.Kind == event.Date || t.Kind == event.TimeOfDay || t.Instant()
}
