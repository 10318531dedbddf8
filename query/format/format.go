package format

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse"
)

const (
	width  = 100 // columns a line should not exceed
	indent = "  "
)

var errChanged = errors.New("format: the printed text would not mean the same; this is a defect of cepd, the text is left as it is")

// Script lays out the statements of a text. The error is that of parse.Parse.
func Script(text string) (string, error) {
	script, err := parse.Parse("", text)
	if err != nil {
		return "", err
	}
	return settle(text, script)
}

// Pin is a text with some of its tables replaced, as query.Result has them pinned;
// all else stays as it is. Comments inside a replaced statement come before it.
func Pin(text string, script *ast.Script, pinned map[*ast.CreateTable]*ast.CreateTable) string {
	var out strings.Builder
	from := 0
	for _, s := range script.Statements {
		t, _ := s.(*ast.CreateTable)
		if pinned[t] == nil {
			continue
		}
		out.WriteString(text[from:t.Span.Start])
		from = t.Span.End
		for _, c := range script.Comments {
			if c.Span.Start >= t.Span.Start && c.Span.End <= t.Span.End {
				out.WriteString(c.Text + "\n")
			}
		}
		out.WriteString(Table(pinned[t]))
	}
	out.WriteString(text[from:])
	return out.String()
}

// Table lays out a statement that stands in no text.
func Table(t *ast.CreateTable) string {
	p := &printer{}
	p.createTable(t)
	return p.out.String()
}

// Alter prints a statement that was not parsed from a text.
func Alter(s *ast.AlterTable) string {
	p := &printer{}
	p.alterTable(s)
	return p.out.String()
}

// settle prints until nothing changes: a comment that moves out of an
// expression may let a list fit on one line that had to be broken around it.
func settle(text string, script *ast.Script) (string, error) {
	for range 5 {
		out := printScript(text, script)
		again, err := parse.Parse("", out)
		if err != nil || !ast.Equal(script, again) || len(script.Comments) != len(again.Comments) {
			return "", errChanged
		}
		if out == text {
			return out, nil
		}
		text, script = out, again
	}
	return text, nil
}

// printScript prints a script that was parsed from text.
func printScript(text string, script *ast.Script) string {
	p := &printer{src: text, comments: script.Comments}
	for i, s := range script.Statements {
		p.between(s.Pos().Start, i > 0)
		p.statement(s)
		p.write(";")
	}
	p.between(len(text)+1, len(script.Statements) > 0)
	return p.out.String()
}

// Expr prints an expression on one line.
func Expr(e ast.Expr) string {
	p := &printer{flat: true}
	p.expr(e)
	return p.out.String()
}

// Query prints a query on one line.
func Query(q ast.Query) string {
	p := &printer{flat: true}
	p.query(q)
	return p.out.String()
}

// printer writes the layout. In flat mode every line break is a space and
// comments stay pending for the line that the flat text becomes a part of.
type printer struct {
	out      strings.Builder
	src      string
	comments []ast.Comment // not yet printed, in order
	depth    int
	flat     bool
	column   int
}

func (p *printer) write(parts ...string) {
	for _, s := range parts {
		p.out.WriteString(s)
		if i := strings.LastIndexByte(s, '\n'); i >= 0 {
			p.column = utf8.RuneCountInString(s[i+1:])
		} else {
			p.column += utf8.RuneCountInString(s)
		}
	}
}

// line starts a new line for what stands at pos in the source, after the
// comments before pos.
func (p *printer) line(pos int) {
	if p.flat {
		p.write(" ")
		return
	}
	p.flush(pos)
	p.newline()
}

// edge is line inside a bracket: in flat mode it is nothing.
func (p *printer) edge(pos int) {
	if !p.flat {
		p.line(pos)
	}
}

func (p *printer) newline() { p.write("\n", strings.Repeat(indent, p.depth)) }

// flush prints the comments before pos: at the end of the line what followed
// code on its line, the others on lines of their own.
func (p *printer) flush(pos int) {
	for len(p.comments) > 0 && p.comments[0].Span.Start < pos {
		c := p.comments[0]
		p.comments = p.comments[1:]
		if p.column > 0 && p.followsCode(c) {
			p.write(" ", c.Text)
			continue
		}
		if p.out.Len() > 0 {
			p.newline()
		}
		p.write(c.Text)
	}
}

func (p *printer) followsCode(c ast.Comment) bool {
	before := p.src[:c.Span.Start]
	return strings.TrimSpace(before[strings.LastIndexByte(before, '\n')+1:]) != ""
}

// between is the space before a statement at pos: its comments, and an empty
// line where the source has one.
func (p *printer) between(pos int, separated bool) {
	for len(p.comments) > 0 && p.comments[0].Span.Start < pos {
		c := p.comments[0]
		if separated && p.followsCode(c) {
			p.flush(c.Span.End)
			continue
		}
		p.lineBetween(c.Span.Start, separated)
		separated = true
		p.comments = p.comments[1:]
		p.write(c.Text)
	}
	switch {
	case pos <= len(p.src):
		p.lineBetween(pos, separated)
	case separated:
		p.write("\n")
	}
}

func (p *printer) lineBetween(pos int, separated bool) {
	if !separated {
		return
	}
	p.write("\n")
	before := strings.TrimRight(p.src[:pos], " \t")
	if strings.HasSuffix(strings.ReplaceAll(before, "\r", ""), "\n\n") {
		p.write("\n")
	}
}

// inside says whether a comment stands before pos: what is printed now cannot
// be one line.
func (p *printer) inside(pos int) bool {
	return !p.flat && len(p.comments) > 0 && p.comments[0].Span.Start < pos
}

// flatText renders on one line.
func flatText(print func(*printer)) string {
	p := &printer{flat: true}
	print(p)
	return p.out.String()
}

// fits says whether text can follow on the current line.
func (p *printer) fits(text string) bool {
	return p.flat || p.column+utf8.RuneCountInString(text) <= width
}

// list prints "keyword item, item", on one line or with a line for each item.
func list[T any](p *printer, keyword string, items []T, span func(T) (start, end int), print func(*printer, T)) {
	p.write(keyword)
	_, end := span(items[len(items)-1])
	if text := " " + flatText(func(q *printer) { commas(q, items, print) }); !p.inside(end) && p.fits(text) {
		p.write(text)
		return
	}
	p.depth++
	for i, item := range items {
		if i > 0 {
			p.write(",")
		}
		start, _ := span(item)
		p.line(start)
		print(p, item)
	}
	p.depth--
}

func commas[T any](p *printer, items []T, print func(*printer, T)) {
	for i, item := range items {
		if i > 0 {
			p.write(", ")
		}
		print(p, item)
	}
}

// block prints body between parentheses on lines of its own.
func (p *printer) block(start, end int, body func()) {
	p.write("(")
	p.depth++
	p.edge(start)
	body()
	p.depth--
	p.edge(end)
	p.write(")")
}

func extent[N ast.Node](n N) (int, int) { return n.Pos().Start, n.Pos().End }
