// Package connectors is the contract between the engine and the outside:
// sources, sinks, formats, and how a table's WITH options choose them.
//
//	Source --Open--> Reader --Poll--> RawBatch --Decoder--> event.Batch
//	event.Batch --> Sink (--Encoder--> bytes)
//
// One sub-package per connector; connectors/all knows them all.
package connectors

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
)

// Connector makes sources and sinks of one kind ('connector' = Name).
type Connector interface {
	Name() string
	// Options lists every option the connector understands, those of formats
	// excepted. Options outside the list are refused before Source or Sink is
	// called.
	Options() []OptionSpec
	// Metadata lists the metadata columns a table may declare.
	Metadata() []MetadataSpec
	// Source and Sink return ErrNotSource or ErrNotSink when the connector
	// cannot be one. They validate, but open nothing.
	Source(t Table) (Source, error)
	Sink(t Table) (Sink, error)
}

// What a connector answers that cannot be one of the two.
var (
	ErrNotSource = errors.New("the connector cannot be read from")
	ErrNotSink   = errors.New("the connector cannot be written to")
)

// OptionSpec documents and checks an option.
type OptionSpec struct {
	Name     string
	Prefix   bool // Name is a prefix: 'properties.'
	Required bool
	Default  string
	Doc      string
	Secret   bool                     // the value is not to be shown, nor to stand in the text on a server
	Values   []string                 // that it may have; nil: those that Check accepts
	Check    func(value string) error // nil: any text
}

// MetadataSpec is a metadata column: its key and type.
type MetadataSpec struct {
	Key      string
	Type     event.Type
	Writable bool // may be set by INSERT
}

// Table is what a connector gets to know of a table.
type Table struct {
	Name     string
	Columns  []Column          // for a source: those to fill (projection); for a sink: those written
	Physical []Column          // all columns of the record as declared, in order; formats by position need it
	Options  map[string]string // WITH options; secrets already resolved
	Dir      string            // relative paths start here
	Stdin    io.Reader
	Stdout   io.Writer
	Log      *slog.Logger
	Delivery Delivery
	Durable  bool           // the query has state on disk, and reads again after a crash
	Query    string         // name of the reading or writing query: consumer group, client id
	Reload   time.Duration  // after which a table is read anew, as a whole; 0: never
	Key      []string       // the columns of the primary key
	Changes  bool           // of a sink: rows are updated and deleted
	Writer   int            // tells sinks of a query that write the same table apart
	Traced   bool           // of a source: headers of records are wanted, for the trace they are part of
	Access   *access.Policy // files and addresses that may be used; nil: all

	// Wanted says, of a source, of a row of which only those columns are set that all
	// rows of a file have in common, whether the query may take it; nil: it may. Where
	// Needs is nil, what is not wanted need not be read; else the rows are given
	// nonetheless, and have these columns.
	Wanted func(*event.Batch) bool
	Needs  []bool // by column
}

// Delivery is the guarantee asked of a sink.
type Delivery uint8

// The guarantees.
const (
	AtLeastOnce Delivery = iota
	None
	ExactlyOnce
)

// Column is a column that a source fills or a sink writes; its index is the
// batch's column.
type Column struct {
	Name     string
	Type     event.Type
	Metadata string // the connector's key, or "" for a field of the record
	NotNull  bool
}

// Source reads a table.
type Source interface {
	// Partitions lists the partitions, ascending. Fixed while the source is open.
	Partitions(ctx context.Context) ([]int32, error)
	// Open starts reading a partition at an offset; Start asks for what the
	// options say. ready is called, from any goroutine, whenever a Poll that
	// gave nothing may now give something. Reading ahead is bounded.
	Open(ctx context.Context, part int32, from int64, ready func()) (Reader, error)
	// Replayable says whether Open at an earlier offset gives the same records
	// again, also after a restart of the process.
	Replayable() bool
	// Bounded says whether the source ends.
	Bounded() bool
	Close() error
}

