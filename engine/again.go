package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// A state that was restored may be older than its sinks. Up to the end of its
// journal it repeats what it did, row by row. Behind that, a row may get another
// number, because polls are cut in another way; but a detection is named by
// what made it. So what the sink has is read back, and of the rows that the query
// makes again those that are there are left out, by their IDs.
//
//	state           journal     number of the last row delivered (mark)
//	--------------------|------------------|
//	acked .... by number | ..... by ID .... | new rows have numbers behind the mark

// Sinks says what a restored query does about rows that its exactly-once sinks
// have and its state does not know of.
type Sinks string

// The choices.
const (
	SinksRefuse      Sinks = "refuse"      // the query does not start
	SinksDeduplicate Sinks = "deduplicate" // rows that are there, by their IDs, are left out
	SinksRedeliver   Sinks = "redeliver"   // rows behind the state are delivered once more
)

// ParseSinks reads a choice; the empty text is refuse.
func ParseSinks(text string) (Sinks, error) {
	switch s := Sinks(text); s {
	case "":
		return SinksRefuse, nil
	case SinksRefuse, SinksDeduplicate, SinksRedeliver:
		return s, nil
	}
	return "", fmt.Errorf("%q is no choice for sinks: use refuse, deduplicate or redeliver", text)
}

// restored is beside a state that has come from elsewhere and has not run yet.
type restored struct {
	Query string    `json:"query"` // its name there
	At    time.Time `json:"at"`    // when the copy was made
	Sinks Sinks     `json:"sinks"`
}

// decodeRestored reads it from a query's range; nil: there is none.
func decodeRestored(root *state.Under, query string) (*restored, error) {
	text, found, err := root.Get([]byte{sectionRestored})
	if err != nil || !found {
		return nil, err
	}
	r := &restored{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("the state of query %q is corrupt: %w", query, err)
	}
	return r, nil
}

// fingerprintAs is the query's fingerprint in a format, under the name it had.
func (p *Pipeline) fingerprintAs(format int, r *restored) string {
	root := *p.root
	if r != nil {
		root.Name = r.Query
	}
	return p.settings.fingerprint(&root, format)
}

// maxAgain bounds the IDs that a restored query holds: 16 bytes each, 40 in memory.
const maxAgain = 50_000_000

// again is the rows that the sink has and the state did not know of.
type again struct {
	ids     map[event.ID]uint32
	replay  bool   // the journal is repeated: numbers are what they were
	ahead   uint64 // the number that the next new row comes after
	changed bool   // since the last snapshot
	until   event.Time
}

// againTime is how long after the restore rows are left out, by the clock of the
// steps: what the sink has and the query has not made again by then, it does not
// make (another wrote it, or it hung on what was late).
const againTime = 24 * time.Hour

// expire forgets what is no longer left out.
func (o *outbox) expire(now event.Time) {
	if a := o.again; a != nil && !a.replay && now > a.until && len(a.ids) > 0 {
		clear(a.ids)
		a.changed = true
	}
}

// settleCopy does what was chosen about a sink that is ahead of the state, or
// does not say how far it is; why is the reason.
func (p *Pipeline) settleCopy(ctx context.Context, o *outbox, m connectors.Mark, last uint64, why error) (rows uint64, err error) {
	choice := SinksRefuse
	if p.restored != nil {
		choice = p.restored.Sinks
	}
	switch choice {
	case SinksRedeliver:
		return o.acked, nil
	case SinksDeduplicate:
		return o.deduplicate(ctx, m, last)
	}
	return 0, why
}

