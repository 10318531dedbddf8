package kafka

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"

	"github.com/cepd/cepd/connectors"
)

// position is a place in every partition, as options name it.
type position struct {
	mode     string
	offsets  map[int32]int64 // mode specific-offsets
	millis   int64           // mode timestamp
	fallback string          // of mode group-offsets, without a commit: earliest or latest; else fail
}

const (
	modeEarliest  = "earliest-offset"
	modeLatest    = "latest-offset"
	modeGroup     = "group-offsets"
	modeTimestamp = "timestamp"
	modeSpecific  = "specific-offsets"
	modeUnbounded = "unbounded"
)

// position reads prefix.mode and what goes with it.
func (o *options) position(prefix string) position {
	p := position{mode: o.text(prefix + ".mode"), millis: int64(o.int(prefix + ".timestamp-millis"))}
	if p.mode == "" {
		p.mode = o.defaultMode()
	}
	o.belongs(prefix+".specific-offsets", p.mode == modeSpecific)
	o.belongs(prefix+".timestamp-millis", p.mode == modeTimestamp)
	if p.mode == modeGroup {
		p.fallback = o.text("properties.auto.offset.reset")
		if p.fallback == "" {
			p.fallback = "earliest"
		}
		if o.text("properties.group.id") == "" {
			o.fail(prefix+".mode", fmt.Errorf("'%s' needs 'properties.group.id'", modeGroup))
		}
	}
	if p.mode == modeSpecific {
		var err error
		if p.offsets, err = parseOffsets(o.text(prefix + ".specific-offsets")); err != nil {
			o.fail(prefix+".specific-offsets", err)
		}
	}
	return p
}

func (o *options) defaultMode() string {
	if o.text("properties.group.id") != "" {
		return modeGroup
	}
	return modeEarliest
}

// belongs checks that an option is given just when the mode needs it.
func (o *options) belongs(name string, needed bool) {
	switch given := o.text(name) != ""; {
	case needed && !given:
		o.fail(name, fmt.Errorf("is missing, the mode needs it"))
	case given && !needed:
		o.fail(name, fmt.Errorf("is of no use in this mode"))
	}
}

// parseOffsets reads partition:0,offset:42;partition:1,offset:300.
func parseOffsets(s string) (map[int32]int64, error) {
	out := map[int32]int64{}
	for item := range strings.SplitSeq(strings.TrimSuffix(s, ";"), ";") {
		part, offset, _ := strings.Cut(item, ",")
		p, okPart := strings.CutPrefix(strings.TrimSpace(part), "partition:")
		n, okOffset := strings.CutPrefix(strings.TrimSpace(offset), "offset:")
		partition, err1 := strconv.ParseInt(p, 10, 32)
		at, err2 := strconv.ParseInt(n, 10, 64)
		if !okPart || !okOffset || err1 != nil || err2 != nil || partition < 0 || at < 0 {
			return nil, fmt.Errorf("%q is not of the form partition:0,offset:42;partition:1,offset:300", item)
		}
		out[int32(partition)] = at
	}
	return out, nil
}

// Kafka's stand-ins for a timestamp in ListOffsets.
const (
	latest   = -1
	earliest = -2
)

// resolve turns a position into an offset of a partition; -1 for unbounded.
func (s *source) resolve(ctx context.Context, p position, part int32) (int64, error) {
	switch p.mode {
	case modeEarliest:
		return s.listOffset(ctx, part, earliest)
	case modeLatest:
		return s.listOffset(ctx, part, latest)
	case modeTimestamp:
		at, err := s.listOffset(ctx, part, p.millis)
		if err == nil && at < 0 { // no record is that young
			return s.listOffset(ctx, part, latest)
		}
		return at, err
	case modeSpecific:
		at, ok := p.offsets[part]
		if !ok {
			return 0, fmt.Errorf("kafka: topic %q: the specific offsets do not name partition %d", s.config.topic, part)
		}
		return at, nil
	case modeGroup:
		return s.groupOffset(ctx, p.fallback, part)
	}
	return -1, nil
}

func (s *source) groupOffset(ctx context.Context, fallback string, part int32) (int64, error) {
	at, err := s.committed(ctx, part)
	if err != nil || at >= 0 {
		return at, err
	}
	switch fallback {
	case "earliest":
		return s.listOffset(ctx, part, earliest)
	case "latest":
		return s.listOffset(ctx, part, latest)
	}
	return 0, fmt.Errorf("kafka: group %q has no committed offset for partition %d of topic %q; 'properties.auto.offset.reset' can say where to start",
		s.config.group, part, s.config.topic)
}

// listOffset is the first offset at or after a time in ms; latest and earliest
// stand for the ends.
func (s *source) listOffset(ctx context.Context, part int32, millis int64) (offset int64, err error) {
	err = s.client.call(ctx, "list offsets", func(ctx context.Context) error {
		m, err := s.client.roundTrip(ctx, &listoffsets.Request{ReplicaID: -1, IsolationLevel: s.isolation(),
			Topics: []listoffsets.RequestTopic{{Topic: s.config.topic, Partitions: []listoffsets.RequestPartition{
				{Partition: part, CurrentLeaderEpoch: -1, Timestamp: millis}}}}}, 0)
		if err != nil {
			return err
		}
		p := &m.(*listoffsets.Response).Topics[0].Partitions[0]
		offset = p.Offset
		return check(p.ErrorCode)
	})
	return offset, err
}

// committed is the group's offset; -1: none.
func (s *source) committed(ctx context.Context, part int32) (int64, error) {
	offsets, err := newCoordinator(s.client, groupCoordinator, s.config.group).fetchOffsets(ctx, s.config.topic, []int32{part}, true)
	if err != nil || len(offsets) == 0 {
		return -1, err
	}
	return offsets[0].Offset, nil
}

var _ connectors.Committer = (*source)(nil)

// CommitOffsets tells the group how far the table has been read. It does
// nothing without 'properties.group.id'.
func (s *source) CommitOffsets(ctx context.Context, offsets map[int32]int64) error {
	if s.config.group == "" || len(offsets) == 0 {
		return nil
	}
	parts := make([]offsetcommit.RequestPartition, 0, len(offsets))
	for part, at := range offsets {
		parts = append(parts, offsetcommit.RequestPartition{PartitionIndex: part, CommittedOffset: at, CommittedLeaderEpoch: -1})
	}
	return s.client.call(ctx, "commit group offsets", func(ctx context.Context) error {
		m, err := s.client.roundTrip(ctx, &offsetcommit.Request{GroupID: s.config.group, GenerationID: noGeneration,
			RetentionTimeMs: -1, Topics: []offsetcommit.RequestTopic{{Name: s.config.topic, Partitions: parts}}}, 0)
		if err != nil {
			return err
		}
		return commitError(m)
	})
}

func commitError(m protocol.Message) error {
	for _, t := range m.(*offsetcommit.Response).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("partition %d: %w", p.PartitionIndex, check(p.ErrorCode))
			}
		}
	}
	return nil
}
