package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

// The limits of streams of server-sent events.
const (
	maxStreams     = 64
	streamPage     = 500                    // rows of a write
	streamPause    = 50 * time.Millisecond  // between two writes, when rows come slowly
	ratedPause     = 250 * time.Millisecond // between two writes, when the reader wants only so many
	heartbeatEvery = 15 * time.Second
	streamPatience = 30 * time.Second // for a write
	streamAge      = time.Hour        // then who reads has to come again, and say who they are
)

// StreamQuery says where a stream begins.
type StreamQuery struct {
	After       string `query:"after" doc:"The next or cursor of an earlier answer; 0: the oldest kept. Left out: what comes from now on" maxLength:"4096"`
	Rate        int    `query:"rate" doc:"At most so many a second: the newest, and a gap tells how many were skipped. 0: all" minimum:"0" maximum:"100000"`
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event, as browsers send it; in place of after" maxLength:"4096"`
}

type queryStream struct {
	Name string `path:"name" doc:"Name of the query" maxLength:"256"`
	StreamQuery
}

type allStream struct {
	Query string `query:"query" doc:"Only those of this query" maxLength:"256"`
	StreamQuery
}

// StreamEnd is the last event of a stream that the server ends.
type StreamEnd struct {
	Reason string `json:"reason" enum:"dropped,stopping,age" doc:"The query is gone, the server stops, or the stream is an hour old: come again"`
}

// streaming is an operation whose answer is a stream.
func streaming(path, id, summary string) huma.Operation {
	o := operation(http.MethodGet, path, id, summary, 0)
	o.Description = "Events: `detection` (a Detection, with its cursor as id), `gap` (a Gap), `end` (a StreamEnd). A reader that comes again with " +
		"`Last-Event-ID` goes on behind it. A comment comes every 15 seconds when nothing else does. There are at most 64 streams at a time."
	o.Responses = map[string]*huma.Response{"200": {
		Description: "The events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	o.Errors = append(o.Errors, http.StatusServiceUnavailable)
	return o
}

// stream begins a stream; after headers are sent there are no errors any more.
func (s *Service) stream(ctx context.Context, query string, in *StreamQuery) (*huma.StreamResponse, error) {
	after := in.After
	if in.LastEventID != "" {
		after = in.LastEventID
	}
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, newProblem(http.StatusServiceUnavailable, fmt.Sprintf("there are %d streams already, no more are served at a time", maxStreams))
	}
	w, err := s.watch(query, after)
	if err != nil {
		<-s.streams
		return nil, asProblem(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer func() { <-s.streams }()
		defer w.Close()
		hc.SetHeader("Content-Type", "text/event-stream")
		hc.SetHeader("X-Accel-Buffering", "no") // of nginx
		out, ok := hc.BodyWriter().(http.ResponseWriter)
		if !ok {
			return
		}
		events := &eventWriter{to: out, control: http.NewResponseController(out)}
		_ = events.control.SetReadDeadline(time.Time{}) // that of a request would end the stream
		f := &feed{watch: w, events: events, rate: in.Rate, heartbeat: s.heartbeat, number: s.number, alive: func() bool {
			_, err := s.Query(query)
			return query == "" || err == nil
		}}
		if reason := f.run(ctx, closing(ctx)); reason != "" {
			_ = events.event("end", "", StreamEnd{reason})
			_ = events.flush()
		}
	}}, nil
}

// feed carries detections from a watch to a reader.
type feed struct {
	watch     *engine.Watch
	events    *eventWriter
	rate      int
	heartbeat time.Duration
	alive     func() bool
	number    func([]engine.Detection)
}

// run ends with the reader, or gives the reason for which the server ends it.
func (f *feed) run(ctx context.Context, stopping <-chan struct{}) string {
	beat, old := time.NewTicker(f.heartbeat), time.NewTimer(streamAge)
	defer beat.Stop()
	defer old.Stop()
	f.events.begin(f.watch.Cursor())
	for {
		more, err := f.page()
		if err != nil {
			return ""
		}
		pause := time.After(f.pause(more))
		var stirred <-chan struct{}
		for stirred == nil || !more {
			select {
			case <-pause:
				pause, stirred = nil, f.watch.Stirred()
				continue
			case <-stirred:
				more = true
				continue
			case <-beat.C:
				if !f.alive() {
					return "dropped"
				}
				f.events.comment()
				if f.events.flush() != nil {
					return ""
				}
			case <-old.C:
				return "age"
			case <-stopping:
				return "stopping"
			case <-ctx.Done():
				return ""
			}
		}
	}
}

// page sends what has come; more says that there is more already.
func (f *feed) page() (more bool, err error) {
	limit := streamPage
	if f.rate > 0 {
		limit = max(1, f.rate*int(ratedPause)/int(time.Second))
	}
	page := f.watch.Next(limit, f.rate > 0)
	f.number(page.Detections)
	for _, g := range page.Gaps {
		if err := f.events.event("gap", "", g); err != nil {
			return false, err
		}
	}
	for i := range page.Detections {
		if err := f.events.event("detection", page.Detections[i].Cursor, &page.Detections[i]); err != nil {
			return false, err
		}
	}
	return len(page.Detections) == limit && f.rate == 0, f.events.flush()
}

func (f *feed) pause(more bool) time.Duration {
	switch {
	case f.rate > 0:
		return max(ratedPause, time.Second/time.Duration(f.rate))
	case more:
		return 0
	}
	return streamPause
}

// eventWriter writes server-sent events (WHATWG HTML, 9.2).
type eventWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
}

// begin tells how long to wait before coming again, and where the stream begins:
// an id without data is kept by the reader and reported to nobody.
func (w *eventWriter) begin(id string) { fmt.Fprintf(&w.buf, "retry: 1000\nid: %s\n\n", id) }

func (w *eventWriter) comment() { w.buf.WriteString(":\n\n") }

func (w *eventWriter) event(name, id string, v any) error {
	text, err := json.Marshal(v) // it has no line ends
	if err != nil {
		return err
	}
	fmt.Fprintf(&w.buf, "event: %s\n", name)
	if id != "" {
		fmt.Fprintf(&w.buf, "id: %s\n", id)
	}
	fmt.Fprintf(&w.buf, "data: %s\n\n", text)
	return nil
}

func (w *eventWriter) flush() error {
	if w.buf.Len() == 0 {
		return nil
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(streamPatience)) // in tests there is none
	_, err := w.buf.WriteTo(w.to)
	if err != nil {
		return err
	}
	return w.control.Flush()
}

type closingKey struct{}

// withClosing is the context of all requests: it says when the server stops.
func withClosing(stop <-chan struct{}) context.Context {
	return context.WithValue(context.Background(), closingKey{}, stop)
}

// closing is closed when the server stops.
func closing(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(closingKey{}).(<-chan struct{})
	return stop
}
