package engine

import (
	"bytes"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// FuzzJournal reads any bytes as an entry of the journal, and as the records of
// one. What is read as records and written again is the same.
func FuzzJournal(f *testing.F) {
	raw := connectors.RawBatch{Topic: "t", Buf: []byte("valuekeyreason"), Next: 9}
	raw.Append(event.Span{Len: 5}, 7)
	raw.Append(event.Span{Off: 2, Len: 3}, 8)
	raw.Damage(event.Span{Off: 8, Len: 6})
	f.Add(appendRaw(nil, &raw))
	j := journal{}
	u := &unit{src: &source{}, from: 3, position: 5, took: true, payload: appendRaw(nil, &raw)}
	j.encode(12, []*unit{u}, []*outbox{{seq: 4}})
	f.Add(bytes.Clone(j.entry))
	f.Fuzz(func(t *testing.T, src []byte) {
		if s, err := decodeStep(src, formatVersion, 2, 1); err == nil && len(s.puts) != 1 {
			t.Errorf("%d puts", len(s.puts))
		}
		var got, again connectors.RawBatch
		if readRaw(src, 3, &got) != nil {
			return
		}
		if err := readRaw(appendRaw(nil, &got), 3, &again); err != nil || again.N() != got.N() || again.Next != got.Next {
			t.Errorf("%d records, then %d, %v", got.N(), again.N(), err)
		}
		for i := range got.N() {
			a, b := got.Value[i], again.Value[i]
			if !bytes.Equal(got.Buf[a.Off:a.Off+a.Len], again.Buf[b.Off:b.Off+b.Len]) || got.Flags[i] != again.Flags[i] {
				t.Errorf("record %d changed", i)
			}
		}
	})
}
