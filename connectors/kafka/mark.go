package kafka

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cepd/cepd/connectors"
)

// A mark is an offset that a group of the transactional id's name has
// committed for partition 0 of the sink's topic. The offset is the number of
// rows delivered; its metadata says who counted them:
//
//	{"state":1767225600000000,"rows":5000}
//
// The group has no members. Brokers forget offsets that have not been
// committed for offsets.retention.minutes, a week as a rule.
const markPartition = 0

type markText struct {
	State int64  `json:"state"`
	Rows  uint64 `json:"rows"`
}

func formatMark(m connectors.Mark) string {
	text, _ := json.Marshal(markText(m)) // two numbers
	return string(text)
}

// mark reads the mark; a stable one waits for the transaction that may be
// changing it.
func (t *transactionalSink) mark(ctx context.Context, stable bool) (m connectors.Mark, found bool, err error) {
	offsets, err := t.marks.fetchOffsets(ctx, t.client.topic, []int32{markPartition}, stable)
	if err != nil || len(offsets) == 0 || offsets[0].Offset < 0 {
		return m, false, err
	}
	var text markText
	if err := json.Unmarshal([]byte(offsets[0].Metadata), &text); err != nil || int64(text.Rows) != offsets[0].Offset {
		return m, false, fmt.Errorf("kafka: the offset of group %q for topic %q is not cepd's: %d, %q; choose another 'sink.transactional-id-prefix'",
			t.config.transactionalID, t.client.topic, offsets[0].Offset, offsets[0].Metadata)
	}
	return connectors.Mark(text), true, nil
}
