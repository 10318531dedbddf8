package pattern

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/plan"
)

// bank is the members of one length, a bit each, in order of WITHIN.
type bank struct {
	rows  int
	first int      // of members
	all   []uint64 // their bits
	steps []region
}

// region is words of a class's bits: those of one step of a bank, or of the
// starts.
type region struct {
	at, n  int
	digits []int32 // that decide something here
}

// digit is a part of the symbol: the class of a column, or whether a condition
// holds.
type digit struct {
	classes *kernel.Classes // nil: cond
	cond    expr.Expr
	shift   uint
	mask    uint64
	table   []uint64 // per class: the bits that it allows
}

// narrow takes out of acc what the row does not allow; false when nothing is
// left.
func (j *joint) narrow(acc []uint64, r *region, symbol uint64) bool {
	for _, i := range r.digits {
		d := &j.digits[i]
		allowed := d.table[int(symbol>>d.shift&d.mask)*j.width+r.at:][:len(acc)]
		left := uint64(0)
		for w := range acc {
			acc[w] &= allowed[w]
			left |= acc[w]
		}
		if left == 0 {
			return false
		}
	}
	return true
}

// word is word w of a region, as the row allows it.
func (j *joint) word(r *region, w int, symbol uint64) uint64 {
	x := ^uint64(0)
	for _, i := range r.digits {
		d := &j.digits[i]
		x &= d.table[int(symbol>>d.shift&d.mask)*j.width+r.at+w]
	}
	return x
}

// opens says whether some member may begin with the row.
func (j *joint) opens(symbol uint64) bool {
	if len(j.starts.digits) == 0 {
		return true
	}
	for w := range j.starts.n {
		if j.word(&j.starts, w, symbol) != 0 {
			return true
		}
	}
	return false
}

// longest is the longest WITHIN of the members of a bank that may go on behind
// rows with these symbols.
func (j *joint) longest(b *bank, symbols []uint64) (within event.Time, ok bool) {
	for w := len(b.all) - 1; w >= 0; w-- {
		x := b.all[w]
		for s := 0; s < len(symbols) && x != 0; s++ {
			x &= j.word(&b.steps[s], w, symbols[s])
		}
		if x != 0 {
			return j.members[b.first+w*64+bits.Len64(x)-1].within, true
		}
	}
	return 0, false
}

// may says whether member i of a bank may go on behind rows with these symbols.
func (j *joint) may(b *bank, i int, symbols []uint64) bool {
	for s, symbol := range symbols {
		if j.word(&b.steps[s], i/64, symbol)>>(i%64)&1 == 0 {
			return false
		}
	}
	return true
}

// layOut places the members' bits and makes the digits of the symbol.
func (j *joint) layOut(d *divider) error {
	for i := range j.members {
		if i == 0 || j.members[i].rows != j.members[i-1].rows {
			j.banks = append(j.banks, bank{rows: j.members[i].rows, first: i})
		}
		b := &j.banks[len(j.banks)-1]
		if n := i - b.first; n%64 == 0 {
			b.all = append(b.all, 0)
		}
		b.all[len(b.all)-1] |= 1 << ((i - b.first) % 64)
	}
	for i := range j.banks {
		b := &j.banks[i]
		for range b.rows {
			b.steps = append(b.steps, j.region(len(b.all)))
		}
	}
	firsts := j.distinctFirsts()
	j.starts = j.region((len(firsts) + 63) / 64)
	if j.width*64 > maxJointSteps && len(j.members) > 1 {
		return ErrTooMany
	}
	if err := j.makeDigits(d); err != nil {
		return err
	}
	j.fill(d, firsts)
	return nil
}

func (j *joint) region(n int) region {
	r := region{at: j.width, n: n}
	j.width += n
	return r
}

// distinctFirsts lists the conditions of first rows, each once.
func (j *joint) distinctFirsts() (list [][]int) {
	seen := map[string]bool{}
	for i := range j.members {
		first := j.members[i].steps[0]
		if key := fmt.Sprint(first); !seen[key] {
			seen[key] = true
			list = append(list, first)
		}
	}
	return list
}

// fill sets the bits of the tables and says which digits decide what.
func (j *joint) fill(d *divider, firsts [][]int) {
	for i := range j.digits {
		g := &j.digits[i]
		g.table = make([]uint64, g.count()*j.width)
		for w := range g.table {
			g.table[w] = ^uint64(0)
		}
	}
	for i := range j.banks {
		b := &j.banks[i]
		for s := range b.steps {
			for n := range j.bankMembers(b) {
				j.require(d, &b.steps[s], n, j.members[b.first+n].steps[s])
			}
		}
	}
	for n, conds := range firsts {
		j.require(d, &j.starts, n, conds)
	}
	for n := len(firsts); n < j.starts.n*64; n++ {
		j.forbid(n)
	}
	for i := range j.members {
		j.members[i].steps = nil
	}
}

