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

// delimiterOf guesses from a line.
func delimiterOf(line string) rune {
	delimiter := ','
	for _, d := range delimiters {
		if strings.Count(line, string(d)) > strings.Count(line, string(delimiter)) {
			delimiter = d
		}
	}
	return delimiter
}

// table is lines of fields.
type table struct {
	delimiter rune
	header    string // whether the first line names columns: true, false; "": as it looks
	rows      int    // that are read at most
	strict    bool   // a line with another number of fields than the first is an error

	all     guess // what the fields are
	named   bool  // the first line names them
	n       int   // rows read
	skipped int   // of them, those with another number of fields
}

func (t *table) read(in io.Reader) error {
	r := csv.NewReader(in)
	r.Comma, r.LazyQuotes, r.ReuseRecord, r.FieldsPerRecord = t.delimiter, true, true, -1
	t.all.shape = object
	line, err := r.Read()
	if err != nil {
		return fmt.Errorf("no first line: %w", err)
	}
	if len(line) > maxFields {
		return fmt.Errorf("the first line has %d fields: a table has at most %d columns", len(line), maxFields)
	}
	t.named = t.header == "true" || t.header == "" && isHeader(line)
	for i, text := range line {
		name := fmt.Sprintf("c%d", i+1)
		if t.named && text != "" {
			name = text
		}
		t.all.field(name)
	}
	if !t.named {
		t.all.addCells(line)
		t.n++
	}
	for ; t.n < t.rows; t.n++ {
		if line, err = r.Read(); errors.Is(err, io.EOF) {
			return nil
		}
		switch {
		case err != nil:
			return err
		case len(line) == len(t.all.fields):
			t.all.addCells(line)
		case t.strict:
			return fmt.Errorf("row %d has %d fields, and the first line has %d", t.n+1, len(line), len(t.all.fields))
		default:
			t.skipped++
		}
	}
	return nil
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
