package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// encode makes a batch of n records at base offset base.
func encode(t testing.TB, codec Codec, base int64, n int) []byte {
	t.Helper()
	var b Builder
	for i := range n {
		var key, value []byte
		if i%3 > 0 {
			key = fmt.Appendf(nil, "key-%d", i)
		}
		if i%5 > 0 {
			value = fmt.Appendf(nil, "value %d %s", i, strings.Repeat("x", i%200))
		}
		b.Append(1000+int64(i)*7-int64(i%2)*20, key, value, headersOf(i))
	}
	var c Compressor
	set, err := c.Finish(nil, &b, Producer{ID: 9, Epoch: 2, Sequence: 77, Transactional: true}, codec)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(binary.BigEndian.Uint32(set)); got != len(set)-sizePrefix {
		t.Fatalf("size prefix %d of %d bytes", got, len(set))
	}
	batch := slices.Clone(set[sizePrefix:])
	binary.BigEndian.PutUint64(batch, uint64(base)) // as the broker does
	return batch
}

func headersOf(i int) (out []RecordHeader) {
	for h := range i % 3 {
		out = append(out, RecordHeader{Key: fmt.Appendf(nil, "h%d", h), Value: fmt.Appendf(nil, "%d", i)})
	}
	return out
}

// decode reads a record set as a reader does.
func decode(set []byte, limit int) (connectors.RawBatch, error) {
	var raw connectors.RawBatch
	d := NewDecompressor(limit)
	for {
		batch, rest, err := Split(set)
		if err != nil || batch == nil {
			return raw, err
		}
		h, err := Parse(batch)
		if err != nil {
			return raw, err
		}
		start := len(raw.Buf)
		if raw.Buf, err = d.Append(raw.Buf, &h, batch); err != nil {
			return raw, err
		}
		records := NewRecords(h, start, len(raw.Buf), true)
		for !records.Done() {
			if err := records.Append(&raw, 0, raw.N()+7, -1); err != nil {
				return raw, err
			}
		}
		set = rest
	}
}

func TestRoundTrip(t *testing.T) {
	for _, codec := range codecs {
		for _, n := range []int{1, 2, 3000} {
			set := append(encode(t, codec, 100, n), encode(t, codec, 100+int64(n), 5)...)
			cut := append(set, set[:HeaderLen-20]...) // a batch that the fetch limit cut short
			raw, err := decode(cut, 1<<20)
			if err != nil || raw.N() != n+5 || raw.Next != int64(100+n+5) {
				t.Fatalf("%v: %d records, next %d, %v", codec, raw.N(), raw.Next, err)
			}
			for i := range n {
				checkRecord(t, &raw, i)
			}
		}
	}
}

func checkRecord(t *testing.T, raw *connectors.RawBatch, i int) {
	t.Helper()
	text := func(s event.Span) string { return string(raw.Buf[s.Off : s.Off+s.Len]) }
	var flags connectors.Flags
	key, value := fmt.Sprintf("key-%d", i), fmt.Sprintf("value %d %s", i, strings.Repeat("x", i%200))
	if i%3 == 0 {
		key, flags = "", flags|connectors.NullKey
	}
	if i%5 == 0 {
		value, flags = "", flags|connectors.NullValue
	}
	if text(raw.Key[i]) != key || text(raw.Value[i]) != value || raw.Flags[i] != flags {
		t.Errorf("record %d: key %q value %q flags %b", i, text(raw.Key[i]), text(raw.Value[i]), raw.Flags[i])
	}
	if want := (1000 + int64(i)*7 - int64(i%2)*20) * 1000; raw.Time[i] != want || raw.Offset[i] != int64(100+i) {
		t.Errorf("record %d: time %d offset %d", i, raw.Time[i], raw.Offset[i])
	}
	headers, err := Headers([]byte(text(raw.Headers[i])), nil)
	if diff := cmp.Diff(headersOf(i), headers); diff != "" || err != nil {
		t.Errorf("record %d: headers %s %v", i, diff, err)
	}
}

func TestHeader(t *testing.T) {
	h, err := Parse(encode(t, LZ4, 42, 3))
	if err != nil {
		t.Fatal(err)
	}
	want := Header{BaseOffset: 42, LastOffset: 44, Attributes: int16(LZ4) | attrTransactional, FirstTime: 1000, MaxTime: 1014,
		ProducerID: 9, Epoch: 2, Sequence: 77, Count: 3}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}

// sign makes the checksum right after a change.
func sign(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[offCRC:], crc32.Checksum(batch[offAttributes:], castagnoli))
	return batch
}

