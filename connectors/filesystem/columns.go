package filesystem

import (
	"errors"
	"io"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// columnReader reads files of columns. It implements connectors.ColumnReader and
// connectors.Rejecter. Where reading may wait for long it is done beside the query,
// a batch ahead.
type columnReader struct {
	walk
	columns []connectors.Column // as the files have them
	open    *columnFile         // of the file at hand; nil: it is not open
	rejects []connectors.Reject
}

// columnFile is a file of columns being read.
type columnFile struct {
	content content
	file    *object
	columns []connectors.Column
	reader  *parquet.Reader
	from    int64
	rows    int64 // of the file, when it is known

	tasks   sync.WaitGroup
	results chan error // of the reading ahead
	ahead   bool       // there is one
	bound   int64      // its
	batch   *event.Batch
}

func (r *columnReader) begin() {
	r.columns = formats.InFiles(r.source.table).Columns
}

// Rejects implements connectors.Rejecter.
func (r *columnReader) Rejects() []connectors.Reject { return r.rejects }

// PollColumns implements connectors.ColumnReader.
func (r *columnReader) PollColumns(limit int, until int64, dst *event.Batch) error {
	dst.Reset(0)
	r.rejects = r.rejects[:0]
	err := r.poll(limit, until, dst)
	if errors.Is(err, errNone) || errors.Is(err, errLater) {
		return nil
	}
	return err
}

func (r *columnReader) poll(limit int, until int64, dst *event.Batch) error {
	for dst.N == 0 {
		if err := r.find(until); err != nil {
			return err
		}
		switch {
		case until >= 0 && r.Position() >= until:
			return errNone
		case r.values.fault != "":
			r.refuse(dst)
			continue
		}
		err := r.read(limit, r.bound(until), dst)
		switch {
		case err == nil:
		case errors.Is(err, errLater):
			return err
		case err == io.EOF:
			if err = r.close(r.open.content.unchanged(), until); err != nil {
				return err
			}
			r.next()
		default:
			if err = r.close(err, until); err != nil {
				return err
			}
		}
	}
	r.finish(dst)
	return nil
}

// refuse makes a row of a file whose folders are no values; it is the only one.
func (r *columnReader) refuse(dst *event.Batch) {
	if r.at > 0 {
		r.next()
		return
	}
	dst.Reset(1)
	for c := range dst.Cols {
		dst.Cols[c].Set(0, 1, event.NullValue)
	}
	dst.ID[0] = event.ID{}
	r.rejects = append(r.rejects, connectors.Reject{Reason: r.values.fault})
	r.at = 1
}

// finish makes offsets of the numbers of rows, and fills what is not in the file.
func (r *columnReader) finish(dst *event.Batch) {
	dst.Time = dst.Time[:0]
	for i := range dst.ID {
		dst.ID[i] = event.ID{Hi: uint64(uint32(r.part)), Lo: uint64(r.offset(int64(dst.ID[i].Lo)))}
	}
	r.source.fill(r.file, &r.values, dst)
	if r.bare && r.open != nil {
		r.open.blank(dst)
	}
}

// blank makes NULL of the columns that are not read.
func (f *columnFile) blank(dst *event.Batch) {
	for c := range f.columns {
		for i := 0; i < dst.N && f.columns[c].Metadata == left; i++ {
			cell.SetNull(&dst.Cols[c], i)
		}
	}
}

// read reads rows of the file at hand, none at bound or behind it (-1: no bound).
func (r *columnReader) read(limit int, bound int64, dst *event.Batch) error {
	if f := r.open; f != nil && f.ahead && bound >= 0 && (f.bound < 0 || f.bound > bound) { // it may be too far
		if err := r.close(nil, -1); err != nil {
			return err
		}
	}
	if r.open == nil {
		c, err := r.source.files.open(r.source.ctx, r.file)
		if err != nil {
			return err
		}
		r.open = &columnFile{content: c, file: r.file, columns: r.columns, from: r.at, results: make(chan error, 1)}
		if r.bare {
			r.open.columns = r.source.pruning.bare(r.columns)
		}
	}
	f := r.open
	if !f.content.remote() {
		err := f.read(limit, bound, dst)
		return r.took(err)
	}
	if !f.ahead {
		f.start(limit, bound, dst.Schema, r.ready)
	}
	select {
	case err := <-f.results:
		f.ahead = false
		if err != nil {
			return err
		}
		swap(dst, f.batch)
		err = r.took(nil)
		f.start(limit, bound, dst.Schema, r.ready)
		return err
	default:
		return errLater
	}
}

// took notes how far reading is.
func (r *columnReader) took(err error) error {
	if err != nil {
		return err
	}
	r.rejects = append(r.rejects, r.open.reader.Rejects()...)
	r.at, r.open.rows = r.open.reader.Position(), r.open.reader.End()
	return nil
}

// swap gives a batch the rows of another, which gets its memory.
func swap(a, b *event.Batch) {
	a.Cols, b.Cols = b.Cols, a.Cols
	a.ID, b.ID = b.ID, a.ID
	a.Time, b.Time = b.Time, a.Time
	a.N, a.Sel, a.Changes = b.N, nil, nil
}

// start reads the next rows beside the query.
func (f *columnFile) start(limit int, bound int64, s *event.Schema, ready func()) {
	if f.batch == nil {
		f.batch = event.NewBatch(s)
	}
	f.ahead, f.bound = true, bound
	f.tasks.Go(func() {
		f.results <- panics.Call(func() error { return f.read(limit, bound, f.batch) })
		ready()
	})
}

// read opens the file, if need be, and reads rows. That bytes cannot be read is no
// damage.
func (f *columnFile) read(limit int, bound int64, dst *event.Batch) (err error) {
	if f.reader == nil {
		f.reader, err = parquet.Open(f.content, f.file.Size, f.columns, 0, 1, f.from)
	}
	if err == nil {
		err = f.reader.Read(limit, bound, dst)
	}
	if failed := f.content.failed(); failed != nil {
		return failed
	}
	return err
}

// close closes the file at hand; err says what has gone wrong with it.
func (r *columnReader) close(err error, until int64) error {
	if f := r.open; f != nil {
		err = errors.Join(err, f.close())
	}
	r.open = nil
	if err != nil {
		return r.lost(err, until)
	}
	return nil
}

func (f *columnFile) close() error {
	err := f.content.Close()
	f.tasks.Wait()
	if f.reader != nil {
		f.reader.Close()
	}
	return err
}

// Close implements connectors.Reader.
func (r *columnReader) Close() error {
	r.leave()
	if r.open == nil {
		return nil
	}
	return r.open.close()
}
