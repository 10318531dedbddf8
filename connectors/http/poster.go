package http

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"strings"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// Poster makes records of what is posted to a table. Its methods may be called by
// several goroutines at once.
type Poster struct {
	table    connectors.Table
	decoders sync.Pool // of *trial
}

// trial is what records are tried on before they are taken.
type trial struct {
	decoder connectors.Decoder
	raw     connectors.RawBatch
	rows    *event.Batch
}

// NewPoster is for a table whose columns are all those of its records.
func NewPoster(t connectors.Table) (*Poster, error) {
	p := &Poster{table: t}
	x, err := p.newTrial()
	if err != nil {
		return nil, err
	}
	p.decoders.Put(x)
	return p, nil
}

func (p *Poster) newTrial() (*trial, error) {
	decoder, err := formats.NewDecoder(p.table)
	if err != nil {
		return nil, err
	}
	schema := &event.Schema{Rowtime: -1}
	for _, c := range p.table.Columns {
		schema.Fields = append(schema.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	return &trial{decoder: decoder, rows: event.NewBatch(schema)}, nil
}

// SignatureHeader is the header that the signature is in; empty: none is needed.
func (p *Poster) SignatureHeader() string {
	if p.table.Options[optSecret] == "" {
		return ""
	}
	if h := p.table.Options[optSignature]; h != "" {
		return h
	}
	return defaultSignature
}

// LinkSecret signs links that post events; empty: there are none.
func (p *Poster) LinkSecret() []byte { return []byte(p.table.Options[optLinks]) }

// JSON says whether records are JSON.
func (p *Poster) JSON() bool { return p.table.Options["format"] == "json" }

// Rate is how many posts a second are taken; 0: any.
func (p *Poster) Rate() int { return int(p.table.Int(optRate, 0)) }

// ErrSignature says that a post is not signed as it has to be.
var ErrSignature = errors.New("the signature is missing or wrong")

// Verify checks the signature of a body: HEX, or sha256=HEX.
func (p *Poster) Verify(signature string, body []byte) error {
	if p.SignatureHeader() == "" {
		return nil
	}
	algorithm, sum := "sha256", func() hash.Hash { return sha256.New() }
	if p.table.Options[optAlgorithm] == "sha512" {
		algorithm, sum = "sha512", func() hash.Hash { return sha512.New() }
	}
	given, err := hex.DecodeString(strings.TrimPrefix(signature, algorithm+"="))
	if err != nil {
		return ErrSignature
	}
	mac := hmac.New(sum, []byte(p.table.Options[optSecret]))
	mac.Write(body)
	if !hmac.Equal(given, mac.Sum(nil)) {
		return ErrSignature
	}
	return nil
}

// RecordError is what is wrong with a record of a post, which is not taken then.
type RecordError struct {
	Record int // from 1
	Reason string
}

func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %s", e.Record, e.Reason) }

// Records cuts a body into records and tries each on the table. Its headers are
// those of each.
func (p *Poster) Records(contentType string, headers []connectors.Header, body []byte) ([]intake.Record, error) {
	list, err := p.split(contentType, body)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, errors.New("the body has no record")
	case len(list) > intake.MaxRecords:
		return nil, fmt.Errorf("the body has %d records, and a post at most %d", len(list), intake.MaxRecords)
	}
	records := make([]intake.Record, len(list))
	var kept []byte
	if len(headers) > 0 {
		kept = connectors.AppendHeaders(nil, headers)
	}
	for i, value := range list {
		records[i].Key, records[i].Value = kept, value
	}
	return records, p.try(records)
}

// split is the records of a body: of JSON an object, the elements of an array or
// objects one after another; of formats in bytes the body; of others its lines.
func (p *Poster) split(contentType string, body []byte) ([][]byte, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return nil, fmt.Errorf("the content type %q cannot be read", contentType)
	}
	if formats.Binary(p.table) {
		return [][]byte{body}, nil
	}
	framing, err := formats.NewFraming(p.table)
	if err != nil {
		return nil, err
	}
	lines := kind == "application/x-ndjson" || kind == "application/jsonl" || kind == "application/x-jsonlines"
	if f := p.format(); !lines && (f == "json" || f == "debezium-json") {
		return splitJSON(body)
	}
	return cut(framing, body)
}

func (p *Poster) format() string {
	if f := p.table.Options["value.format"]; f != "" {
		return f
	}
	return p.table.Options["format"]
}

func splitJSON(body []byte) (list [][]byte, err error) {
	d := stdjson.NewDecoder(bytes.NewReader(body))
	for {
		var value stdjson.RawMessage
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, &RecordError{len(list) + 1, fmt.Sprintf("at byte %d: %v", d.InputOffset(), err)}
		}
		if value[0] != '[' {
			list = append(list, value)
			continue
		}
		var elements []stdjson.RawMessage
		if err := stdjson.Unmarshal(value, &elements); err != nil {
			return nil, &RecordError{len(list) + 1, err.Error()}
		}
		for _, e := range elements {
			list = append(list, e)
		}
		if len(list) > intake.MaxRecords {
			return list, nil
		}
	}
}

func cut(framing formats.Framing, body []byte) (list [][]byte, err error) {
	c := formats.NewCutter(bytes.NewReader(body), framing, 0)
	for {
		s, _, ok, err := c.Next()
		if err != nil {
			return nil, &RecordError{len(list) + 1, err.Error()}
		}
		if ok {
			if c.Reason.Len > 0 {
				return nil, &RecordError{len(list) + 1, string(c.Buf[c.Reason.Off : c.Reason.Off+c.Reason.Len])}
			}
			list = append(list, bytes.Clone(c.Buf[s.Off:s.Off+s.Len]))
			continue
		}
		if err := c.Fill(); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// try decodes records as a query would.
func (p *Poster) try(records []intake.Record) error {
	x, _ := p.decoders.Get().(*trial)
	if x == nil {
		var err error
		if x, err = p.newTrial(); err != nil {
			return err
		}
	}
	defer p.decoders.Put(x)
	for from := 0; from < len(records); from += event.MaxRows {
		some := records[from:min(from+event.MaxRows, len(records))]
		x.raw.Reset()
		var buf []byte
		for i := range some {
			x.raw.Append(event.Span{Off: uint32(len(buf)), Len: uint32(len(some[i].Value))}, int64(i))
			buf = append(buf, some[i].Value...)
		}
		x.raw.Buf = buf
		x.rows.Reset(len(some))
		rejects, err := x.decoder.Decode(&x.raw, x.rows, nil)
		if err != nil {
			return err
		}
		for _, r := range rejects {
			if r.Reason != "" {
				return &RecordError{from + int(r.Row) + 1, r.Reason}
			}
		}
	}
	return nil
}
