package murmur2

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// The values are those of the test of Kafka's own Utils.murmur2.
func TestSum(t *testing.T) {
	cases := map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	for key, want := range cases {
		if got := int32(Sum([]byte(key))); got != want {
			t.Errorf("Sum(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestSumInt(t *testing.T) {
	for i := range 64 {
		for _, x := range []uint64{1 << i, 1<<i - 1, 0x0123456789abcdef << i, ^uint64(0) >> i} {
			if got, want := SumInt(x), Sum(binary.BigEndian.AppendUint64(nil, x)); got != want {
				t.Errorf("SumInt(%#x) = %d, want %d", x, got, want)
			}
		}
	}
}

func TestPartition(t *testing.T) {
	for n := range 64 {
		key := bytes.Repeat([]byte{0xff}, n)
		if p := Partition(key, 7); p < 0 || p >= 7 {
			t.Errorf("Partition(%d bytes, 7) = %d", n, p)
		}
	}
	if got, want := Partition([]byte("foobar"), 10), int32((1<<32-790332482)&0x7fffffff)%10; got != want {
		t.Errorf("Partition(foobar, 10) = %d, want %d", got, want)
	}
}

func BenchmarkSum(b *testing.B) {
	key := []byte("u123456")
	for b.Loop() {
		Sum(key)
	}
}
