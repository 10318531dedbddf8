package memory

import (
	"fmt"
	"sync"

	"github.com/cepd/cepd/internal/event"
)

// DefaultLimit is the most rows a table keeps.
const DefaultLimit = 10_000_000

// Store is the tables of a process, by name. Its methods may be called from
// any goroutine.
type Store struct {
	mu     sync.Mutex
	limit  int
	tables map[string]*Table
}

// NewStore makes a store whose tables keep at most limit rows; 0 means
// DefaultLimit.
func NewStore(limit int) *Store {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Store{limit: limit, tables: map[string]*Table{}}
}

// Table finds the table, or makes it.
func (s *Store) Table(name string) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	if t == nil {
		t = &Table{name: name, limit: s.limit, index: map[string]int{}}
		s.tables[name] = t
	}
	return t
}

// Table is rows in order.
type Table struct {
	name  string
	limit int

	mu     sync.Mutex
	fields []event.Field
	index  map[string]int
	rows   []row
	closed bool
	ready  []func()
}

// row is values, or a JSON object that the reader decodes.
type row struct {
	values []event.Value
	json   []byte
	change event.Change
}

// Append adds the live rows of b. Columns go by name; the first Append, or the
// first query that writes the table, says which there are.
func (t *Table) Append(b *event.Batch) error {
	t.mu.Lock()
	columns, err := t.columnsOf(b.Schema)
	if err == nil {
		err = t.room(b.Live())
	}
	if err == nil {
		for k := range b.Live() {
			i := k
			if b.Sel != nil {
				i = int(b.Sel[k])
			}
			t.rows = append(t.rows, row{values: t.copyRow(b, columns, i), change: b.Change(i)})
		}
	}
	t.mu.Unlock()
	t.wake()
	return err
}

// AppendJSON adds a row for each JSON object.
func (t *Table) AppendJSON(objects ...string) error {
	t.mu.Lock()
	err := t.room(len(objects))
	if err == nil {
		for _, o := range objects {
			t.rows = append(t.rows, row{json: []byte(o)})
		}
	}
	t.mu.Unlock()
	t.wake()
	return err
}

// Close ends the table: who reads it is done after the rows it has.
func (t *Table) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wake()
}

// Rows is a copy of the rows that were appended as columns or written by a
// query, with the names and types of their columns.
func (t *Table) Rows() ([]event.Field, [][]event.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rows [][]event.Value
	for _, r := range t.rows {
		if r.json == nil {
			rows = append(rows, r.values)
		}
	}
	return t.fields, rows
}

// Changes is what each of Rows means: of a query whose results change, some update
// and delete rows before them.
func (t *Table) Changes() []event.Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	var changes []event.Change
	for _, r := range t.rows {
		if r.json == nil {
			changes = append(changes, r.change)
		}
	}
	return changes
}

// Len is the number of rows.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rows)
}

func (t *Table) room(n int) error {
	if t.closed {
		return fmt.Errorf("memory table %s is closed", t.name)
	}
	if len(t.rows)+n > t.limit {
		return fmt.Errorf("memory table %s is full: it keeps %d rows", t.name, t.limit)
	}
	return nil
}

// columnsOf is where each column of s goes.
func (t *Table) columnsOf(s *event.Schema) ([]int, error) {
	if t.fields == nil {
		for i, f := range s.Fields {
			t.index[f.Name] = i
		}
		t.fields = append([]event.Field(nil), s.Fields...)
	}
	columns := make([]int, len(s.Fields))
	for i, f := range s.Fields {
		k, ok := t.index[f.Name]
		if !ok || !t.fields[k].Type.Equal(f.Type) {
			return nil, fmt.Errorf("memory table %s has no column %s %s", t.name, f.Name, f.Type)
		}
		columns[i] = k
	}
	return columns, nil
}

func (t *Table) copyRow(b *event.Batch, columns []int, i int) []event.Value {
	values := make([]event.Value, len(t.fields))
	for k := range values {
		values[k] = event.NullValue
	}
	for c, k := range columns {
		values[k] = clone(b.Cols[c].Value(i))
	}
	return values
}

// clone copies what v refers to.
func clone(v event.Value) event.Value {
	if v.S != nil {
		v.S = append([]byte{}, v.S...)
	}
	for i := range v.L {
		v.L[i] = clone(v.L[i])
	}
	return v
}

func (t *Table) wake() {
	t.mu.Lock()
	ready := append([]func(){}, t.ready...)
	t.mu.Unlock()
	for _, f := range ready {
		f()
	}
}
