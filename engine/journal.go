package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// journal is the entries of the steps, on their way to the store.
//
//	entry: length | clock | parts, each: unit, to - from, flags [, length, records] | rows put per outbox | what is ended | answers, if any
//	key:   number of the step
//
// Without a store a step is durable as soon as it is over.
type journal struct {
	store state.Store // nil: none
	root  state.Under // the query's range
	entry []byte      // scratch
	acked []uint64    // outbox positions last written; the committer's

	mu      sync.Mutex
	pending []byte
	spare   []byte
	first   uint64  // step of the first pending entry
	last    uint64  // step of the last entry
	at      []int64 // where the units are after the last step
	durable cut
	since   int64 // bytes since the last snapshot
	due     chan struct{}
	waiters []waiter

	committed atomic.Int64 // clock of the last commit, µs
}

// cut is a step boundary: the number of the step before it, and where the
// units then are (nil: not known).
type cut struct {
	step uint64
	at   []int64
}

// The parts of a query's range.
const (
	sectionMeta     = 'm' // format version and fingerprint
	sectionSnapshot = 's' // the header of the last snapshot
	sectionJournal  = 'j' // + step
	sectionAcked    = 'a' // + outbox
	sectionOutbox   = 'o' // + outbox + number of the last row
	sectionLedger   = 'x' // + outbox
	sectionAgain    = 'd' // + outbox + number: rows that the sink has and the state did not know of
	sectionRecent   = 'w' // + outbox + number of the first row: what was delivered last
	sectionRestored = 'r' // what the state was restored from, until it has run
	sectionCarried  = 'z' // + source + number: what the offsets of a source need, until the state has run
	sectionState    = 'u' // + stage + shard + operator
	sectionOther    = 'v' // the same, written by a change of the query's text
	// beside them: sectionGenerations, sectionComparison
)

// stateSection is where the operators' state lies. A change writes the other half.
func stateSection(half int) byte {
	if half == 0 {
		return sectionState
	}
	return sectionOther
}

// Flags of a journal entry's part.
const (
	partEnded   = 1 << iota // the partition has ended
	partPayload             // the records follow
	partIdle                // nothing was taken: the partition has turned idle
	partLoaded              // a table that is read again has been read to its end
)

// part is what a step took from a unit.
type part struct {
	unit    int
	count   int64 // offsets
	flags   byte
	payload []byte
}

// step is a decoded entry.
type step struct {
	now     event.Time
	parts   []part
	puts    []uint64 // outbox numbers after the step
	endings []ending
	answers map[shardAt][]byte // of look-ups
}

func be64(x uint64) []byte { return binary.BigEndian.AppendUint64(nil, x) }

func fromBE64(p []byte) uint64 {
	if len(p) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(p)
}

// append adds the entry of the step that has just ended.
func (j *journal) append(number uint64, now event.Time, units []*unit, stages []*stage, boxes []*outbox, endings []ending, urgent bool) {
	if j.store == nil {
		j.mu.Lock()
		j.last, j.durable.step = number, number
		j.tell()
		j.mu.Unlock()
		wake(boxes)
		return
	}
	j.encode(now, units, boxes)
	j.entry = appendAnswers(appendEndings(j.entry, endings), stages)
	j.mu.Lock()
	if len(j.pending) == 0 {
		j.first = number
	}
	j.pending = binary.AppendUvarint(j.pending, uint64(len(j.entry)))
	j.pending = append(j.pending, j.entry...)
	j.last = number
	j.note(units)
	j.since += int64(len(j.entry))
	urgent = urgent || len(j.pending) > maxPendingJournal
	j.mu.Unlock()
	if urgent {
		signal(j.due)
	}
}

// note remembers where the units are; the lock is held.
func (j *journal) note(units []*unit) {
	j.at = j.at[:0]
	for _, u := range units {
		j.at = append(j.at, u.position)
	}
}

// resume tells where the units are when all that is kept has been restored and
// replayed: without a step that would tell it, it could not be published.
func (j *journal) resume(units []*unit) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.note(units)
	j.durable.at = slices.Clone(j.at)
}

const (
	// maxPendingJournal is how many bytes wait for the commit interval.
	maxPendingJournal = 1 << 20
	// mostPendingJournal is how many bytes wait for a disk that is slower than the
	// stream; then no step is taken.
	mostPendingJournal = 16 * maxPendingJournal
)

// tooLong says whether the disk has to catch up.
func (j *journal) tooLong() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.pending) > mostPendingJournal
}

