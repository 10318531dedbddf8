package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/murmur2"
	"github.com/cepd/cepd/internal/trace"
)

// idHeader is the record header with the row's ID as 32 hex digits: equal for
// every delivery of the same row, so that readers can drop duplicates.
const idHeader = "cepd-id"

// madeHeader is the record header with what the row was made of, as JSON.
const madeHeader = "cepd-detection"

// sink writes a topic.
type sink struct {
	config  *sinkConfig
	client  *client
	sender  *sender
	parts   int // partitions of the topic
	value   *view
	encoder connectors.Encoder
	keys    keyWriter // nil: no key
	time    int       // column with the record timestamp; -1: now

	encoded connectors.Encoded
	seen    map[xxh3.Uint128]struct{} // scratch of superseded
	old     []bool
	id      [32]byte
	headers []recordbatch.RecordHeader // of every record
	list    []recordbatch.RecordHeader // of the record at hand
	events  *attributes                // nil: its records have none
	made    *event.Vec                 // what its rows are made of; nil: it does not tell
	traced  []connectors.Traced        // of the batch at hand, not yet added
}

func newSink(c *sinkConfig, t connectors.Table, newEncoder NewEncoder) (*sink, error) {
	s := &sink{config: c, time: -1}
	for i, col := range t.Columns {
		switch col.Metadata {
		case "":
		case metaTimestamp:
			s.time = i
		default:
			return nil, fmt.Errorf("kafka: metadata column %q ('%s') cannot be written; 'timestamp' can", col.Name, col.Metadata)
		}
	}
	var err error
	if s.value, err = newView(t, c.inValue); err != nil {
		return nil, err
	}
	if s.encoder, err = newEncoder(s.value.table); err != nil {
		return nil, err
	}
	if s.keys, err = newKeyWriter(c, t, newEncoder); err != nil {
		return nil, err
	}
	s.headers = []recordbatch.RecordHeader{{Key: []byte(idHeader), Value: s.id[:]}}
	s.attributed()
	s.client = newClient(&c.config, t.Log)
	return s, nil
}

func (c *sinkConfig) isKey(column string) bool {
	return slices.ContainsFunc(c.keyFields, func(k string) bool { return strings.EqualFold(k, column) })
}

func (c *sinkConfig) inValue(col connectors.Column) bool {
	return col.Metadata == "" && (c.valueKey || !c.isKey(col.Name))
}

// Open implements connectors.Sink. The topic's partitions are those it has now.
func (s *sink) Open(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	p := nobody
	if s.config.idempotent {
		var err error
		if p, err = s.client.initialize(ctx); err != nil {
			return err
		}
	}
	s.sender = newSender(s.client, s.config, s.parts, p)
	return nil
}

// prepare finds the partitions and opens the encoder.
func (s *sink) prepare(ctx context.Context) error {
	parts, err := s.client.partitions(ctx)
	if err != nil {
		return err
	}
	s.parts = len(parts)
	return connectors.OpenEncoder(ctx, s.encoder)
}

// Write implements connectors.Sink. It waits while too much is unsent.
func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	if err := s.encode(b); err != nil {
		return err
	}
	if err := s.sender.room(ctx); err != nil {
		return err
	}
	now := time.Now()
	s.traced = connectors.TracedOf(ctx)
	s.sender.mu.Lock()
	defer s.sender.mu.Unlock()
	defer s.sender.poke()
	old := s.superseded(b)
	for n := range b.Live() {
		if old != nil && old[n] {
			continue
		}
		row := n
		if b.Sel != nil {
			row = int(b.Sel[n])
		}
		if err := s.add(b, n, row, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) encode(b *event.Batch) error {
	s.encoded.Reset()
	if err := s.encoder.Encode(s.value.of(b), &s.encoded); err != nil {
		return err
	}
	if s.keys != nil {
		return s.keys.prepare(b)
	}
	return nil
}

func (s *sink) add(b *event.Batch, n, row int, now time.Time) error {
	var key []byte
	if s.keys != nil {
		key = s.keys.key(n, row)
	}
	span := s.encoded.Value[n]
	value := s.encoded.Buf[span.Off : span.Off+span.Len : span.Off+span.Len]
	if value == nil {
		value = []byte{} // empty, not null
	}
	if s.config.upserts && b.Change(row).Retracts() {
		value = nil // a tombstone
	}
	hexID(&s.id, b.ID[row])
	ms := now.UnixMilli()
	if s.time >= 0 && !b.Cols[s.time].Null(row) {
		ms = floorMillis(b.Cols[s.time].I64[row])
	}
	return s.sender.add(s.partition(key), now, ms, key, value, s.headersOf(row))
}

// Explain implements connectors.Explainer.
func (s *sink) Explain(made *event.Vec) { s.made = made }

// headersOf are the headers of a row, rows ascending.
func (s *sink) headersOf(row int) []recordbatch.RecordHeader {
	s.list = append(s.list[:0], s.headers...)
	if s.events != nil {
		s.list = s.events.append(s.list, s.value.batch, row)
	}
	if s.made != nil {
		if text := s.made.Value(row).S; len(text) > 0 {
			s.list = append(s.list, recordbatch.RecordHeader{Key: []byte(madeHeader), Value: text})
		}
	}
	for len(s.traced) > 0 && s.traced[0].Row < row {
		s.traced = s.traced[1:]
	}
	if len(s.traced) == 0 || s.traced[0].Row > row {
		return s.list
	}
	parent, state := trace.Format(s.traced[0].Context)
	s.list = append(s.list, recordbatch.RecordHeader{Key: []byte(trace.Header), Value: []byte(parent)})
	if state != "" {
		s.list = append(s.list, recordbatch.RecordHeader{Key: []byte(trace.StateHeader), Value: []byte(state)})
	}
	return s.list
}

func (s *sink) partition(key []byte) int32 {
	if key == nil {
		return anyPartition
	}
	return murmur2.Partition(key, len(s.sender.queues))
}

func floorMillis(micros int64) int64 {
	ms := micros / 1000
	if micros%1000 < 0 {
		ms--
	}
	return ms
}

func hexID(dst *[32]byte, id event.ID) {
	const digits = "0123456789abcdef"
	for i := range 16 {
		shift := 60 - 4*i
		dst[i] = digits[id.Hi>>shift&15]
		dst[16+i] = digits[id.Lo>>shift&15]
	}
}

// Flush implements connectors.Sink.
func (s *sink) Flush(ctx context.Context) error { return s.sender.flush(ctx) }

// Close implements connectors.Sink. What has not been flushed is lost.
func (s *sink) Close() error {
	if s.sender != nil {
		s.sender.cancel()
	}
	s.client.close()
	s.stopSender()
	return nil
}

// stopSender ends the sender; what it has not sent is forgotten.
func (s *sink) stopSender() {
	if s.sender == nil {
		return
	}
	s.sender.cancel()
	s.sender.wg.Wait()
	s.sender = nil
}
