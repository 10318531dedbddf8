// Package hostile is a corpus of records that want to do harm, for tests: each
// format and each connector has to take all of them without crashing, stalling
// or losing a neighbour.
package hostile

import (
	_ "embed" // for the corpus
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/scanner"
	"unicode/utf8"
)

//go:embed corpus.txt
var corpus string

// Record is a record of the corpus.
type Record struct {
	Name string
	Data []byte
}

// Records is the corpus for a format of which good is a record, and good cut
// short at every byte.
func Records(good []byte) ([]Record, error) {
	var records []Record
	for n, line := range strings.Split(corpus, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		name, text := cutName(line)
		data, err := parse(text, good)
		if err != nil {
			return nil, fmt.Errorf("corpus.txt:%d: %w", n+1, err)
		}
		records = append(records, Record{name, data})
	}
	for i := range good {
		records = append(records, Record{fmt.Sprintf("good up to byte %d", i), good[:i:i]})
	}
	return records, nil
}

// Texts is the records of the corpus that are UTF-8, as a STRING is, each once.
func Texts() ([]string, error) {
	records, err := Records([]byte(`{"i":1,"s":"ü"}`))
	var list []string
	for _, r := range records {
		if text := string(r.Data); utf8.ValidString(text) && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list, err
}

// cutName ends the name at the first string or good.
func cutName(line string) (name, text string) {
	at := strings.IndexAny(line, "\"`")
	if i := strings.Index(line, "  good"); i >= 0 && (at < 0 || i < at) {
		at = i
	}
	if at < 0 {
		return line, ""
	}
	return strings.TrimSpace(line[:at]), line[at:]
}

// parse reads a record: pieces, each with times n behind it or without.
func parse(text string, good []byte) (data []byte, err error) {
	var s scanner.Scanner
	s.Init(strings.NewReader(text))
	s.Error = func(_ *scanner.Scanner, message string) { err = fmt.Errorf("%s", message) }
	var piece []byte
	pieces := 0
	for t := s.Scan(); t != scanner.EOF && err == nil; t = s.Scan() {
		switch word := s.TokenText(); {
		case t == scanner.String || t == scanner.RawString:
			var unquoted string
			unquoted, err = strconv.Unquote(word)
			piece = []byte(unquoted)
		case word == "good":
			piece = good
		case word == "times" && s.Scan() == scanner.Int:
			n, _ := strconv.Atoi(s.TokenText()) // the scanner has said that it is one
			for range n - 1 {
				data = append(data, piece...)
			}
			continue
		default:
			return nil, fmt.Errorf("expected a string, good, or times and a number, found %s", word)
		}
		data = append(data, piece...)
		pieces++
	}
	if err == nil && pieces == 0 {
		err = fmt.Errorf("expected a record behind the name")
	}
	return data, err
}
