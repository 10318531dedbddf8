package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cepd/cepd/connectors"
)

// A mark is an offset that a group of the transactional id's name has
// committed for partition 0 of the sink's topic. The offset is the number of
// rows delivered; its metadata says who counted them:
//
//	{"state":1767225600000000,"rows":5000,"owner":"6f1ab3c2d4e5f607"}
//
// The owner is the sink that wrote it. Whoever takes over leaves a mark at once,
// which tells it from a process that died with the request under way.
//
// The group has no members. Brokers forget offsets that have not been
// committed for offsets.retention.minutes, a week as a rule.
const markPartition = 0

type markText struct {
	State int64  `json:"state"`
	Rows  uint64 `json:"rows"`
	Owner string `json:"owner"`
}

func (t *transactionalSink) formatMark(m connectors.Mark) string {
	text, _ := json.Marshal(markText{m.State, m.Rows, t.owner}) // numbers and a text
	return string(text)
}

// settleTime is how long a first mark may be on its way: the coordinator says
// that a transaction is committed before the offset can be read.
const settleTime = time.Second

// lastMark is the mark before it is known whose transaction is open: it does
// not wait for that one, unless there is no mark yet.
func (t *transactionalSink) lastMark(ctx context.Context) (m markText, found bool, err error) {
	m, found, err = t.mark(ctx, false)
	if err != nil || found {
		return m, found, err
	}
	short, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	m, found, err = t.mark(short, true)
	if short.Err() != nil && ctx.Err() == nil {
		return m, false, nil
	}
	return m, found, err
}

// mark reads the mark; a stable one waits for the transaction that may be
// changing it.
func (t *transactionalSink) mark(ctx context.Context, stable bool) (m markText, found bool, err error) {
	offsets, err := t.marks.fetchOffsets(ctx, t.client.topic, []int32{markPartition}, stable)
	if err != nil || len(offsets) == 0 || offsets[0].Offset < 0 {
		return m, false, err
	}
	if err := json.Unmarshal([]byte(offsets[0].Metadata), &m); err != nil || int64(m.Rows) != offsets[0].Offset {
		return m, false, fmt.Errorf("kafka: the offset of group %q for topic %q is not cepd's: %d, %q; choose another 'sink.transactional-id-prefix'",
			t.config.transactionalID, t.client.topic, offsets[0].Offset, offsets[0].Metadata)
	}
	return m, true, nil
}

// ours refuses the mark of another state.
func (t *transactionalSink) ours(m markText, found bool, state int64) error {
	if !found || m.State == state {
		return nil
	}
	return fmt.Errorf("kafka: %d rows were delivered under the transactional id %q by another state of the query, begun %s: "+
		"if that runs elsewhere, choose another 'sink.transactional-id-prefix'; if it is lost or was dropped and rows may be delivered again, run: cepd txn forget %s",
		m.Rows, t.config.transactionalID, time.UnixMicro(m.State).UTC().Format(time.RFC3339), t.config.transactionalID)
}

const (
	// rivalTime is how long a process that took over has to leave a mark.
	rivalTime  = 5 * time.Second
	rivalPause = 100 * time.Millisecond
)

// rival says whether whoever has taken over is there: a process that was killed
// while it asked for that may still be served after its successor.
func (t *transactionalSink) rival(ctx context.Context) (bool, error) {
	for begin := time.Now(); time.Since(begin) < rivalTime; {
		m, found, err := t.mark(ctx, false)
		if err != nil || found && m.Owner != t.owner && m.Owner != t.before {
			return true, err
		}
		if err := sleep(ctx, rivalPause); err != nil {
			return true, err
		}
	}
	return false, nil
}
