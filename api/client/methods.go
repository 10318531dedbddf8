package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/backup"
	"github.com/cepd/cepd/internal/systables"
	"github.com/cepd/cepd/internal/why"
	"github.com/cepd/cepd/state/savepoint"
)

// Page is which part of a list is asked for.
type Page struct {
	After string // only what comes behind this
	Limit int    // 0: the server's default
}

func (p Page) values() url.Values {
	v := url.Values{}
	set(v, "after", p.After)
	if p.Limit > 0 {
		v.Set("limit", strconv.Itoa(p.Limit))
	}
	return v
}

func set(v url.Values, name, text string) {
	if text != "" {
		v.Set(name, text)
	}
}

func setTime(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

// keyed is a call's Idempotency-Key: the call may be tried again. "": none.
func keyed(key string) http.Header {
	if key == "" {
		return nil
	}
	return http.Header{"Idempotency-Key": {key}}
}

// all reads a list page by page.
func all[T any](ctx context.Context, c *Client, pattern string, name func(*T) string) ([]T, error) {
	list := []T{}
	for after := ""; ; {
		var page []T
		if err := c.do(ctx, call{pattern: pattern, query: Page{After: after, Limit: listPage}.values()}, &page); err != nil {
			return nil, err
		}
		list = append(list, page...)
		if len(page) < listPage {
			return list, nil
		}
		after = name(&page[len(page)-1])
	}
}

const listPage = 1000

// Submit runs statements: all, or after an error none.
func (c *Client) Submit(ctx context.Context, s *api.Submission) (*api.Outcome, error) {
	return c.SubmitOnce(ctx, s, "")
}

// SubmitOnce is Submit with an idempotency key: with the same key it takes effect
// once.
func (c *Client) SubmitOnce(ctx context.Context, s *api.Submission, key string) (*api.Outcome, error) {
	out := &api.Outcome{}
	return out, c.do(ctx, call{pattern: "POST /v1/queries", in: s, header: keyed(key), long: true}, out)
}

// Validate checks statements without running them.
func (c *Client) Validate(ctx context.Context, s *api.Submission) (*api.Validation, error) {
	out := &api.Validation{}
	return out, c.do(ctx, call{pattern: "POST /v1/validate", in: s}, out)
}

// Queries lists the queries, by name.
func (c *Client) Queries(ctx context.Context) ([]api.Info, error) {
	return all(ctx, c, "GET /v1/queries", func(q *api.Info) string { return q.Name })
}

// Query is one query.
func (c *Client) Query(ctx context.Context, name string) (*api.Info, error) {
	out := &api.Info{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}", vars: []string{name}}, out)
}

// Drop stops a query and deletes its state.
func (c *Client) Drop(ctx context.Context, name string) error {
	return c.do(ctx, call{pattern: "DELETE /v1/queries/{name}", vars: []string{name}}, nil)
}

// Status is how a query does.
func (c *Client) Status(ctx context.Context, name string) (*engine.Status, error) {
	out := &engine.Status{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/status", vars: []string{name}}, out)
}

// Pause stops a query, keeping its state.
func (c *Client) Pause(ctx context.Context, name string) error {
	return c.do(ctx, call{pattern: "POST /v1/queries/{name}/pause", vars: []string{name}}, nil)
}

// Replace gives a query another text, or says what that would do to its state.
func (c *Client) Replace(ctx context.Context, name string, r *api.Replacement) (*api.ReplaceAnswer, error) {
	out := &api.ReplaceAnswer{}
	return out, c.do(ctx, call{pattern: "POST /v1/queries/{name}/replace", vars: []string{name}, in: r, long: true}, out)
}

// Resume starts a query again that is paused or has failed.
func (c *Client) Resume(ctx context.Context, name string) error {
	return c.do(ctx, call{pattern: "POST /v1/queries/{name}/resume", vars: []string{name}}, nil)
}

// Graph is the operators of a query and what they did.
func (c *Client) Graph(ctx context.Context, name string) (*engine.Graph, error) {
	out := &engine.Graph{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/graph", vars: []string{name}}, out)
}

// Automata are the automata of a query's patterns.
func (c *Client) Automata(ctx context.Context, name string) (*engine.Automata, error) {
	out := &engine.Automata{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/automaton", vars: []string{name}}, out)
}

// Why reads the history of a query again and explains what became of a key, or of
// a detection.
func (c *Client) Why(ctx context.Context, name string, r why.Request) (*why.Report, error) {
	v := url.Values{}
	set(v, "key", r.Key)
	set(v, "detection", r.Detection)
	setTime(v, "from", r.From)
	setTime(v, "to", r.To)
	if r.Limit > 0 {
		v.Set("limit", strconv.Itoa(r.Limit))
	}
	out := &why.Report{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/why", vars: []string{name}, query: v}, out)
}

// Detections are rows that a query has delivered lately: those behind a cursor, or
// the newest.
func (c *Client) Detections(ctx context.Context, name string, p Page) (*engine.Detections, error) {
	out := &engine.Detections{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/detections", vars: []string{name}, query: p.values()}, out)
}

// Connectors lists the sources and sinks of all queries.
func (c *Client) Connectors(ctx context.Context) ([]api.Connection, error) {
	return all(ctx, c, "GET /v1/connectors", func(x *api.Connection) string { return x.Query + "/" + x.Role + "/" + x.Table })
}

// Catalog is what a text may name.
func (c *Client) Catalog(ctx context.Context) (*api.Catalog, error) {
	out := &api.Catalog{}
	return out, c.do(ctx, call{pattern: "GET /v1/catalog"}, out)
}

// Tables lists the tables, by name.
func (c *Client) Tables(ctx context.Context) ([]api.Table, error) {
	return all(ctx, c, "GET /v1/tables", func(t *api.Table) string { return t.Name })
}

// Table is one table.
func (c *Client) Table(ctx context.Context, name string) (*api.Table, error) {
	out := &api.Table{}
	return out, c.do(ctx, call{pattern: "GET /v1/tables/{name}", vars: []string{name}}, out)
}

// Sample reads some rows of a table: the latest, or the first.
func (c *Client) Sample(ctx context.Context, table string, r engine.SampleRequest) (*engine.TableSample, error) {
	v := url.Values{"from": {"earliest"}}
	if r.Latest {
		v.Set("from", "latest")
	}
	if r.Rows > 0 {
		v.Set("rows", strconv.Itoa(r.Rows))
	}
	out := &engine.TableSample{}
	return out, c.do(ctx, call{pattern: "GET /v1/tables/{name}/sample", vars: []string{table}, query: v}, out)
}

// Infer proposes a table from records.
func (c *Client) Infer(ctx context.Context, r *api.InferRequest) (*api.InferredTable, error) {
	out := &api.InferredTable{}
	return out, c.do(ctx, call{pattern: "POST /v1/infer", in: r}, out)
}

// Savepoints lists the savepoints, by name.
func (c *Client) Savepoints(ctx context.Context) ([]savepoint.Entry, error) {
	return all(ctx, c, "GET /v1/savepoints", func(e *savepoint.Entry) string { return e.Name })
}

// Savepoint is one savepoint.
func (c *Client) Savepoint(ctx context.Context, name string) (*savepoint.Entry, error) {
	out := &savepoint.Entry{}
	return out, c.do(ctx, call{pattern: "GET /v1/savepoints/{name}", vars: []string{name}}, out)
}

// CreateSavepoint writes the state of a query into a file, while it goes on.
func (c *Client) CreateSavepoint(ctx context.Context, s *api.NewSavepoint) (*savepoint.Entry, error) {
	out := &savepoint.Entry{}
	return out, c.do(ctx, call{pattern: "POST /v1/savepoints", in: s, long: true}, out)
}

// DropSavepoint deletes a savepoint.
func (c *Client) DropSavepoint(ctx context.Context, name string) error {
	return c.do(ctx, call{pattern: "DELETE /v1/savepoints/{name}", vars: []string{name}}, nil)
}

// RestoreSavepoint starts the query of a savepoint where that left it.
func (c *Client) RestoreSavepoint(ctx context.Context, name string, r *api.Restoration) (*api.Outcome, error) {
	out := &api.Outcome{}
	return out, c.do(ctx, call{pattern: "POST /v1/savepoints/{name}/restore", vars: []string{name}, in: r, long: true}, out)
}

// The types of what other packages keep to themselves.
type (
	// WhyRequest says what Why is asked.
	WhyRequest = why.Request
	// WhyReport is what became of the rows of one key.
	WhyReport = why.Report
	// Backup is a copy of everything.
	Backup = backup.Backup
)

// CreateBackup copies everything that the server keeps to an address.
func (c *Client) CreateBackup(ctx context.Context, b *api.NewBackup) (*Backup, error) {
	out := &Backup{}
	return out, c.do(ctx, call{pattern: "POST /v1/backups", in: b, long: true}, out)
}

// InstanceFilter chooses open matches; the zero value chooses all.
type InstanceFilter struct {
	Page
	Queries  []string  // of AllInstances: only those of these
	Key      string    // value of a partition column: 17, or card=17
	WaitsFor string    // variable of which a row may be next
	Reached  string    // variable of the last row
	Before   time.Time // the first row is older
}

func (f *InstanceFilter) values() url.Values {
	v := f.Page.values()
	set(v, "key", f.Key)
	set(v, "waits_for", f.WaitsFor)
	set(v, "reached", f.Reached)
	setTime(v, "before", f.Before)
	for _, q := range f.Queries {
		v.Add("query", q)
	}
	return v
}

// Instances lists open matches of a query, the oldest first.
func (c *Client) Instances(ctx context.Context, name string, f InstanceFilter) (*engine.Instances, error) {
	f.Queries = nil
	out := &engine.Instances{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/instances", vars: []string{name}, query: f.values()}, out)
}

// AllInstances lists open matches of all queries, the oldest first.
func (c *Client) AllInstances(ctx context.Context, f InstanceFilter) (*api.AllInstances, error) {
	out := &api.AllInstances{}
	return out, c.do(ctx, call{pattern: "GET /v1/instances", query: f.values()}, out)
}

// Instance is one open match.
func (c *Client) Instance(ctx context.Context, query, id string) (*engine.Instance, error) {
	out := &engine.Instance{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/instances/{id}", vars: []string{query, id}}, out)
}

// EndInstance ends an open match; the reason goes to the audit log.
func (c *Client) EndInstance(ctx context.Context, query, id, reason string) (*engine.Instance, error) {
	v := url.Values{}
	set(v, "reason", reason)
	out := &engine.Instance{}
	return out, c.do(ctx, call{pattern: "DELETE /v1/queries/{name}/instances/{id}", vars: []string{query, id}, query: v}, out)
}

// Versions are the versions of a query, the current one first.
func (c *Client) Versions(ctx context.Context, name string) ([]api.Version, error) {
	var out []api.Version
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/versions", vars: []string{name}}, &out)
}

// PostEvents keeps events for the queries that read a table, as JSON, lines of
// JSON, or what else the content type says ("": one JSON event or an array). With a
// key, the same events are kept once.
func (c *Client) PostEvents(ctx context.Context, table, contentType string, events []byte, key string) (*api.Posted, error) {
	h := http.Header{}
	if key != "" {
		h.Set("Idempotency-Key", key)
	}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	out := &api.Posted{}
	return out, c.do(ctx, call{pattern: "POST /v1/tables/{name}/events", vars: []string{table}, in: events, header: h}, out)
}

// Event is an event that was posted, and what has become of it.
func (c *Client) Event(ctx context.Context, table, id string) (*api.Event, error) {
	out := &api.Event{}
	return out, c.do(ctx, call{pattern: "GET /v1/tables/{name}/events/{id}", vars: []string{table, id}}, out)
}

// Selected is the answer of Select.
type Selected = systables.Selected

// Select answers a SELECT over the system tables.
func (c *Client) Select(ctx context.Context, sql string) (*Selected, error) {
	out := &Selected{}
	return out, c.do(ctx, call{pattern: "POST /v1/select", in: api.Selection{SQL: sql}}, out)
}

// Raise raises an event for an open match; with a key, once.
func (c *Client) Raise(ctx context.Context, query, id string, r *api.Raise, key string) (*api.Raised, error) {
	out := &api.Raised{}
	return out, c.do(ctx, call{pattern: "POST /v1/queries/{name}/instances/{id}/events", vars: []string{query, id}, in: r, header: keyed(key)}, out)
}

// StartBacktest tries a query, or a change of one, on the history of its sources.
func (c *Client) StartBacktest(ctx context.Context, r *api.BacktestRequest) (*api.Backtest, error) {
	out := &api.Backtest{}
	return out, c.do(ctx, call{pattern: "POST /v1/backtests", in: r}, out)
}

// Backtests lists the back-tests, the newest first.
func (c *Client) Backtests(ctx context.Context) ([]api.Backtest, error) {
	var out []api.Backtest
	return out, c.do(ctx, call{pattern: "GET /v1/backtests"}, &out)
}

// Backtest is how far a back-test is, or what it found.
func (c *Client) Backtest(ctx context.Context, id string) (*api.Backtest, error) {
	out := &api.Backtest{}
	return out, c.do(ctx, call{pattern: "GET /v1/backtests/{id}", vars: []string{id}}, out)
}

// DropBacktest stops a back-test, and forgets it.
func (c *Client) DropBacktest(ctx context.Context, id string) error {
	return c.do(ctx, call{pattern: "DELETE /v1/backtests/{id}", vars: []string{id}}, nil)
}

// BacktestReport is what a back-test found, as a page with plots.
func (c *Client) BacktestReport(ctx context.Context, id string) (string, error) {
	var page strings.Builder
	err := c.do(ctx, call{pattern: "GET /v1/backtests/{id}/report", vars: []string{id}}, &page)
	return page.String(), err
}

// CreateShadow runs another text beside a query, on the same input.
func (c *Client) CreateShadow(ctx context.Context, name string, s *api.NewShadow) (*api.ShadowInfo, error) {
	out := &api.ShadowInfo{}
	return out, c.do(ctx, call{pattern: "POST /v1/queries/{name}/shadow", vars: []string{name}, in: s, long: true}, out)
}

// Shadow is the shadow of a query, and how the two compare.
func (c *Client) Shadow(ctx context.Context, name string) (*api.ShadowInfo, error) {
	out := &api.ShadowInfo{}
	return out, c.do(ctx, call{pattern: "GET /v1/queries/{name}/shadow", vars: []string{name}}, out)
}

// DropShadow ends the shadow of a query.
func (c *Client) DropShadow(ctx context.Context, name string) error {
	return c.do(ctx, call{pattern: "DELETE /v1/queries/{name}/shadow", vars: []string{name}}, nil)
}

// PromoteShadow has the shadow take the query's place.
func (c *Client) PromoteShadow(ctx context.Context, name string) (*api.Info, error) {
	out := &api.Info{}
	return out, c.do(ctx, call{pattern: "POST /v1/queries/{name}/shadow/promote", vars: []string{name}, long: true}, out)
}
