package filesystem

import (
	"errors"
	"fmt"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
)

// recordReader reads files of records. It implements connectors.RawReader and
// connectors.Filler.
type recordReader struct {
	walk
	stream *stream // of the file at hand; nil: it is not open
	cutter *formats.Cutter
}

// Poll implements connectors.RawReader. The buffer is refilled only when no record
// of it is in dst.
func (r *recordReader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	dst.Reset()
	dst.Part = r.part
	err := r.poll(limit, until, dst)
	dst.Next = r.Position()
	if errors.Is(err, errNone) || errors.Is(err, errLater) {
		return nil
	}
	return err
}

func (r *recordReader) poll(limit int, until int64, dst *connectors.RawBatch) error {
	for dst.N() == 0 {
		if err := r.find(until); err != nil {
			return err
		}
		if until >= 0 && r.Position() >= until {
			return errNone
		}
		dst.Topic = r.source.files.full(r.file.Name)
		if r.values.fault != "" {
			r.refuse(dst)
			continue
		}
		if r.stream == nil {
			if err := r.open(); err != nil {
				if err = r.close(err, until); err != nil {
					return err
				}
				continue
			}
		}
		if err := r.take(limit, until, dst); err != nil || dst.N() > 0 {
			return err
		}
		if until >= 0 && r.Position() >= until {
			continue
		}
		switch err := r.cutter.Fill(); {
		case err == nil:
		case err == io.EOF:
			if err = r.close(r.stream.content.unchanged(), until); err != nil {
				return err
			}
			r.next()
		case r.stream.damaged(err):
			r.cutter.Break(err)
		case errors.Is(err, errLater):
			return err
		default:
			if err = r.close(err, until); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse makes a record of a file whose folders are no values; it is the only one.
func (r *recordReader) refuse(dst *connectors.RawBatch) {
	if r.at == 0 {
		dst.Buf = []byte(r.values.fault)
		dst.Append(event.Span{}, r.offset(0))
		dst.Damage(event.Span{Len: uint32(len(dst.Buf))})
		r.at = 1
		return
	}
	r.next()
}

func (r *recordReader) open() error {
	c, err := r.source.files.open(r.source.ctx, r.file)
	if err != nil {
		return err
	}
	if r.stream, err = newStream(r.file, c, r.at, r.ready); err != nil {
		return err
	}
	r.cutter = formats.NewCutter(r.stream, r.source.framing, r.at)
	return nil
}

// close closes the file at hand; err says what has gone wrong with it.
func (r *recordReader) close(err error, until int64) error {
	if r.stream != nil {
		err = errors.Join(err, r.stream.Close())
	}
	r.stream, r.cutter = nil, nil
	if err != nil {
		return r.lost(err, until)
	}
	return nil
}

func (r *recordReader) take(limit int, until int64, dst *connectors.RawBatch) error {
	bound := r.bound(until)
	for dst.N() < limit && (bound < 0 || r.cutter.Position() < bound) {
		s, at, ok, err := r.cutter.Next()
		if err != nil {
			return fmt.Errorf("read %s: %w", dst.Topic, err)
		}
		if !ok {
			break
		}
		dst.Append(s, r.offset(at))
		if r.cutter.Reason.Len > 0 {
			dst.Damage(r.cutter.Reason)
		}
	}
	dst.Buf = r.cutter.Buf
	if r.at = r.cutter.Position(); r.at >= passed {
		return fmt.Errorf("read %s: it is longer than %d bytes", dst.Topic, int64(passed))
	}
	return nil
}

// Fill implements connectors.Filler. The file may be another one than that at hand,
// when the journal has kept the records.
func (r *recordReader) Fill(raw *connectors.RawBatch, dst *event.Batch) {
	o, v := r.file, r.values
	if o == nil || r.source.files.full(o.Name) != raw.Topic {
		o, v = r.source.named(raw.Topic)
	}
	r.source.fill(o, &v, dst)
}

// Close implements connectors.Reader.
func (r *recordReader) Close() error {
	r.leave()
	if r.stream == nil {
		return nil
	}
	return r.stream.Close()
}
