package pushed

import (
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// LogReader implements connectors.RawReader over a log.
type LogReader struct {
	*intake.Reader
	Stop    int64  // offset not read any more; -1: none
	Topic   string // of every record; "": each has its own
	Headers bool   // keys of records are headers
	buf     []byte
}

// Close implements connectors.Reader.
func (r *LogReader) Close() error {
	r.Reader.Close()
	return nil
}

// Poll implements connectors.RawReader.
func (r *LogReader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	dst.Reset()
	dst.Topic, dst.Part, dst.Next = r.Topic, 0, r.Position()
	if r.Stop >= 0 {
		if dst.Next >= r.Stop {
			return io.EOF
		}
		until = sooner(until, r.Stop)
	}
	if until >= 0 {
		limit = int(max(0, min(int64(limit), until-dst.Next)))
	}
	list, err := r.Next(limit)
	if err != nil {
		return err
	}
	r.buf = r.buf[:0]
	for i := range list {
		r.append(dst, &list[i], dst.Next+int64(i))
	}
	dst.Buf, dst.Next = r.buf, r.Position()
	return nil
}

func sooner(until, stop int64) int64 {
	if until < 0 {
		return stop
	}
	return min(until, stop)
}

func (r *LogReader) append(dst *connectors.RawBatch, x *intake.Record, offset int64) {
	dst.Append(r.span(x.Value), offset)
	last := dst.N() - 1
	dst.Time[last] = x.Time
	dst.Headers = append(dst.Headers, event.Span{})
	switch {
	case r.Headers:
		dst.Headers[last] = r.span(x.Key)
	case x.Key != nil:
		dst.Key[last], dst.Flags[last] = r.span(x.Key), 0
	}
	if x.Value == nil {
		dst.Flags[last] |= connectors.NullValue
	}
}

func (r *LogReader) span(p []byte) event.Span {
	s := event.Span{Off: uint32(len(r.buf)), Len: uint32(len(p))}
	r.buf = append(r.buf, p...)
	return s
}