func (j *journal) encode(now event.Time, units []*unit, boxes []*outbox) {
	e := binary.AppendVarint(j.entry[:0], now)
	n := 0
	for _, u := range units {
		if u.took || u.turnsIdle {
			n++
		}
	}
	e = binary.AppendUvarint(e, uint64(n))
	for i, u := range units {
		if u.took || u.turnsIdle {
			e = appendPart(e, i, u)
		}
	}
	for _, o := range boxes {
		e = binary.AppendUvarint(e, o.seq)
	}
	j.entry = e
}

func appendPart(e []byte, i int, u *unit) []byte {
	var flags byte
	if u.ended {
		flags |= partEnded
	}
	if len(u.payload) > 0 {
		flags |= partPayload
	}
	if u.turnsIdle {
		flags |= partIdle
	}
	if u.loaded {
		flags |= partLoaded
	}
	e = binary.AppendUvarint(e, uint64(i))
	e = binary.AppendVarint(e, u.position-u.from)
	e = append(e, flags)
	if len(u.payload) > 0 {
		e = binary.AppendUvarint(e, uint64(len(u.payload)))
		e = append(e, u.payload...)
	}
	return e
}

var errCorruptJournal = errors.New("the journal is corrupt")

// decodeStep reads an entry of a format version. Payloads are views of src.
func decodeStep(src []byte, format, units, boxes int) (s step, err error) {
	r := reader{src: src}
	s.now = r.varint()
	n := r.uvarint()
	for i := uint64(0); i < n && !r.bad; i++ {
		p := part{unit: int(r.uvarint()), count: r.varint(), flags: r.byte()}
		if p.flags&partPayload != 0 {
			p.payload = r.bytes(r.uvarint())
		}
		r.bad = r.bad || p.unit < 0 || p.unit >= units
		s.parts = append(s.parts, p)
	}
	for range boxes {
		s.puts = append(s.puts, r.uvarint())
	}
	if format >= 6 {
		s.endings = readEndings(&r)
	}
	s.answers = readAnswers(&r)
	if r.bad || len(r.src) > 0 {
		return step{}, errCorruptJournal
	}
	return s, nil
}

// commit makes the pending entries durable, with the outboxes' positions. One
// goroutine at a time.
func (j *journal) commit(boxes []*outbox) error {
	if j.store == nil {
		return nil
	}
	j.mu.Lock()
	entries, first, end := j.pending, j.first, cut{j.last, slices.Clone(j.at)}
	j.pending, j.spare = j.spare[:0], nil
	j.mu.Unlock()
	acked := positions(boxes)
	if len(entries) == 0 && slices.Equal(acked, j.acked) {
		return nil
	}
	b := j.store.NewBatch()
	if err := j.write(b, entries, first, acked); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := b.Commit(true); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.acked = acked
	j.mu.Lock()
	j.durable, j.spare = end, entries[:0]
	j.tell()
	j.mu.Unlock()
	wake(boxes)
	return nil
}

// wake has the deliveries look again.
func wake(boxes []*outbox) {
	for _, o := range boxes {
		signal(o.work)
	}
}

func (j *journal) write(w state.Writer, entries []byte, first uint64, acked []uint64) error {
	root := state.Under{W: w, Prefix: j.root.Prefix}
	r := reader{src: entries}
	for number := first; len(r.src) > 0; number++ {
		if err := root.Put(append([]byte{sectionJournal}, be64(number)...), r.bytes(r.uvarint())); err != nil {
			return err
		}
	}
	for i, n := range acked {
		if err := root.Put([]byte{sectionAcked, byte(i)}, be64(n)); err != nil {
			return err
		}
	}
	return nil
}

func positions(boxes []*outbox) []uint64 {
	p := make([]uint64, len(boxes))
	for i, o := range boxes {
		p[i] = o.position()
	}
	return p
}

// durableCut is the last step boundary that a crash cannot undo.
func (j *journal) durableCut() cut {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durable
}

// bytesSince is the size of the entries since the last snapshot.
func (j *journal) bytesSince() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.since
}

// reader reads varints; after an error it reads nothing more.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad = true
		return
	}
	r.src = r.src[n:]
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.src)
	r.skip(n)
	return x
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.src)
	r.skip(n)
	return x
}

func (r *reader) byte() byte {
	if p := r.bytes(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.src)) {
		r.bad = true
		return nil
	}
	p := r.src[:n:n]
	r.src = r.src[n:]
	return p
}
