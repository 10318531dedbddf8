package stream

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// maxPost is how many bytes of rows are put into the log at once, if it is more
// than one: a log of the least size has room for several.
const maxPost = 256 << 10

// sink puts rows into the log of its table.
type sink struct {
	hub     *Hub
	table   connectors.Table
	logger  *slog.Logger
	log     *intake.Log
	encoder connectors.Encoder

	rows    connectors.Encoded // not yet in the log
	marks   []mark             // of rows
	refused []connectors.Refusal
}

// mark is what is kept beside a row, as the key of its record:
//
//	change | ID.Hi | ID.Lo
type mark struct {
	id     event.ID
	change event.Change
}

const markSize = 17

func (m mark) bytes() []byte {
	b := binary.BigEndian.AppendUint64([]byte{byte(m.change)}, m.id.Hi)
	return binary.BigEndian.AppendUint64(b, m.id.Lo)
}

// markOf is the reverse of bytes.
func markOf(b []byte) (mark, error) {
	if len(b) != markSize || event.Change(b[0]) > event.Delete {
		return mark{}, fmt.Errorf("the mark %x of a row was not written by a stream", b)
	}
	return mark{event.ID{Hi: binary.BigEndian.Uint64(b[1:]), Lo: binary.BigEndian.Uint64(b[9:])}, event.Change(b[0])}, nil
}

func newSink(hub *Hub, t connectors.Table) (*sink, error) {
	encoder, err := json.NewEncoder(t.Columns, json.Options{ISO: true})
	if err != nil {
		return nil, err
	}
	return &sink{hub: hub, table: t, encoder: encoder, logger: remote.Logger(t.Log, Name)}, nil
}

// Open implements connectors.Sink.
func (s *sink) Open(context.Context) (err error) {
	if s.hub == nil {
		return connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'stream' is followed over HTTP, which takes a server",
			Hint: "run cepd serve and submit the query there; for a run from the shell write to 'stdout'"}
	}
	s.log, err = s.hub.log(s.table)
	return err
}

// Write implements connectors.Sink.
func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	first := len(s.rows.Value)
	if err := s.encoder.Encode(b, &s.rows); err != nil {
		return err
	}
	for _, row := range b.LiveRows() {
		s.marks = append(s.marks, mark{b.ID[row], b.Change(int(row))})
	}
	s.refuse(b, first)
	if len(s.rows.Buf) < pushed.MaxMessage {
		return nil
	}
	return s.Flush(ctx)
}

// refuse takes out the rows from one on that are too large.
func (s *sink) refuse(b *event.Batch, first int) {
	kept := first
	for i, row := range b.LiveRows() {
		at := first + i
		v := s.rows.Value[at]
		if v.Len > MaxRow {
			r := connectors.Refusal{ID: s.marks[at].id, Value: append([]byte(nil), s.rows.Buf[v.Off:v.Off+v.Len]...),
				Reason: fmt.Sprintf("the row has %d bytes, and a stream takes %d", v.Len, MaxRow)}
			if len(b.Time) > 0 {
				r.Time = b.Time[row]
			}
			s.refused = append(s.refused, r)
			continue
		}
		s.rows.Value[kept], s.marks[kept] = v, s.marks[at]
		kept++
	}
	s.rows.Value, s.marks = s.rows.Value[:kept], s.marks[:kept]
}

// Flush implements connectors.Sink: the log has all rows, on the disk if there is a
// data directory.
func (s *sink) Flush(ctx context.Context) error {
	if err := s.failed(); err != nil {
		return err
	}
	post, size := &intake.Post{By: s.table.Query}, 0
	for i, v := range s.rows.Value {
		if n := len(post.Records); n == intake.MaxRecords || n > 0 && size+int(v.Len) > maxPost {
			if err := pushed.Append(ctx, s.log, post, s.logger); err != nil {
				return err
			}
			post.Records, size = post.Records[:0], 0
		}
		post.Records = append(post.Records, intake.Record{Key: s.marks[i].bytes(), Value: s.rows.Buf[v.Off : v.Off+v.Len]})
		size += int(v.Len)
	}
	s.rows.Reset()
	s.marks = s.marks[:0]
	if len(post.Records) == 0 {
		return nil
	}
	return pushed.Append(ctx, s.log, post, s.logger)
}

// failed ends the query with a row that is too large, if the table says nothing else.
func (s *sink) failed() error {
	if len(s.refused) == 0 || connectors.ParseRefusalPolicy(s.table.Options) != connectors.RefusalFail {
		return nil
	}
	return fmt.Errorf("row %s: %s (see '%s')", s.refused[0].ID.Hex(), s.refused[0].Reason, connectors.OptRefusalPolicy)
}

// Refused implements connectors.Refuser.
func (s *sink) Refused() []connectors.Refusal {
	list := s.refused
	s.refused = nil
	return list
}

// Close implements connectors.Sink.
func (s *sink) Close() error { return nil }
