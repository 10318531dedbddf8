package filesystem

import (
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The limits of what a compressed file becomes: so many times its size, but so many
// bytes always; and the memory that reading one takes.
const (
	maxExpansion   = 1000
	leastExpansion = 64 << 20
	maxWindow      = 64 << 20
)

// errExpands is of a file that was made to fill memory or to take time.
var errExpands = fmt.Errorf("it becomes more than %d times as long when it is unpacked", maxExpansion)

// packed says whether the name of a file says that it is compressed.
func packed(name string) bool {
	switch path.Ext(name) {
	case ".gz", ".zst", ".bz2":
		return true
	}
	return false
}

// unpack reads a file as its name says it is compressed.
func unpack(o *object, in io.Reader) (io.Reader, func(), error) {
	nothing := func() {}
	limited := func(r io.Reader) io.Reader {
		return &expanding{in: r, left: max(leastExpansion, maxExpansion*o.Size)}
	}
	switch path.Ext(o.Name) {
	case ".gz":
		z, err := gzip.NewReader(in)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // an empty file is none
		}
		return limited(z), nothing, err
	case ".zst":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nothing, err
		}
		return limited(z), z.Close, nil
	case ".bz2":
		return limited(bzip2.NewReader(in)), nothing, nil
	}
	return in, nothing, nil
}

// expanding is a limit of what is unpacked.
type expanding struct {
	in   io.Reader
	left int64
}

func (e *expanding) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, errExpands
	}
	n, err := e.in.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	return n, err
}

// stream is the unpacked bytes of a file from a place on.
type stream struct {
	io.Reader
	content content
	read    *atomic.Int64 // bytes of the file, as it is kept
	closers []func() error
}

// Close lets go of it.
func (s *stream) Close() error {
	var errs []error
	for _, f := range s.closers {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// damaged says whether an error of reading is of the file's bytes.
func (s *stream) damaged(err error) bool {
	return err != io.EOF && !errors.Is(err, errLater) && s.content.failed() == nil
}

// newStream reads the records of a file from a place on. Damage is met by reading,
// unless it has been passed: then nothing is left.
func newStream(o *object, c content, at int64, ready func()) (*stream, error) {
	s := &stream{content: c, read: new(atomic.Int64), closers: []func() error{c.Close}}
	if !packed(o.Name) && at > o.Size {
		return s, fmt.Errorf("it has only %d bytes, and those from %d on are to be read", o.Size, at)
	}
	if !c.remote() {
		err := s.begin(o, at)
		return s, err
	}
	inner := &stream{content: c, read: s.read}
	a := newAhead(ready, func() (io.Reader, error) { return inner, inner.begin(o, at) })
	s.Reader = a
	// The reading ends first, then what it reads from.
	s.closers = []func() error{c.Close, a.close, inner.Close}
	return s, nil
}

// begin opens the bytes.
func (s *stream) begin(o *object, at int64) error {
	if !packed(o.Name) {
		in, err := s.content.from(at)
		if err == nil {
			s.read.Store(at)
			s.Reader = counting{in, s.read}
			s.closers = append([]func() error{in.Close}, s.closers...)
		}
		return err
	}
	in, err := s.content.from(0)
	if err != nil {
		return err
	}
	s.closers = append([]func() error{in.Close}, s.closers...)
	r, end, err := unpack(o, counting{in, s.read})
	s.closers = append([]func() error{func() error { end(); return nil }}, s.closers...)
	if err == nil && at > 0 {
		_, err = io.CopyN(io.Discard, r, at)
	}
	switch {
	case err == nil:
		s.Reader = r
	case s.content.failed() != nil:
		return err
	case at > 0:
		s.Reader = none{io.EOF}
	default:
		s.Reader = none{err}
	}
	return nil
}

// counting counts the bytes that are read.
type counting struct {
	io.Reader
	n *atomic.Int64
}

// Read implements io.Reader.
func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// none is a stream without bytes.
type none struct{ err error }

func (n none) Read([]byte) (int, error) { return 0, n.err }
