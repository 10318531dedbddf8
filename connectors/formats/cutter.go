package formats

import (
	"bytes"
	"fmt"
	"io"

	"github.com/cepd/cepd/internal/event"
)

// chunk is how much is read at once, in bytes.
const chunk = 256 << 10

// MaxRecord is the longest record that a Cutter takes, in bytes. A longer one is
// damaged; headKept bytes of it are kept.
const (
	MaxRecord = 16 << 20
	headKept  = 1 << 10
)

// Cutter cuts a stream of bytes into records.
//
//	Buf  ░░░░ taken ░░░░│ to be cut │ free
//	                  start        end
//
// Spans are of Buf and hold until the next Fill.
type Cutter struct {
	Buf []byte
	// Reason is why the record that Next gave last is damaged; empty if it is
	// sound.
	Reason event.Span

	in         io.Reader
	framing    Framing
	start, end int
	at         int64 // of Buf[start] in the stream
	header     bool  // the next record is the header
	eof        bool
	long       bool   // Buf continues a record that is too long
	longAt     int64  // where it began
	head       []byte // of it
	broken     error  // the stream ends here, before its end
}

// NewCutter cuts what in gives, whose first byte is at the place at of the
// stream.
func NewCutter(in io.Reader, f Framing, at int64) *Cutter {
	return &Cutter{in: in, framing: f, at: at, header: f.Header && at == 0}
}

// Position is the place in the stream after what has been taken.
func (c *Cutter) Position() int64 { return c.at }

// Next takes the next record that is wholly in Buf; ok is false when none is.
func (c *Cutter) Next() (s event.Span, at int64, ok bool, err error) {
	c.Reason = event.Span{}
	if c.long {
		return c.nextLong()
	}
	for c.start < c.end {
		advance, token, err := c.framing.Split(c.Buf[c.start:c.end], c.eof && c.broken == nil)
		if err != nil {
			return s, c.at, false, fmt.Errorf("at byte %d: %w", c.at, err)
		}
		if advance == 0 {
			break
		}
		s, at = event.Span{Off: uint32(c.start), Len: uint32(len(token))}, c.at
		c.take(advance)
		if token == nil {
			continue
		}
		if c.header {
			c.header = false
			continue
		}
		return s, at, true, nil
	}
	if c.broken != nil {
		return c.nextBroken()
	}
	return s, c.at, false, nil
}

func (c *Cutter) take(n int) {
	c.start += n
	c.at += int64(n)
}

// nextLong ends a record that is too long: at the end of a line, whatever the
// framing, since what it began with may be the reason why it does not end.
func (c *Cutter) nextLong() (s event.Span, at int64, ok bool, err error) {
	n := bytes.IndexByte(c.Buf[c.start:c.end], '\n') + 1
	if n == 0 {
		c.take(c.end - c.start)
		if !c.eof {
			return s, c.at, false, nil
		}
	}
	c.take(n)
	c.long = false
	return c.damaged(c.head, fmt.Sprintf("the record at byte %d is longer than %d bytes", c.longAt, MaxRecord)), c.longAt, true, nil
}

// nextBroken gives what is left of a broken stream as a record. The damage counts
// as a byte, so that it has a place of its own and is not met again behind it.
func (c *Cutter) nextBroken() (s event.Span, at int64, ok bool, err error) {
	at = c.at
	s = c.damaged(c.Buf[c.start:min(c.end, c.start+headKept)], fmt.Sprintf("the stream is damaged behind byte %d: %v", at, c.broken))
	c.take(c.end - c.start)
	c.at++
	c.broken = nil
	return s, at, true, nil
}

// damaged puts a value and the reason behind what Buf holds.
func (c *Cutter) damaged(value []byte, reason string) event.Span {
	s := event.Span{Off: uint32(len(c.Buf)), Len: uint32(len(value))}
	c.Reason = event.Span{Off: s.Off + s.Len, Len: uint32(len(reason))}
	c.Buf = append(append(c.Buf, value...), reason...)
	return s
}

// Break ends the stream for a reason that no further reading mends. What was not
// cut yet is the last record, damaged.
func (c *Cutter) Break(reason error) { c.eof, c.broken = true, reason }

// Fill reads once. io.EOF: there is nothing more to cut.
func (c *Cutter) Fill() error {
	if c.eof {
		return io.EOF
	}
	if c.start > 0 {
		copy(c.Buf, c.Buf[c.start:c.end])
		c.start, c.end = 0, c.end-c.start
	}
	switch {
	case c.end >= MaxRecord:
		c.long, c.longAt, c.head = true, c.at, bytes.Clone(c.Buf[:headKept])
		c.at += int64(c.end)
		c.end = 0
	case c.end == len(c.Buf):
		c.Buf = append(c.Buf, make([]byte, max(chunk, len(c.Buf)))...)
	}
	n, err := c.in.Read(c.Buf[c.end:])
	c.end += n
	if err == io.EOF {
		c.eof, err = true, nil
	}
	return err
}
