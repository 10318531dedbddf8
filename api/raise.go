package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Raise is an event for an open match: a row of a table that its query reads.
type Raise struct {
	Table  string                     `json:"table,omitempty" doc:"One that the query reads; it may be left out when there is one only" maxLength:"256"`
	Values map[string]json.RawMessage `json:"values,omitempty" doc:"By column; those of PARTITION BY are filled in"`
}

// Raised is an event that was raised.
type Raised struct {
	Table string    `json:"table"`
	Event *EventRef `json:"event,omitempty" doc:"Of a table that is posted to"`
}

type raiseEvent struct {
	InstancePath
	Key  string `header:"Idempotency-Key" doc:"The same key raises the event once, in a table that is posted to" maxLength:"255"`
	Body Raise
}

func registerRaise(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodPost, "/v1/queries/{name}/instances/{id}/events", "raise-event",
		"Raise an event for an open match: a row with the match's partition columns, in a table with 'connector' = 'http' or 'kafka'", http.StatusAccepted),
		func(ctx context.Context, in *raiseEvent) (*body[*Raised], error) {
			return answer(s.Raise(ctx, in.Name, in.ID, in.Key, &in.Body))
		})
}

// Raise puts a row for an open match into a table that its query reads.
func (s *Service) Raise(ctx context.Context, name, id, key string, r *Raise) (*Raised, error) {
	x, err := s.Instance(ctx, name, id)
	if err != nil {
		return nil, err
	}
	t, err := s.raisedTable(name, r.Table)
	if err != nil {
		return nil, err
	}
	row, err := raisedRow(t, x, r.Values)
	if err != nil {
		return nil, err
	}
	switch c := t.Option("connector", ""); {
	case loggedBy(t) == "http":
		posted, err := s.PostEvents(ctx, t.Name, &Events{ContentType: "application/json", Body: row, Key: key, By: who(ctx)})
		if err != nil {
			return nil, err
		}
		return &Raised{t.Name, &posted.Events[0]}, nil
	case c == "kafka":
		if err := s.runner.Produce(ctx, t, row); err != nil {
			return nil, badRequest("nothing was raised: %v", err)
		}
		return &Raised{Table: t.Name}, nil
	default:
		return nil, badRequest("no event can be raised in table %s, whose connector is '%s': that takes 'http', without 'url', or 'kafka'. Give the query another source: FROM (SELECT … FROM %s UNION ALL SELECT … FROM a table with 'connector' = 'http')", t.Name, c, t.Name)
	}
}

// raisedTable is the table that a query reads of this name, or the only one.
func (s *Service) raisedTable(query, name string) (*catalog.Table, error) {
	q, _, err := s.compiledQuery(query)
	if err != nil {
		return nil, err
	}
	var names []string
	var found []*catalog.Table
	for _, t := range tablesRead(q.Insert, nil) {
		if name == "" || strings.EqualFold(t.Name, name) {
			found = append(found, t)
		}
		names = append(names, t.Name)
	}
	if len(found) != 1 {
		return nil, badRequest("give the table to raise the event in: query %s reads %s", query, strings.Join(names, ", "))
	}
	return found[0], nil
}

// tablesRead are the tables that a plan reads, each once.
func tablesRead(n plan.Node, list []*catalog.Table) []*catalog.Table {
	if scan, ok := n.(*plan.Scan); ok {
		for _, t := range list {
			if t.Name == scan.Table.Name {
				return list
			}
		}
		return append(list, scan.Table)
	}
	for _, in := range n.Inputs() {
		list = tablesRead(in, list)
	}
	return list
}

// raisedRow is the row as a JSON object: the values, and the key of the match.
func raisedRow(t *catalog.Table, x *engine.Instance, values map[string]json.RawMessage) ([]byte, error) {
	row := map[string]json.RawMessage{}
	for name, v := range values {
		i := t.Column(name)
		if i < 0 || t.Columns[i].Kind != catalog.Physical {
			return nil, badRequest("table %s has no field %q", t.Name, name)
		}
		row[t.Columns[i].Name] = v
	}
	for name, v := range x.Key {
		i := t.Column(name)
		if i < 0 || t.Columns[i].Kind != catalog.Physical {
			return nil, badRequest("table %s has no field %q, by which the query is partitioned: write the event to the table itself", t.Name, name)
		}
		if own, ok := row[t.Columns[i].Name]; ok && string(own) != string(v) {
			return nil, badRequest("%s is %s in the match: an event for it cannot have %s", name, v, own)
		}
		row[t.Columns[i].Name] = v
	}
	return json.Marshal(row)
}
