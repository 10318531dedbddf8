package eql

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/diag"
)

// maxDepth limits how deep conditions nest.
const maxDepth = 200

// parser reads tokens; after the first mistake it is at the end of the text.
type parser struct {
	tokens []token
	at     int
	depth  int
	errs   *diag.List
}

func parseQuery(src string, errs *diag.List) *query {
	p := &parser{tokens: lex(src, errs), errs: errs}
	q := &query{}
	switch {
	case p.word("sequence"):
		q.sequence = p.sequence()
	case p.word("sample"):
		p.refuse(p.before(), "sample", "it has no order and no time; a pattern needs both")
	case p.word("join"):
		p.refuse(p.before(), "join", "Elasticsearch's EQL does not have it")
	default:
		e := p.event()
		q.event = &e
	}
	if p.is("|") {
		p.at++
		p.refuse(p.peek().span, "the pipe "+p.peek().text, "it picks among the results of a search; a query that goes on has no last result")
	}
	if p.peek().kind != endOfText {
		p.fail("the end of the query")
	}
	return q
}

func (p *parser) peek() token       { return p.tokens[min(p.at, len(p.tokens)-1)] }
func (p *parser) before() diag.Span { return p.tokens[max(p.at-1, 0)].span }

// stop makes the rest of the text go unread.
func (p *parser) stop() { p.at = len(p.tokens) - 1 }

func (p *parser) fail(expected string) {
	if t := p.peek(); !p.errs.HasErrors() {
		p.errs.Add(diag.Syntax, t.span, "expected %s", expected)
	}
	p.stop()
}

func (p *parser) refuse(s diag.Span, what, why string) {
	if !p.errs.HasErrors() {
		convert.Refuse(p.errs, s, what, "%s", why)
	}
	p.stop()
}

func (p *parser) is(s string) bool {
	t := p.peek()
	return t.kind == sign && t.text == s
}