func (o *outbox) deduplicate(ctx context.Context, m connectors.Mark, last uint64) (rows uint64, err error) {
	r, ok := o.tx.(connectors.Recaller)
	if !ok {
		return 0, errors.New("the sink cannot tell which rows it has: redeliver is the other choice")
	}
	a := &again{ids: map[event.ID]uint32{}, replay: true, changed: true, ahead: max(m.Rows, last)}
	err = r.Recall(ctx, o.place, func(id event.ID) error {
		if a.ids[id]++; len(a.ids) > maxAgain {
			return fmt.Errorf("the table has more than %d rows that the restored state does not know of: redeliver is the other choice", maxAgain)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read what has been delivered: %w", err)
	}
	if m.Rows > last { // all that the journal repeats is there
		o.skip(last)
	}
	o.again = a
	o.takeQueued()
	return max(m.Rows, o.acked), nil
}

// take counts a row of the sink off; false when it is not there.
func (a *again) take(id event.ID) bool {
	n := a.ids[id]
	if n == 0 {
		return false
	}
	if a.changed = true; n == 1 {
		delete(a.ids, id)
	} else {
		a.ids[id] = n - 1
	}
	return true
}

// takeQueued takes restored rows that the sink has as acknowledged. Rows are
// delivered in order: those that are there come before those that are not.
func (o *outbox) takeQueued() {
	acked := o.acked
	for _, it := range o.queue {
		first := it.last - uint64(it.b.N)
		for i := range it.b.N {
			if n := first + uint64(i) + 1; n == acked+1 && o.again.take(it.b.ID[i]) {
				acked = n
			}
		}
	}
	o.skip(acked)
}

// leaveOut gives those of the live rows that get a number. The lock is held.
func (o *outbox) leaveOut(b *event.Batch, live []int32, salt event.ID) []int32 {
	a := o.again
	if a.replay {
		for i, row := range live {
			switch n := o.seq + uint64(i) + 1; {
			case n <= o.acked:
				a.take(salted(b.ID[row], salt))
			case n == o.acked+1 && a.take(salted(b.ID[row], salt)):
				o.acked = n
			}
		}
		return live
	}
	fresh := make([]int32, 0, len(live))
	for _, row := range live {
		if !a.take(salted(b.ID[row], salt)) {
			fresh = append(fresh, row)
		}
	}
	return fresh
}

func salted(id, salt event.ID) event.ID { return event.ID{Hi: id.Hi ^ salt.Hi, Lo: id.Lo ^ salt.Lo} }

// goLive ends the part where numbers are what they were: new rows are numbered
// behind all that the sink has.
func (o *outbox) goLive(now event.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.again == nil || !o.again.replay {
		return
	}
	o.again.replay, o.again.until = false, now+againTime.Microseconds()
	if o.again.ahead > o.seq { // then nothing waits: all of it is delivered
		o.seq, o.acked = o.again.ahead, o.again.ahead
	}
}

// placeNow is a copy of the place.
func (o *outbox) placeNow() map[int32]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.place)
}

// notePlace notes where the rows end that a transaction has delivered. The lock
// is held.
func (o *outbox) notePlace() {
	r, ok := o.tx.(connectors.Recaller)
	if !ok {
		return
	}
	if o.place == nil {
		o.place = map[int32]int64{}
	}
	maps.Copy(o.place, r.Place())
}

const (
	idBytes     = 16
	againPerKey = 4096
)

// saveAgain writes the rows to leave out; part of a snapshot.
func (o *outbox) saveAgain(w state.Writer) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.again == nil || !o.again.changed {
		return nil
	}
	if err := w.DeleteRange(nil, nil); err != nil {
		return err
	}
	o.again.changed = false
	if len(o.again.ids) == 0 && !o.again.replay {
		o.again = nil
		return nil
	}
	if err := w.Put(be64(0), be64(uint64(o.again.until))); err != nil {
		return err
	}
	ids := slices.SortedFunc(maps.Keys(o.again.ids), event.ID.Compare)
	for n := uint64(1); len(ids) > 0; n++ {
		k := min(len(ids), againPerKey)
		var value []byte
		for _, id := range ids[:k] {
			for range o.again.ids[id] {
				value = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(value, id.Hi), id.Lo)
			}
		}
		if err := w.Put(be64(n), value); err != nil {
			return err
		}
		ids = ids[k:]
	}
	return nil
}

// restoreAgain reads what saveAgain wrote.
func (o *outbox) restoreAgain(r state.Reader) error {
	return r.Scan(nil, nil, func(key, value []byte) error {
		if fromBE64(key) == 0 {
			o.again = &again{ids: map[event.ID]uint32{}, until: event.Time(fromBE64(value))}
			return nil
		}
		for ; len(value) >= idBytes; value = value[idBytes:] {
			o.again.ids[event.ID{Hi: fromBE64(value), Lo: fromBE64(value[8:])}]++
		}
		return nil
	})
}
