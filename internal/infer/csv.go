package infer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// delimiters are those that are tried: the one that the first line has most often.
const delimiters = ",;\t|"

// ofCSV is the guess of a table's lines.
func ofCSV(in io.Reader, first string, records int) (g guess, delimiter rune, header bool, n int, err error) {
	delimiter = ','
	for _, d := range delimiters {
		if strings.Count(first, string(d)) > strings.Count(first, string(delimiter)) {
			delimiter = d
		}
	}
	r := csv.NewReader(in)
	r.Comma, r.LazyQuotes, r.ReuseRecord = delimiter, true, true
	g.shape = object
	line, err := r.Read()
	if err != nil {
		return g, delimiter, false, 0, fmt.Errorf("no first line: %w", err)
	}
	header = isHeader(line)
	for i, text := range line {
		name := fmt.Sprintf("c%d", i+1)
		if header {
			name = text
		}
		g.field(name)
	}
	if !header {
		g.addCells(line)
		n++
	}
	for ; n < records; n++ {
		if line, err = r.Read(); errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return g, delimiter, header, n, err
		}
		g.addCells(line)
	}
	return g, delimiter, header, n, nil
}

func (g *guess) addCells(line []string) {
	for i, text := range line {
		if i < len(g.fields) {
			c := ofCell(text)
			g.fields[i].join(&c)
		}
	}
}

// isHeader says whether a line names columns: texts, none of them twice.
func isHeader(line []string) bool {
	seen := map[string]bool{}
	for _, s := range line {
		if c := ofCell(s); c.shape != text || seen[s] {
			return false
		}
		seen[s] = true
	}
	return true
}
