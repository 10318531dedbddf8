package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
)

// sink writes a table at least once: Flush publishes what was written.
type sink struct {
	config *config
	files  *formats.Files
	log    *slog.Logger
	owner  string // of this process's files
	place  place

	begun  int64              // part of the names of files: of files that are committed, by which entry
	count  int                // of files begun
	open   map[string]*output // by partition
	clock  int64              // counts batches
	staged []file             // sealed, not yet published

	path        []byte   // scratch
	groups      []*group // of the batch at hand
	byPartition map[string]*group
}

// output is an open file.
type output struct {
	file file
	to   staged
	size counter
	pack io.WriteCloser // nil: not compressed
	rows formats.FileWriter
	used int64 // when it was written last
}

// counter counts bytes on their way.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

func newSink(c *config, files *formats.Files, log *slog.Logger) *sink {
	return &sink{config: c, files: files, log: log, owner: fmt.Sprintf("%016x", rand.Uint64()), open: map[string]*output{}, byPartition: map[string]*group{}}
}

// Gather implements connectors.Gatherer.
func (s *sink) Gather() (time.Duration, int64) { return s.config.wait, s.config.buffer }

// Open implements connectors.Sink.
func (s *sink) Open(ctx context.Context) error {
	s.begun = time.Now().Unix()
	if err := s.files.Open(ctx); err != nil {
		return err
	}
	var err error
	if s.place, err = s.config.open(s.owner); err != nil {
		return err
	}
	return s.place.sweep(ctx, func(_ string, age time.Duration) bool { return age < abandonedAge })
}

// abandonedAge is when a staged file is that of a process that has ended: nothing
// tells it from a running one where processes are not fenced.
const abandonedAge = 24 * time.Hour

// Write implements connectors.Sink. Rows are sorted by partition first, so that
// a batch writes a file at a time, and beyond the limit of open ones no partition
// has more than one a batch.
func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	s.clock++
	if err := s.sort(b); err != nil {
		return err
	}
	for _, open := range []bool{true, false} {
		for _, g := range s.groups {
			if len(g.sel) == 0 || open && s.open[g.partition] == nil {
				continue
			}
			if err := s.write(ctx, b, g); err != nil {
				return err
			}
			g.sel = g.sel[:0]
		}
	}
	return nil
}

// group is the rows of a batch that go to one partition.
type group struct {
	partition string
	sel       []int32
}

// sort makes groups of a batch, in the order in which they begin.
func (s *sink) sort(b *event.Batch) (err error) {
	clear(s.byPartition)
	s.groups = s.groups[:0]
	var g *group
	for n := range b.Live() {
		row := b.Row(n)
		if s.path, err = appendPath(s.path[:0], s.config.by, b, row); err != nil {
			return err
		}
		if g == nil || g.partition != string(s.path) {
			g = s.group()
		}
		g.sel = append(g.sel, int32(row))
	}
	return nil
}

// group is that of the path at hand.
func (s *sink) group() *group {
	if g := s.byPartition[string(s.path)]; g != nil {
		return g
	}
	var g *group
	if n := len(s.groups); n < cap(s.groups) {
		s.groups = s.groups[:n+1]
		g = s.groups[n]
	} else {
		s.groups = append(s.groups, nil)
	}
	if g == nil {
		g = &group{}
		s.groups[len(s.groups)-1] = g
	}
	g.partition, g.sel = string(s.path), g.sel[:0]
	s.byPartition[g.partition] = g
	return g
}

// write writes a group to the open file of its partition.
func (s *sink) write(ctx context.Context, b *event.Batch, g *group) (err error) {
	o := s.open[g.partition]
	if o == nil {
		if o, err = s.begin(ctx, g.partition); err != nil {
			return err
		}
	}
	view := *b
	view.Sel = g.sel
	if err := o.rows.Write(&view); err != nil {
		return fmt.Errorf("%s: %w", o.file.Name, err)
	}
	o.file.Rows += int64(len(g.sel))
	if o.used = s.clock; o.size.n >= s.config.fileSize {
		return s.seal(ctx, g.partition)
	}
	return nil
}

