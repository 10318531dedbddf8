package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/backtest"
)

// BacktestRequest says what is tried on history: a text, or a query as it is.
type BacktestRequest struct {
	SQL     string            `json:"sql,omitempty" maxLength:"1048576" doc:"Statements with the query. What they create stands in place of the server's definitions of the same names, for this back-test only"`
	Query   string            `json:"query,omitempty" maxLength:"256" doc:"Without sql, the name of a query of the server; with it, that of the query in the text, when it has several"`
	Params  map[string]string `json:"params,omitempty" doc:"Values of :name in the text"`
	Against string            `json:"against,omitempty" maxLength:"256" doc:"Name of a query of the server, whose text is the version before; none when left out"`
	From    string            `json:"from,omitempty" maxLength:"64" doc:"First record: a time such as 2026-03-01T00:00:00Z, or an age such as 720h; all there are when left out. Files are read whole"`
	To      string            `json:"to,omitempty" maxLength:"64" doc:"End of the records, likewise"`
	By      string            `json:"by,omitempty" maxLength:"256" doc:"Output column whose values are counted apart"`
	Label   string            `json:"label,omitempty" maxLength:"256" doc:"BOOLEAN column of a source that marks the rows to be found"`
	Amount  string            `json:"amount,omitempty" maxLength:"256" doc:"Column of a source with what a marked row is worth"`
	Limit   int               `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"10" doc:"Detections to list of each kind"`
}

// Backtest is a back-test of the server.
type Backtest struct {
	ID       string             `json:"id"`
	State    BacktestState      `json:"state" enum:"queued,running,done,failed"`
	Request  BacktestRequest    `json:"request"`
	Created  time.Time          `json:"created"`
	Started  *time.Time         `json:"started,omitempty"`
	Ended    *time.Time         `json:"ended,omitempty"`
	Progress *backtest.Progress `json:"progress,omitempty" doc:"While it runs"`
	Error    string             `json:"error,omitempty" doc:"Why it failed"`
	Report   *backtest.Report   `json:"report,omitempty" doc:"What it found, when it is done; not in lists"`
}

// BacktestState is how a back-test stands.
type BacktestState string

// The states.
const (
	BacktestQueued  BacktestState = "queued"
	BacktestRunning BacktestState = "running"
	BacktestDone    BacktestState = "done"
	BacktestFailed  BacktestState = "failed"
)

type backtestID struct {
	ID string `path:"id" doc:"Id of the back-test" maxLength:"64"`
}

// webPage is an answer for a browser. It may load nothing.
type webPage struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

func registerBacktests(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodPost, "/v1/backtests", "start-backtest", "Try a query, or a change of one, on the history of its sources. Nothing is written, queries that run are left alone", http.StatusAccepted),
		func(_ context.Context, in *body[BacktestRequest]) (*body[Backtest], error) {
			return answer(s.StartBacktest(in.Body))
		})
	huma.Register(api, operation(http.MethodGet, "/v1/backtests", "list-backtests", "List the back-tests, the newest first", 0),
		func(context.Context, *struct{}) (*body[[]Backtest], error) { return answer(s.backtests.all(), nil) })
	huma.Register(api, operation(http.MethodGet, "/v1/backtests/{id}", "show-backtest", "How far a back-test is, or what it found", 0),
		func(_ context.Context, in *backtestID) (*body[Backtest], error) {
			return answer(s.backtests.get(in.ID))
		})
	huma.Register(api, operation(http.MethodDelete, "/v1/backtests/{id}", "drop-backtest", "Stop a back-test, and forget it", http.StatusNoContent),
		func(_ context.Context, in *backtestID) (*struct{}, error) {
			return nil, asProblem(s.backtests.drop(in.ID))
		})
	huma.Register(api, pageOperation(operation(http.MethodGet, "/v1/backtests/{id}/report", "backtest-report", "What a back-test found, as a page with plots", 0)),
		func(_ context.Context, in *backtestID) (*webPage, error) {
			p, err := s.backtestPage(in.ID)
			return p, asProblem(err)
		})
}

// pageOperation describes an answer that is no JSON.
func pageOperation(o huma.Operation) huma.Operation {
	o.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: "string"}}}}}
	return o
}

func (s *Service) backtestPage(id string) (*webPage, error) {
	b, err := s.backtests.get(id)
	if err != nil {
		return nil, err
	}
	if b.Report == nil {
		return nil, conflict("the back-test is %s: it has no report", b.State)
	}
	name := b.Request.Query
	if name == "" {
		name = "a text"
	}
	var out bytes.Buffer
	if err := b.Report.WriteReport(&out, name, b.Request.Against); err != nil {
		return nil, err
	}
	return &webPage{"text/html; charset=utf-8", "default-src 'none'; style-src 'unsafe-inline'", out.Bytes()}, nil
}