// Start is the offset that stands for the start position of the options.
const Start int64 = -1

// Reader reads one partition, in order. A Reader is either a RawReader or a
// ColumnReader.
type Reader interface {
	// Position is the offset of the next record.
	Position() int64
	// End is the offset after the partition's last record as last heard; -1
	// when unknown. End - Position is the lag.
	End() int64
	Close() error
}

// RawReader gives records as bytes, for a Decoder.
type RawReader interface {
	Reader
	// Poll replaces dst by the next records: at most max, none with an offset
	// of until or more (until < 0: no limit). It does not block; dst.N() is 0
	// when nothing is there. io.EOF: the partition has ended. Any other error
	// is final, transient ones are retried inside and logged. dst is valid
	// until the next Poll.
	Poll(max int, until int64, dst *RawBatch) error
}

// Filler is a RawReader that fills columns itself which are not in its records:
// metadata, and what the names of folders say. It is called after the Decoder, also
// with records that the journal has kept.
type Filler interface {
	Fill(raw *RawBatch, dst *event.Batch)
}

// ColumnReader gives columns at once, for sources that have no bytes to decode.
type ColumnReader interface {
	Reader
	// PollColumns is as Poll; it fills columns and IDs (Hi = partition, Lo = offset).
	PollColumns(max int, until int64, dst *event.Batch) error
}

// Rejecter is a ColumnReader that may be given records it can make no row of.
type Rejecter interface {
	// Rejects are those of the last PollColumns; their rows are NULL.
	Rejects() []Reject
}

// Marker is a Reader that knows how far its partition is complete, beside what
// the table's WATERMARK makes of the rows: rule tests say it. The journal does
// not keep it, so a query with state on disk refuses such a reader.
type Marker interface {
	// Mark is the time up to which no row comes any more.
	Mark() event.Time
}

// Reloader is a Reader of a table that is read again and again as a whole.
// Position grows with each reading.
type Reloader interface {
	// Loaded says whether the last Poll has ended a reading.
	Loaded() bool
}

// Beside is a Reader of a table that stands beside streams, such as parameters:
// where its versions are joined, no row of a stream is judged before it is caught
// up for the first time, and after that nothing waits for its time. A version that
// comes when the watermark has passed its time is valid from the watermark on.
type Beside interface {
	// CaughtUp says whether all has been read that was there when it was opened.
	CaughtUp() bool
}

// Listener is a Reader that knows whether its partition can be heard: that of
// one which nobody answers for may have rows, so its silence does not count.
type Listener interface {
	// Heard says whether the source has answered lately.
	Heard() bool
}

// RawBatch is records of one partition. All spans are of Buf, which may alias
// the reader's memory. The offset after the last record taken is Next: gaps
// (compaction, control records) make it larger than the last Offset + 1.
type RawBatch struct {
	Topic   string // or file, for messages and metadata; "": each record has its own (Hidden)
	Part    int32
	Buf     []byte
	Value   []event.Span
	Key     []event.Span
	Headers []event.Span // Kafka's encoding of record headers; empty slice when not asked for
	Offset  []int64
	Time    []event.Time // record timestamp, µs
	Flags   []Flags
	Next    int64
}

// Flags of a record.
type Flags uint8

// The flags.
const (
	NullValue Flags = 1 << iota // a tombstone
	NullKey
	LogAppendTime // Time was set by the broker
	// Damaged: no record, but bytes that hold none, or more than one, and cannot
	// be read. Key says why. What follows in the partition is not touched.
	Damaged
)

// N is the number of records.
func (r *RawBatch) N() int { return len(r.Offset) }

// Reset empties r, keeping its memory.
func (r *RawBatch) Reset() {
	r.Buf = nil
	r.Value, r.Key, r.Headers = r.Value[:0], r.Key[:0], r.Headers[:0]
	r.Offset, r.Time, r.Flags = r.Offset[:0], r.Time[:0], r.Flags[:0]
}

