package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
)

func offlineReader(t *testing.T, from, stop int64, options ...string) *reader {
	t.Helper()
	tab := connectors.Table{Options: map[string]string{"topic": "t", "properties.bootstrap.servers": "127.0.0.1:1"}}
	for i := 0; i < len(options); i += 2 {
		tab.Options[options[i]] = options[i+1]
	}
	cfg, err := parseSource(tab)
	if err != nil {
		t.Fatal(err)
	}
	return newReader(newSource(cfg, tab), 3, from, stop, func() {})
}

// batchAt is a batch of n records "base", "base+1" … in the log.
func batchAt(t testing.TB, base int64, n int, codec recordbatch.Codec) []byte {
	t.Helper()
	var b recordbatch.Builder
	for i := range n {
		b.Append(1000, nil, fmt.Append(nil, base+int64(i)), nil)
	}
	var c recordbatch.Compressor
	set, err := c.Finish(nil, &b, recordbatch.Plain, codec)
	if err != nil {
		t.Fatal(err)
	}
	batch := slices.Clone(set[4:])
	binary.BigEndian.PutUint64(batch, uint64(base))
	return batch
}

// arrive is the answer to a fetch.
func arrive(r *reader, batches ...[]byte) {
	set := slices.Concat(batches...)
	buf := buffers.get(len(set))
	copy(buf, set)
	r.filled(r.fetchAt, &fetchedPartition{HighWatermark: 1 << 40, LastStableOffset: 900, Records: rawRecords{buf}})
}

// drain polls until nothing comes, checking that values are their offsets.
func drain(t *testing.T, r *reader, max int) (polls [][]int64, err error) {
	t.Helper()
	var raw connectors.RawBatch
	for {
		if err := r.Poll(max, -1, &raw); err != nil || raw.N() == 0 {
			return polls, err
		}
		for i, v := range raw.Value {
			if got, want := string(raw.Buf[v.Off:v.Off+v.Len]), fmt.Sprint(raw.Offset[i]); got != want {
				t.Errorf("record %s at offset %s", got, want)
			}
		}
		polls = append(polls, slices.Clone(raw.Offset))
	}
}

func TestPollJoinsBatchesInOneBuffer(t *testing.T) {
	r := offlineReader(t, 2, -1)
	const lz4, none = recordbatch.LZ4, recordbatch.None
	arrive(r, batchAt(t, 0, 5, none), batchAt(t, 5, 2, none), batchAt(t, 7, 2, lz4), batchAt(t, 9, 3, lz4), batchAt(t, 20, 1, none))
	arrive(r, batchAt(t, 21, 2, lz4))
	polls, err := drain(t, r, 4096)
	want := [][]int64{{2, 3, 4, 5, 6}, {7, 8, 9, 10, 11}, {20}, {21, 22}}
	if fmt.Sprint(polls) != fmt.Sprint(want) || err != nil || r.Position() != 23 || r.End() != 900 {
		t.Errorf("got %v, want %v, %v; position %d", polls, want, err, r.Position())
	}
}

func TestPollLimit(t *testing.T) {
	for _, codec := range []recordbatch.Codec{recordbatch.None, recordbatch.Zstd} {
		r := offlineReader(t, 0, 9)
		arrive(r, batchAt(t, 0, 5, codec), batchAt(t, 5, 7, codec))
		polls, err := drain(t, r, 3)
		want := [][]int64{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}
		if fmt.Sprint(polls) != fmt.Sprint(want) || !errors.Is(err, io.EOF) || r.Position() != 9 {
			t.Errorf("%v: got %v, want %v, %v", codec, polls, want, err)
		}
	}
}