func (j *joint) bankMembers(b *bank) int {
	n := 0
	for _, w := range b.all {
		n += bits.OnesCount64(w)
	}
	return n
}

// require takes bit n of a region from the classes that do not satisfy the
// conditions.
func (j *joint) require(d *divider, r *region, n int, conds []int) {
	for _, c := range conds {
		at := d.places[c]
		if !slices.Contains(r.digits, at.digit) {
			r.digits = append(r.digits, at.digit)
		}
		g := &j.digits[at.digit]
		for class := range g.count() {
			if !g.holds(at.cond, class) {
				g.table[class*j.width+r.at+n/64] &^= 1 << (n % 64)
			}
		}
	}
}

// forbid takes from all classes a bit of the starts that is none.
func (j *joint) forbid(n int) {
	for i := range j.digits {
		g := &j.digits[i]
		for class := range g.count() {
			g.table[class*j.width+j.starts.at+n/64] &^= 1 << (n % 64)
		}
	}
}

func (g *digit) holds(cond, class int) bool {
	if g.classes == nil {
		return class == 1
	}
	return g.classes.Holds(cond).Get(class)
}

// count is how many values the digit has.
func (g *digit) count() int {
	if g.classes == nil {
		return 2
	}
	return g.classes.Count()
}

// ---- conditions

// divider collects the distinct conditions of all members and divides them by
// what decides them.
type divider struct {
	schema *event.Schema
	conds  []expr.Expr
	known  map[string][]int // by text
	places []condPlace
}

// condPlace is where a condition is in the symbol.
type condPlace struct {
	digit int32
	cond  int // of the digit's classes
}

func newDivider(s *event.Schema) *divider { return &divider{schema: s, known: map[string][]int{}} }

// conditions are those of a variable, by their numbers, ascending.
func (d *divider) conditions(c *compiler, v int) (list []int) {
	for _, e := range conjunctsOf(c.p.match.Vars[v].Define) {
		list = append(list, d.condition(c.bindLocal(v, e)))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (d *divider) condition(e expr.Expr) int {
	text := plan.ExprString(e, d.schema)
	for _, i := range d.known[text] {
		if expr.Equal(d.conds[i], e) {
			return i
		}
	}
	d.conds = append(d.conds, e)
	d.known[text] = append(d.known[text], len(d.conds)-1)
	return len(d.conds) - 1
}

// makeDigits gives each column whose comparisons decide conditions a digit, and
// each other condition one of its own.
func (j *joint) makeDigits(d *divider) error {
	byColumn := map[int][]int{}
	var columns []int
	d.places = make([]condPlace, len(d.conds))
	for i, e := range d.conds {
		column, ok := kernel.SoleColumn(e)
		if !ok {
			d.places[i] = condPlace{digit: int32(len(j.digits))}
			j.digits = append(j.digits, digit{cond: e})
			continue
		}
		if byColumn[column] == nil {
			columns = append(columns, column)
		}
		byColumn[column] = append(byColumn[column], i)
	}
	for _, column := range columns {
		if err := j.classDigit(d, column, byColumn[column]); err != nil {
			return err
		}
	}
	return j.placeDigits()
}

func (j *joint) classDigit(d *divider, column int, list []int) error {
	conds := make([]expr.Expr, len(list))
	for k, i := range list {
		conds[k] = d.conds[i]
		d.places[i] = condPlace{int32(len(j.digits)), k}
	}
	classes, err := kernel.NewClasses(column, conds)
	j.digits = append(j.digits, digit{classes: classes})
	return err
}

// placeDigits gives each digit its bits of the symbol.
func (j *joint) placeDigits() error {
	for i := range j.digits {
		g := &j.digits[i]
		n := bits.Len(uint(g.count() - 1))
		g.shift, g.mask = uint(j.bits), 1<<n-1
		j.bits += n
	}
	if j.bits > jointSymbolBits {
		return ErrTooMany
	}
	return nil
}

// single is the conditions that have a bit of their own, by bit.
func (j *joint) single() []expr.Expr {
	list := make([]expr.Expr, j.bits)
	for i := range j.digits {
		if d := &j.digits[i]; d.classes == nil {
			list[d.shift] = d.cond
		}
	}
	return list
}
