package ruletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/catalog"
)

// The cells of a row of a table that is asked that are no columns.
const (
	cellError   = "_error"   // in place of an answer, questions of these keys fail
	cellTimeout = "_timeout" // as _error, with the words of a time-out
	cellTimes   = "_times"   // so many questions of a key fail, then it is answered
)

// askedStand stands for a connector whose tables are asked for the rows of keys.
type askedStand struct{ stand }

// Looker implements connectors.Asked.
func (c askedStand) Looker(t connectors.Table, keys []connectors.Column) (connectors.Looker, error) {
	if _, err := c.Connector.(connectors.Asked).Looker(t, keys); err != nil {
		return nil, err
	}
	o, err := connectors.ParseLookup(t.Options)
	if err != nil {
		return nil, err
	}
	l := &looker{keys: keys, columns: t.Columns, options: o}
	to := c.world.table(t.Name)
	to.lookers = append(to.lookers, l)
	return l, nil
}

// looker answers from the rows that the test gives a table.
type looker struct {
	keys, columns []connectors.Column
	options       connectors.LookupOptions

	mu   sync.Mutex
	rows []answer
}

// answer is a row that a table has, or a failure of the questions of some keys.
type answer struct {
	key    []string // as JSON, by column of the key; "": any
	values []event.Value
	failed string
	times  int            // 0: each
	used   map[string]int // questions that failed, by key
}

func (l *looker) Open(context.Context) error { return nil }
func (l *looker) Batch() int                 { return 1 } // a failure is of one key
func (l *looker) Close() error               { return nil }

// Find implements connectors.Looker. It asks again by itself where the real thing
// would: between two tries passes no time here.
func (l *looker) Find(_ context.Context, keys *event.Batch, add func(key int, row []event.Value)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := make([]string, len(l.keys))
	for i := range key {
		key[i] = string(function.JSON(l.keys[i].Type, keys.Cols[i].Value(0)))
	}
	for i := range l.rows {
		if a := &l.rows[i]; a.failed != "" && a.of(key) && a.fails(key, l.options.Retries) {
			return connectors.Permanent(errors.New(a.failed))
		}
	}
	for i := range l.rows {
		if a := &l.rows[i]; a.failed == "" && a.of(key) {
			add(0, a.values)
		}
	}
	return nil
}

// of says whether an answer is about a key.
func (a *answer) of(key []string) bool {
	for i := range key {
		if a.key[i] != "" && a.key[i] != key[i] {
			return false
		}
	}
	return true
}

// fails says whether a key gets no answer, however often it is asked again.
func (a *answer) fails(key []string, retries int) bool {
	if a.times == 0 {
		return true
	}
	name := strings.Join(key, ",")
	n := min(a.times-a.used[name], retries+1)
	a.used[name] += n
	return n > retries
}

// setAnswers makes rows what a table has from now on.
func (r *runner) setAnswers(t *table, def *catalog.Table, rows []row) error {
	for _, l := range t.lookers {
		list := make([]answer, len(rows))
		for i := range rows {
			object, a, err := r.answerCells(def, &rows[i], l)
			if err == nil && a.failed == "" {
				a.values, err = decodeRow(object, l.columns)
			}
			if err == nil {
				a.key, err = keyTexts(object, l.keys, a.failed != "")
			}
			if err != nil {
				return fmt.Errorf("line %d: %s", rows[i].line, strings.TrimPrefix(err.Error(), fmt.Sprintf("line %d: ", rows[i].line)))
			}
			list[i] = a
		}
		l.rows = list
	}
	return nil
}

// answerCells reads the cells of a row: columns, and what fails.
func (r *runner) answerCells(def *catalog.Table, row *row, l *looker) (object map[string]json.RawMessage, a answer, err error) {
	object, a.used = map[string]json.RawMessage{}, map[string]int{}
	for _, c := range row.cells {
		switch i := def.Column(c.column); {
		case strings.HasPrefix(c.column, "_") && i < 0:
			err = a.special(c, l)
		case i < 0 || def.Columns[i].Kind != catalog.Physical:
			err = fmt.Errorf("table %s has no field %s", def.Name, c.column)
		default:
			object[def.Columns[i].Name], err = r.times.value(c.node, def.Columns[i].Type)
		}
		if err != nil {
			return nil, a, err
		}
	}
	if a.times > 0 && a.failed == "" {
		err = fmt.Errorf("%s goes with %s or %s", cellTimes, cellError, cellTimeout)
	}
	return object, a, err
}

// special reads a cell that is no column; one that is NULL says nothing.
func (a *answer) special(c cellText, l *looker) (err error) {
	empty := c.node.Tag == "!!null"
	switch c.column {
	case cellError:
		if !empty {
			a.failed = c.node.Value
		}
	case cellTimeout:
		if empty || c.node.Value == "false" {
			return nil
		}
		a.failed = fmt.Sprintf("no answer within %s", l.options.Timeout)
	case cellTimes:
		if empty {
			return nil
		}
		if a.times, err = strconv.Atoi(c.node.Value); err != nil || a.times < 1 {
			return fmt.Errorf("%s is a number from 1 on, not %q", cellTimes, c.node.Value)
		}
	default:
		return fmt.Errorf("a table that is asked has columns, %s, %s and %s, not %s", cellError, cellTimeout, cellTimes, c.column)
	}
	return nil
}

// decodeRow makes values of an object, as format JSON does.
func decodeRow(object map[string]json.RawMessage, columns []connectors.Column) ([]event.Value, error) {
	fields := make([]event.Field, len(columns))
	for i, c := range columns {
		fields[i] = event.Field{Name: c.Name, Type: c.Type}
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	decoder, err := formats.NewDecoder(asJSON(connectors.Table{Columns: columns}))
	if err != nil {
		return nil, err
	}
	b := event.NewBatch(event.NewSchema(fields...))
	raw := connectors.RawBatch{Buf: text}
	raw.Append(event.Span{Len: uint32(len(text))}, 0)
	b.Reset(1)
	rejects, err := decoder.Decode(&raw, b, nil)
	if err == nil && len(rejects) > 0 {
		err = errors.New(rejects[0].Reason)
	}
	values := make([]event.Value, len(columns))
	for i := range values {
		values[i] = function.Clone(b.Cols[i].Value(0))
	}
	return values, err
}

// keyTexts are the values by which a row is found, of the types that are asked with. Of
// a failure one that is not named stands for any.
func keyTexts(object map[string]json.RawMessage, keys []connectors.Column, failure bool) ([]string, error) {
	values, err := decodeRow(object, keys)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(keys))
	for i, k := range keys {
		if failure && values[i].Null {
			continue
		}
		texts[i] = string(function.JSON(k.Type, values[i]))
	}
	return texts, nil
}

// sendAnswers gives the tables that are asked their rows: before all others of a step.
func (r *runner) sendAnswers(tables Tables) error {
	for _, t := range tables {
		def, ok := r.cat.Table(t.Table)
		if !ok || !r.asked(t.Table) {
			continue
		}
		rows, err := rowsOf(t.Node)
		if err == nil {
			err = r.setAnswers(r.world.table(t.Table), def, rows)
		}
		if err != nil {
			return r.at(err)
		}
	}
	return nil
}

// asked says whether queries ask a table for rows, in place of reading it.
func (r *runner) asked(table string) bool { return len(r.world.table(table).lookers) > 0 }
