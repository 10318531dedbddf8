package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/relational"
)

// unit is the stage-1 task of one source partition: poll, decode, finish the
// scan, track the watermark, run the branches.
type unit struct {
	src      *source
	part     int32
	reader   connectors.Reader
	raws     connectors.RawReader    // nil: cols
	cols     connectors.ColumnReader // nil: raws
	filler   connectors.Filler       // raws, if it fills columns; or nil
	decoder  connectors.Decoder
	raw      connectors.RawBatch
	in       *event.Batch
	scan     *relational.Scan
	ctx      operators.Context
	branches []*branch

	// State, changed only at the end of a step.
	position int64
	eof      bool
	mark     event.Time // no row with this time or less is expected
	idle     bool
	ready    bool       // it has ended, or been read once
	seen     event.Time // clock of the last step with rows
	known    bool       // named by the snapshot
	beside   bool       // its reader is a connectors.Beside

	// The step at hand.
	max       int // rows to poll
	from      int64
	took      bool
	ended     bool
	turnsIdle bool
	loaded    bool       // a reading of a table that is read again has ended
	own       event.Time // mark, as the rows go by
	floor     event.Time // the highest of the branches
	late      []lateRow
	spans     []span // of late, per batch of the step
	rejects   []reject
	decoding  []connectors.Reject
	sel       []int32
	timed     event.Batch // the batch, without rows that have no event time
	kept      []int32     // of timed
	sampled   []sampled   // of the step
	payload   []byte      // the records, for the journal of a source that cannot replay
	stats     unitStats
	busy      int64      // µs, polling and what follows it
	newest    event.Time // of the rows so far
	disorder  disorder

	difference *difference // nil: the records do not name their fields
	paused     bool        // it is ahead of its group
	held       bool        // it takes records before until only
	until      int64
	err        error
}

// lateRow is a row that is late if its partition's own mark decides.
type lateRow struct {
	row   int32
	told  bool // it is among the rejects
	time  event.Time
	own   event.Time // mark just before the row
	id    event.ID
	value []byte // its record, if a table wants it
}

// begin readies the unit for a step.
func (u *unit) begin(now event.Time) {
	u.ctx.Now = now
	u.took, u.ended, u.turnsIdle, u.loaded = false, false, false, false
	u.own, u.from, u.floor = u.mark, u.position, event.MinTime
	for _, r := range u.branches {
		r.begin(now)
		u.floor = max(u.floor, r.floor)
	}
	u.late, u.spans, u.rejects, u.payload = u.late[:0], u.spans[:0], u.rejects[:0], u.payload[:0]
	u.sampled = u.sampled[:0]
}

// takeLive polls once.
func (u *unit) takeLive() {
	defer panics.RecoverAt(&u.err, u.atWork)
	if u.eof || u.paused && !u.held || u.atBound() { // to a bound it goes whatever its group does
		return
	}
	progress := false
	if progress, u.err = u.poll(u.max, u.bound()); u.err == nil {
		u.takeMark()
	}
	r, reloads := u.reader.(connectors.Reloader)
	for reloads && progress && u.err == nil && !r.Loaded() { // all of it in one step
		progress, u.err = u.poll(u.max, -1)
	}
	u.loaded = reloads && r.Loaded() || u.err == nil && u.catchesUp()
}

// catchesUp says, once, that a table beside the streams has been read to the end
// that it had. The journal keeps it: after a crash that end is another one.
func (u *unit) catchesUp() bool {
	if !u.beside || u.ready || !u.reader.(connectors.Beside).CaughtUp() {
		return false
	}
	u.took = true
	return true
}

// takeMark takes what the reader itself knows of time, when it has nothing
// left to give.
func (u *unit) takeMark() {
	m, ok := u.reader.(connectors.Marker)
	if ok && u.lag() <= 0 && m.Mark() > u.own {
		u.own, u.took = m.Mark(), true
	}
}

// poll takes the next records, none at until or later, and says whether there
// were any.
func (u *unit) poll(limit int, until int64) (progress bool, err error) {
	u.keepRuns()
	n, err := u.read(limit, until)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", u, err)
	}
	u.ended = err != nil
	at := u.reader.Position()
	progress = n > 0 || at != u.position
	u.took = u.took || progress || u.ended
	u.position = at
	if n == 0 {
		return progress, nil
	}
	if !u.src.replayable {
		u.keepPayload()
	}
	return true, u.take()
}

func (u *unit) read(limit int, until int64) (n int, err error) {
	if u.raws != nil {
		u.raw.Reset()
		err = u.raws.Poll(limit, until, &u.raw)
		return u.raw.N(), err
	}
	u.in.N = 0
	err = u.cols.PollColumns(limit, until, u.in)
	return u.in.N, err
}

