package lsp

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/cepd/cepd/internal/assist"
	"github.com/cepd/cepd/internal/diag"
)

// lineAt is where a line begins, from 0; the end of a shorter text.
func lineAt(text string, line int) int {
	at := 0
	for ; line > 0; line-- {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return len(text)
		}
		at += i + 1
	}
	return at
}

// offsetOf is the byte of a position; one behind the end of its line is the end.
func offsetOf(text string, p position) int {
	at := lineAt(text, p.Line)
	line, _, _ := strings.Cut(text[at:], "\n")
	return at + assist.FromUTF16(strings.TrimSuffix(line, "\r"), p.Character)
}

func positionOf(text string, offset int) position {
	offset = min(max(offset, 0), len(text))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	return position{strings.Count(text[:offset], "\n"), assist.UTF16(text[start:], offset-start)}
}

func rangeOf(text string, s diag.Span) textRange {
	return textRange{positionOf(text, s.Start), positionOf(text, s.End)}
}

// apply makes a change.
func apply(text string, c change) string {
	if c.Range == nil {
		return c.Text
	}
	from, to := offsetOf(text, c.Range.Start), offsetOf(text, c.Range.End)
	return text[:from] + c.Text + text[max(from, to):]
}

// pathOf is the file of a URI; "" when it is of no file.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(u.Path)
}

func uriOf(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
