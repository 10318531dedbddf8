package parquet

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
)

// TestRuns inspects runs and deltas that stand for much more than they are.
func TestRuns(t *testing.T) {
	u := func(list ...uint64) (b []byte) {
		for _, x := range list {
			b = binary.AppendUvarint(b, x)
		}
		return b
	}
	prefixed := func(b []byte) []byte { return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...) }
	width := func(n byte, b []byte) []byte { return append([]byte{n}, b...) }
	long := u(1<<31|1, 0, 0)
	block := slices.Concat(u(128, 4, 33, 0), u(0), []byte{8, 8, 0, 0}, make([]byte, 32))
	for _, c := range []struct {
		name string
		as   format.Encoding
		kind parquet.Kind
		data []byte
		want string
	}{
		{"run", format.RLEDictionary, parquet.Int32, width(3, u(8<<1, 5)), ""},
		{"groups", format.RLEDictionary, parquet.Int32, width(3, []byte{1<<1 | 1, 1, 2, 3}), ""},
		{"groups that are cut", format.RLEDictionary, parquet.Int32, width(3, []byte{4<<1 | 1, 1}), ""},
		{"groups without end", format.RLEDictionary, parquet.Int32, width(20, long), "more than 16777216 values"},
		{"groups of no bits", format.RLEDictionary, parquet.Int32, width(0, long), "more than 16777216 values"},
		{"run without end", format.RLEDictionary, parquet.Int32, width(1, u(math.MaxInt32<<1, 0)), "more than 16777216 values"},
		{"count that overflows", format.RLEDictionary, parquet.Int32, width(1, u(1<<62|1, 0)), "more than 16777216 values"},
		{"many runs", format.RLEDictionary, parquet.Int32, width(1, slices.Concat(u(10<<20<<1, 0), u(10<<20<<1, 0))), "more than 16777216 values"},
		{"head", format.RLEDictionary, parquet.Int32, width(1, []byte{0x80}), "head of a run"},
		{"nothing", format.RLEDictionary, parquet.Int32, nil, ""},
		{"flags", format.RLE, parquet.Boolean, prefixed(u(1<<40, 1)), "more than 16777216 values"},
		{"flags of another length", format.RLE, parquet.Boolean, []byte{9, 0, 0, 0, 1}, "more bytes than the page"},
		{"few flags", format.RLE, parquet.Boolean, []byte{9}, "within its levels"},
		{"deltas", format.DeltaBinaryPacked, parquet.Int64, block, ""},
		{"no deltas", format.DeltaBinaryPacked, parquet.Int64, u(128, 4, 0, 0), ""},
		{"deltas without end", format.DeltaBinaryPacked, parquet.Int64, u(128, 4, 1<<40, 0), "more than 16777216 values"},
		{"block without end", format.DeltaBinaryPacked, parquet.Int64, u(1<<40, 4, 5, 0), "head of deltas"},
		{"block of nothing", format.DeltaLengthByteArray, parquet.ByteArray, u(128, 0, 5, 0), "head of deltas"},
		{"second deltas without end", format.DeltaByteArray, parquet.ByteArray, slices.Concat(block, u(128, 4, 1<<40, 0)), "more than 16777216 values"},
		{"deltas that are cut", format.DeltaBinaryPacked, parquet.Int64, u(128, 4, 300, 0, 0), "within its deltas"},
		{"plain", format.Plain, parquet.Int64, []byte{1}, ""},
	} {
		err := encoded(c.data, c.as, c.kind)
		if got := ""; err != nil {
			got = err.Error()
			if c.want == "" || !strings.Contains(got, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if c.want != "" {
			t.Errorf("%s: no error", c.name)
		}
	}
}

// TestStructures measures descriptions, of which some have no end.
func TestStructures(t *testing.T) {
	const list, structs = 0x19, 0xFC // a field with a list; many structures
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":    {[]byte{0}, ""},
		"cut":      {[]byte{0x15}, "unexpected EOF"},
		"list":     {append(binary.AppendUvarint([]byte{list, structs}, math.MaxInt32), 0), "more than 1048576 elements"},
		"nested":   {slices.Repeat([]byte{0x1C}, 1<<20), "nested"},
		"list in":  {slices.Repeat([]byte{list, 0x19}, 1<<16), "nested"},
		"a type":   {[]byte{0x1E, 0}, "no Thrift type 14"},
		"a text":   {[]byte{0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x07}, "unexpected EOF"},
		"two text": {[]byte{0x18, 1, 'a', 0x18, 1, 'b', 0}, ""},
	} {
		size, err := structure(c.data)
		if err == nil && (c.want != "" || size != len(c.data)) || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %d bytes, %v", name, size, err)
		}
	}
}

// TestPagesThatGrow opens pages that become too large, in each way of packing.
func TestPagesThatGrow(t *testing.T) {
	u := unpacker{limit: 1 << 20}
	defer u.close()
	zeros := make([]byte, u.limit+1)
	for _, codec := range []format.CompressionCodec{format.Snappy, format.Gzip, format.Zstd, format.Brotli} {
		packed, err := parquet.LookupCompressionCodec(codec).Encode(nil, zeros)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.open(codec, nil, packed, u.limit); err == nil {
			t.Errorf("%s: %d bytes become %d", codec, len(packed), len(zeros))
		}
		if _, err := u.open(format.Lz4Raw, nil, []byte{0xff, 0xff, 0xff, byte(codec)}, 1000); err == nil {
			t.Error("LZ4 that is damaged is opened")
		}
		packed, err = parquet.LookupCompressionCodec(codec).Encode(nil, zeros[:1000])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := u.open(codec, nil, packed, 1000); err != nil || len(got) != 1000 {
			t.Errorf("%s: %d bytes, %v", codec, len(got), err)
		}
	}
}

// TestPrefixes inspects texts that begin as the one before them does, so that few bytes
// stand for many.
func TestPrefixes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	for n := range 300 {
		list, all := make([]int32, n), int64(0)
		for i := range list {
			list[i] = rng.Int32N(2 * maxPage / int32(n))
			all += int64(list[i])
		}
		p, err := new(delta.BinaryPackedEncoding).EncodeInt32(nil, list)
		if err != nil {
			t.Fatal(err)
		}
		if err := prefixes(p); (err != nil) != (all > maxPage) {
			t.Errorf("%d prefixes with %d bytes: %v", n, all, err)
		}
	}
	again := make([]int32, 1000)
	for i := range again {
		again[i] = 1 << 20
	}
	for name, x := range map[string]struct {
		prefixes []int32
		want     string
	}{"none": {nil, ""}, "few": {[]int32{0, 3, 1, 70}, ""}, "the same again": {again, "more than"}, "negative": {[]int32{0, -1}, "out of the page"}} {
		p, err := new(delta.BinaryPackedEncoding).EncodeInt32(nil, x.prefixes)
		if err != nil {
			t.Fatal(err)
		}
		rest, err := new(delta.BinaryPackedEncoding).EncodeInt32(nil, make([]int32, len(x.prefixes)))
		if err != nil {
			t.Fatal(err)
		}
		err = encoded(slices.Concat(p, rest), format.DeltaByteArray, parquet.ByteArray)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
