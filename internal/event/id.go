package event

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// ID names a row for good: of a source row Hi is the partition and Lo the
// offset; of a detection the two are a hash of what made it, behind a bit that
// no source row has set. Ties in event time are broken by ID.
type ID struct{ Hi, Lo uint64 }

const detectionBit = 1 << 63

// Detection is the ID of a detection with this hash.
func Detection(hi, lo uint64) ID { return ID{hi | detectionBit, lo} }

// Detected says whether the row is a detection.
func (a ID) Detected() bool { return a.Hi&detectionBit != 0 }

// Compare orders IDs as (Hi, Lo).
func (a ID) Compare(b ID) int {
	switch {
	case a.Hi != b.Hi:
		if a.Hi < b.Hi {
			return -1
		}
		return 1
	case a.Lo < b.Lo:
		return -1
	case a.Lo > b.Lo:
		return 1
	}
	return 0
}

// Hex is the ID as 32 hexadecimal digits.
func (a ID) Hex() string { return fmt.Sprintf("%016x%016x", a.Hi, a.Lo) }

// ParseID reads what Hex wrote.
func ParseID(s string) (ID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return ID{}, errors.New("want 32 hexadecimal digits")
	}
	return ID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, nil
}
