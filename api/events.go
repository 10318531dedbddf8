package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/connectors"
	posting "github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/intake"
)

// Events is a post to a table.
type Events struct {
	ContentType string
	Body        []byte
	Key         string                     // for idempotency; empty: none
	By          string                     // who posts
	Header      func(header string) string // for the signature; nil: the caller answers for it
	Attributes  posting.Attributes         // kept with the events
}

// Posted is what has become of a post.
type Posted struct {
	Table    string     `json:"table"`
	Received string     `json:"received" doc:"When it was kept"`
	Count    int        `json:"count"`
	Events   []EventRef `json:"events"`
	again    bool
}

// EventRef names an event.
type EventRef struct {
	ID   string `json:"id" doc:"PARTITION-OFFSET in the table" example:"0-42"`
	Href string `json:"href" doc:"What has become of it, and the instances it touched"`
}

// PostEvents keeps the events of a body for the queries that read a table: all of
// them, or, after an error, none. They are on the disk when it returns.
func (s *Service) PostEvents(ctx context.Context, table string, e *Events) (*Posted, error) {
	p, err := s.poster(table)
	if err != nil {
		return nil, err
	}
	if e.Header != nil {
		if err := p.Verify(e.Header(p.SignatureHeader()), e.Body); err != nil {
			return nil, newProblem(http.StatusUnauthorized, fmt.Sprintf("%v: table %s wants the header %s with the HMAC of the body", err, p.table.Name, p.SignatureHeader()))
		}
	}
	if !p.rate.Allow() {
		return nil, later(http.StatusTooManyRequests, 1, "table %s takes %d posts a second ('http.rate-limit')", p.table.Name, p.Rate())
	}
	records, err := recordsOf(p.Poster, e)
	if err != nil {
		return nil, badRequest("nothing was taken: %v", err)
	}
	post := &intake.Post{Records: records, By: e.By, Key: e.Key}
	if e.Key != "" {
		post.Sum = sha256.Sum256(e.Body)
	}
	receipt, err := p.log.Append(ctx, post)
	if err != nil {
		return nil, intakeProblem(p.table.Name, err)
	}
	return postedAnswer(p.table.Name, receipt), nil
}

func recordsOf(p *posting.Poster, e *Events) ([]intake.Record, error) {
	headers, err := e.Attributes.Headers()
	if err != nil {
		return nil, err
	}
	return p.Records(e.ContentType, headers, e.Body)
}

func postedAnswer(table string, r intake.Receipt) *Posted {
	out := &Posted{Table: table, Received: showMicros(r.Received), Count: r.Count, again: r.Again, Events: make([]EventRef, r.Count)}
	for i := range out.Events {
		id := eventID(0, r.First+int64(i))
		out.Events[i] = EventRef{id, eventPath(table, id)}
	}
	return out
}

func showMicros(t event.Time) string { return time.UnixMicro(t).UTC().Format(time.RFC3339Nano) }

// later is a problem that time may cure.
func later(status, seconds int, format string, args ...any) error {
	return huma.ErrorWithHeaders(newProblem(status, fmt.Sprintf(format, args...)), http.Header{"Retry-After": {strconv.Itoa(seconds)}})
}

// How long who posts is told to wait, in seconds.
const (
	waitBusy = 1
	waitFull = 5
	waitRoom = 30
)

// intakeProblem is the answer to a post that was not taken.
func intakeProblem(table string, err error) error {
	switch {
	case errors.Is(err, intake.ErrFull):
		return later(http.StatusTooManyRequests, waitFull, "%v: a query of table %s has not read so much yet; see its status, or raise 'http.retention.bytes'", err, table)
	case errors.Is(err, intake.ErrBusy):
		return later(http.StatusTooManyRequests, waitBusy, "%v", err)
	case errors.Is(err, intake.ErrNoRoom):
		return later(http.StatusInsufficientStorage, waitRoom, "%v: nothing was taken", err)
	case errors.Is(err, intake.ErrReused):
		return badRequest("%v: take another Idempotency-Key for another body", err)
	case errors.Is(err, intake.ErrUnknown), errors.Is(err, intake.ErrClosed):
		return later(http.StatusServiceUnavailable, waitBusy, "%v; post again with the same Idempotency-Key", err)
	}
	return later(http.StatusServiceUnavailable, waitRoom, "%v", err)
}

func eventID(partition int32, offset int64) string { return fmt.Sprintf("%d-%d", partition, offset) }

func eventPath(table, id string) string {
	return "/v1/tables/" + url.PathEscape(table) + "/events/" + id
}

// parseEventID is the reverse of eventID.
func parseEventID(id string) (partition int32, offset int64, err error) {
	part, rest, _ := strings.Cut(id, "-")
	p, err1 := strconv.ParseInt(part, 10, 32)
	offset, err2 := strconv.ParseInt(rest, 10, 64)
	if err1 != nil || err2 != nil || p < 0 || offset < 0 || eventID(int32(p), offset) != id {
		return 0, 0, badRequest("%q is no event: expected PARTITION-OFFSET, such as 0-42", id)
	}
	return int32(p), offset, nil
}

// Event is what is known of an event that was posted.
type Event struct {
	ID       string       `json:"id"`
	Table    string       `json:"table"`
	Received string       `json:"received"`
	By       string       `json:"by,omitempty" doc:"Who posted it"`
	Value    string       `json:"value,omitempty" doc:"As it was posted"`
	Bytes    []byte       `json:"bytes,omitempty" doc:"In place of value, when it is no text"`
	Queries  []EventQuery `json:"queries" doc:"Those that read the table"`
}

