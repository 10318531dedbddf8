package file

import (
	"context"
	"fmt"
	"os"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
)

// maxPending is how many bytes wait for a Flush before they are written.
const maxPending = 1 << 20

type sink struct {
	path    string
	access  *access.Policy
	encoder connectors.Encoder
	head    []byte
	sync    bool
	file    *os.File
	rows    connectors.Encoded
	pending []byte
	dirty   bool // written, not yet synced
}

// Open implements connectors.Sink.
func (s *sink) Open(ctx context.Context) error {
	if err := connectors.OpenEncoder(ctx, s.encoder); err != nil {
		return err
	}
	f, err := s.access.OpenFile(s.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	s.file = f
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		s.sync = false
		return err
	}
	if info.Size() == 0 {
		s.pending = append(s.pending, s.head...)
		return nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		s.pending = append(s.pending, '\n')
	}
	return nil
}

// Write implements connectors.Sink.
func (s *sink) Write(_ context.Context, b *event.Batch) error {
	s.rows.Reset()
	if err := s.encoder.Encode(b, &s.rows); err != nil {
		return err
	}
	for _, v := range s.rows.Value {
		s.pending = append(append(s.pending, s.rows.Buf[v.Off:v.Off+v.Len]...), '\n')
	}
	if len(s.pending) > maxPending {
		return s.write()
	}
	return nil
}

func (s *sink) write() error {
	if len(s.pending) == 0 {
		return nil
	}
	if _, err := s.file.Write(s.pending); err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	s.pending, s.dirty = s.pending[:0], true
	return nil
}

// Flush implements connectors.Sink.
func (s *sink) Flush(context.Context) error {
	if err := s.write(); err != nil {
		return err
	}
	if !s.sync || !s.dirty {
		return nil
	}
	s.dirty = false
	return s.file.Sync()
}

// Close implements connectors.Sink. What has not been flushed may be lost.
func (s *sink) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
