package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/systables"
)

// Selection is a SELECT over the system tables.
type Selection struct {
	SQL string `json:"sql" doc:"One SELECT over cepd.instances, cepd.queries, cepd.partitions, cepd.operators, cepd.sinks, cepd.fields, cepd.comparisons, cepd.differences, cepd.tables" minLength:"1" maxLength:"65536"`
}

// selectTimeout bounds a SELECT.
const selectTimeout = 20 * time.Second

func registerSelect(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodPost, "/v1/select", "select",
		"Answer a SELECT over what there is now: open matches, queries, partitions, operators, sinks, shadows, tables", http.StatusOK),
		func(ctx context.Context, in *body[Selection]) (*body[*systables.Selected], error) {
			return answer(s.Select(ctx, in.Body.SQL))
		})
}

// Select answers a SELECT over the system tables.
func (s *Service) Select(ctx context.Context, sql string) (*systables.Selected, error) {
	ctx, cancel := context.WithTimeout(ctx, selectTimeout)
	defer cancel()
	a, err := systables.Select(ctx, "", sql, s.systemRows)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, newProblem(http.StatusServiceUnavailable, "the SELECT takes too long: ask for less")
	case errors.Is(err, systables.ErrRun):
		return nil, badRequest("%v", err)
	}
	return a, err
}

// systemRow is a row of a system table by column.
type systemRow map[string]any

// systemRows are the rows of a system table.
func (s *Service) systemRows(ctx context.Context, table string, most int) (rows []any, more bool, err error) {
	switch table {
	case "instances":
		return s.instanceRows(ctx, most)
	case "comparisons", "differences":
		rows = s.comparisonRows(table)
	case "tables":
		for _, t := range s.Tables() {
			rows = append(rows, tableRow(&t))
		}
	default:
		for _, q := range s.Queries() {
			status := s.statusOf(q.Name)
			rows = append(rows, statusRows(table, &q, &status)...)
		}
	}
	if more = len(rows) > most; more {
		rows = rows[:most]
	}
	return rows, more, nil
}

func (s *Service) instanceRows(ctx context.Context, most int) (rows []any, more bool, err error) {
	for _, q := range s.Queries() {
		list, cut, err := s.runner.EveryInstance(ctx, q.Name, most-len(rows))
		if errors.Is(err, engine.ErrEnded) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		for i := range list {
			rows = append(rows, instanceRow(q.Name, &list[i]))
		}
		if more = more || cut; more {
			break
		}
	}
	return rows, more, nil
}

func instanceRow(query string, x *engine.Instance) systemRow {
	r := systemRow{"query": query, "id": x.ID, "stage": x.Stage, "key": jsonText(x.Key), "since": sqlTime(x.Since),
		"waits_for": strings.Join(x.WaitsFor, ","), "none_of": strings.Join(x.NoneOf, ","), "rows": len(x.Rows), "complete": x.Complete, "measures": jsonText(x.Measures)}
	r.set("pattern", x.Pattern)
	r.set("expires", sqlTime(x.Expires))
	if n := len(x.Rows); n > 0 {
		r.set("reached", x.Rows[n-1].Variable)
	}
	return r
}

// jsonText is columns as a JSON object.
func jsonText(columns map[string]json.RawMessage) string {
	text, err := json.Marshal(columns)
	if err != nil {
		return ""
	}
	return string(text)
}

// set leaves out what is empty: it is NULL.
func (r systemRow) set(column, value string) {
	if value != "" {
		r[column] = value
	}
}

// sqlTime is a time of the API as the text of a TIMESTAMP.
func sqlTime(s string) string { return strings.TrimSuffix(strings.Replace(s, "T", " ", 1), "Z") }

func statusRows(table string, q *Info, s *engine.Status) (rows []any) {
	switch table {
	case "queries":
		rows = append(rows, queryRow(q, s))
	case "partitions":
		for _, p := range s.Partitions {
			r := systemRow{"query": q.Name, "table_name": p.Table, "partition_id": p.Partition, "position": p.Position, "idle": p.Idle, "ended": p.Ended,
				"rows": p.Rows, "rejected": p.Rejects, "late": p.Late}
			r.set("watermark", sqlTime(p.Watermark))
			r.known("end_offset", p.End)
			r.known("lag", p.Lag)
			rows = append(rows, r)
		}
	case "operators":
		for _, o := range s.Operators {
			rows = append(rows, systemRow{"query": q.Name, "stage": o.Stage, "shards": o.Shards, "state_keys": o.Keys, "rows": o.Rows,
				"partial_matches": o.Items, "bytes": o.Bytes, "waiting_rows": o.Waiting, "cold_keys": o.Cold})
		}
	case "fields":
		for i := range s.Sources {
			rows = append(rows, fieldRows(q.Name, &s.Sources[i])...)
		}
	case "sinks":
		for _, k := range s.Sinks {
			r := systemRow{"query": q.Name, "table_name": k.Table, "rows": k.Rows, "acknowledged": k.Acknowledged, "queued_bytes": k.QueuedBytes}
			r.set("newest", sqlTime(k.Newest))
			rows = append(rows, r)
		}
	}
	return rows
}

// The kinds of cepd.fields.
const (
	fieldUnknown = "unknown" // records have it, and it is no column
	fieldMissing = "missing" // it is a column, and no record that was looked at has it
)

func fieldRows(query string, s *engine.SourceStatus) (rows []any) {
	if s.Difference == nil {
		return nil
	}
	for _, f := range s.Difference.Unknown {
		r := systemRow{"query": query, "table_name": s.Table, "field": f.Name, "kind": fieldUnknown, "partition_id": f.Partition, "first_offset": f.Offset}
		r.set("type", f.Type)
		if f.Schema > 0 {
			r["schema_id"] = f.Schema
		} else {
			r["records"] = f.Records
		}
		rows = append(rows, r)
	}
	for _, name := range s.Difference.Missing {
		rows = append(rows, systemRow{"query": query, "table_name": s.Table, "field": name, "kind": fieldMissing})
	}
	return rows
}

// known leaves out what is not known: it is NULL.
func (r systemRow) known(column string, n int64) {
	if n >= 0 {
		r[column] = n
	}
}

func queryRow(q *Info, s *engine.Status) systemRow {
	sum := Sum(s)
	var open, keys, bytes, rejected int64
	for _, o := range s.Operators {
		open, keys, bytes = open+o.Items, keys+o.Keys+o.Cold, bytes+o.Bytes
	}
	for _, n := range s.Rejected {
		rejected += n
	}
	r := systemRow{"name": q.Name, "state": q.State, "version": q.Version, "created": q.Created.UTC().Format("2006-01-02 15:04:05.000"),
		"events": sum.Events, "detections": sum.Detections, "late": sum.Late, "rejected": rejected, "open_matches": open, "state_keys": keys, "state_bytes": bytes}
	r.set("error", q.Error)
	r.set("hint", s.Hint)
	r.set("watermark", sqlTime(s.Watermark))
	r.set("held_back_by", s.HeldBackBy)
	r.known("lag", sum.Lag)
	return r
}

func tableRow(t *Table) systemRow {
	var columns []string
	for _, c := range t.Columns {
		columns = append(columns, c.Name+" "+c.Type)
	}
	r := systemRow{"name": t.Name, "columns": strings.Join(columns, ", ")}
	r.set("connector", t.Options["connector"])
	r.set("format", t.Options["format"])
	r.set("watermark", t.Watermark)
	return r
}