func TestCorrupt(t *testing.T) {
	change := func(at int, b ...byte) func([]byte) []byte {
		return func(p []byte) []byte { copy(p[at:], b); return sign(p) }
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"checksum":         {func(p []byte) []byte { p[len(p)-1]++; return p }, "checksum"},
		"magic":            {change(offMagic, 1), "format version 1"},
		"short length":     {change(offLength, 0, 0, 0, 1), "less than a header"},
		"negative length":  {change(offLength, 0xff, 0, 0, 1), "less than a header"},
		"codec":            {change(offAttributes, 0, 7), "unknown compression"},
		"not gzip":         {change(offAttributes, 0, byte(Gzip)), "gzip"},
		"not snappy":       {change(offAttributes, 0, byte(Snappy)), "snappy"},
		"not lz4":          {change(offAttributes, 0, byte(LZ4)), "LZ4"},
		"not zstd":         {change(offAttributes, 0, byte(Zstd)), "zstd"},
		"negative count":   {change(offCount, 0xff), "records"},
		"too many":         {change(offCount, 0, 0, 1, 0), "length of record"},
		"too few":          {change(offCount, 0, 0, 0, 2), "length of record 2 of 2"},
		"last offset":      {change(offLastDelta, 0, 0, 0, 1), "offset or timestamp"},
		"negative offset":  {change(0, 0xff), "last offset"},
		"record length":    {change(HeaderLen, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "length"},
		"long record":      {change(HeaderLen, 0x7e), "length of record 2 of 4"},
		"key length":       {change(HeaderLen+4, 0x7e), "key of record 1 of 4"},
		"value length":     {change(HeaderLen+5, 0x7e), "value of record 1 of 4"},
		"no headers":       {change(HeaderLen, 10), "of record"},
		"not enough bytes": {change(HeaderLen, 0), "length of record 1 of 4"},
	} {
		_, err := decode(c.change(encode(t, None, 7, 4)), 1<<20)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestLimit(t *testing.T) {
	for _, codec := range codecs {
		batch := encode(t, codec, 0, 3000)
		if _, err := decode(batch, 1000); err == nil || !strings.Contains(err.Error(), "scan.max-batch-bytes") && codec != Zstd {
			t.Errorf("%v: error %v", codec, err)
		}
	}
}

// Truncated compressed records are errors, whatever the codec.
func TestTruncated(t *testing.T) {
	for _, codec := range codecs[1:] {
		whole := encode(t, codec, 0, 100)
		for cut := HeaderLen; cut < len(whole); cut++ {
			batch := slices.Clone(whole[:cut])
			binary.BigEndian.PutUint32(batch[offLength:], uint32(cut-lengthStart))
			if raw, err := decode(sign(batch), 1<<20); err == nil && raw.N() != 100 {
				t.Fatalf("%v cut to %d of %d bytes: %d records and no error", codec, cut, len(whole), raw.N())
			}
		}
	}
}

func TestSnappyWithoutFraming(t *testing.T) {
	// "abc" as a plain snappy block: length 3, literal of 3 bytes.
	out, err := openSnappy([]byte("-"), []byte{3, 2 << 2, 'a', 'b', 'c'}, 10)
	if err != nil || string(out) != "-abc" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestLogAppendTime(t *testing.T) {
	batch := encode(t, None, 0, 4)
	batch[offAttributes+1] |= attrLogAppendTime
	raw, err := decode(sign(batch), 1<<20)
	if err != nil || raw.Time[0] != 1021_000-20_000 && raw.Time[0] != 1014_000 || raw.Flags[1]&connectors.LogAppendTime == 0 {
		t.Errorf("times %v flags %v %v", raw.Time, raw.Flags, err)
	}
}

func TestAppendFromAndUntil(t *testing.T) {
	batch := encode(t, None, 10, 20)
	h, err := Parse(batch)
	if err != nil {
		t.Fatal(err)
	}
	raw := connectors.RawBatch{Buf: batch}
	records := NewRecords(h, HeaderLen, len(batch), false)
	if err := records.Append(&raw, 14, 100, 17); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{14, 15, 16}, raw.Offset); diff != "" || raw.Next != 17 || records.Done() || len(raw.Headers) != 0 {
		t.Errorf("%s next %d", diff, raw.Next)
	}
	if err := records.Append(&raw, 14, 100, -1); err != nil || raw.N() != 16 || raw.Next != 30 || !records.Done() {
		t.Errorf("then %d records, next %d, %v", raw.N(), raw.Next, err)
	}
}

func TestFilter(t *testing.T) {
	var f Filter
	f.Reset([]Aborted{{ProducerID: 2, FirstOffset: 30}, {ProducerID: 1, FirstOffset: 10}})
	marker := func(kind byte) []byte {
		var b Builder
		b.Append(0, []byte{0, 0, 0, kind}, []byte{0, 0, 0, 0, 0, 0}, nil)
		var c Compressor
		set, _ := c.Finish(nil, &b, Plain, None)
		return slices.Clone(set[sizePrefix:])
	}
	const transactional, control = attrTransactional, attrTransactional | attrControl
	for i, s := range []struct {
		offset, producer int64
		attributes       int16
		marker           byte
		skip             bool
	}{
		{5, 1, transactional, 0, false}, // an earlier transaction of the producer
		{9, 1, control, 1, true},        // its commit
		{10, 1, transactional, 0, true}, // aborted
		{11, 3, transactional, 0, false},
		{12, 1, 0, 0, false},      // not in a transaction
		{13, 1, control, 0, true}, // abort
		{14, 1, transactional, 0, false},
		{30, 2, transactional, 0, true},
		{31, 1, control, 1, true}, // commit of another producer
		{32, 2, transactional, 0, true},
	} {
		h := Header{BaseOffset: s.offset, LastOffset: s.offset, ProducerID: s.producer, Attributes: s.attributes}
		if got := f.Skip(&h, marker(s.marker)); got != s.skip {
			t.Errorf("step %d: skip %v", i, got)
		}
	}
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	for _, codec := range codecs {
		batch := encode(t, codec, 0, 1000)
		d := NewDecompressor(1 << 20)
		var raw connectors.RawBatch
		var opened []byte
		read := func() {
			raw.Reset()
			h, err := Parse(batch)
			if err != nil {
				t.Fatal(err)
			}
			if opened, err = d.Append(opened[:0], &h, batch); err != nil {
				t.Fatal(err)
			}
			raw.Buf = opened
			records := NewRecords(h, 0, len(opened), true)
			if err := records.Append(&raw, 0, 4096, -1); err != nil || raw.N() != 1000 {
				t.Fatal(raw.N(), err)
			}
		}
		read()
		if got := testing.AllocsPerRun(50, read); got > 5 {
			t.Errorf("%v: %v allocations for 1000 records", codec, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, codec := range codecs {
		f.Add(encode(f, codec, 3, 10), true)
	}
	f.Fuzz(func(t *testing.T, set []byte, fix bool) {
		if batch, _, err := Split(set); fix && err == nil && len(batch) > offAttributes {
			sign(batch) // get past the checksum
		}
		raw, err := decode(set, 1<<16)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error %v without an offset", err)
		}
		for i := range raw.N() { // spans that do not fit would panic
			for _, s := range []event.Span{raw.Key[i], raw.Value[i], raw.Headers[i]} {
				_ = raw.Buf[s.Off : s.Off+s.Len]
			}
			_, _ = Headers(raw.Buf[raw.Headers[i].Off:raw.Headers[i].Off+raw.Headers[i].Len], nil)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			batch := encode(b, codec, 0, 1000)
			d := NewDecompressor(1 << 20)
			var raw connectors.RawBatch
			var opened []byte
			b.ReportAllocs()
			for b.Loop() {
				raw.Reset()
				h, _ := Parse(batch)
				opened, _ = d.Append(opened[:0], &h, batch)
				raw.Buf = opened
				records := NewRecords(h, 0, len(opened), false)
				_ = records.Append(&raw, 0, 4096, -1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/rec")
		})
	}
}

// FuzzRoundTrip encodes any record among others in every codec, and decodes it.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), int64(1000), uint8(3), uint8(5))
	f.Add([]byte{}, []byte(strings.Repeat("x", 3000)), int64(-1), uint8(0), uint8(200))
	f.Fuzz(func(t *testing.T, key, value []byte, millis int64, codec, n uint8) {
		millis %= 1 << 50
		var b Builder
		for i := range int(n) + 1 {
			b.Append(millis+int64(i), key, value, headersOf(i))
		}
		var c Compressor
		set, err := c.Finish(nil, &b, Plain, codecs[int(codec)%len(codecs)])
		if err != nil {
			t.Fatal(err)
		}
		raw, err := decode(set[sizePrefix:], 1<<30)
		if err != nil || raw.N() != int(n)+1 {
			t.Fatalf("%d records of %d, %v", raw.N(), int(n)+1, err)
		}
		for i := range raw.N() {
			k, v := raw.Key[i], raw.Value[i]
			if string(raw.Buf[k.Off:k.Off+k.Len]) != string(key) || string(raw.Buf[v.Off:v.Off+v.Len]) != string(value) || raw.Time[i] != (millis+int64(i))*1000 {
				t.Fatalf("record %d is another one", i)
			}
		}
	})
}
