package diag

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPosition(t *testing.T) {
	const src = "ab\nçd\n\nx"
	for _, c := range []struct{ offset, line, col int }{
		{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {5, 2, 2}, {7, 3, 1}, {8, 4, 1}, {9, 4, 2}, {99, 4, 2}, {-1, 1, 1},
	} {
		if line, col := Position(src, c.offset); line != c.line || col != c.col {
			t.Errorf("offset %d is %d:%d, expected %d:%d", c.offset, line, col, c.line, c.col)
		}
	}
}

func TestReport(t *testing.T) {
	l := &List{File: "fraud.sql", Source: "SELECT a\r\n\tFROM ç where\nx"}
	l.Warn(Advice, Span{26, 27}, "think again")
	l.Add(UnknownTable, Span{16, 18}, "there is no table %q", "ç").WithHint("did you mean %s?", "c")
	l.Add(Syntax, Span{7, 99}, "goes on past the line")
	l.Add(Syntax, Span{99, 99}, "past the end")
	l.Sort()
	want := `fraud.sql:1:8: error[syntax]: goes on past the line
  1 | SELECT a
    |        ^
fraud.sql:2:7: error[unknown-table]: there is no table "ç"
  2 | 	FROM ç where
    | 	     ^
  hint: did you mean c?
fraud.sql:3:2: warning[advice]: think again
  3 | x
    |  ^
fraud.sql:3:2: error[syntax]: past the end
  3 | x
    |  ^`
	if diff := cmp.Diff(want, l.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestErr(t *testing.T) {
	l := &List{}
	l.Warn(Advice, Span{}, "only a warning")
	if l.Err() != nil || l.HasErrors() {
		t.Error("a warning is no error")
	}
	l.Add(Syntax, Span{}, "now it is")
	wrapped := fmt.Errorf("reading: %w", l.Err())
	if found, ok := As(wrapped); !ok || found != l {
		t.Error("the list is lost in wrapping")
	}
	if _, ok := As(errors.New("other")); ok {
		t.Error("found a list where there is none")
	}
}

func TestNearest(t *testing.T) {
	columns := []string{"amount", "country", "id", "ts", "Card_Number"}
	for name, want := range map[string]string{
		"amuont": "amount", "AMOUNTS": "amount", "contry": "country", "di": "id", "card_numbr": "Card_Number",
		"price": "", "x": "", "": "",
	} {
		if got := Nearest(name, columns); got != want {
			t.Errorf("nearest to %q is %q, expected %q", name, got, want)
		}
	}
}

func TestSpanTo(t *testing.T) {
	if got := (Span{3, 9}).To(Span{5, 7}); got != (Span{3, 9}) {
		t.Errorf("a span within is %v", got)
	}
	if got := (Span{3, 4}).To(Span{5, 7}); got != (Span{3, 7}) {
		t.Errorf("a later span makes %v", got)
	}
}

func TestLongLine(t *testing.T) {
	l := List{Source: strings.Repeat("é", 5000) + "x" + strings.Repeat("y", 1<<20)}
	l.Add(Syntax, Span{10000, len(l.Source)}, "no")
	lines := strings.Split(l.Error(), "\n")
	text, caret := []rune(lines[1]), []rune(lines[2])
	if len(text) > 420 || len(caret) > len(text) {
		t.Errorf("a report of %d and %d characters", len(text), len(caret))
	}
	if at := strings.Index(lines[2], "^"); text[at] != 'x' {
		t.Errorf("the caret is under %c", text[at])
	}
	if !strings.HasPrefix(lines[0], "1:5001:") {
		t.Error(lines[0])
	}
}
