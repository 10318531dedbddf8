package filesystem

import "github.com/cepd/cepd/connectors"

// tally counts the files of a partition, as far as the list has been looked at.
type tally struct {
	skipped       int64 // passed over, since no row of them is taken
	files         int64
	bytes, behind int64 // of the files that are read; of those before the one at hand
	next, at      int64 // indexes of the first file that is not in bytes, in behind
}

// Files implements connectors.Filed; share is what has been read of the bytes of the
// file at hand.
func (w *walk) tell(read int64) connectors.Files {
	t := &w.tally
	for {
		size, ok := w.size(t.next)
		if !ok {
			break
		}
		t.files, t.bytes, t.next = t.files+1, t.bytes+size, t.next+w.source.n
	}
	for ; t.at < w.index; t.at += w.source.n {
		size, _ := w.size(t.at)
		t.behind += size
	}
	if w.file != nil {
		read = min(read, w.file.Size)
	}
	return connectors.Files{Files: t.files, Skipped: t.skipped, Bytes: t.bytes, Read: t.behind + read}
}

// size is the bytes of a file that are read: none, if no row of it is taken.
func (w *walk) size(i int64) (bytes int64, ok bool) {
	o, ok := w.source.file(i)
	if !ok {
		return 0, false
	}
	if !w.source.pruning.marks {
		if v := w.source.valuesOf(o.Name); !w.source.wants(o, &v) {
			return 0, true
		}
	}
	return o.Size, true
}

// Files implements connectors.Filed.
func (r *recordReader) Files() connectors.Files {
	if r.stream == nil {
		return r.tell(0)
	}
	return r.tell(r.stream.read.Load())
}

// Files implements connectors.Filed.
func (r *columnReader) Files() connectors.Files {
	if r.open == nil || r.open.rows == 0 {
		return r.tell(0)
	}
	return r.tell(int64(float64(r.at) / float64(r.open.rows) * float64(r.file.Size)))
}
