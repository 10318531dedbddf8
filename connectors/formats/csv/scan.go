package csv

import "bytes"

// field is one field of a record: text[from:to], in quotes or not; rewritten:
// the text differs from the bytes, because of doubled quotes or escapes.
type field struct {
	from, to          int
	quoted, rewritten bool
}

// next reads the field at p[i] and returns the place of the delimiter after it,
// or len(p). Negative: the quotes are wrong at ^end.
func (o *Options) next(p []byte, i int) (f field, end int) {
	if o.Quote != 0 && i < len(p) && p[i] == o.Quote {
		return o.nextQuoted(p, i)
	}
	f.from = i
	if o.Escape == 0 {
		n := bytes.IndexByte(p[i:], o.Delimiter)
		if n < 0 {
			n = len(p) - i
		}
		f.to = i + n
		return f, f.to
	}
	for i < len(p) && p[i] != o.Delimiter {
		if p[i] == o.Escape {
			f.rewritten = true
			i++
		}
		i++
	}
	f.to = min(i, len(p))
	return f, f.to
}

func (o *Options) nextQuoted(p []byte, i int) (f field, end int) {
	opening := i
	f.from, f.quoted = i+1, true
	for i++; i < len(p); i++ {
		switch {
		case o.Escape != 0 && p[i] == o.Escape && i+1 < len(p):
			f.rewritten = true
			i++
		case p[i] != o.Quote:
		case i+1 < len(p) && p[i+1] == o.Quote:
			f.rewritten = true
			i++
		default:
			f.to = i
			if i+1 < len(p) && p[i+1] != o.Delimiter {
				return f, ^(i + 1)
			}
			return f, i + 1
		}
	}
	return f, ^opening
}

// rewrite appends the text of a field without doubled quotes and escapes.
func (o *Options) rewrite(dst, s []byte, quoted bool) []byte {
	for i := 0; i < len(s); i++ {
		if i+1 < len(s) && (o.Escape != 0 && s[i] == o.Escape || quoted && s[i] == o.Quote && s[i+1] == o.Quote) {
			i++
		}
		dst = append(dst, s[i])
	}
	return dst
}

// Split cuts off the next record of a file, a bufio.SplitFunc. A line break in
// quotes does not end a record.
func (o Options) Split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	end := o.recordEnd(data)
	if end < 0 {
		if !atEOF || len(data) == 0 {
			return 0, nil, nil
		}
		end = len(data)
	}
	advance = min(end+1, len(data))
	if end > 0 && data[end-1] == '\r' {
		end--
	}
	if end == 0 || o.Comments && data[0] == '#' {
		return advance, nil, nil
	}
	return advance, data[:end], nil
}

// recordEnd is the place of the line break that ends the record; -1: not there.
func (o *Options) recordEnd(data []byte) int {
	end := bytes.IndexByte(data, '\n')
	if o.Quote == 0 || o.Comments && len(data) > 0 && data[0] == '#' {
		return end
	}
	if end >= 0 && bytes.IndexByte(data[:end], o.Quote) < 0 {
		return end
	}
	for i := 0; i < len(data); i++ {
		if data[i] == o.Quote {
			if i = o.closing(data, i); i < 0 {
				return -1
			}
		}
		for i < len(data) && data[i] != o.Delimiter {
			if data[i] == '\n' {
				return i
			}
			i++
		}
	}
	return -1
}

// closing is the place after the quote that closes the one at data[i].
func (o *Options) closing(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch {
		case o.Escape != 0 && data[i] == o.Escape:
			i++
		case data[i] != o.Quote:
		case i+1 < len(data) && data[i+1] == o.Quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}
