package formats

import (
	"fmt"
	"io"

	"github.com/cepd/cepd/internal/event"
)

// chunk is how much is read at once, in bytes.
const chunk = 256 << 10

// MaxRecord is the longest record that a Cutter takes, in bytes.
const MaxRecord = 16 << 20

// Cutter cuts a stream of bytes into records.
//
//	Buf  ░░░░ taken ░░░░│ to be cut │ free
//	                  start        end
//
// Spans are of Buf and hold until the next Fill.
type Cutter struct {
	Buf        []byte
	in         io.Reader
	framing    Framing
	start, end int
	at         int64 // of Buf[start] in the stream
	header     bool  // the next record is the header
	eof        bool
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
	for c.start < c.end {
		advance, token, err := c.framing.Split(c.Buf[c.start:c.end], c.eof)
		if err != nil {
			return s, c.at, false, fmt.Errorf("at byte %d: %w", c.at, err)
		}
		if advance == 0 {
			break
		}
		s, at = event.Span{Off: uint32(c.start), Len: uint32(len(token))}, c.at
		c.start += advance
		c.at += int64(advance)
		if token == nil {
			continue
		}
		if c.header {
			c.header = false
			continue
		}
		return s, at, true, nil
	}
	return s, c.at, false, nil
}

// Fill reads once. io.EOF: there is nothing more to cut.
func (c *Cutter) Fill() error {
	if c.eof {
		return io.EOF
	}
	if c.start > 0 {
		copy(c.Buf, c.Buf[c.start:c.end])
		c.start, c.end = 0, c.end-c.start
	}
	if c.end == len(c.Buf) {
		if c.end >= MaxRecord {
			return fmt.Errorf("the record at byte %d is longer than %d bytes", c.at, MaxRecord)
		}
		c.Buf = append(c.Buf, make([]byte, max(chunk, len(c.Buf)))...)
	}
	n, err := c.in.Read(c.Buf[c.end:])
	c.end += n
	if err == io.EOF {
		c.eof, err = true, nil
	}
	return err
}