// A damaged batch comes as one record, alone in its poll, and costs no
// neighbour: neither of its set nor of the next one.
func TestDamagedBatch(t *testing.T) {
	const crc, magic, attributes, lastDelta, count = 17, 16, 21, 23, 57
	for _, c := range []struct {
		name   string
		codec  recordbatch.Codec
		change func(b []byte)
		reason string
	}{
		{"a byte of a record", recordbatch.None, func(b []byte) { b[len(b)-1]++ }, "checksum"},
		{"a byte of compressed records", recordbatch.Zstd, func(b []byte) { b[len(b)-1]++ }, "checksum"},
		{"the checksum itself", recordbatch.None, func(b []byte) { b[crc]++ }, "checksum"},
		{"format version 0", recordbatch.None, func(b []byte) { b[magic] = 0 }, "format version 0"},
		{"unknown format version", recordbatch.LZ4, func(b []byte) { b[magic] = 77 }, "format version 77"},
		{"unknown codec", recordbatch.None, func(b []byte) { b[attributes+1] |= 7; resign(b) }, "unknown compression"},
		{"wrong codec", recordbatch.Gzip, func(b []byte) { b[attributes+1] = byte(recordbatch.LZ4); resign(b) }, "LZ4"},
		{"last offset before the first", recordbatch.None, func(b []byte) { binary.BigEndian.PutUint32(b[lastDelta:], 1<<31); resign(b) }, "last offset"},
		{"last offset far away, wrong checksum", recordbatch.None, func(b []byte) { binary.BigEndian.PutUint32(b[lastDelta:], 1<<30) }, "checksum"},
		{"offset far away", recordbatch.None, func(b []byte) { binary.BigEndian.PutUint64(b, 1<<50) }, "partition's end"},
		{"negative count", recordbatch.None, func(b []byte) { binary.BigEndian.PutUint32(b[count:], 1<<31); resign(b) }, "-2147483648 records"},
		{"first record too long", recordbatch.None, func(b []byte) { b[recordbatch.HeaderLen] = 0xfe; resign(b) }, "record 1 of 5"},
		{"a bomb", recordbatch.Gzip, func(b []byte) {}, "scan.max-batch-bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := offlineReader(t, 0, -1, "scan.max-batch-bytes", "4096")
			bad := batchAt(t, 5, 5, c.codec)
			if c.name == "a bomb" {
				bad = batchOf(t, 5, 5, strings.Repeat("x", 1<<20), c.codec)
			}
			c.change(bad)
			arrive(r, batchAt(t, 0, 5, recordbatch.None), bad, batchAt(t, 10, 5, recordbatch.None))
			checkDamage(t, r, bad, []string{"[0 1 2 3 4]", "damaged 5 to 9", "[10 11 12 13 14]"}, c.reason)
		})
	}
}

// Records before the damage of a batch, and other batches of its opened buffer,
// are handed out.
func TestDamagedRecord(t *testing.T) {
	for _, codec := range []recordbatch.Codec{recordbatch.None, recordbatch.Zstd} {
		bad := brokenRecord(t, 2, 5, 3, codec)
		r := offlineReader(t, 0, -1)
		arrive(r, batchAt(t, 0, 2, codec), bad, batchAt(t, 7, 2, codec))
		checkDamage(t, r, bad, []string{"[0 1 2 3 4]", "damaged 5 to 6", "[7 8]"}, "record 4 of 5")
	}
}

// The damaged batch is the last of what was fetched: reading goes on behind what
// it claims, but not behind the partition's end.
func TestDamageAtTheEnd(t *testing.T) {
	r := offlineReader(t, 0, -1)
	bad := batchAt(t, 2, 3, recordbatch.None)
	bad[len(bad)-1]++
	arrive(r, batchAt(t, 0, 2, recordbatch.None), bad)
	checkDamage(t, r, bad, []string{"[0 1]", "damaged 2 to 4"}, "checksum")
	arrive(r, batchAt(t, 5, 1, recordbatch.None))
	checkDamage(t, r, nil, []string{"[5]"}, "")

	r = offlineReader(t, 0, -1)
	binary.BigEndian.PutUint32(bad[23:], 1<<30)
	r.filled(0, &fetchedPartition{HighWatermark: 4, Records: rawRecords{slices.Concat(batchAt(t, 0, 2, recordbatch.None), bad)}})
	checkDamage(t, r, bad, []string{"[0 1]", "damaged 2 to 3"}, "checksum")
	if from, state, _ := r.next(time.Now(), 1<<20); from != 4 || state != hungry {
		t.Errorf("fetches from %d next (%d)", from, state)
	}
}

// A broker notes the partition's end before it reads: what was written meanwhile
// comes too, and is no damage.
func TestNewerThanTheEnd(t *testing.T) {
	r := offlineReader(t, 0, -1)
	r.filled(0, &fetchedPartition{HighWatermark: 3, Records: rawRecords{slices.Concat(batchAt(t, 0, 2, recordbatch.None), batchAt(t, 2, 3, recordbatch.None))}})
	checkDamage(t, r, nil, []string{"[0 1 2 3 4]"}, "")
}

