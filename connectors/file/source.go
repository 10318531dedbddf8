package file

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/access"
)

type source struct {
	path    string
	access  *access.Policy
	framing formats.Framing
	files   []string      // partition i is files[i]
	reload  time.Duration // 0: read once
	log     *slog.Logger
}

func (s *source) Replayable() bool { return s.reload == 0 }
func (s *source) Bounded() bool    { return s.reload == 0 }
func (s *source) Close() error     { return nil }

// Partitions implements connectors.Source.
func (s *source) Partitions(context.Context) ([]int32, error) {
	if s.files == nil {
		files, err := list(s.access, s.path)
		if err != nil {
			return nil, err
		}
		s.files = files
	}
	parts := make([]int32, len(s.files))
	for i := range parts {
		parts[i] = int32(i)
	}
	return parts, nil
}

// list is the files of a path, sorted by name.
func list(p *access.Policy, path string) ([]string, error) {
	info, err := p.Stat(path)
	if err == nil && !info.IsDir() {
		return []string{path}, nil
	}
	pattern := path
	if err == nil {
		pattern = filepath.Join(path, "*")
	} else if !strings.ContainsAny(path, "*?[") {
		return nil, err
	}
	names, err := p.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("path '%s': %w", path, err)
	}
	var files []string
	for _, name := range names {
		if info, err := p.Stat(name); err == nil && info.Mode().IsRegular() && filepath.Base(name)[0] != '.' {
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("path '%s': there is no such file", path)
	}
	sort.Strings(files)
	return files, nil
}

// Open implements connectors.Source.
func (s *source) Open(ctx context.Context, part int32, from int64, ready func()) (connectors.Reader, error) {
	if _, err := s.Partitions(ctx); err != nil {
		return nil, err
	}
	if part < 0 || int(part) >= len(s.files) {
		return nil, fmt.Errorf("path '%s' has %d files: there is no partition %d", s.path, len(s.files), part)
	}
	if s.reload > 0 {
		return s.openReloader(part, max(from, 0), ready)
	}
	r := &reader{name: s.files[part], part: part, size: -1}
	if err := r.open(s.access, s.framing, max(from, 0)); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

type reader struct {
	name   string
	part   int32
	file   *os.File
	size   int64
	cutter *formats.Cutter
}

func (r *reader) open(p *access.Policy, f formats.Framing, from int64) (err error) {
	if r.file, err = p.Open(r.name); err != nil {
		return err
	}
	var in io.Reader = r.file
	if strings.HasSuffix(r.name, ".gz") {
		in, err = unzip(r.file, from)
	} else {
		err = r.seek(from)
	}
	if err != nil {
		return fmt.Errorf("%s: go to byte %d: %w", r.name, from, err)
	}
	r.cutter = formats.NewCutter(in, f, from)
	return nil
}

// unzip goes to a byte of the content. Damage is met by reading, unless it has
// been passed: then nothing is left.
func unzip(file io.Reader, from int64) (io.Reader, error) {
	in, err := gzip.NewReader(file)
	if corrupt(err) && from == 0 {
		return failing{err}, nil
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, in, from)
	}
	if corrupt(err) {
		return strings.NewReader(""), nil
	}
	return in, err
}

// failing is a stream that is damaged from the start.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// corrupt says whether an error is of the compressed bytes, not of reading them.
func corrupt(err error) bool {
	var flaw flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &flaw)
}

func (r *reader) seek(from int64) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if r.size = info.Size(); !info.Mode().IsRegular() {
		r.size = -1
	} else if from > r.size {
		return fmt.Errorf("the file has only %d bytes", r.size)
	}
	if from > 0 {
		_, err = r.file.Seek(from, io.SeekStart)
	}
	return err
}

func (r *reader) Position() int64 { return r.cutter.Position() }
func (r *reader) End() int64      { return r.size }

func (r *reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Poll implements connectors.RawReader. The buffer is refilled only when no
// record of it is in dst.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	dst.Reset()
	dst.Topic, dst.Part, dst.Next = r.name, r.part, r.Position()
	if until >= 0 && r.Position() >= until {
		return nil
	}
	for {
		if err := r.take(limit, until, dst); err != nil || dst.N() > 0 {
			return err
		}
		if until >= 0 && r.Position() >= until {
			return nil
		}
		switch err := r.cutter.Fill(); {
		case err == nil:
		case err == io.EOF:
			return err
		case corrupt(err):
			r.cutter.Break(err)
		default:
			return fmt.Errorf("read %s: %w", r.name, err)
		}
	}
}

func (r *reader) take(limit int, until int64, dst *connectors.RawBatch) error {
	for dst.N() < limit && (until < 0 || r.Position() < until) {
		s, at, ok, err := r.cutter.Next()
		if err != nil {
			return fmt.Errorf("read %s: %w", r.name, err)
		}
		if !ok {
			break
		}
		dst.Append(s, at)
		if r.cutter.Reason.Len > 0 {
			dst.Damage(r.cutter.Reason)
		}
	}
	dst.Buf, dst.Next = r.cutter.Buf, r.Position()
	return nil
}
