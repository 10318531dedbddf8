package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// ahead is how many values of a leaf are taken out of a page at once.
const ahead = 512

// leaf gives the values of a column of the file, in a row group.
type leaf struct {
	column int
	name   string

	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader // of page
	buf    [ahead]parquet.Value
	at, n  int
	end    bool // of the row group
}

// open begins a row group.
func (l *leaf) open(g parquet.RowGroup) {
	l.close()
	l.pages, l.at, l.n, l.end = g.ColumnChunks()[l.column].Pages(), 0, 0, false
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

// peek is the next value, which stays; false: the row group has no more. Its
// bytes are valid until the next peek after it has been taken.
func (l *leaf) peek() (*parquet.Value, bool) {
	for l.at == l.n {
		if l.end {
			return nil, false
		}
		l.fill()
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
	l.next()
	for l.more(level + 1) {
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
	page, err := l.pages.ReadPage()
	switch {
	case errors.Is(err, io.EOF):
		l.end = true
	case err != nil:
		panic(damage{err})
	default:
		l.page, l.values = page, page.Values()
	}
}

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
