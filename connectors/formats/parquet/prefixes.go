package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// prefixes inspects how much of the text before each text begins with: a long one may
// be there again and again for a few bits each. The deltas have been inspected.
func prefixes(data []byte) error {
	d := deltaReader{data: data}
	block, groups, left := d.uint(), d.uint(), d.uint()
	length := d.int()
	if left == 0 {
		return nil
	}
	sum := uint64(0)
	if err := addLength(&sum, length); err != nil {
		return err
	}
	each := block / groups
	for left--; left > 0; {
		least := d.int()
		widths := d.bytes(groups)
		for _, width := range widths {
			if width > 64 {
				return errors.New("deltas have more than 64 bits")
			}
			packed := d.bytes(each * uint64(width) / 8)
			for i := uint64(0); i < each && left > 0; i, left = i+1, left-1 {
				length += least + int64(bitsAt(packed, i*uint64(width), uint64(width)))
				if err := addLength(&sum, length); err != nil {
					return err
				}
			}
			if left == 0 {
				break
			}
		}
	}
	return nil
}

func addLength(sum *uint64, length int64) error {
	if length < 0 || length > maxPage {
		return errors.New("the length of a prefix is out of the page")
	}
	if *sum += uint64(length); *sum > maxPage {
		return fmt.Errorf("the texts of a page have more than %d bytes", maxPage)
	}
	return nil
}

// bitsAt is so many bits from a place on, the lowest first; those that are not there
// are 0.
func bitsAt(data []byte, at, width uint64) (v uint64) {
	for got := uint64(0); got < width && at/8 < uint64(len(data)); {
		n := min(8-at%8, width-got)
		v |= uint64(data[at/8]) >> (at % 8) & (1<<n - 1) << got
		got, at = got+n, at+n
	}
	return v
}

// deltaReader reads what deltas has found to be there.
type deltaReader struct{ data []byte }

func (d *deltaReader) uint() uint64 {
	u, n := binary.Uvarint(d.data)
	d.data = d.data[max(n, 0):]
	return u
}

func (d *deltaReader) int() int64 {
	v, n := binary.Varint(d.data)
	d.data = d.data[max(n, 0):]
	return v
}

// bytes are the next n, or those that are left.
func (d *deltaReader) bytes(n uint64) []byte {
	n = min(n, uint64(len(d.data)))
	p := d.data[:n]
	d.data = d.data[n:]
	return p
}
