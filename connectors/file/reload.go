package file

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/access"
)

// maxReload is how many bytes a file may have that is read again: a reading
// lies in memory until it has been taken.
const maxReload = 256 << 20

// reloader reads a file as a whole, and again, after an interval, when its
// content is another one. It implements connectors.RawReader and
// connectors.Reloader.
type reloader struct {
	source *source
	part   int32
	ready  func()
	due    atomic.Bool // the interval is over
	timer  *time.Timer

	base   int64 // offset of the first byte of the reading
	cutter *formats.Cutter
	hash   xxh3.Uint128 // of the last content
	any    bool         // there was one
	loaded bool
}

func (s *source) openReloader(part int32, from int64, ready func()) (connectors.Reader, error) {
	if len(s.files) > 1 {
		return nil, fmt.Errorf("path '%s' has %d files: a table that is read again is one file", s.path, len(s.files))
	}
	r := &reloader{source: s, part: part, ready: ready, base: from}
	r.due.Store(true)
	return r, nil
}

// Position is beyond that of all readings before.
func (r *reloader) Position() int64 {
	if r.cutter == nil {
		return r.base
	}
	return r.base + r.cutter.Position()
}

func (r *reloader) End() int64   { return -1 }
func (r *reloader) Loaded() bool { return r.loaded }

func (r *reloader) Close() error {
	if r.timer != nil {
		r.timer.Stop()
	}
	return nil
}

// Poll implements connectors.RawReader.
func (r *reloader) Poll(limit int, _ int64, dst *connectors.RawBatch) error {
	dst.Reset()
	r.loaded = false
	if r.cutter == nil {
		if err := r.begin(); err != nil {
			return err
		}
	}
	dst.Topic, dst.Part, dst.Next = r.source.path, r.part, r.Position()
	if r.cutter == nil {
		return nil
	}
	for dst.N() == 0 {
		if err := r.take(limit, dst); err != nil {
			return err
		}
		if dst.N() > 0 {
			break
		}
		if err := r.cutter.Fill(); err == io.EOF {
			r.end()
			dst.Next = r.Position()
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", r.source.path, err)
		}
	}
	return nil
}

func (r *reloader) take(limit int, dst *connectors.RawBatch) error {
	for dst.N() < limit {
		s, at, ok, err := r.cutter.Next()
		if err != nil {
			return fmt.Errorf("read %s: %w", r.source.path, err)
		}
		if !ok {
			break
		}
		dst.Append(s, r.base+at)
		if r.cutter.Reason.Len > 0 {
			dst.Damage(r.cutter.Reason)
		}
	}
	dst.Buf, dst.Next = r.cutter.Buf, r.Position()
	return nil
}

// begin starts a reading, if it is time and the content is another one. A file
// that cannot be read leaves what was read before.
func (r *reloader) begin() error {
	if !r.due.Swap(false) {
		return nil
	}
	content, err := readAll(r.source.access, r.source.files[0])
	if err != nil {
		if !r.any {
			return err
		}
		r.source.log.Warn("a table cannot be read anew: it stays as it was", "error", err)
		r.wait()
		return nil
	}
	hash := xxh3.Hash128(content)
	if r.any && hash == r.hash {
		r.wait()
		return nil
	}
	r.any, r.hash = true, hash
	r.cutter = formats.NewCutter(bytes.NewReader(content), r.source.framing, 0)
	return nil
}

// end ends a reading: the offset that follows is its own.
func (r *reloader) end() {
	r.base, r.cutter, r.loaded = r.Position()+1, nil, true
	r.wait()
}

func (r *reloader) wait() {
	r.timer = time.AfterFunc(r.source.reload, func() {
		r.due.Store(true)
		r.ready()
	})
}

func readAll(p *access.Policy, name string) ([]byte, error) {
	f, err := p.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	content, err := io.ReadAll(io.LimitReader(in, maxReload+1))
	if err == nil && len(content) > maxReload {
		err = fmt.Errorf("%s has more than %d bytes: too much for a table that is read again", name, maxReload)
	}
	return content, err
}
