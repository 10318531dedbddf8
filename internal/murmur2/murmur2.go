// Package murmur2 is the hash of Kafka's default partitioner. cepd divides
// keyed state into shards with it, so that a topic partitioned by the key
// needs no exchange.
package murmur2

import (
	"encoding/binary"
	"math/bits"
)

const (
	seed = 0x9747b28c
	mul  = 0x5bd1e995
	rot  = 24
)

// Sum is the 32-bit murmur2 hash of p with Kafka's seed.
func Sum(p []byte) uint32 {
	h := uint32(seed) ^ uint32(len(p))
	for ; len(p) >= 4; p = p[4:] {
		k := binary.LittleEndian.Uint32(p) * mul
		k ^= k >> rot
		h = h*mul ^ k*mul
	}
	switch len(p) {
	case 3:
		h ^= uint32(p[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(p[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(p[0])) * mul
	}
	h = (h ^ h>>13) * mul
	return h ^ h>>15
}

// SumInt is Sum of the 8 bytes of x, big endian.
func SumInt(x uint64) uint32 {
	h := uint32(seed) ^ 8
	k := bits.ReverseBytes32(uint32(x>>32)) * mul
	k ^= k >> rot
	h = h*mul ^ k*mul
	k = bits.ReverseBytes32(uint32(x)) * mul
	k ^= k >> rot
	h = h*mul ^ k*mul
	h = (h ^ h>>13) * mul
	return h ^ h>>15
}

// Partition is the partition of n that Kafka's default partitioner gives key.
func Partition(key []byte, n int) int32 {
	return PartitionOf(Sum(key), n)
}

// PartitionOf is the partition of n of a key with that hash.
func PartitionOf(hash uint32, n int) int32 {
	const positive = 1<<31 - 1
	return int32(hash&positive) % int32(n)
}
