package group

import (
	"bytes"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
)

// recentTexts is how many keys of one string are remembered encoded: most
// columns to group by hold few.
const recentTexts = 64

// recentText is an encoded key of one string.
type recentText struct {
	key  []byte
	text []byte // the end of key
	hash uint64
}

// isText says whether keys are one string, in one grouping set.
func (c *Codec) isText() bool {
	return len(c.Cols) == 1 && len(c.Sets) == 1 && c.Sets[0][0] && c.Types[0].Physical() == event.PhysStr
}

// gatherText is Gather of keys that are one string, none NULL.
func (k *Keys) gatherText(v *event.Vec, rows []int32) {
	for i, r := range rows {
		s := v.Bytes(int(r))
		e := &k.recent[textSlot(s)]
		if e.key == nil || !bytes.Equal(e.text, s) {
			k.remember(e, s)
		}
		k.buf = append(k.buf, e.key...)
		k.ends[i], k.hashes[i] = uint32(len(k.buf)), e.hash
	}
}

func textSlot(s []byte) uint8 {
	if len(s) == 0 {
		return 0
	}
	return (s[0]*31 + s[len(s)/2]*7 + s[len(s)-1] + uint8(len(s))) % recentTexts
}

// remember encodes a key.
func (k *Keys) remember(e *recentText, s []byte) {
	e.key = event.AppendValue(append(e.key[:0], make([]byte, 8)...), k.Codec.Types[0], event.Value{S: s})
	e.text, e.hash = e.key[len(e.key)-len(s):], xxh3.Hash(e.key)
}