func (p *parser) sign(s string) bool {
	if p.is(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(s string) {
	if !p.sign(s) {
		p.fail("'" + s + "'")
	}
}

func (p *parser) isWord(w string) bool {
	t := p.peek()
	return t.kind == name && strings.EqualFold(t.text, w)
}

func (p *parser) word(w string) bool {
	if p.isWord(w) {
		p.at++
		return true
	}
	return false
}

// ---- sequences

func (p *parser) sequence() *sequence {
	s := &sequence{span: p.before()}
	for {
		switch {
		case p.word("by"):
			s.by = p.keys()
			continue
		case p.word("with"):
			s.maxspan = p.maxspan()
			continue
		}
		break
	}
	for p.is("[") || p.is("!") {
		s.items = append(s.items, p.item())
	}
	if len(s.items) == 0 {
		p.fail("an event in [ ]")
	}
	if p.word("until") {
		u := p.item()
		s.until = &u
	}
	return s
}

func (p *parser) keys() (list []key) {
	for {
		start := p.peek().span
		k := key{optional: p.sign("?"), path: p.path()}
		k.span = start.To(p.before())
		if list = append(list, k); !p.sign(",") {
			return list
		}
	}
}

func (p *parser) path() string {
	var parts []string
	for {
		t := p.peek()
		if t.kind != name && t.kind != quotedName {
			p.fail("the name of a field")
			return ""
		}
		p.at++
		if parts = append(parts, t.text); !p.sign(".") {
			return strings.Join(parts, ".")
		}
	}
}

func (p *parser) item() item {
	i := item{span: p.peek().span, missing: p.sign("!"), runs: 1}
	p.expect("[")
	i.event = p.event()
	p.expect("]")
	i.span = i.span.To(p.before())
	for {
		switch {
		case p.word("by"):
			i.by = p.keys()
			continue
		case p.isWord("with"):
			p.at++
			i.runs = p.runs()
			continue
		}
		return i
	}
}

func (p *parser) runs() int {
	p.setting("runs")
	t := p.peek()
	n, err := strconv.Atoi(t.text)
	if t.kind != num || err != nil || n < 1 || n > 100 {
		p.fail("a number from 1 to 100")
		return 1
	}
	p.at++
	return n
}

func (p *parser) setting(word string) {
	if !p.word(word) {
		p.fail(word)
	}
	p.expect("=")
}

var units = map[string]time.Duration{
	"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond, "micros": time.Microsecond,
}

// maxspan reads maxspan=15m. Event times have microseconds.
func (p *parser) maxspan() time.Duration {
	p.setting("maxspan")
	n, unit := p.peek(), p.tokens[min(p.at+1, len(p.tokens)-1)]
	value, err := strconv.ParseInt(n.text, 10, 64)
	d, known := units[unit.text]
	switch {
	case n.kind != num || err != nil || unit.kind != name || value < 1:
		p.fail("a time such as 15m")
	case !known:
		p.at++
		p.fail("one of the units d, h, m, s, ms, micros")
	case value > math.MaxInt64/int64(d):
		p.fail("a shorter time")
	default:
		p.at += 2
		return time.Duration(value) * d
	}
	return 0
}

// event reads `category where condition`.
func (p *parser) event() event {
	t := p.peek()
	if t.kind != name && t.kind != str {
		p.fail("an event category, or any")
		return event{}
	}
	p.at++
	e := event{category: t.text}
	if t.kind == name && strings.EqualFold(t.text, "any") {
		e.category = ""
	}
	if !p.word("where") {
		p.fail("where")
	}
	e.where = p.or()
	return e
}

// ---- conditions

func (p *parser) or() expr {
	if p.depth++; p.depth > maxDepth {
		p.fail("a condition that is not nested as deeply")
	}
	defer func() { p.depth-- }()
	return p.binary(func(p *parser) expr { return p.binary((*parser).not, "and") }, "or")
}

// binary reads operands between a word.
func (p *parser) binary(operand func(*parser) expr, word string) expr {
	x := operand(p)
	for p.word(word) {
		y := operand(p)
		x = &logic{place{x.at().To(y.at())}, strings.ToUpper(word), x, y}
	}
	return x
}

func (p *parser) not() expr {
	start := p.peek().span
	negations := 0
	for p.word("not") {
		negations++
	}
	x := p.comparison()
	if negations%2 == 1 {
		return &not{place{start.To(x.at())}, x}
	}
	return x
}

func (p *parser) comparison() expr {
	l := p.sum()
	c := &compare{l: l, negate: p.word("not")}
	t := p.peek()
	switch op := strings.ToLower(t.text); {
	case t.kind == sign && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, op) && !c.negate:
		p.at++
		c.op, c.values = op, []expr{p.sum()}
	case t.kind == sign && op == ":" && !c.negate:
		p.at++
		c.op, c.values = op, p.values()
	case t.kind == name && (op == "in" || op == "like" || op == "regex"):
		p.at++
		c.op, c.tilde, c.values = op, p.sign("~"), p.values()
	case c.negate:
		p.fail("in, like or regex")
	default:
		return l
	}
	c.place = place{l.at().To(p.before())}
	return c
}

// values reads a value, or several in brackets.
func (p *parser) values() (list []expr) {
	if !p.sign("(") {
		return []expr{p.sum()}
	}
	for {
		list = append(list, p.sum())
		if !p.sign(",") {
			p.expect(")")
			return list
		}
	}
}

func (p *parser) sum() expr     { return p.arithmetic((*parser).product, "+", "-") }
func (p *parser) product() expr { return p.arithmetic((*parser).value, "*", "/", "%") }

func (p *parser) arithmetic(operand func(*parser) expr, ops ...string) expr {
	x := operand(p)
	for t := p.peek(); t.kind == sign && slices.Contains(ops, t.text); t = p.peek() {
		p.at++
		y := operand(p)
		x = &arithmetic{place{x.at().To(y.at())}, t.text, x, y}
	}
	return x
}

func (p *parser) value() expr {
	t := p.peek()
	switch {
	case p.sign("("):
		x := p.or()
		p.expect(")")
		return x
	case p.sign("-"):
		n := p.peek()
		if n.kind != num {
			p.fail("a number")
		}
		p.at++
		return &number{place{t.span.To(n.span)}, "-" + n.text}
	case t.kind == str:
		p.at++
		return &text{place{t.span}, t.text}
	case t.kind == num:
		p.at++
		return &number{place{t.span}, t.text}
	case t.kind == name, t.kind == quotedName, p.sign("?"):
		return p.named(t)
	}
	p.fail("a value")
	return &null{place{t.span}}
}

// named reads a constant, a call or a field.
func (p *parser) named(first token) expr {
	path := p.path()
	at := place{first.span.To(p.before())}
	if first.kind == name && !strings.Contains(path, ".") {
		switch strings.ToLower(path) {
		case "true", "false":
			return &boolean{at, strings.EqualFold(path, "true")}
		case "null":
			return &null{at}
		}
		if tilde := p.sign("~"); tilde || p.is("(") {
			return p.call(at, path, tilde)
		}
	}
	return &field{at, path}
}

func (p *parser) call(at place, name string, tilde bool) expr {
	c := &call{place: at, name: name, tilde: tilde}
	p.expect("(")
	for !p.is(")") {
		c.args = append(c.args, p.sum())
		if !p.sign(",") {
			break
		}
	}
	p.expect(")")
	c.span = c.span.To(p.before())
	return c
}
