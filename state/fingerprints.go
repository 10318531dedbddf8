package state

import "math/bits"

// Fingerprints is a multiset of hashes, of each of which it keeps 32 bits: open
// addressing, linear probing, removal by shifting back. A hash that was never
// added is found with a probability of count / 2^32.
type Fingerprints struct {
	slots []uint32 // 0: empty
	shift uint     // 32 - log2(slots)
	count int
}

// Count is how many hashes are there.
func (f *Fingerprints) Count() int { return f.count }

const leastFingerprints = 64

func fingerprintOf(hash uint64) uint32 { return max(1, uint32(hash)) }

// Bytes is the memory held above the least.
func (f *Fingerprints) Bytes() int64 { return int64(max(0, len(f.slots)-leastFingerprints)) * 4 }

// home is where the search for a fingerprint begins. Tables of keys use the
// upper bits of the same hash.
func (f *Fingerprints) home(print uint32) uint32 { return print * 0x9e3779b1 >> f.shift }

func (f *Fingerprints) resize(n int) {
	old := f.slots
	f.slots, f.shift = make([]uint32, n), uint(33-bits.Len(uint(n)))
	for _, print := range old {
		if print != 0 {
			f.put(print)
		}
	}
}

func (f *Fingerprints) put(print uint32) {
	mask := uint32(len(f.slots) - 1)
	i := f.home(print)
	for f.slots[i] != 0 {
		i = (i + 1) & mask
	}
	f.slots[i] = print
}

// Add enters a hash.
func (f *Fingerprints) Add(hash uint64) {
	if (f.count+1)*8 > len(f.slots)*7 {
		f.resize(max(leastFingerprints, 2*len(f.slots)))
	}
	f.put(fingerprintOf(hash))
	f.count++
}

// Has says whether a hash may be there.
func (f *Fingerprints) Has(hash uint64) bool {
	if f.count == 0 {
		return false
	}
	i, mask, print := f.home(fingerprintOf(hash)), uint32(len(f.slots)-1), fingerprintOf(hash)
	for ; f.slots[i] != 0; i = (i + 1) & mask {
		if f.slots[i] == print {
			return true
		}
	}
	return false
}

// Remove takes out a hash that was added.
func (f *Fingerprints) Remove(hash uint64) {
	i, mask, print := f.home(fingerprintOf(hash)), uint32(len(f.slots)-1), fingerprintOf(hash)
	for f.slots[i] != print {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; f.slots[j] != 0; j = (j + 1) & mask {
		if home := f.home(f.slots[j]); (j-home)&mask >= (j-i)&mask {
			f.slots[i] = f.slots[j]
			i = j
		}
	}
	f.slots[i] = 0
	f.count--
	if len(f.slots) > leastFingerprints && f.count*8 < len(f.slots) {
		f.resize(len(f.slots) / 2)
	}
}