// Append adds a record that has only a value; its span is of Buf.
func (r *RawBatch) Append(value event.Span, offset int64) {
	r.Value, r.Key = append(r.Value, value), append(r.Key, event.Span{})
	r.Offset, r.Time = append(r.Offset, offset), append(r.Time, 0)
	r.Flags = append(r.Flags, NullKey)
}

// Damage marks the last record as damaged; reason is a span of Buf.
func (r *RawBatch) Damage(reason event.Span) {
	last := r.N() - 1
	r.Key[last] = reason
	r.Flags[last] |= Damaged
}

// AppendFaults adds the damaged records to rejects, which are of the same batch,
// in the order of rows. A decoder that could make something of one is overruled.
func (r *RawBatch) AppendFaults(rejects []Reject) []Reject {
	decoded := len(rejects)
	for row, f := range r.Flags {
		if f&Damaged != 0 {
			k := r.Key[row]
			rejects = append(rejects, Reject{Row: int32(row), Reason: string(r.Buf[k.Off : k.Off+k.Len])})
		}
	}
	if len(rejects) == decoded {
		return rejects
	}
	faults := rejects[decoded:]
	rejects = slices.DeleteFunc(rejects[:decoded:decoded], func(x Reject) bool { return r.Flags[x.Row]&Damaged != 0 })
	rejects = append(rejects, faults...)
	slices.SortFunc(rejects, func(a, b Reject) int { return cmp.Compare(a.Row, b.Row) })
	return rejects
}

// Reject is a record that could not be used.
type Reject struct {
	Row    int32  // in the RawBatch or Batch at hand
	Reason string // "": it is no row and no mistake either, and passed over in silence
}

// Decoder turns record values into columns. A Decoder is made for a Table: it
// fills the columns of dst that are not metadata and leaves the others alone.
type Decoder interface {
	// Decode fills dst, which has been Reset to raw.N() rows; strings may alias
	// raw.Buf. A record that does not parse is appended to rejects and its row
	// left NULL; err is only for what no record can be blamed for.
	Decode(raw *RawBatch, dst *event.Batch, rejects []Reject) ([]Reject, error)
}

// Encoder turns rows into bytes.
type Encoder interface {
	// Encode appends the value of each live row of b to dst.Buf and its span to
	// dst.Value (rows in order).
	Encode(b *event.Batch, dst *Encoded) error
}

// Encoded is encoded rows. The caller resets it.
type Encoded struct {
	Buf   []byte
	Value []event.Span
}

// Reset empties e, keeping its memory.
func (e *Encoded) Reset() { e.Buf, e.Value = e.Buf[:0], e.Value[:0] }

// Sink writes a table. Used by one goroutine at a time.
type Sink interface {
	Open(ctx context.Context) error
	// Write takes the live rows of b, in order; it may buffer. b is valid only
	// during the call. A row's ID travels with it where the sink has a place
	// (Kafka: header "cepd-id").
	Write(ctx context.Context, b *event.Batch) error
	// Flush returns when every row written is delivered as the guarantee says.
	Flush(ctx context.Context) error
	Close() error
}

// Gatherer is a Sink for which each delivery costs: a file, say. Rows are gathered
// until the oldest has waited for so long, or they are so many bytes.
type Gatherer interface {
	Gather() (wait time.Duration, bytes int64)
}

// Waiter is a Decoder that may wait for something outside the process, such as
// a schema registry.
type Waiter interface {
	// Within says when waiting has to end; Decode then returns ctx's error.
	Within(ctx context.Context)
}

// Opener is an Encoder that has to ask something outside the process before it
// can write.
type Opener interface {
	Open(ctx context.Context) error
}

// OpenEncoder opens an encoder that needs it; sinks call it when they open.
func OpenEncoder(ctx context.Context, e Encoder) error {
	if o, ok := e.(Opener); ok {
		return o.Open(ctx)
	}
	return nil
}
