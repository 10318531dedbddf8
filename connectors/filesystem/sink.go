package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
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
	wrote  []*output          // scratch: those that rows of the batch go to
	clock  int64              // counts batches
	staged []file             // sealed, not yet published
	path   []byte
}

// output is an open file.
type output struct {
	file file
	to   staged
	size counter
	pack io.WriteCloser // nil: not compressed
	rows formats.FileWriter
	sel  []int32 // rows of the batch that go to it
	used int64   // when it was written last
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
	return &sink{config: c, files: files, log: log, owner: fmt.Sprintf("%016x", rand.Uint64()), open: map[string]*output{}}
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
	if s.place, err = openFolder(s.config, s.owner); err != nil {
		return err
	}
	return s.place.sweep(ctx, func(_ string, age time.Duration) bool { return age < abandonedAge })
}

// abandonedAge is when a staged file is that of a process that has ended: nothing
// tells it from a running one where processes are not fenced.
const abandonedAge = 24 * time.Hour

// Write implements connectors.Sink.
func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	s.unsort()
	for n := range b.Live() {
		row := b.Row(n)
		var err error
		if s.path, err = appendPath(s.path[:0], s.config.by, b, row); err != nil {
			return err
		}
		o := s.open[string(s.path)]
		if o == nil {
			if o, err = s.begin(ctx, b); err != nil {
				return err
			}
		}
		if len(o.sel) == 0 {
			s.wrote = append(s.wrote, o)
		}
		o.sel = append(o.sel, int32(row))
	}
	return s.spill(ctx, b)
}

// begin opens the file of a partition, for which the least recently written may
// have to be closed.
func (s *sink) begin(ctx context.Context, b *event.Batch) (*output, error) {
	if len(s.open) >= s.config.maxOpen {
		if err := s.spill(ctx, b); err != nil {
			return nil, err
		}
		if err := s.seal(ctx, s.leastRecent()); err != nil {
			return nil, err
		}
	}
	o := &output{file: file{Name: fmt.Sprintf("%spart-%012d-%d-%s-%s%s", s.path, s.begun, s.count, s.mine(), s.owner, s.suffix())}}
	s.count++
	var err error
	if o.to, err = s.place.stage(ctx, &o.file); err != nil {
		return nil, err
	}
	s.open[string(s.path)] = o
	o.size.to = o.to
	to, err := s.packed(o)
	if err == nil {
		o.rows, err = s.files.New(to)
	}
	return o, err
}

// mine is the part of file names that says whose they are.
func (s *sink) mine() string { return fmt.Sprintf("%08x", uint32(xxh3.HashString(s.config.identity))) }

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

// unsort forgets which rows of a batch go where.
func (s *sink) unsort() {
	for _, o := range s.wrote {
		o.sel = o.sel[:0]
	}
	s.wrote = s.wrote[:0]
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

// spill writes the rows of a batch to the files they were sorted to.
func (s *sink) spill(ctx context.Context, b *event.Batch) error {
	s.clock++
	view := *b
	for _, o := range s.wrote {
		view.Sel = o.sel
		if err := o.rows.Write(&view); err != nil {
			return fmt.Errorf("%s: %w", o.file.Name, err)
		}
		o.file.Rows += int64(len(o.sel))
		o.sel, o.used = o.sel[:0], s.clock
	}
	full := s.wrote
	s.wrote = s.wrote[:0]
	for _, o := range full {
		if o.size.n >= s.config.fileSize {
			if err := s.seal(ctx, partitionOf(&o.file)); err != nil {
				return err
			}
		}
	}
	return nil
}

// partitionOf is the folder of a file, with a slash behind it.
func partitionOf(f *file) string { return f.Name[:strings.LastIndexByte(f.Name, '/')+1] }

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
	s.staged, s.wrote = s.staged[:0], s.wrote[:0]
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
