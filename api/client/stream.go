package client

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	tablestream "github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
)

// StreamOptions say where a stream of detections begins.
type StreamOptions struct {
	After string // a cursor; "0": the oldest kept; "": from now on
	Rate  int    // at most so many a second, the newest; 0: all
	Query string // of StreamAllDetections: only this one
}

// Event is what a stream brings: a detection, or a gap.
type Event struct {
	Cursor    string // the After that goes on behind it
	Detection *engine.Detection
	Gap       *engine.Gap
}

// The limits of a stream.
const (
	maxEvent     = 16 << 20
	mostPause    = 10 * time.Second
	defaultRetry = time.Second
)

// StreamDetections brings what a query delivers until ctx ends, the caller has
// enough, or the server refuses. A connection that is lost is made again, and the
// stream goes on behind the last event: nothing is lost or comes twice unless a gap
// says so.
func (c *Client) StreamDetections(ctx context.Context, query string, o StreamOptions) iter.Seq2[Event, error] {
	return c.stream(ctx, call{pattern: "GET /v1/queries/{name}/detections/stream", vars: []string{query}}, o)
}

// StreamAllDetections is StreamDetections of all queries.
func (c *Client) StreamAllDetections(ctx context.Context, o StreamOptions) iter.Seq2[Event, error] {
	return c.stream(ctx, call{pattern: "GET /v1/detections/stream"}, o)
}

func (c *Client) stream(ctx context.Context, k call, o StreamOptions) iter.Seq2[Event, error] {
	k.query = url.Values{}
	if o.Rate > 0 {
		k.query.Set("rate", strconv.Itoa(o.Rate))
	}
	if o.Query != "" {
		k.query.Set("query", o.Query)
	}
	return func(yield func(Event, error) bool) {
		err := c.follow(ctx, k, o.After, func(name, cursor, data string) (more bool, err error) {
			e := Event{Cursor: cursor}
			switch name {
			case "detection":
				err = parse(data, &e.Detection)
			case "gap":
				err = parse(data, &e.Gap)
			default: // of a newer server
				return true, nil
			}
			return err == nil && yield(e, nil), err
		})
		if err != nil && ctx.Err() == nil {
			yield(Event{}, err)
		}
	}
}

// TableStream says where a stream of a table begins, and what of it is wanted.
type TableStream struct {
	After string   // a cursor; "0": the oldest kept; "": from now on
	Where []string // column=value, all of which hold
}

// TableEvent is what a stream of a table brings: a row, or a gap.
type TableEvent struct {
	Cursor string // the After that goes on behind it
	Row    *TableRow
	Gap    *tablestream.Gap
}

// TableRow is a row of a table with 'connector' = 'stream'.
type TableRow struct {
	ID  string          `json:"id"` // the same when it comes again, as the query has been restored
	Op  string          `json:"op"` // +I, -U, +U, -D
	Row json.RawMessage `json:"row"`
}

// StreamTable brings the rows of a table with 'connector' = 'stream' as queries write
// them, through lost connections and restarts as StreamDetections does.
func (c *Client) StreamTable(ctx context.Context, table string, o TableStream) iter.Seq2[TableEvent, error] {
	k := call{pattern: "GET /v1/tables/{name}/stream", vars: []string{table}, query: url.Values{"where": o.Where}}
	return func(yield func(TableEvent, error) bool) {
		err := c.follow(ctx, k, o.After, func(name, cursor, data string) (more bool, err error) {
			e := TableEvent{Cursor: cursor}
			switch name {
			case "row":
				err = parse(data, &e.Row)
			case "gap":
				err = parse(data, &e.Gap)
			default:
				return true, nil
			}
			return err == nil && yield(e, nil), err
		})
		if err != nil && ctx.Err() == nil {
			yield(TableEvent{}, err)
		}
	}
}

func parse[T any](data string, out *T) error {
	if err := json.Unmarshal([]byte(data), out); err != nil {
		return fmt.Errorf("an event of the stream: %w", err)
	}
	return nil
}

// follow gives the events of a stream behind a cursor until the caller has enough. An
// error says that the context has ended, or that the server refuses.
func (c *Client) follow(ctx context.Context, k call, after string, give func(name, cursor, data string) (more bool, err error)) error {
	s := &stream{client: c, id: after, retry: defaultRetry, give: give}
	pause := firstPause
	for {
		before := s.id
		err := s.connect(ctx, k)
		switch {
		case err == nil || ctx.Err() != nil || !errors.Is(err, errEnded) && !passing(err):
			return err
		case s.id != before:
			pause = firstPause
		}
		if !wait(ctx, pause) {
			return err
		}
		pause = min(max(2*pause, s.retry), mostPause)
	}
}

// stream is a stream and where it is.
type stream struct {
	client *Client
	id     string
	retry  time.Duration
	give   func(name, cursor, data string) (more bool, err error)
}

var errEnded = errors.New("the server has ended the stream")

// connect reads one connection to its end; nil: the caller has enough.
func (s *stream) connect(ctx context.Context, k call) error {
	k.header = http.Header{"Accept": {"text/event-stream"}}
	if s.id != "" {
		k.header.Set("Last-Event-ID", s.id)
	}
	method, path := k.path()
	resp, err := s.client.request(ctx, method, path, k.header, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return cmp.Or(read(resp, nil), fmt.Errorf("the server answers %s to a stream", resp.Status))
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	var name, id, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data += value
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		}
		if lines.Text() != "" {
			continue
		}
		more, err := s.dispatch(name, id, data)
		if err != nil || !more {
			return err
		}
		name, id, data = "", "", ""
	}
	return &lostError{cmp.Or(lines.Err(), io.ErrUnexpectedEOF)}
}

// dispatch gives an event on; more says that the caller wants others.
func (s *stream) dispatch(name, id, data string) (more bool, err error) {
	if id != "" {
		s.id = id
	}
	switch {
	case data == "":
		return true, nil
	case name == "end":
		return false, errEnded
	}
	return s.give(name, s.id, data)
}
