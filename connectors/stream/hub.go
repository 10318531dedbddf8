package stream

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/state/intake"
)

// MaxReaders is how many readers a server has at a time, of all tables.
const MaxReaders = 500

// ErrBusy says that there are as many readers as there may be.
var ErrBusy = errors.New("readers")

// Hub is the streams of a server. Its methods may be called from any goroutine.
type Hub struct {
	logs *intake.Logs

	mu      sync.Mutex
	readers int
	counts  map[string]*Counts // by folded name
}

// NewHub keeps rows in logs.
func NewHub(logs *intake.Logs) *Hub { return &Hub{logs: logs, counts: map[string]*Counts{}} }

// Counts are of a table, since the start of the server.
type Counts struct {
	Readers int   // at the moment
	Sent    int64 // rows
	Missed  int64 // rows that readers could not get, as they were too slow or came too late
	Dropped int64 // readers that took nothing
	Refused int64 // readers, of whom there were too many
}

// Counts are by the name of the table, as its log has it.
func (h *Hub) Counts() map[string]Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]Counts{}
	for name, c := range h.counts {
		out[name] = *c
	}
	return out
}

// Forget lets go of the counts of tables that are gone.
func (h *Hub) Forget(gone func(table string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.counts, func(name string, c *Counts) bool { return c.Readers == 0 && gone(name) })
}

// log is the log of a table.
func (h *Hub) log(t connectors.Table) (*intake.Log, error) {
	l, err := h.logs.Log(t.Name)
	if err == nil {
		l.Limit(Limits(t.Options))
	}
	return l, err
}

// count changes the counts of a table.
func (h *Hub) count(table string, change func(*Counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h.of(table))
}

func (h *Hub) of(table string) *Counts {
	name := strings.ToLower(table)
	if h.counts[name] == nil {
		h.counts[name] = &Counts{}
	}
	return h.counts[name]
}

// enter takes one of the places for readers.
func (h *Hub) enter(t connectors.Table) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.of(t.Name)
	switch most := int(t.Int(optReaders, defaultReaders)); {
	case c.Readers >= most:
		c.Refused++
		return fmt.Errorf("table %s has %d %w already, no more are served at a time ('%s')", t.Name, most, ErrBusy, optReaders)
	case h.readers >= MaxReaders:
		c.Refused++
		return fmt.Errorf("the server has %d %w of streams already, no more are served at a time", MaxReaders, ErrBusy)
	}
	c.Readers++
	h.readers++
	return nil
}

func (h *Hub) leave(table string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of(table).Readers--
	h.readers--
}