// EventQuery is what has become of an event in a query.
type EventQuery struct {
	Query string `json:"query"`
	State string `json:"state"`
	engine.EventTrace
	Links []string `json:"links,omitempty" doc:"Of the instances"`
}

// Event says what has become of an event.
func (s *Service) Event(ctx context.Context, table, id string) (*Event, error) {
	p, err := s.poster(table)
	if err != nil {
		return nil, err
	}
	partition, offset, err := parseEventID(id)
	if err != nil {
		return nil, err
	}
	if partition != 0 {
		return nil, notFound("table %s has partition 0 only", p.table.Name)
	}
	b, err := p.log.Block(offset)
	if errors.Is(err, intake.ErrGone) {
		return nil, notFound("%v", err)
	} else if err != nil {
		return nil, err
	}
	value := b.Records[offset-b.First].Value
	out := &Event{ID: id, Table: p.table.Name, Received: showMicros(b.Received), By: b.By, Queries: []EventQuery{}}
	if utf8.Valid(value) {
		out.Value = string(value)
	} else {
		out.Bytes = value
	}
	return out, s.traceEvent(ctx, out, engine.RowAt{Table: p.table.Name, Partition: partition, Offset: offset})
}

// traceEvent adds the queries that read the event's table.
func (s *Service) traceEvent(ctx context.Context, out *Event, at engine.RowAt) error {
	for _, q := range s.Queries() {
		t, err := s.runner.Event(ctx, q.Name, at)
		if errors.Is(err, engine.ErrEnded) || err == nil && t == nil {
			continue // it does not run, or reads something else
		}
		if err != nil {
			return err
		}
		x := EventQuery{Query: q.Name, State: string(q.State), EventTrace: *t}
		for _, i := range t.Instances {
			x.Links = append(x.Links, "/v1/queries/"+url.PathEscape(q.Name)+"/instances/"+url.PathEscape(i.ID))
		}
		out.Queries = append(out.Queries, x)
	}
	return nil
}

// Event says what has become of a record in a query.
func (r EngineRunner) Event(ctx context.Context, name string, at engine.RowAt) (*engine.EventTrace, error) {
	q, ok := r.Query(name)
	if !ok {
		return nil, engine.ErrEnded
	}
	return q.Event(ctx, at)
}

// Connect is what the connector of a table gets.
func (r EngineRunner) Connect(t *catalog.Table) (connectors.Table, error) { return r.Engine.Connect(t) }

// postInput is a request with events.
type postInput struct {
	Name        string `path:"name" doc:"Name of the table" maxLength:"256"`
	Key         string `header:"Idempotency-Key" doc:"The same key and body are taken once in 24 hours" maxLength:"255"`
	ContentType string `header:"Content-Type" maxLength:"256"`
	RawBody     []byte
	header      func(string) string
	attributes  posting.Attributes
}

// Resolve keeps the headers: of one the table knows the name, for the signature, and
// the attributes of a CloudEvent stay with it.
func (in *postInput) Resolve(ctx huma.Context) []error {
	in.header = func(name string) string {
		if name == "" {
			return ""
		}
		return ctx.Header(name)
	}
	ctx.EachHeader(in.attributes.Add)
	return nil
}

type postOutput struct {
	Location string `header:"Location" doc:"The first event"`
	Again    string `header:"Idempotency-Replayed" doc:"true: it had been taken before"`
	Body     *Posted
}

func registerEvents(api huma.API, s *Service) {
	post := operation(http.MethodPost, "/v1/tables/{name}/events", "post-events",
		"Post events to a table of 'connector' = 'http': one JSON object, an array, lines, or what the table's format is. All are kept, or after an error none", http.StatusAccepted)
	post.MaxBodyBytes, post.SkipValidateBody = intake.MaxPostBytes, true // the table says what a body is

	post.Errors = append(post.Errors, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage)
	post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":         {Schema: &huma.Schema{Description: "An event, or an array of events"}},
		"application/x-ndjson":     {Schema: &huma.Schema{Type: huma.TypeString, Description: "An event per line"}},
		"text/csv":                 {Schema: &huma.Schema{Type: huma.TypeString}},
		"text/plain":               {Schema: &huma.Schema{Type: huma.TypeString}},
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	huma.Register(api, post, func(ctx context.Context, in *postInput) (*postOutput, error) {
		out, err := s.PostEvents(ctx, in.Name, &Events{ContentType: in.ContentType, Body: in.RawBody, Key: in.Key, By: who(ctx), Header: in.header, Attributes: in.attributes})
		if err != nil {
			return nil, withHeaders(err)
		}
		x := &postOutput{Location: out.Events[0].Href, Body: out}
		if out.again {
			x.Again = "true"
		}
		return x, nil
	})
	huma.Register(api, operation(http.MethodGet, "/v1/tables/{name}/events/{id}", "show-event",
		"What has become of a posted event: which queries have read it, whether it was rejected and why, the open matches that have it", 0),
		func(ctx context.Context, in *struct {
			Name string `path:"name" doc:"Name of the table" maxLength:"256"`
			ID   string `path:"id" doc:"The event" maxLength:"64" example:"0-42"`
		}) (*body[*Event], error) {
			return answer(s.Event(ctx, in.Name, in.ID))
		})
}

// withHeaders is asProblem for errors that may have headers.
func withHeaders(err error) error {
	var h huma.HeadersError
	if errors.As(err, &h) {
		return err
	}
	return asProblem(err)
}