// A replay stops before a damaged batch and goes on behind it as the first run
// did.
func TestDamageUntil(t *testing.T) {
	r := offlineReader(t, 0, -1)
	bad := batchAt(t, 2, 3, recordbatch.None)
	bad[len(bad)-1]++
	arrive(r, batchAt(t, 0, 2, recordbatch.None), bad, batchAt(t, 5, 1, recordbatch.None))
	var raw connectors.RawBatch
	for _, c := range []struct{ until, n, next int64 }{{2, 2, 2}, {2, 0, 2}, {5, 1, 5}, {6, 1, 6}} {
		if err := r.Poll(100, c.until, &raw); err != nil || raw.N() != int(c.n) || raw.Next != c.next {
			t.Errorf("until %d: %d records, next %d, %v", c.until, raw.N(), raw.Next, err)
		}
	}
}

// A length that cannot be leaves no way to the next batch.
func TestDamagedLength(t *testing.T) {
	r := offlineReader(t, 0, -1)
	bad := batchAt(t, 5, 5, recordbatch.None)
	binary.BigEndian.PutUint32(bad[8:], 3)
	arrive(r, batchAt(t, 0, 5, recordbatch.None), bad)
	polls, err := drain(t, r, 4096)
	if fmt.Sprint(polls) != "[[0 1 2 3 4]]" || err == nil {
		t.Fatalf("got %v, %v", polls, err)
	}
	for range 2 {
		for _, part := range []string{`topic "t"`, "partition 3", "offset 5", "length 15"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, want %q", err, part)
			}
		}
		_, err = drain(t, r, 4096)
	}
}

// A broker that finds its own log damaged is asked again, but not for ever.
func TestDamagedLog(t *testing.T) {
	r := offlineReader(t, 7, -1)
	for range maxRefusals - 1 {
		r.failed(kafka.InvalidMessage)
	}
	if _, err := drain(t, r, 10); err != nil {
		t.Error(err)
	}
	r.failed(kafka.InvalidMessage)
	if _, err := drain(t, r, 10); err == nil || !strings.Contains(err.Error(), "damaged at offset 7") {
		t.Error(err)
	}
}

