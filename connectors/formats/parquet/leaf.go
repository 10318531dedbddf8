package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// ahead is how many values of a leaf are taken out of a page at once.
const ahead = 512

// leaf gives the values of a column of the file, in a row group.
type leaf struct {
	column  *parquet.Column
	name    string
	repeats bool // a row may have several values: else nobody looks at the next, which may be damaged

	look   *inspector
	left   chunk // to be inspected
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader // of page
	buf    [ahead]parquet.Value
	at, n  int
	end    bool // of the row group

	// A page whose values need no conversion is taken as it is; then values and buf
	// have nothing of it.
	copy  copier // nil: there is none such
	width int    // of its values, in bytes
	data  encoding.Values
	text  *texts // nil: it is no text
	from  int    // first value that is left of data or text
	rest  int    // how many are
}

// open begins a row group.
func (l *leaf) open(x *inspector, g *group) {
	l.close()
	i := l.column.Index()
	l.look, l.left = x, x.chunkOf(l.column, &g.says.Columns[i].MetaData)
	l.pages, l.at, l.n, l.rest, l.end = g.ColumnChunks()[i].Pages(), 0, 0, 0, false
}

func (l *leaf) close() {
	l.release()
	if l.pages != nil {
		_ = l.pages.Close() // it only reads
		l.pages = nil
	}
}

func (l *leaf) release() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page, l.values = nil, nil
	}
}

// ready says whether there is another value: in data or text, or else in buf.
func (l *leaf) ready() bool {
	for l.rest == 0 && l.at == l.n {
		if l.end {
			return false
		}
		l.fill()
	}
	return true
}

// peek is the next value, which stays; false: the row group has no more, or it is
// not in buf. Its bytes are valid until the next peek after it has been taken.
func (l *leaf) peek() (*parquet.Value, bool) {
	if !l.ready() || l.rest > 0 {
		return nil, false
	}
	return &l.buf[l.at], true
}

// next takes the next value. It panics with damage where there is none: a row
// group says how many rows it has.
func (l *leaf) next() *parquet.Value {
	x, ok := l.peek()
	if !ok {
		panic(damage{errors.New("it has fewer rows than its row group")})
	}
	l.at++
	return x
}

// pass takes the values of one occurrence at a repetition level.
func (l *leaf) pass(level int) {
	if l.ready() && l.rest > 0 {
		l.take(1)
		return
	}
	l.next()
	for l.repeats && l.more(level+1) {
		l.next()
	}
}

// more says whether the next value goes on at a repetition level or deeper.
func (l *leaf) more(level int) bool {
	x, ok := l.peek()
	return ok && x.RepetitionLevel() >= level
}

// fill takes values out of a page.
func (l *leaf) fill() {
	if l.values == nil {
		l.turn()
		return
	}
	n, err := l.values.ReadValues(l.buf[:])
	l.at, l.n = 0, n
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		panic(damage{err})
	case n == 0:
		l.values = nil
	}
}

// turn turns to the next page.
func (l *leaf) turn() {
	l.release()
	if err := l.look.next(&l.left); err != nil {
		panic(damage{err})
	}
	page, err := l.pages.ReadPage()
	switch {
	case errors.Is(err, io.EOF):
		l.end = true
	case err != nil:
		panic(damage{err})
	case l.copy != nil && page.Dictionary() == nil && page.NumNulls() == 0:
		l.page, l.data, l.from = page, page.Data(), 0
		l.rest = min(int(page.NumValues()), int(l.data.Size())/l.width) // a damaged page may have fewer
	case l.text != nil && page.NumNulls() == 0:
		l.page, l.from, l.rest = page, 0, l.text.begin(page)
	default:
		l.page, l.values = page, page.Values()
	}
}

// take goes past values of data or text.
func (l *leaf) take(n int) { l.from, l.rest = l.from+n, l.rest-n }

// damage is panicked with: what is read is many calls deep, where each would
// have to hand it on. The library panics as well on some damaged files.
type damage struct{ err error }

// guard turns a panic of reading into an error.
func guard(err *error) {
	switch r := recover().(type) {
	case nil:
	case damage:
		*err = r.err
	default:
		*err = fmt.Errorf("the file is damaged: %v", r)
	}
}
