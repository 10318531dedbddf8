package backtest

import (
	"testing"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
)

// TestShareOfFiles goes by the bytes of files, whose offsets are no numbers of records.
func TestShareOfFiles(t *testing.T) {
	var got []Progress
	r := &Request{Progress: func(p Progress) { got = append(got, p) }}
	m := r.newMeter(&clock.Manual{})
	tell := func(files ...engine.FilesStatus) {
		s := engine.Status{}
		for i := range files {
			s.Partitions = append(s.Partitions, engine.PartitionStatus{Table: "lake", Partition: int32(i), Position: files[i].Read << 40, End: -1, Rows: files[i].Read, Files: &files[i], Ended: files[i].Read == files[i].Bytes})
		}
		m.tell("after", s)
	}
	tell(engine.FilesStatus{Files: 9, Bytes: 300}, engine.FilesStatus{Files: 9, Bytes: 100})
	tell(engine.FilesStatus{Files: 9, Bytes: 300, Read: 150}, engine.FilesStatus{Files: 9, Bytes: 100, Read: 50})
	tell(engine.FilesStatus{Files: 9, Bytes: 300, Read: 200}, engine.FilesStatus{Files: 9, Bytes: 100, Read: 100})
	tell(engine.FilesStatus{Files: 9, Bytes: 300, Read: 300}, engine.FilesStatus{Files: 9, Bytes: 100, Read: 100})
	for i, want := range []float64{0, 0.5, 0.75, 1} {
		if got[i].Share != want {
			t.Errorf("share %d is %v, not %v", i, got[i].Share, want)
		}
	}
}
