package api

import (
	"time"

	"github.com/cepd/cepd/query/catalog"
)

// Info is a query as listed.
type Info struct {
	Name    string            `json:"name"`
	State   string            `json:"state" enum:"running,finished,failed,stopped"`
	SQL     string            `json:"sql"`
	Params  map[string]string `json:"params,omitempty"`
	Created time.Time         `json:"created"`
	Error   string            `json:"error,omitempty" doc:"Why it failed"`
}

// Status is how a query does.
type Status struct {
	Name           string            `json:"name"`
	State          string            `json:"state" enum:"running,finished,failed,stopped"`
	Error          string            `json:"error,omitempty" doc:"Why it failed"`
	Hints          []string          `json:"hints" doc:"What a person should know, first of all why nothing comes out"`
	Watermark      *time.Time        `json:"watermark,omitempty" doc:"No row of this time or earlier is waited for"`
	Events         int64             `json:"events" doc:"Records read since the start of the process"`
	Detections     int64             `json:"detections" doc:"Rows written since the start of the process"`
	Late           int64             `json:"late" doc:"Rows dropped because the watermark had passed them"`
	Rejected       int64             `json:"rejected" doc:"Records dropped because they could not be read"`
	Lag            int64             `json:"lag" doc:"Records still to be read, over all partitions"`
	Keys           int64             `json:"keys" doc:"Partition keys with state"`
	PartialMatches int64             `json:"partial_matches"`
	StateBytes     int64             `json:"state_bytes"`
	Partitions     []PartitionStatus `json:"partitions"`
}

// PartitionStatus is one partition of a source.
type PartitionStatus struct {
	Table     string     `json:"table"`
	Partition int32      `json:"partition"`
	Position  int64      `json:"position" doc:"Offset of the next record"`
	End       int64      `json:"end" doc:"Offset after the last record; -1: not known"`
	Watermark *time.Time `json:"watermark,omitempty"`
	Idle      bool       `json:"idle" doc:"Left out of the watermark because nothing comes"`
	Ended     bool       `json:"ended"`
	Holding   bool       `json:"holding" doc:"This partition holds the watermark back"`
}

// Queries lists the queries in the order they were accepted.
func (s *Service) Queries() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list()
}

func (s *Service) list() []Info {
	infos := []Info{}
	for i := range s.registry.statements {
		if st := &s.registry.statements[i]; st.Kind == kindQuery {
			infos = append(infos, s.info(st))
		}
	}
	return infos
}

func (s *Service) info(st *Statement) Info {
	status, _ := s.status(st.Name)
	return Info{Name: st.Name, State: status.State, SQL: st.SQL, Params: st.Params, Created: st.Created, Error: status.Error}
}

// Query is one query.
func (s *Service) Query(name string) (Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := find(s.registry.statements, kindQuery, name); i >= 0 {
		return s.info(&s.registry.statements[i]), nil
	}
	return Info{}, notFound("there is no query %q", name)
}

// Status is how a query does.
func (s *Service) Status(name string) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status, ok := s.status(name); ok {
		return status, nil
	}
	return Status{}, notFound("there is no query %q", name)
}

func (s *Service) status(name string) (Status, bool) {
	i := find(s.registry.statements, kindQuery, name)
	if i < 0 {
		return Status{}, false
	}
	name = s.registry.statements[i].Name
	if err := s.broken[name]; err != nil {
		return Status{Name: name, State: "failed", Error: err.Error(), Hints: []string{"the query did not start"}, Partitions: []PartitionStatus{}}, true
	}
	status, ok := s.runner.Status(name)
	if !ok {
		status = Status{Name: name, State: "stopped"}
	}
	return status, true
}

// Table is a table as listed.
type Table struct {
	Name      string            `json:"name"`
	Columns   []Column          `json:"columns"`
	Options   map[string]string `json:"options" doc:"WITH options; secrets are masked"`
	Watermark string            `json:"watermark,omitempty" doc:"Column with the event time"`
}

// Column is a column of a table.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	NotNull  bool   `json:"not_null,omitempty"`
	Metadata string `json:"metadata,omitempty" doc:"Key of the connector that fills it"`
	Computed bool   `json:"computed,omitempty"`
}

// Tables lists the tables by name.
func (s *Service) Tables() []Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Table{}
	for _, t := range s.catalog.Tables() {
		list = append(list, tableOf(t))
	}
	return list
}

// Table is one table.
func (s *Service) Table(name string) (Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.catalog.Table(name); ok {
		return tableOf(t), nil
	}
	return Table{}, notFound("there is no table %q", name)
}

func tableOf(t *catalog.Table) Table {
	out := Table{Name: t.Name, Options: map[string]string{}}
	for k, o := range t.Options {
		out.Options[k] = maskSecret(k, o.Value)
	}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, Column{Name: c.Name, Type: c.Type.String(), NotNull: c.NotNull, Metadata: c.Key, Computed: c.Kind == catalog.Computed})
	}
	if t.Rowtime >= 0 {
		out.Watermark = t.Columns[t.Rowtime].Name
	}
	return out
}
