package plan

import "slices"

// Preceding lists per variable those that may have rows in the match when a
// row is tested for it, ascending; itself only when it repeats.
func (n *Match) Preceding() [][]int {
	p := preceding{before: make([][]int, len(n.Vars))}
	p.walk(n.Pattern, nil)
	for v := range p.before {
		slices.Sort(p.before[v])
		p.before[v] = slices.Compact(p.before[v])
	}
	return p.before
}

type preceding struct {
	before [][]int
	tested []int // variables, in the order of the pattern
}

// test enters that variables precede v.
func (c *preceding) test(v int, before []int) {
	c.before[v] = append(c.before[v], before...)
	c.tested = append(c.tested, v)
}

// again enters that bound precedes all that was tested from an index on: it is
// tested again behind them. (To walk there twice would take time exponential in
// how deep loops are nested.)
func (c *preceding) again(from int, bound []int) {
	for _, v := range c.tested[from:] {
		c.before[v] = append(c.before[v], bound...)
	}
}

// walk enters what precedes the variables of p and returns those it binds.
func (c *preceding) walk(p Pattern, before []int) []int {
	switch p := p.(type) {
	case PatVar:
		c.test(p.Var, before)
		return []int{p.Var}
	case PatNot:
		c.test(p.Var, before)
	case PatConcat:
		return c.sequence(p.Items, before)
	case PatAlt:
		var bound []int
		for _, a := range p.Alts {
			bound = append(bound, c.walk(a, before)...)
		}
		return bound
	case PatPermute:
		from := len(c.tested)
		bound := c.sequence(p.Items, before)
		c.again(from, bound) // each item may stand before each other
		return bound
	case PatExclude:
		return c.walk(p.Item, before)
	case PatEdge:
		return c.walk(p.Item, before)
	case PatWithin:
		return c.walk(p.Item, before)
	case PatQuant:
		return c.quantified(p, before)
	}
	return nil
}

func (c *preceding) sequence(items []Pattern, before []int) []int {
	var bound []int
	for _, item := range items {
		bound = append(bound, c.walk(item, append(slices.Clip(before), bound...))...)
	}
	return bound
}

func (c *preceding) quantified(p PatQuant, before []int) []int {
	from := len(c.tested)
	bound := c.walk(p.Item, before)
	if p.Max == 1 && !p.Possessive {
		return bound
	}
	c.again(from, bound)
	if p.Until != nil {
		c.test(p.Until.Var, append(slices.Clip(before), bound...))
	}
	return bound
}

// Certain lists per variable those that have rows in the match whenever a row
// is tested for it.
func (n *Match) Certain() [][]int {
	c := certain{before: make([][]int, len(n.Vars)), seen: make([]bool, len(n.Vars))}
	c.walk(n.Pattern, nil)
	return c.before
}

type certain struct {
	before [][]int
	seen   []bool
}

// enter notes one place where v is tested: what is certain there and at the
// places before.
func (c *certain) enter(v int, before []int) {
	if !c.seen[v] {
		c.seen[v], c.before[v] = true, slices.Clone(before)
		return
	}
	c.before[v] = common(c.before[v], before)
}

func common(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(v int) bool { return !slices.Contains(b, v) })
}

// walk enters what is certain before the variables of p and returns those that
// have rows behind it.
func (c *certain) walk(p Pattern, before []int) []int {
	switch p := p.(type) {
	case PatVar:
		c.enter(p.Var, before)
		return []int{p.Var}
	case PatNot:
		c.enter(p.Var, before)
	case PatConcat:
		var bound []int
		for _, item := range p.Items {
			bound = append(bound, c.walk(item, append(slices.Clip(before), bound...))...)
		}
		return bound
	case PatAlt:
		bound := c.walk(p.Alts[0], before)
		for _, a := range p.Alts[1:] {
			bound = common(bound, c.walk(a, before))
		}
		return bound
	case PatPermute:
		var bound []int
		for _, item := range p.Items { // each may be the first
			bound = append(bound, c.walk(item, before)...)
		}
		return bound
	case PatExclude:
		return c.walk(p.Item, before)
	case PatEdge:
		return c.walk(p.Item, before)
	case PatWithin:
		return c.walk(p.Item, before)
	case PatQuant:
		if p.Until != nil {
			c.enter(p.Until.Var, before)
		}
		if bound := c.walk(p.Item, before); p.Min > 0 {
			return bound
		}
	}
	return nil
}