// checkDamage polls until nothing comes: offsets, or the range that is damaged.
func checkDamage(t *testing.T, r *reader, bad []byte, want []string, reason string) {
	t.Helper()
	var raw connectors.RawBatch
	var got []string
	for {
		if err := r.Poll(4096, -1, &raw); err != nil {
			t.Fatal(err)
		}
		if raw.N() == 0 {
			break
		}
		if raw.Flags[0]&connectors.Damaged == 0 {
			got = append(got, fmt.Sprint(raw.Offset))
			continue
		}
		got = append(got, fmt.Sprintf("damaged %d to %d", raw.Offset[0], raw.Next-1))
		rejects := raw.AppendFaults(nil)
		if raw.N() != 1 || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, reason) {
			t.Errorf("%d records, %v, want %q", raw.N(), rejects, reason)
		}
		if v := raw.Value[0]; string(raw.Buf[v.Off:v.Off+v.Len]) != string(bad) {
			t.Error("the value is not the batch")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// batchOf is a batch of n records with one value.
func batchOf(t testing.TB, base int64, n int, value string, codec recordbatch.Codec) []byte {
	t.Helper()
	var b recordbatch.Builder
	for range n {
		b.Append(1000, nil, []byte(value), nil)
	}
	var c recordbatch.Compressor
	set, err := c.Finish(nil, &b, recordbatch.Plain, codec)
	if err != nil {
		t.Fatal(err)
	}
	batch := slices.Clone(set[4:])
	binary.BigEndian.PutUint64(batch, uint64(base))
	return batch
}

// brokenRecord is batchAt with the length of one record wrong, and a checksum
// that fits.
func brokenRecord(t testing.TB, base int64, n, wrong int, codec recordbatch.Codec) []byte {
	t.Helper()
	plain := batchAt(t, base, n, recordbatch.None)
	at := recordbatch.HeaderLen
	for range wrong {
		at += int(plain[at]/2) + 1
	}
	plain[at] = 0x7e
	if codec == recordbatch.Zstd {
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		plain = w.EncodeAll(plain[recordbatch.HeaderLen:], slices.Clone(plain[:recordbatch.HeaderLen]))
		plain[22] = byte(codec)
		binary.BigEndian.PutUint32(plain[8:], uint32(len(plain)-12))
	}
	resign(plain)
	return plain
}

func TestFetchWithoutProgress(t *testing.T) {
	r := offlineReader(t, 50, -1)
	arrive(r, batchAt(t, 0, 5, recordbatch.None))
	if _, err := drain(t, r, 10); err == nil || !strings.Contains(err.Error(), "no whole batch") {
		t.Errorf("error %v", err)
	}
}

// Control batches and aborted records move the position, also to an until in
// their middle.
func TestPollPastSkippedBatches(t *testing.T) {
	r := offlineReader(t, 0, -1)
	aborted := batchAt(t, 2, 8, recordbatch.None)
	aborted[22] |= 1 << 4 // transactional
	resign(aborted)
	buf := slices.Concat(batchAt(t, 0, 2, recordbatch.None), aborted)
	p := &fetchedPartition{Records: rawRecords{buf}, AbortedTransactions: []fetchedAborted{{ProducerID: -1, FirstOffset: 2}}}
	r.filled(0, p)
	var raw connectors.RawBatch
	for _, c := range []struct{ until, n, next int64 }{{2, 2, 2}, {5, 0, 5}, {5, 0, 5}, {-1, 0, 10}} {
		if err := r.Poll(100, c.until, &raw); err != nil || raw.N() != int(c.n) || raw.Next != c.next || r.Position() != c.next {
			t.Errorf("until %d: %d records, next %d, %v", c.until, raw.N(), raw.Next, err)
		}
	}
}

func resign(batch []byte) {
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
}

// A reader is left out of requests while it has its share.
func TestReadAheadIsBounded(t *testing.T) {
	r := offlineReader(t, 0, -1, "scan.fetch.max-bytes", "262144", "properties.max.partition.fetch.bytes", "65536")
	f := r.source.fetcher
	f.readers = []*reader{r}
	leaders := map[int32]int32{3: 1}
	fetches := 0
	for base := int64(0); ; base += 1000 {
		requests, _ := f.gather(0, leaders, nil)
		if len(requests[1].readers) == 0 {
			if requests[1].left != 1 {
				t.Error("a full reader is not reported as left out")
			}
			break
		}
		arrive(r, batchAt(t, base, 1000, recordbatch.None))
		r.answered()
		fetches++
	}
	if r.buffered > 262144 || fetches < 3 {
		t.Errorf("%d bytes after %d fetches", r.buffered, fetches)
	}
	if _, err := drain(t, r, 4096); err != nil || r.buffered != 0 {
		t.Errorf("%d bytes left, %v", r.buffered, err)
	}
	if requests, _ := f.gather(0, leaders, nil); len(requests[1].readers) != 1 {
		t.Error("an empty reader is left out")
	}
}

func TestPollDoesNotAllocatePerRecord(t *testing.T) {
	for _, codec := range []recordbatch.Codec{recordbatch.None, recordbatch.LZ4} {
		r := offlineReader(t, 0, -1)
		var raw connectors.RawBatch
		base := int64(0)
		got := testing.AllocsPerRun(20, func() {
			arrive(r, batchAt(t, base, 1, codec)) // what this costs is taken off below
			_ = r.Poll(4096, -1, &raw)
			base++
		})
		const many = 4000
		sets := make([][]byte, 0, 22)
		for range cap(sets) {
			sets = append(sets, batchAt(t, base, many, codec))
			base += many
		}
		r.fetchAt, r.jumped = base-int64(len(sets)*many), true
		next := 0
		more := testing.AllocsPerRun(20, func() {
			arrive(r, sets[next])
			next++
			if err := r.Poll(4096, -1, &raw); err != nil || raw.N() != many {
				t.Fatal(raw.N(), err)
			}
		})
		if more > got+20 {
			t.Errorf("%v: %v allocations for %d records, %v for one", codec, more, many, got)
		}
	}
}

func TestBufferPool(t *testing.T) {
	var p bufferPool
	b := p.get(5000)
	if len(b) != 5000 || cap(b) != 8192 {
		t.Errorf("len %d cap %d", len(b), cap(b))
	}
	p.put(b)
	if again := p.get(8192); &again[0] != &b[0] || p.bytes != 0 {
		t.Error("the buffer was not used again")
	}
	for range 10 {
		p.put(make([]byte, 16<<20))
	}
	if p.bytes > maxPooled {
		t.Errorf("%d bytes kept", p.bytes)
	}
	huge := p.get(100 << 20)
	p.put(huge)
	p.put(nil)
	p.put(make([]byte, 100))
	if p.bytes > maxPooled {
		t.Errorf("%d bytes kept", p.bytes)
	}
}
