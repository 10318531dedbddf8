package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

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
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, newProblem(http.StatusServiceUnavailable, fmt.Sprintf("there are %d streams already, no more are served at a time", maxStreams))
	}
	w, err := s.watch(query, in.after())
	if err != nil {
		<-s.streams
		return nil, asProblem(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer func() { <-s.streams }()
		defer w.Close()
		events := newEventWriter(hc)
		d := &detections{watch: w, events: events, rate: in.Rate, number: s.number}
		f := &feed{stirred: w.Stirred, page: d.page, pause: d.pause, heartbeat: s.heartbeat, beat: events.beat, alive: func() bool {
			_, err := s.Query(query)
			return query == "" || err == nil
		}}
		events.begin(w.Cursor())
		if reason := f.run(ctx, closing(ctx)); reason != "" {
			_ = events.event("end", "", StreamEnd{reason})
			_ = events.flush()
		}
	}}, nil
}

// after is where the reader goes on.
func (q *StreamQuery) after() string { return cmp.Or(q.LastEventID, q.After) }

// feed carries what comes to a reader.
type feed struct {
	stirred   func() <-chan struct{}
	page      func() (more bool, err error)          // sends what has come; more says that there is more already
	pause     func(more bool) (before time.Duration) // the next page
	heartbeat time.Duration
	beat      func() error
	alive     func() bool // what is read is still there
}

// run ends with the reader, or gives the reason for which the server ends it.
func (f *feed) run(ctx context.Context, stopping <-chan struct{}) string {
	beat, old := time.NewTicker(f.heartbeat), time.NewTimer(streamAge)
	defer beat.Stop()
	defer old.Stop()
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
				pause, stirred = nil, f.stirred()
				continue
			case <-stirred:
				more = true
				continue
			case <-beat.C:
				if !f.alive() {
					return "dropped"
				}
				if f.beat() != nil {
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

// detections are rows of queries on their way to a reader.
type detections struct {
	watch  *engine.Watch
	events *eventWriter
	rate   int
	number func([]engine.Detection)
}

func (d *detections) page() (more bool, err error) {
	limit := streamPage
	if d.rate > 0 {
		limit = max(1, d.rate*int(ratedPause)/int(time.Second))
	}
	page := d.watch.Next(limit, d.rate > 0)
	d.number(page.Detections)
	for _, g := range page.Gaps {
		if err := d.events.event("gap", "", g); err != nil {
			return false, err
		}
	}
	for i := range page.Detections {
		if err := d.events.event("detection", page.Detections[i].Cursor, &page.Detections[i]); err != nil {
			return false, err
		}
	}
	return len(page.Detections) == limit && d.rate == 0, d.events.flush()
}

func (d *detections) pause(more bool) time.Duration {
	if d.rate > 0 {
		return max(ratedPause, time.Second/time.Duration(d.rate))
	}
	return pause(more)
}

// pause is that of a reader who wants all.
func pause(more bool) time.Duration {
	if more {
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

// newEventWriter begins the answer.
func newEventWriter(hc huma.Context) *eventWriter {
	hc.SetHeader("Content-Type", "text/event-stream")
	hc.SetHeader("X-Accel-Buffering", "no") // of nginx
	_, out := humago.Unwrap(hc)
	w := &eventWriter{to: out, control: http.NewResponseController(out)}
	_ = w.control.SetReadDeadline(time.Time{}) // that of a request would end the stream
	return w
}

// begin tells how long to wait before coming again, and where the stream begins:
// an id without data is kept by the reader and reported to nobody.
func (w *eventWriter) begin(id string) { fmt.Fprintf(&w.buf, "retry: 1000\nid: %s\n\n", id) }

// beat is a comment: the connection is alive.
func (w *eventWriter) beat() error {
	w.buf.WriteString(":\n\n")
	return w.flush()
}

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
