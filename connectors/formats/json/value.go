package json

import (
	"fmt"
	"strconv"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// slot decodes the value at p[i] into row row of v. The usual forms are tried
// here, everything else goes the long way.
func (d *Decoder) slot(n *node, v *event.Vec, row int, p []byte, i int) int {
	switch n.form {
	case formInt:
		if x, frac, end := cell.Short(p, i); end > 0 && frac == 0 && x>>(n.bits-1) == x>>63 {
			v.I64[row] = x
			return end
		}
	case formInstant:
		if x, frac, end := cell.Short(p, i); end > 0 && frac == 0 && cell.SetMillis(v, row, x) {
			return end
		}
	case formString:
		if i < len(p) && p[i] == '"' {
			if end, escaped := scanString(p, i+1); end > 0 && !escaped {
				cell.SetView(v, row, p, i+1, end)
				return end + 1
			}
		}
	case formNumber:
		if x, frac, end := cell.Short(p, i); end > 0 && cell.SetShort(v, row, x, frac) {
			return end
		}
		if num, end := cell.ScanNumber(p, i); end > 0 && cell.SetNumber(v, row, num, p[i:end]) {
			return end
		}
	}
	if end := d.value(n, v, row, p, i); end >= 0 {
		return end
	}
	return d.failed(n, v, row, p, i)
}

// failed takes NULL for a value of the wrong type where that is wanted.
func (d *Decoder) failed(n *node, v *event.Vec, row int, p []byte, i int) int {
	if d.fail.syntax || !d.opts.IgnoreParseErrors {
		d.fail.in(n.name)
		return -1
	}
	d.fail.path = d.fail.path[:0]
	cell.SetNull(v, row)
	return d.skip(p, i)
}

// value decodes any value. Whether it is JSON at all is checked before whether
// the column can take it.
func (d *Decoder) value(n *node, v *event.Vec, row int, p []byte, i int) int {
	if i >= len(p) {
		return d.syntax(i, "a value")
	}
	switch p[i] {
	case 'n':
		end := literal(p, i, "null")
		if end == 0 {
			return d.syntax(i, "a value")
		}
		cell.SetNull(v, row)
		return end
	case '"':
		return d.fromText(n, v, row, p, i)
	case '{':
		switch n.form {
		case formRow:
			return d.object(n.row, v.Kids, row, p, i)
		case formMap:
			return d.mapping(n, v, row, p, i)
		}
	case '[':
		if n.form == formArray {
			return d.array(n, v, row, p, i)
		}
	}
	return d.scalar(n, v, row, p, i)
}

// fromText decodes the string at p[i].
func (d *Decoder) fromText(n *node, v *event.Vec, row int, p []byte, i int) int {
	text, end, escaped := d.text(p, i)
	switch {
	case end < 0:
		return end
	case n.form == formString:
		if escaped {
			v.Own(row)
		}
		if v.Aliased() {
			cell.SetView(v, row, p, i+1, end-1)
		} else {
			v.SetBytes(row, text)
		}
		return end
	case n.form == formBytes && cell.SetBase64(v, row, text):
		return end
	case n.form == formBytes || n.form >= formArray || !cell.Set(v, row, text, d.style):
		return d.misfit(n, i)
	}
	return end
}

// scalar decodes what is neither null nor a string. A STRING column takes the
// text of any value as it stands.
func (d *Decoder) scalar(n *node, v *event.Vec, row int, p []byte, i int) int {
	end := d.skip(p, i)
	if end < 0 {
		return end
	}
	ok := false
	switch text := p[i:end]; {
	case n.form == formString:
		cell.SetView(v, row, p, i, end)
		ok = true
	case p[i] == 't' || p[i] == 'f':
		ok = n.form == formBool && cell.Set(v, row, text, d.style)
	case p[i] == '{' || p[i] == '[':
	case n.form == formInt || n.form == formNumber:
		ok = cell.Set(v, row, text, d.style)
	case n.form == formInstant:
		num, _ := cell.ScanNumber(text, 0)
		var ms int64
		if ms, ok = num.Int(64); ok {
			ok = cell.SetMillis(v, row, ms)
		}
	}
	if !ok {
		return d.misfit(n, i)
	}
	return end
}

// array decodes the array at p[i].
func (d *Decoder) array(n *node, v *event.Vec, row int, p []byte, i int) int {
	if d.depth++; d.depth > maxDepth {
		return d.tooDeep(i)
	}
	kid := &v.Kids[0]
	from := kid.Rows()
	i = space(p, i+1)
	for open := true; open; {
		if i < len(p) && p[i] == ']' && kid.Rows() == from {
			break
		}
		at := kid.Rows()
		if i = d.element(n.elem, kid, p, i); i < 0 {
			d.fail.in("[" + strconv.Itoa(at-from) + "]")
			return i
		}
		if i, open = d.more(p, i, ']'); i < 0 {
			return i
		}
	}
	d.depth--
	v.Str[row] = event.Span{Off: uint32(from), Len: uint32(kid.Rows() - from)}
	return i + 1
}

// element decodes the value at p[i] into a new row of v, which is NULL when
// decoding fails: later rows must not find half a value before them.
func (d *Decoder) element(n *node, v *event.Vec, p []byte, i int) int {
	row, end := v.Rows(), 0
	v.Grow(row + 1)
	if d.items++; d.items > maxItems {
		end = d.syntax(i, fmt.Sprintf("at most %d elements", maxItems))
	} else {
		end = d.slot(n, v, row, p, i)
	}
	if end < 0 {
		cell.SetNull(v, row)
	}
	return end
}

// more is after an element: at the next one (true), or at the closing bracket.
func (d *Decoder) more(p []byte, i int, closing byte) (int, bool) {
	i = space(p, i)
	if i < len(p) && p[i] == ',' {
		return space(p, i+1), true
	}
	if i < len(p) && p[i] == closing {
		return i, false
	}
	return d.syntax(i, "',' or '"+string(closing)+"'"), false
}

// mapping decodes the object at p[i] into a MAP. Of a repeated key all values
// are kept, the last last: reading by key takes the last.
func (d *Decoder) mapping(n *node, v *event.Vec, row int, p []byte, i int) int {
	if d.depth++; d.depth > maxDepth {
		return d.tooDeep(i)
	}
	from := v.Kids[0].Rows()
	i = space(p, i+1)
	for open := true; open; {
		if i < len(p) && p[i] == '}' && v.Kids[0].Rows() == from {
			break
		}
		if i = d.entry(n, v, p, i); i < 0 {
			return i
		}
		if i, open = d.more(p, i, '}'); i < 0 {
			return i
		}
	}
	d.depth--
	v.Str[row] = event.Span{Off: uint32(from), Len: uint32(v.Kids[0].Rows() - from)}
	return i + 1
}

func (d *Decoder) entry(n *node, v *event.Vec, p []byte, i int) int {
	text, end, _ := d.keyText(p, i)
	if end < 0 {
		return end
	}
	keys := &v.Kids[0]
	row := keys.Rows()
	keys.Own(row)
	keys.Grow(row + 1)
	keys.SetBytes(row, text)
	at := len(keys.Buf) - len(text)
	end = d.element(n.elem, &v.Kids[1], p, space(p, end))
	if end < 0 {
		d.fail.in(string(keys.Buf[at : at+len(text)]))
	}
	return end
}
