package kafka

import (
	"math"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
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
}

func newCutter(c *sourceConfig) cutter {
	return cutter{committed: c.readCommitted, headers: c.headers, opener: recordbatch.NewDecompressor(c.batchLimit)}
}

func (c *cutter) reset(s recordSet) {
	c.buf, c.rest = s.buf, s.buf
	c.filter.Reset(nil)
	if c.committed {
		c.filter.Reset(s.aborted)
	}
}

// takeBuffer gives the set's buffer away, once.
func (c *cutter) takeBuffer() []byte {
	b := c.buf
	c.buf, c.rest = nil, nil
	return b
}

// cut adds records to dst until it has max, or the next record has the offset
// until or more, or the next batch lies in other memory than dst's. more is
// false at the end of the set.
func (c *cutter) cut(max int, until int64, dst *connectors.RawBatch) (more bool, err error) {
	if until < 0 {
		until = math.MaxInt64
	}
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
		return ended, err
	}
	compressed := recordbatch.Compressed(batch)
	if dst.N() > 0 && (compressed == c.inSet || len(c.opened) >= openedEnough) {
		return blocked, nil
	}
	h, err := recordbatch.Parse(batch)
	if err != nil {
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
	if err == nil {
		c.rest = rest
	}
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