// begin opens the file of a partition, for which the least recently written may
// have to be closed.
func (s *sink) begin(ctx context.Context, partition string) (*output, error) {
	if len(s.open) >= s.config.maxOpen {
		if err := s.seal(ctx, s.leastRecent()); err != nil {
			return nil, err
		}
	}
	o := &output{file: file{Name: fmt.Sprintf("%spart-%012d-%d-%s-%s%s", partition, s.begun, s.count, s.config.mine(), s.owner, s.suffix())}}
	s.count++
	var err error
	if o.to, err = s.place.stage(ctx, &o.file); err != nil {
		return nil, err
	}
	s.open[partition] = o
	o.size.to = o.to
	to, err := s.packed(o)
	if err == nil {
		o.rows, err = s.files.New(to)
	}
	return o, err
}

// mine is the part of file names that says whose they are.
func (c *config) mine() string { return fmt.Sprintf("%08x", uint32(xxh3.HashString(c.identity))) }

func (s *sink) suffix() string {
	return s.files.Suffix + map[string]string{"gzip": ".gz", "zstd": ".zst"}[s.config.packing]
}

// window is the memory of a zstd stream: many may be open.
const window = 1 << 20

func (s *sink) packed(o *output) (io.Writer, error) {
	var err error
	switch s.config.packing {
	case "gzip":
		o.pack = gzip.NewWriter(&o.size)
	case "zstd":
		o.pack, err = zstd.NewWriter(&o.size, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	default:
		return &o.size, nil
	}
	return o.pack, err
}

// leastRecent is the partition whose file was written least recently.
func (s *sink) leastRecent() (partition string) {
	var oldest *output
	for name, o := range s.open {
		if oldest == nil || o.used < oldest.used || o.used == oldest.used && o.file.Name < oldest.file.Name {
			partition, oldest = name, o
		}
	}
	return partition
}

// seal closes the file of a partition.
func (s *sink) seal(ctx context.Context, partition string) error {
	o := s.open[partition]
	delete(s.open, partition)
	err := o.rows.Close()
	if err == nil && o.pack != nil {
		err = o.pack.Close()
	}
	if err == nil {
		err = o.to.seal(ctx)
	}
	if err != nil {
		return errors.Join(err, o.to.abandon(ctx))
	}
	o.file.Bytes = o.size.n
	s.staged = append(s.staged, o.file)
	return nil
}

// sealAll closes all files.
func (s *sink) sealAll(ctx context.Context) error {
	for len(s.open) > 0 {
		if err := s.seal(ctx, s.leastRecent()); err != nil {
			return err
		}
	}
	return nil
}

// Flush implements connectors.Sink.
func (s *sink) Flush(ctx context.Context) error {
	if err := s.sealAll(ctx); err != nil {
		return err
	}
	if err := s.place.publish(ctx, s.staged); err != nil {
		return err
	}
	s.staged = s.staged[:0]
	return nil
}

// drop forgets what was written and not published.
func (s *sink) drop(ctx context.Context) error {
	var errs []error
	for partition, o := range s.open {
		delete(s.open, partition)
		errs = append(errs, gone(o.to.abandon(ctx)))
	}
	for i := range s.staged {
		errs = append(errs, gone(s.place.discard(ctx, &s.staged[i])))
	}
	s.staged = s.staged[:0]
	return errors.Join(errs...)
}

// closeTimeout is how long Close tries to remove what nobody wants.
const closeTimeout = 5 * time.Second

// Close implements connectors.Sink. What has not been flushed is lost.
func (s *sink) Close() error {
	if s.place == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.drop(ctx); err != nil {
		s.log.Info("files that were begun are not removed: the next start does it", "error", err)
	}
	return s.place.close()
}

var _ connectors.Gatherer = (*sink)(nil)
