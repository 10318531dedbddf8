// Package diag is how cepd speaks of mistakes in query text: a code, a span,
// a message, a hint, shown with the source line and a caret.
//
//	fraud.sql:8:15: error[unknown-column]: there is no column "amuont" in S
//	  8 |   DEFINE S AS S.amuont < 10
//	    |               ^^^^^^^^
//	  hint: did you mean "amount"?
package diag

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Span is a range of bytes of the source text. The zero Span is "nowhere".
type Span struct{ Start, End int }

// To is the span from the start of s to the end of e.
func (s Span) To(e Span) Span { return Span{s.Start, max(s.End, e.End)} }

// Severity ranks a Diagnostic.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// Code is the stable name of a class of mistake; see codes.go.
type Code string

// Diagnostic is one finding in a text.
type Diagnostic struct {
	Severity Severity
	Code     Code
	Span     Span
	Message  string // what is wrong
	Hint     string // what to write instead; may be empty
}

// List is the findings in one text, and an error.
type List struct {
	File   string // name to show; may be empty
	Source string
	Items  []Diagnostic
}

// Add appends an error.
func (l *List) Add(code Code, span Span, format string, args ...any) *Diagnostic {
	return l.add(Error, code, span, format, args)
}

// Warn appends a warning.
func (l *List) Warn(code Code, span Span, format string, args ...any) *Diagnostic {
	return l.add(Warning, code, span, format, args)
}

func (l *List) add(sev Severity, code Code, span Span, format string, args []any) *Diagnostic {
	l.Items = append(l.Items, Diagnostic{Severity: sev, Code: code, Span: span, Message: fmt.Sprintf(format, args...)})
	return &l.Items[len(l.Items)-1]
}

// WithHint sets the hint and returns d.
func (d *Diagnostic) WithHint(format string, args ...any) *Diagnostic {
	d.Hint = fmt.Sprintf(format, args...)
	return d
}

// HasErrors says whether an error (not only warnings) was added.
func (l *List) HasErrors() bool {
	for i := range l.Items {
		if l.Items[i].Severity == Error {
			return true
		}
	}
	return false
}

// Err is l when it has errors, nil otherwise.
func (l *List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return l
}

// Sort orders the findings by place.
func (l *List) Sort() {
	sort.SliceStable(l.Items, func(i, j int) bool { return l.Items[i].Span.Start < l.Items[j].Span.Start })
}

// As finds a List in err.
func As(err error) (*List, bool) {
	var l *List
	ok := errors.As(err, &l)
	return l, ok
}

// Position converts a byte offset of src to line and column, both from 1; the
// column counts characters.
func Position(src string, offset int) (line, col int) {
	offset = min(max(offset, 0), len(src))
	start := strings.LastIndexByte(src[:offset], '\n') + 1
	return strings.Count(src[:offset], "\n") + 1, utf8.RuneCountInString(src[start:offset]) + 1
}

// Error is the whole report, ready for a terminal.
func (l *List) Error() string {
	var b strings.Builder
	for i := range l.Items {
		if i > 0 {
			b.WriteByte('\n')
		}
		l.render(&b, &l.Items[i])
	}
	return b.String()
}

func (l *List) render(b *strings.Builder, d *Diagnostic) {
	line, col := Position(l.Source, d.Span.Start)
	if l.File != "" {
		fmt.Fprintf(b, "%s:", l.File)
	}
	fmt.Fprintf(b, "%d:%d: %s[%s]: %s\n", line, col, d.Severity, d.Code, d.Message)
	text := sourceLine(l.Source, line)
	gutter := fmt.Sprintf("%3d", line)
	text, col = window(text, col)
	fmt.Fprintf(b, "%s | %s\n", gutter, text)
	width := max(1, min(utf8.RuneCountInString(l.Source[clip(l.Source, d.Span.Start):clip(l.Source, d.Span.End)]), utf8.RuneCountInString(text)-col+1))
	fmt.Fprintf(b, "%s | %s%s", strings.Repeat(" ", len(gutter)), pad(text, col-1), strings.Repeat("^", width))
	if d.Hint != "" {
		fmt.Fprintf(b, "\n  hint: %s", d.Hint)
	}
}

func clip(s string, i int) int { return min(max(i, 0), len(s)) }

func sourceLine(src string, line int) string {
	for ; line > 1; line-- {
		src = src[strings.IndexByte(src, '\n')+1:]
	}
	text, _, _ := strings.Cut(src, "\n")
	return strings.TrimSuffix(text, "\r")
}

// maxShown is how many characters of a source line are shown, and beforeSpan how
// many of them come before the span in a line that is longer.
const (
	maxShown   = 400
	beforeSpan = 100
)

// window cuts a long line down to what is around column col, which moves with
// it.
func window(text string, col int) (string, int) {
	if len(text) <= maxShown {
		return text, col
	}
	runes := []rune(text)
	from := max(0, min(col-1-beforeSpan, len(runes)-maxShown))
	to := min(len(runes), from+maxShown)
	text, col = string(runes[from:to]), col-from
	if from > 0 {
		text, col = "…"+text, col+1
	}
	if to < len(runes) {
		text += "…"
	}
	return text, col
}

// pad is n columns of white space that lines up under text: tabs stay tabs.
func pad(text string, n int) string {
	var b strings.Builder
	for _, r := range text {
		if n--; n < 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// Nearest finds the candidate closest to name by edit distance without regard
// to case, or "" when none is close enough to suggest.
func Nearest(name string, candidates []string) string {
	best, bestDist := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// distance is the optimal-string-alignment distance: an exchange of two
// neighbours counts one.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
