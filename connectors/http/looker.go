package http

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
)

// maxBody is the most bytes that an answer has.
const maxBody = 1 << 20

// maxIdle is how many connections are kept for the next questions.
const maxIdle = 64

// looker asks a web service. It implements connectors.Looker.
type looker struct {
	table    connectors.Table
	url      *template
	keys     []connectors.Column
	header   map[string]string
	client   *nethttp.Client
	decoders sync.Pool // of *decoding
}

// decoding is what one answer is decoded with.
type decoding struct {
	decoder connectors.Decoder
	raw     connectors.RawBatch
	rows    *event.Batch
	row     []event.Value
}

// Open implements connectors.Looker.
func (l *looker) Open(context.Context) error {
	transport := l.table.Access.HTTPTransport()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = maxIdle, maxIdle
	// A redirect would take the headers to a place that nobody has named.
	stay := func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }
	l.client = &nethttp.Client{Transport: transport, CheckRedirect: stay}
	return nil
}

// Batch implements connectors.Looker.
func (l *looker) Batch() int { return 1 }

// Close implements connectors.Looker.
func (l *looker) Close() error {
	if l.client != nil {
		l.client.CloseIdleConnections()
	}
	return nil
}

// Find implements connectors.Looker.
func (l *looker) Find(ctx context.Context, keys *event.Batch, add func(key int, row []event.Value)) error {
	for i := range keys.N {
		body, err := l.get(ctx, l.url.fill(keys, i))
		if err != nil {
			return err
		}
		if err := l.decode(body, func(row []event.Value) { add(i, row) }); err != nil {
			return connectors.Permanent(err)
		}
	}
	return nil
}

// get is the body of an answer; empty where there are no rows. Errors name neither
// the URL nor headers: both may hold secrets.
func (l *looker) get(ctx context.Context, at string) ([]byte, error) {
	req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, at, nil)
	if err != nil {
		return nil, connectors.Permanent(errors.New("the URL is malformed"))
	}
	for name, value := range l.header {
		req.Header.Set(name, value)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, withoutURL(err)
	case resp.StatusCode == nethttp.StatusNotFound || resp.StatusCode == nethttp.StatusNoContent:
		return nil, nil
	case resp.StatusCode == nethttp.StatusTooManyRequests || resp.StatusCode >= 500:
		return nil, fmt.Errorf("the server answers %s", resp.Status)
	case resp.StatusCode != nethttp.StatusOK:
		return nil, connectors.Permanent(fmt.Errorf("the server answers %s", resp.Status))
	case len(body) > maxBody:
		return nil, connectors.Permanent(fmt.Errorf("the answer has more than %d bytes", maxBody))
	}
	return body, nil
}

func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// decode reads an object, or an array of objects.
func (l *looker) decode(body []byte, add func(row []event.Value)) error {
	records, err := l.split(bytes.TrimSpace(body))
	if err != nil || len(records) == 0 {
		return err
	}
	d, _ := l.decoders.Get().(*decoding)
	if d == nil {
		if d, err = l.newDecoding(); err != nil {
			return err
		}
	}
	defer l.decoders.Put(d)
	return d.decode(records, add)
}

// split is the records of an answer.
func (l *looker) split(body []byte) ([][]byte, error) {
	if len(body) == 0 || string(body) == "null" {
		return nil, nil
	}
	if l.table.Options["format"] != "json" || body[0] != '[' {
		return [][]byte{body}, nil
	}
	var list []stdjson.RawMessage
	if err := stdjson.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the answer is no JSON array: %w", err)
	}
	records := make([][]byte, len(list))
	for i := range list {
		records[i] = list[i]
	}
	if len(records) > event.MaxRows {
		return nil, fmt.Errorf("the answer has %d rows, more than %d", len(records), event.MaxRows)
	}
	return records, nil
}

func (l *looker) newDecoding() (*decoding, error) {
	decoder, err := formats.NewDecoder(l.table)
	if err != nil {
		return nil, err
	}
	schema := &event.Schema{Rowtime: -1}
	for _, c := range l.table.Columns {
		schema.Fields = append(schema.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	return &decoding{decoder: decoder, rows: event.NewBatch(schema), row: make([]event.Value, len(schema.Fields))}, nil
}

func (d *decoding) decode(records [][]byte, add func(row []event.Value)) error {
	d.raw.Reset()
	var buf []byte
	for i, r := range records {
		d.raw.Append(event.Span{Off: uint32(len(buf)), Len: uint32(len(r))}, int64(i))
		buf = append(buf, r...)
	}
	d.raw.Buf = buf
	d.rows.Reset(len(records))
	rejects, err := d.decoder.Decode(&d.raw, d.rows, nil)
	switch {
	case err != nil:
		return fmt.Errorf("decode the answer: %w", err)
	case len(rejects) > 0:
		return fmt.Errorf("decode the answer: %s", rejects[0].Reason)
	}
	for i := range d.rows.N {
		for c := range d.row {
			d.row[c] = d.rows.Cols[c].Value(i)
		}
		add(d.row)
	}
	return nil
}
