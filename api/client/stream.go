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
	s := &stream{client: c, id: o.After, retry: defaultRetry}
	k.query = url.Values{}
	if o.Rate > 0 {
		k.query.Set("rate", strconv.Itoa(o.Rate))
	}
	if o.Query != "" {
		k.query.Set("query", o.Query)
	}
	return func(yield func(Event, error) bool) {
		pause := firstPause
		for {
			before := s.id
			err := s.connect(ctx, k, yield)
			switch {
			case err == nil || ctx.Err() != nil:
				return
			case !errors.Is(err, errEnded) && !passing(err):
				yield(Event{}, err)
				return
			case s.id != before:
				pause = firstPause
			}
			if !wait(ctx, pause) {
				return
			}
			pause = min(max(2*pause, s.retry), mostPause)
		}
	}
}

// stream is a stream and where it is.
type stream struct {
	client *Client
	id     string
	retry  time.Duration
}

var errEnded = errors.New("the server has ended the stream")

// connect reads one connection to its end; nil: the caller has enough.
func (s *stream) connect(ctx context.Context, k call, yield func(Event, error) bool) error {
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
		more, err := s.dispatch(name, id, data, yield)
		if err != nil || !more {
			return err
		}
		name, id, data = "", "", ""
	}
	return &lostError{cmp.Or(lines.Err(), io.ErrUnexpectedEOF)}
}

// dispatch gives an event on; more says that the caller wants others.
func (s *stream) dispatch(name, id, data string, yield func(Event, error) bool) (more bool, err error) {
	if id != "" {
		s.id = id
	}
	e := Event{Cursor: s.id}
	switch {
	case data == "":
		return true, nil
	case name == "detection":
		e.Detection = &engine.Detection{}
		err = json.Unmarshal([]byte(data), e.Detection)
	case name == "gap":
		e.Gap = &engine.Gap{}
		err = json.Unmarshal([]byte(data), e.Gap)
	case name == "end":
		return false, errEnded
	default: // of a newer server
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("an event of the stream: %w", err)
	}
	return yield(e, nil), nil
}
