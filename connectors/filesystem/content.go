package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/cepd/cepd/internal/s3"
)

// content is the bytes of an open file.
type content interface {
	io.ReaderAt
	// from reads on from a byte.
	from(at int64) (io.ReadCloser, error)
	// unchanged says whether the file still is the one that was listed.
	unchanged() error
	// failed is why bytes could not be read, which is no damage of the file.
	failed() error
	// remote says whether reading may wait for long.
	remote() bool
	Close() error
}

// localContent is a file on this machine.
type localContent struct {
	*os.File
	listed *object
	err    error
}

func (l *localContent) unchanged() error {
	info, err := l.Stat()
	if err != nil {
		return err
	}
	if now := listed(l.listed.Name, info); !now.same(l.listed) {
		return fmt.Errorf("%w (%d bytes then, %d now)", errChanged, l.listed.Size, now.Size)
	}
	return nil
}

func (l *localContent) failed() error { return l.err }
func (l *localContent) remote() bool  { return false }

func (l *localContent) from(at int64) (io.ReadCloser, error) {
	_, err := l.Seek(at, io.SeekStart)
	return io.NopCloser(l), err
}

// Read and ReadAt note what goes wrong.
func (l *localContent) Read(p []byte) (int, error) {
	n, err := l.File.Read(p)
	return n, l.note(err)
}

func (l *localContent) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.File.ReadAt(p, off)
	return n, l.note(err)
}

func (l *localContent) note(err error) error {
	if err != nil && err != io.EOF {
		l.err = err
	}
	return err
}

func (b *bucketFiles) open(ctx context.Context, o *object) (content, error) {
	ctx, cancel := context.WithCancel(ctx)
	return &remoteContent{ctx: ctx, cancel: cancel, objects: b.objects, listed: o, log: b.log.With("file", b.full(o.Name))}, nil
}

// remoteContent is an object of a bucket. Each request says which one was listed, so
// that another is refused. What fails for a while is tried until it does not.
type remoteContent struct {
	ctx     context.Context //nolint:containedctx // io.Reader has none
	cancel  context.CancelFunc
	objects *s3.Bucket
	listed  *object
	log     *slog.Logger
	err     error
	blocks  blocks
}

func (c *remoteContent) unchanged() error { return nil }
func (c *remoteContent) failed() error    { return c.err }
func (c *remoteContent) remote() bool     { return true }

func (c *remoteContent) Close() error {
	c.cancel()
	return nil
}

func (c *remoteContent) from(at int64) (io.ReadCloser, error) {
	return &remoteReader{content: c, at: at, end: c.listed.Size}, nil
}

// remoteReader reads a part of an object, and goes on where a connection broke off.
type remoteReader struct {
	content  *remoteContent
	at, end  int64
	body     io.ReadCloser
	failures int // without a byte in between
}

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
)

// Read implements io.Reader.
func (r *remoteReader) Read(p []byte) (n int, err error) {
	for r.at < r.end {
		if r.body == nil {
			o := s3.Object{Name: r.content.listed.Name, Size: r.content.listed.Size, ETag: r.content.listed.ETag}
			if r.body, err = r.content.objects.Range(r.content.ctx, o, r.at, r.end); err != nil {
				if err = r.again(err); err != nil {
					return 0, err
				}
				continue
			}
		}
		n, err = r.body.Read(p[:min(int64(len(p)), r.end-r.at)])
		r.at += int64(n)
		if err != nil && r.at < r.end { // it broke off
			err = errors.Join(err, r.drop())
			if n == 0 {
				if err := r.again(errors.Join(io.ErrUnexpectedEOF, err)); err != nil {
					return 0, err
				}
				continue
			}
		}
		if n > 0 {
			r.failures = 0
			return n, nil
		}
	}
	return 0, io.EOF
}

// again waits before another try, or says that there is none.
func (r *remoteReader) again(err error) error {
	c := r.content
	if c.ctx.Err() == nil && !s3.Passing(err) {
		c.err = err
		return err
	}
	if r.failures++; r.failures > 1 && r.failures&(r.failures-1) == 0 { // a single one is no news
		c.log.Warn("a file cannot be read now, and is tried again until it can", "attempts", r.failures, "error", err)
	}
	timer := time.NewTimer(min(maxPause, firstPause<<min(r.failures-1, 10)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		c.err = c.ctx.Err()
		return c.err
	}
}

func (r *remoteReader) drop() error {
	body := r.body
	if r.body = nil; body == nil {
		return nil
	}
	return body.Close()
}

// Close implements io.Closer.
func (r *remoteReader) Close() error { return r.drop() }

// The blocks in which columns are read, in bytes, how many of them are kept, and how
// many are fetched at once where reading goes straight on.
const (
	blockSize = 1 << 20
	maxBlocks = 32
	runBlocks = 4
)

// blocks are those of an object that were read last.
type blocks struct {
	held  map[int64]*block
	clock int64
}

type block struct {
	bytes []byte
	used  int64
}

// ReadAt implements io.ReaderAt.
func (c *remoteContent) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < c.listed.Size {
		b, err := c.block(off / blockSize)
		if err != nil {
			return n, err
		}
		done := copy(p[n:], b.bytes[off%blockSize:])
		n, off = n+done, off+int64(done)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (c *remoteContent) block(i int64) (*block, error) {
	if c.blocks.held == nil {
		c.blocks.held = map[int64]*block{}
	}
	if c.blocks.held[i] == nil {
		if err := c.fetch(i); err != nil {
			return nil, err
		}
	}
	c.blocks.clock++
	b := c.blocks.held[i]
	b.used = c.blocks.clock
	return b, nil
}

// fetch gets a block, and some behind it if that before it has been read.
func (c *remoteContent) fetch(i int64) error {
	run := int64(1)
	for c.blocks.held[i-1] != nil && run < runBlocks && (i+run)*blockSize < c.listed.Size && c.blocks.held[i+run] == nil {
		run++
	}
	r := &remoteReader{content: c, at: i * blockSize, end: min((i+run)*blockSize, c.listed.Size)}
	defer r.drop() //nolint:errcheck // it was read to its end, or the error is known
	for ; run > 0; i, run = i+1, run-1 {
		b := &block{bytes: c.blocks.room(), used: c.blocks.clock}
		b.bytes = b.bytes[:min(blockSize, c.listed.Size-i*blockSize)]
		if _, err := io.ReadFull(r, b.bytes); err != nil {
			c.err = err
			return err
		}
		c.blocks.held[i] = b
	}
	return nil
}

// room is memory for a block: that of the one used least recently, when there are
// enough.
func (s *blocks) room() []byte {
	if len(s.held) < maxBlocks {
		return make([]byte, blockSize)
	}
	oldest := int64(-1)
	for i, b := range s.held {
		if oldest < 0 || b.used < s.held[oldest].used || b.used == s.held[oldest].used && i < oldest {
			oldest = i
		}
	}
	bytes := s.held[oldest].bytes[:blockSize]
	delete(s.held, oldest)
	return bytes
}
