package json

import "github.com/cepd/cepd/connectors/formats/cell"

// skip checks the value at p[i] and returns the place after it.
func (d *Decoder) skip(p []byte, i int) int {
	if i >= len(p) {
		return d.syntax(i, "a value")
	}
	end := 0
	switch p[i] {
	case '"':
		if end, _ = scanString(p, i+1); end < 0 {
			return d.syntax(^end, "string text and a quote")
		}
		return end + 1
	case '{':
		return d.skipMany(p, i, '}')
	case '[':
		return d.skipMany(p, i, ']')
	case 't':
		end = literal(p, i, "true")
	case 'f':
		end = literal(p, i, "false")
	case 'n':
		end = literal(p, i, "null")
	default:
		if _, _, end = cell.Short(p, i); end > 0 {
			return end
		}
		if _, end = cell.ScanNumber(p, i); end < 0 && ^end != i {
			return d.syntax(^end, "a digit")
		}
	}
	if end <= 0 {
		return d.syntax(i, "a value")
	}
	return end
}

// skipMany checks an object or array.
func (d *Decoder) skipMany(p []byte, i int, closing byte) int {
	if d.depth++; d.depth > maxDepth {
		return d.tooDeep(i)
	}
	i = space(p, i+1)
	if i < len(p) && p[i] == closing {
		d.depth--
		return i + 1
	}
	for open := true; open; {
		if closing == '}' {
			if _, i, _ = d.keyText(p, i); i < 0 {
				return i
			}
			i = space(p, i)
		}
		if i = d.skip(p, i); i < 0 {
			return i
		}
		if i, open = d.more(p, i, closing); i < 0 {
			return i
		}
	}
	d.depth--
	return i + 1
}
