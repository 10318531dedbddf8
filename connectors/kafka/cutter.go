package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/event"
)

const (
	// openedEnough bytes of opened records are handed out before more batches
	// are opened.
	openedEnough = 1 << 20
	// openedKept is the most memory for opened records kept between batches.
	openedKept = 8 << 20
)

// cutter cuts a record set into records. What one Poll gives lies in one
// buffer: either the set itself, for batches that are not compressed, or
// opened, which holds the records of as many compressed batches as fit.
type cutter struct {
	committed bool // leave out aborted transactions
	headers   bool
	opener    *recordbatch.Decompressor
	filter    recordbatch.Filter

	buf    []byte // the set
	rest   []byte // of it, not looked at yet
	opened []byte

	records recordbatch.Records // being walked
	inSet   bool                // they lie in buf, not in opened
	batch   []byte              // whose they are, or that could not be opened
	damage  *recordbatch.Error  // of batch; nil: none met
	end     int64               // offset after the set
}

func newCutter(c *sourceConfig) cutter {
	return cutter{committed: c.readCommitted, headers: c.headers, opener: recordbatch.NewDecompressor(c.batchLimit)}
}

func (c *cutter) reset(s recordSet) {
	c.buf, c.rest, c.end = s.buf, s.buf, s.end
	c.filter.Reset(nil)
	if c.committed {
		c.filter.Reset(s.aborted)
	}
}

// takeBuffer gives the set's buffer away, once.
func (c *cutter) takeBuffer() []byte {
	b := c.buf
	c.buf, c.rest, c.batch = nil, nil, nil // all that was damaged has been passed
	return b
}

// cut adds records to dst until it has max, or the next record has the offset
// until or more, or the next batch lies in other memory than dst's. more is
// false at the end of the set. A batch that cannot be read, or the rest of it,
// is one damaged record, alone in dst; the error is for what has no end.
func (c *cutter) cut(max int, until int64, dst *connectors.RawBatch) (more bool, err error) {
	if until < 0 {
		until = math.MaxInt64
	}
	if c.damage == nil {
		more, err = c.cutSound(max, until, dst)
		if c.batch == nil || !errors.As(err, &c.damage) {
			return more, err
		}
	}
	if dst.N() == 0 {
		c.passDamaged(until, dst)
	}
	return true, nil
}

// passDamaged moves behind the batch at hand. It reaches to the next batch of
// the set: the offset that it claims to end with may be what is wrong.
func (c *cutter) passDamaged(until int64, dst *connectors.RawBatch) {
	from := dst.Next
	if base := recordbatch.BaseOffset(c.batch); base < c.end {
		from = max(from, base)
	}
	if from >= until {
		dst.Next = until
		return
	}
	end := c.end
	if next, _, err := recordbatch.Split(c.rest); err == nil && next != nil {
		end = recordbatch.BaseOffset(next)
	}
	dst.Next = min(max(end, from+1), until)
	size := len(c.batch)
	dst.Buf = fmt.Appendf(bytes.Clone(c.batch), "%v; offsets %d to %d are passed over", c.damage, from, dst.Next-1)
	dst.Append(event.Span{Len: uint32(size)}, from)
	dst.Damage(event.Span{Off: uint32(size), Len: uint32(len(dst.Buf) - size)})
	if c.headers {
		dst.Headers = append(dst.Headers, event.Span{})
	}
	c.records, c.batch, c.damage = recordbatch.Records{}, nil, nil
}

// cutSound is cut as far as the batches can be read. After an error of one,
// batch is it and rest what follows.
func (c *cutter) cutSound(max int, until int64, dst *connectors.RawBatch) (more bool, err error) {
	from := dst.Next
	for {
		if !c.records.Done() {
			dst.Buf = c.memory()
			if err := c.records.Append(dst, from, max, until); err != nil || !c.records.Done() {
				return true, err
			}
		}
		if dst.N() >= max || dst.Next >= until {
			return true, nil
		}
		step, err := c.nextBatch(until, dst)
		if err != nil || step == blocked {
			return true, err
		}
		if step == ended {
			return false, nil
		}
	}
}

func (c *cutter) memory() []byte {
	if c.inSet {
		return c.buf
	}
	return c.opened
}

// maxAhead is how far a batch may reach behind the end that came with it: a
// broker notes the end before it reads, and more may have been written meanwhile.
// What claims more has a damaged base offset, which no checksum covers.
const maxAhead = 1 << 20

// step is what became of the next batch of the set.
type step uint8

const (
	taken   step = iota // its records are next, or it has none for us
	blocked             // it has to wait for the next Poll
	ended               // there is none
)

func (c *cutter) nextBatch(until int64, dst *connectors.RawBatch) (step, error) {
	batch, rest, err := recordbatch.Split(c.rest)
	if err != nil || batch == nil {
		c.batch = nil
		return ended, err
	}
	compressed := recordbatch.Compressed(batch)
	if dst.N() > 0 && (compressed == c.inSet || len(c.opened) >= openedEnough) {
		return blocked, nil
	}
	c.batch = batch
	h, err := recordbatch.Parse(batch)
	if err == nil && h.LastOffset >= c.end+maxAhead {
		err = &recordbatch.Error{Offset: dst.Next, Reason: fmt.Sprintf("it claims offsets up to %d, behind the partition's end", h.LastOffset)}
	}
	if err != nil {
		c.rest = rest
		return ended, err
	}
	if c.filter.Skip(&h, batch) || h.Count == 0 || h.LastOffset < dst.Next {
		return c.passOver(&h, rest, until, dst), nil
	}
	if compressed {
		err = c.open(&h, batch, dst)
	} else {
		end := len(c.buf) - len(rest)
		c.records, c.inSet = recordbatch.NewRecords(h, end-len(batch)+recordbatch.HeaderLen, end, c.headers), true
		c.opened = c.opened[:0]
	}
	c.rest = rest
	return taken, err
}

// passOver moves behind a batch that has no records for the reader.
func (c *cutter) passOver(h *recordbatch.Header, rest []byte, until int64, dst *connectors.RawBatch) step {
	if h.LastOffset >= until {
		dst.Next = until
		return blocked
	}
	dst.Next = max(dst.Next, h.LastOffset+1)
	c.rest = rest
	return taken
}

func (c *cutter) open(h *recordbatch.Header, batch []byte, dst *connectors.RawBatch) (err error) {
	if dst.N() == 0 {
		c.opened = c.opened[:0]
		if cap(c.opened) > openedKept {
			c.opened = nil
		}
	}
	start := len(c.opened)
	if c.opened, err = c.opener.Append(c.opened, h, batch); err != nil {
		return err
	}
	c.records, c.inSet = recordbatch.NewRecords(*h, start, len(c.opened), c.headers), false
	return nil
}
