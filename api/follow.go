package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/cepd/cepd/connectors/stream"
)

type tableStream struct {
	Name        string   `path:"name" doc:"Name of the table" maxLength:"256"`
	After       string   `query:"after" doc:"The id of an event; 0: the oldest row kept. Left out: what comes from now on" maxLength:"64"`
	Where       []string `query:"where,explode" doc:"column=value: only rows of which all these hold" maxItems:"16"`
	LastEventID string   `header:"Last-Event-ID" doc:"The id of the last event, as browsers send it; in place of after" maxLength:"64"`
}

// StreamRow is a row of a table that is followed.
type StreamRow struct {
	ID  string `json:"id" doc:"Of the row: the same when it comes again, as the query has been restored"`
	Op  string `json:"op" enum:"+I,-U,+U,-D" doc:"It is new, was before an update, is after it, or is deleted"`
	Row any    `json:"row" doc:"The columns, as an object"`
}

// StreamMessage is a message of the WebSocket.
type StreamMessage struct {
	Event  string `json:"event" enum:"at,row,gap,end"`
	Cursor string `json:"cursor,omitempty" doc:"Of at and row: the after that goes on behind it"`
	*StreamRow
	*stream.Gap
	End string `json:"end,omitempty" enum:"dropped,stopping,age" doc:"Of end"`
}

func registerFollow(api huma.API, s *Service) {
	o := operation(http.MethodGet, "/v1/tables/{name}/stream", "stream-table", "Rows of a table with 'connector' = 'stream' as queries write them: server-sent events, or a WebSocket", 0)
	o.Description = "Events: `row` (a StreamRow, with its cursor as id), `gap` (rows that were written and that the reader does not get), `end` (a StreamEnd). A reader that comes " +
		"again with `Last-Event-ID` goes on behind it. A request that asks for an upgrade gets a WebSocket, each message of which is a StreamMessage; what is sent to it is refused."
	message := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[StreamMessage](), true, "")
	o.Responses = map[string]*huma.Response{
		"200": {Description: "The events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		"101": {Description: "The WebSocket", Content: map[string]*huma.MediaType{"application/json": {Schema: message}}},
	}
	o.Errors = append(o.Errors, http.StatusServiceUnavailable)
	huma.Register(api, o, s.follow)
}

// follow begins a stream of a table; after headers are sent there are no errors any
// more.
func (s *Service) follow(ctx context.Context, in *tableStream) (*huma.StreamResponse, error) {
	r, err := s.reader(in)
	if err != nil {
		return nil, asProblem(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.Close()
		f := &follower{reader: r}
		if request, w := humago.Unwrap(hc); upgrades(request) {
			socket := newSocketWriter(w, request)
			if socket == nil {
				return // it has been answered
			}
			defer socket.close()
			f.to, ctx = socket, socket.reading
		} else {
			f.to = tableEvents{newEventWriter(hc)}
		}
		f.run(ctx, s, in.Name)
	}}, nil
}

// reader finds the table to follow.
func (s *Service) reader(in *tableStream) (*stream.Reader, error) {
	t, ok := s.definitions().Table(in.Name)
	hub := s.runner.Streams()
	switch {
	case !ok:
		return nil, notFound("there is no table %q", in.Name)
	case loggedBy(t) != stream.Name:
		return nil, badRequest("table %s cannot be followed: that takes 'connector' = 'stream'; what a query delivers is at /v1/queries/NAME/detections/stream", t.Name)
	case hub == nil:
		return nil, badRequest("this server keeps no rows")
	}
	options, err := s.runner.Connect(t)
	if err != nil {
		return nil, badRequest("table %s: %v", t.Name, err)
	}
	after := in.After
	if in.LastEventID != "" {
		after = in.LastEventID
	}
	r, err := hub.Read(options, after, in.Where)
	switch {
	case errors.Is(err, stream.ErrBusy):
		return nil, newProblem(http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, stream.ErrCursor), errors.Is(err, stream.ErrWhere):
		return nil, badRequest("%v", err)
	}
	return r, err
}

func upgrades(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// rowWriter is a way to a reader: what it is given waits for flush.
type rowWriter interface {
	at(cursor string) // where the reader is
	row(*stream.Row)
	gap(*stream.Gap)
	end(reason string)
	beat() error
	flush() error
}

// follower carries the rows of a table to a reader.
type follower struct {
	reader *stream.Reader
	to     rowWriter
	told   string // the cursor that the reader has
}

// run ends with the reader, the table, or the server.
func (f *follower) run(ctx context.Context, s *Service, table string) {
	feed := &feed{stirred: f.reader.Stirred, page: f.page, pause: pause, heartbeat: s.heartbeat, beat: f.beat, alive: func() bool {
		t, ok := s.definitions().Table(table)
		return ok && loggedBy(t) == stream.Name && f.reader.Alive()
	}}
	if f.tell(); f.to.flush() != nil {
		return
	}
	if reason := feed.run(ctx, closing(ctx)); reason != "" {
		f.to.end(reason)
		_ = f.to.flush()
	}
}

// tell has the reader know where it is, also behind rows that it did not ask for.
func (f *follower) tell() {
	if c := f.reader.Cursor(); c != f.told {
		f.to.at(c)
		f.told = c
	}
}

func (f *follower) beat() error {
	f.tell()
	return f.sent(f.to.beat())
}

// page sends what has come. A log that cannot be read any more is one of a table that
// is gone, or of a server that stops: the next beat says so.
func (f *follower) page() (more bool, err error) {
	gap, rows, more, err := f.reader.Next(streamPage)
	if err != nil {
		return false, err
	}
	if gap != nil {
		f.to.gap(gap)
	}
	for i := range rows {
		f.to.row(&rows[i])
		f.told = rows[i].Cursor
	}
	return more, f.sent(f.to.flush())
}

// sent counts readers that take nothing.
func (f *follower) sent(err error) error {
	var slow interface{ Timeout() bool }
	if errors.As(err, &slow) && slow.Timeout() {
		f.reader.Dropped()
	}
	return err
}

// tableEvents are server-sent events.
type tableEvents struct{ *eventWriter }

func (w tableEvents) at(cursor string) { w.begin(cursor) }

func (w tableEvents) row(r *stream.Row) {
	w.buf.WriteString("event: row\nid: ")
	w.buf.WriteString(r.Cursor)
	w.buf.WriteString("\ndata: {")
	writeRow(&w.buf, r)
	w.buf.WriteString("}\n\n")
}

func (w tableEvents) gap(g *stream.Gap) { _ = w.event("gap", "", g) } // it is text

func (w tableEvents) end(reason string) { _ = w.event("end", "", StreamEnd{reason}) }
