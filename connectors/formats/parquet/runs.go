package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// encoded inspects the values of a page (Encodings.md of parquet-format).
func encoded(data []byte, as format.Encoding, kind parquet.Kind) (err error) {
	switch as {
	case format.PlainDictionary, format.RLEDictionary: //nolint:staticcheck // of files that are old
		if len(data) == 0 {
			return nil
		}
		return runs(data[1:], uint(data[0]))
	case format.RLE:
		if kind == parquet.Boolean {
			_, err = prefixed(data, format.RLE, 1)
			return err
		}
		return runs(data, 32)
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		_, err = deltas(data)
	case format.DeltaByteArray: // lengths of prefixes, and then those of the rest
		var rest []byte
		if rest, err = deltas(data); err == nil {
			_, err = deltas(rest)
		}
		if err == nil {
			err = prefixes(data[:len(data)-len(rest)])
		}
	}
	return err
}

// prefixed inspects runs that have their length before them, and gives what follows.
func prefixed(data []byte, as format.Encoding, width uint) (rest []byte, err error) {
	if len(data) < 4 {
		return nil, errors.New("a page ends within its levels")
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if data = data[4:]; n > int64(len(data)) {
		return nil, errors.New("the levels of a page have more bytes than the page")
	}
	if as == format.RLE {
		err = runs(data[:n], width)
	}
	return data[n:], err
}

// runs inspects a hybrid of runs and bit-packed groups of values with a number of
// bits.
func runs(data []byte, width uint) error {
	total := uint64(0)
	for len(data) > 0 {
		u, n := binary.Uvarint(data)
		if n <= 0 {
			return errors.New("the head of a run is damaged")
		}
		data = data[n:]
		count, bytes := min(u>>1, maxValues+1), uint64(width+7)/8
		if u&1 != 0 { // groups of eight
			count, bytes = count*8, count*uint64(width)
		}
		if total += count; total > maxValues {
			return fmt.Errorf("the runs of a page have more than %d values", maxValues)
		}
		if count > 0 {
			data = data[min(bytes, uint64(len(data))):]
		}
	}
	return nil
}

// maxBlock is the largest block of deltas; writers make blocks of 128.
const maxBlock = 1 << 16

// deltas inspects differences in blocks of bit-packed groups, and gives what follows
// them.
func deltas(data []byte) (rest []byte, err error) {
	var head [4]uint64 // of a block the values and the groups, values in all, the first of them
	for i := range head {
		u, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, errors.New("the head of deltas is damaged")
		}
		head[i], data = u, data[n:]
	}
	block, groups, left := head[0], head[1], head[2]
	switch {
	case left > maxValues:
		return nil, fmt.Errorf("the deltas of a page have more than %d values", maxValues)
	case left == 0:
		return data, nil
	case block == 0 || block > maxBlock || groups == 0 || groups > block:
		return nil, errors.New("the head of deltas is damaged")
	}
	each := block / groups
	for left--; left > 0; {
		_, n := binary.Uvarint(data)
		if n <= 0 || uint64(len(data)-n) < groups {
			return nil, errors.New("a page ends within its deltas")
		}
		widths := data[n : n+int(groups)]
		data = data[n+int(groups):]
		for _, width := range widths {
			bytes := each * uint64(width) / 8
			data = data[min(bytes, uint64(len(data))):] // of the last group some writers leave out what nobody reads
			if left -= min(left, each); left == 0 {
				break
			}
		}
	}
	return data, nil
}
