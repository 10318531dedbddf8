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
	r.filled(r.fetchAt, &fetchedPartition{HighWatermark: 1000, LastStableOffset: 900, Records: rawRecords{buf}})
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

// What comes before a damaged batch is handed out; then the reader fails, each
// time it is asked.
func TestDamagedBatch(t *testing.T) {
	damage := map[string]func([]byte){
		"checksum":         func(b []byte) { b[len(b)-1]++ },
		"format version 0": func(b []byte) { b[16] = 0 },
	}
	for want, change := range damage {
		r := offlineReader(t, 0, -1)
		bad := batchAt(t, 5, 5, recordbatch.None)
		change(bad)
		arrive(r, batchAt(t, 0, 5, recordbatch.None), bad, batchAt(t, 10, 5, recordbatch.None))
		polls, err := drain(t, r, 4096)
		if fmt.Sprint(polls) != "[[0 1 2 3 4]]" || r.Position() != 5 {
			t.Errorf("%s: got %v, position %d", want, polls, r.Position())
		}
		for range 2 {
			for _, part := range []string{`topic "t"`, "partition 3", "offset 5", want} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v, want %q", err, part)
				}
			}
			_, err = drain(t, r, 4096)
		}
	}
}

func TestDamagedRecord(t *testing.T) {
	r := offlineReader(t, 0, -1, "scan.max-batch-bytes", "1024")
	arrive(r, batchAt(t, 0, 5, recordbatch.Gzip), batchAt(t, 5, 2000, recordbatch.Gzip))
	polls, err := drain(t, r, 4096)
	if fmt.Sprint(polls) != "[[0 1 2 3 4]]" || err == nil || !strings.Contains(err.Error(), "scan.max-batch-bytes") {
		t.Errorf("got %v, %v", polls, err)
	}
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
