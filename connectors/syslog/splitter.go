package syslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// splitter cuts a connection into messages, as RFC 6587 has it: counted ones
// ("37 <165>1 …", section 3.4.1) and lines (3.4.2).
type splitter struct {
	r       *bufio.Reader
	framing string
	most    int
	line    []byte
}

func newSplitter(r io.Reader, framing string, most int) *splitter {
	return &splitter{r: bufio.NewReaderSize(r, 32<<10), framing: framing, most: most}
}

// largeError is a message that is too large; the next one can be read.
type largeError struct{ bytes int }

func (e *largeError) Error() string { return fmt.Sprintf("a message has %d bytes", e.bytes) }

// next is the next message, valid until the call after.
func (s *splitter) next() ([]byte, error) {
	head, err := s.r.Peek(1)
	if err != nil {
		return nil, err
	}
	if s.framing == "octet-counting" || s.framing != "newline" && head[0] >= '1' && head[0] <= '9' {
		return s.counted()
	}
	return s.untilNewline()
}

// maxDigits are those of a count.
const maxDigits = 9

var errCount = errors.New("a message does not begin with its length (option 'syslog.framing')")

// counted is a message behind its length.
func (s *splitter) counted() ([]byte, error) {
	n := 0
	for digits := 0; ; digits++ {
		c, err := s.r.ReadByte()
		switch {
		case err != nil:
			return nil, err
		case c == ' ' && digits > 0:
			return s.take(n)
		case c < '0' || c > '9' || digits == maxDigits:
			return nil, errCount
		}
		n = 10*n + int(c-'0')
	}
}

func (s *splitter) take(n int) ([]byte, error) {
	if n > s.most {
		if _, err := io.CopyN(io.Discard, s.r, int64(n)); err != nil {
			return nil, err
		}
		return nil, &largeError{n}
	}
	if cap(s.line) < n {
		s.line = make([]byte, n)
	}
	s.line = s.line[:n]
	_, err := io.ReadFull(s.r, s.line)
	return s.line, err
}

// untilNewline is a message up to a line break, or the end of the connection.
func (s *splitter) untilNewline() ([]byte, error) {
	s.line = s.line[:0]
	size := 0
	for {
		part, err := s.r.ReadSlice('\n')
		size += len(part)
		if size <= s.most+1 {
			s.line = append(s.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || size == 0):
			return nil, err
		case size > s.most+1:
			return nil, &largeError{size}
		}
		return s.line, nil
	}
}
