package formats

import "bytes"

// splitLines cuts off lines, passing over those that are blank.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	end := bytes.IndexByte(data, '\n')
	advance = end + 1
	if end < 0 {
		if !atEOF || len(data) == 0 {
			return 0, nil, nil
		}
		end, advance = len(data), len(data)
	}
	if end > 0 && data[end-1] == '\r' {
		end--
	}
	if end == 0 {
		return advance, nil, nil
	}
	return advance, data[:end], nil
}
