package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/postgrestest"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/memstore"
)

// patience bounds every wait of a test.
const patience = 2 * time.Minute

// world is a database of a test's own, on a server that several share, and logs.
type world struct {
	t      *testing.T
	server *postgrestest.Server
	name   string
	db     *sql.DB
	logs   *intake.Logs
	notes  *notes
}

var databases int

func newWorld(t *testing.T, s *postgrestest.Server, setup ...string) *world {
	t.Helper()
	databases++
	w := &world{t: t, server: s, name: fmt.Sprintf("db%d", databases), logs: newLogs(t), notes: &notes{}}
	if _, err := s.DB.Exec("CREATE DATABASE " + w.name); err != nil {
		t.Fatal(err)
	}
	w.db = s.Open(w.name)
	w.exec(setup...)
	return w
}

func newLogs(t *testing.T) *intake.Logs {
	t.Helper()
	logs := intake.New(clock.Wall{})
	if err := logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	return logs
}

func (w *world) exec(list ...string) {
	w.t.Helper()
	for _, text := range list {
		if _, err := w.db.Exec(text); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
}

// text is the answer to a question for one value.
func (w *world) text(question string, args ...any) string {
	w.t.Helper()
	var out sql.NullString
	if err := w.db.QueryRow(question, args...).Scan(&out); err != nil {
		w.t.Fatalf("%s: %v", question, err)
	}
	return out.String
}

// until waits for a condition of the database.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s: %s", what, w.notes)
		}
	}
}

// table is a table t of cepd with these columns, name TYPE.
func (w *world) table(columns []connectors.Column, key string, options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns, Log: slog.New(slog.NewTextHandler(w.notes, nil)), Options: map[string]string{
		"connector": formats.PostgresCDC, optHost: "127.0.0.1", optPort: strconv.Itoa(w.server.Port), optUser: postgrestest.User, optPassword: "hidden", optDatabase: w.name,
		optTable: "t", optSlot: "slot_" + w.name}}
	if key != "" {
		t.Key = strings.Split(key, ",")
	}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

var idName = []connectors.Column{{Name: "id", Type: event.TInt64}, {Name: "name", Type: event.TString}}

// notes is what a connector logs.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// reading is a table that is read, and what its changes come to.
type reading struct {
	w     *world
	key   string
	r     connectors.RawReader
	wake  chan struct{}
	state map[string]string // rows as JSON, by the value of the key
	again int               // inserts of a row that is there, and deletes of one that is not
}

func (w *world) open(table connectors.Table, from int64) (*reading, error) {
	s, err := New(w.logs).Source(table)
	if err != nil {
		return nil, err
	}
	x := &reading{w: w, wake: make(chan struct{}, 1), state: map[string]string{}}
	if len(table.Key) > 0 {
		x.key = table.Key[0]
	}
	r, err := s.Open(w.t.Context(), 0, from, func() {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	x.r = r.(connectors.RawReader)
	w.t.Cleanup(func() { _ = r.Close() })
	return x, nil
}

func (w *world) read(table connectors.Table, from int64) *reading {
	w.t.Helper()
	x, err := w.open(table, from)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// poll waits for up to limit records, and gives their texts.
func (x *reading) poll(limit int, within <-chan time.Time) ([]string, error) {
	for {
		var raw connectors.RawBatch
		if err := x.r.Poll(limit, -1, &raw); err != nil {
			return nil, err
		}
		var list []string
		for _, s := range raw.Value {
			list = append(list, string(raw.Buf[s.Off:s.Off+s.Len]))
		}
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-x.wake:
		case <-within:
			return nil, context.DeadlineExceeded
		}
	}
}

// next waits for n records.
func (x *reading) next(n int) string {
	x.w.t.Helper()
	var got []string
	deadline := time.After(patience)
	for len(got) < n {
		list, err := x.poll(n-len(got), deadline)
		if err != nil {
			x.w.t.Fatalf("%v, after %q\n%s", err, got, x.w.notes)
		}
		got = append(got, list...)
		for _, text := range list {
			x.apply(text)
		}
	}
	return strings.Join(got, "\n")
}

// fails waits for the error that ends reading.
func (x *reading) fails() string {
	x.w.t.Helper()
	deadline := time.After(patience)
	for {
		if _, err := x.poll(1000, deadline); err != nil {
			if err == context.DeadlineExceeded || err == io.EOF {
				x.w.t.Fatalf("%v\n%s", err, x.w.notes)
			}
			return err.Error()
		}
	}
}

// apply changes the state.
func (x *reading) apply(text string) {
	x.w.t.Helper()
	var c struct {
		Op            string
		Before, After json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		x.w.t.Fatalf("%s: %v", text, err)
	}
	row := c.After
	if c.Op == "d" {
		row = c.Before
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(row, &fields); err != nil {
		x.w.t.Fatalf("%s: %v", text, err)
	}
	key := string(fields[x.key])
	_, there := x.state[key]
	switch {
	case c.Op == "d":
		delete(x.state, key)
	default:
		x.state[key] = string(row)
	}
	if c.Op == "r" && there || c.Op == "d" && !there && x.key != "" {
		x.again++
	}
}

// reaches waits until the state is that of the table, where row makes JSON of a row.
func (x *reading) reaches(rows string) {
	x.w.t.Helper()
	var want []string
	answer, err := x.w.db.Query(rows)
	if err != nil {
		x.w.t.Fatal(err)
	}
	defer answer.Close()
	for answer.Next() {
		var text string
		if err := answer.Scan(&text); err != nil {
			x.w.t.Fatal(err)
		}
		want = append(want, text)
	}
	slices.Sort(want)
	deadline := time.After(patience)
	for {
		got := slices.Sorted(maps.Values(x.state))
		if slices.Equal(got, want) {
			return
		}
		list, err := x.poll(1000, deadline)
		if err != nil {
			x.w.t.Fatalf("%v\n%d rows, want %d; %.300v\nwant %.300v\n%s", err, len(got), len(want), got, want, x.w.notes)
		}
		for _, text := range list {
			x.apply(text)
		}
	}
}

// idNames is the table (id, name) as records have it.
const idNames = `SELECT format('{"id":%s,"name":%s}', id, COALESCE(to_json(name)::text, 'null')) FROM t`

// newDurableLogs are logs whose store outlives readers.
func newDurableLogs(t *testing.T) *intake.Logs {
	t.Helper()
	logs := intake.New(clock.Wall{})
	if err := logs.Open(memstore.New()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	return logs
}
