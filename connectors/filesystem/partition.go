package filesystem

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// nullPartition is Hive's name for NULL and for the empty text.
const nullPartition = "__HIVE_DEFAULT_PARTITION__"

// maxName is the longest name of a folder, in bytes.
const maxName = 255

// appendPath appends the folder of a row, as Hive names it: a=1/b=x, each with a
// slash behind it.
func appendPath(dst []byte, by []partitionColumn, b *event.Batch, row int) ([]byte, error) {
	for _, p := range by {
		from := len(dst)
		dst = append(append(dst, p.name...), '=')
		value := len(dst)
		v := &b.Cols[p.col]
		switch {
		case v.Null(row):
		case v.Type.Kind == event.String:
			dst = escape(dst, v.Bytes(row))
		default:
			dst = cell.Append(dst, v, row, cell.Style{})
		}
		if len(dst) == value {
			dst = append(dst, nullPartition...)
		}
		if len(dst)-from > maxName {
			return dst, fmt.Errorf("column %s has a value of %d bytes, too long for the name of a folder: %.60s…", p.name, len(dst)-value, dst[value:])
		}
		dst = append(dst, '/')
	}
	return dst, nil
}

// special are the characters that Hive escapes in names of partitions, beside
// control characters.
const special = "\"#%'*/:=?\\{[]^\x7f"

func escape(dst, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range text {
		if c < ' ' || strings.IndexByte(special, c) >= 0 {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