// take processes the records of raw, or the rows of in.
func (u *unit) take() error {
	if u.raws != nil {
		if err := u.decode(); err != nil {
			return err
		}
	} else if r, ok := u.cols.(connectors.Rejecter); ok {
		u.decoding = append(u.decoding[:0], r.Rejects()...)
	}
	if len(u.decoding) > 0 {
		u.dropUndecoded()
	}
	if u.src.index > 0 {
		for i := range u.in.ID {
			u.in.ID[i].Hi |= uint64(u.src.index) << 32
		}
	}
	u.stats.rows += int64(u.in.N)
	b := u.in
	if u.scan != nil {
		b = u.scan.Finish(&u.ctx, u.in)
	}
	u.observe(b)
	from := len(u.late)
	sel := u.track(b)
	u.spans = append(u.spans, span{from, len(u.late)})
	for _, r := range u.branches {
		if err := r.take(b, sel); err != nil {
			return err
		}
	}
	u.takeRejects()
	return nil
}

// decode fills in from raw.
func (u *unit) decode() (err error) {
	n := u.raw.N()
	u.in.Reset(n)
	if u.decoding, err = u.decoder.Decode(&u.raw, u.in, u.decoding[:0]); err != nil {
		return fmt.Errorf("decode %s: %w", u, err)
	}
	u.decoding = u.raw.AppendFaults(u.decoding)
	if u.difference != nil {
		u.difference.look(&u.raw, u.ctx.Now)
	}
	for _, fill := range u.src.metadata {
		fill(&u.raw, u.in)
	}
	if u.filler != nil {
		u.filler.Fill(&u.raw, u.in)
	}
	if u.src.traced {
		u.findSampled()
	}
	hi := uint64(uint32(u.part))
	for i, offset := range u.raw.Offset {
		u.in.ID[i] = event.ID{Hi: hi, Lo: uint64(offset)}
		u.stats.bytes += int64(u.raw.Value[i].Len)
	}
	return nil
}

// dropUndecoded takes the records that did not parse out of the selection.
func (u *unit) dropUndecoded() {
	bad := u.decoding
	u.sel = u.sel[:0]
	for row := range int32(u.in.N) {
		if len(bad) > 0 && bad[0].Row == row {
			if bad[0].Reason != "" {
				u.reject(operators.Reject{Kind: operators.RejectParse, ID: u.globalID(row), Time: event.MinTime, Reason: bad[0].Reason})
			}
			bad = bad[1:]
			continue
		}
		u.sel = append(u.sel, row)
	}
	u.in.Select(u.sel)
}

func (u *unit) globalID(row int32) event.ID {
	id := u.in.ID[row]
	id.Hi |= uint64(u.src.index) << 32
	return id
}

// keepRuns keeps the runs of the step from the poll that comes.
func (u *unit) keepRuns() {
	for _, r := range u.branches {
		r.keepRun()
	}
}

// fillTimes is n times t, in the memory of buf.
func fillTimes(buf *[]event.Time, n int, t event.Time) []event.Time {
	for len(*buf) < n {
		*buf = append(*buf, 0)
	}
	for i := range (*buf)[:n] {
		(*buf)[i] = t
	}
	return (*buf)[:n]
}

func (u *unit) String() string {
	return fmt.Sprintf("%s partition %d", u.src.name, u.part)
}

// link feeds the next operator of a chain.
type link struct {
	op   operators.Operator
	ctx  *operators.Context
	next operators.Collector
}

func (l *link) Emit(b *event.Batch) error { return l.op.Process(l.ctx, b, l.next) }

// chain links operators up to a last collector.
func chain(ops []operators.Operator, ctx *operators.Context, last operators.Collector) operators.Collector {
	for i := len(ops) - 1; i >= 0; i-- {
		last = &link{ops[i], ctx, last}
	}
	return last
}

// open starts reading at an offset.
func (u *unit) open(ctx context.Context, from int64, ready func()) error {
	r, err := u.src.source.Open(ctx, u.part, from, ready)
	if err != nil {
		return fmt.Errorf("open %s: %w", u, err)
	}
	u.reader = r
	_, u.beside = r.(connectors.Beside)
	if err := u.checkReload(r); err != nil {
		return err
	}
	if _, ok := r.(connectors.Marker); ok && u.src.kept {
		return fmt.Errorf("open %s: its watermarks are not its rows', and cannot be replayed: run it without a data directory", u)
	}
	switch r := r.(type) {
	case connectors.RawReader:
		u.raws = r
		if u.filler, _ = r.(connectors.Filler); u.filler == nil {
			u.src.addFillers()
		}
		if u.decoder, err = u.src.newDecoder(); err != nil {
			return fmt.Errorf("open %s: %w", u, err)
		}
		if scan := u.src.plan.Scan; scan != nil {
			u.difference = newDifference(u.decoder, scan.Table, u.part)
		}
	case connectors.ColumnReader:
		u.cols = r
	default:
		return fmt.Errorf("open %s: reader %T gives neither records nor columns", u, r)
	}
	return nil
}

// within says to decoders that wait for something outside when to give up.
func (p *Pipeline) within(ctx context.Context) {
	for _, u := range p.units {
		if w, ok := u.decoder.(connectors.Waiter); ok {
			w.Within(ctx)
		}
	}
}

// checkReload demands that a table which is read again is looked up, and nothing
// else.
func (u *unit) checkReload(r connectors.Reader) error {
	if _, ok := r.(connectors.Reloader); !ok {
		return nil
	}
	for _, b := range u.branches {
		if !b.plan.Static {
			return fmt.Errorf("open %s: a table with '%s' is no stream: a query can only look it up in a join", u, optReload)
		}
	}
	return nil
}
