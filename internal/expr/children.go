package expr

func one(x Expr) []Expr { return []Expr{x} }

func (*Column) Children() []Expr      { return nil }
func (*Const) Children() []Expr       { return nil }
func (e *Compare) Children() []Expr   { return []Expr{e.X, e.Y} }
func (e *Arith) Children() []Expr     { return []Expr{e.X, e.Y} }
func (e *Neg) Children() []Expr       { return one(e.X) }
func (e *And) Children() []Expr       { return e.Args }
func (e *Or) Children() []Expr        { return e.Args }
func (e *Not) Children() []Expr       { return one(e.X) }
func (e *Is) Children() []Expr        { return one(e.X) }
func (e *In) Children() []Expr        { return one(e.X) }
func (e *Like) Children() []Expr      { return one(e.X) }
func (e *Cast) Children() []Expr      { return one(e.X) }
func (e *Field) Children() []Expr     { return one(e.X) }
func (e *Element) Children() []Expr   { return []Expr{e.X, e.I} }
func (e *Construct) Children() []Expr { return e.Args }
func (e *Call) Children() []Expr      { return e.Args }
func (e *Nav) Children() []Expr       { return one(e.X) }
func (*Classifier) Children() []Expr  { return nil }
func (*MatchNumber) Children() []Expr { return nil }
func (*MatchStatus) Children() []Expr { return nil }
func (*MatchTime) Children() []Expr   { return nil }
func (e *Agg) Children() []Expr {
	c := append([]Expr(nil), e.Args...)
	if e.Filter != nil {
		c = append(c, e.Filter)
	}
	for _, k := range e.OrderBy {
		c = append(c, k.X)
	}
	return c
}
func (e *Case) Children() []Expr {
	var c []Expr
	for _, a := range e.When {
		c = append(c, a.Cond, a.Then)
	}
	return append(c, e.Else)
}

func (e *Column) WithChildren([]Expr) Expr      { return e }
func (e *Const) WithChildren([]Expr) Expr       { return e }
func (e *Classifier) WithChildren([]Expr) Expr  { return e }
func (e *MatchNumber) WithChildren([]Expr) Expr { return e }
func (e *MatchStatus) WithChildren([]Expr) Expr { return e }
func (e *MatchTime) WithChildren([]Expr) Expr   { return e }

func (e *Compare) WithChildren(c []Expr) Expr   { n := *e; n.X, n.Y = c[0], c[1]; return &n }
func (e *Arith) WithChildren(c []Expr) Expr     { n := *e; n.X, n.Y = c[0], c[1]; return &n }
func (e *Neg) WithChildren(c []Expr) Expr       { n := *e; n.X = c[0]; return &n }
func (e *And) WithChildren(c []Expr) Expr       { n := *e; n.Args = c; return &n }
func (e *Or) WithChildren(c []Expr) Expr        { n := *e; n.Args = c; return &n }
func (e *Not) WithChildren(c []Expr) Expr       { n := *e; n.X = c[0]; return &n }
func (e *Is) WithChildren(c []Expr) Expr        { n := *e; n.X = c[0]; return &n }
func (e *In) WithChildren(c []Expr) Expr        { n := *e; n.X = c[0]; return &n }
func (e *Like) WithChildren(c []Expr) Expr      { n := *e; n.X = c[0]; return &n }
func (e *Cast) WithChildren(c []Expr) Expr      { n := *e; n.X = c[0]; return &n }
func (e *Field) WithChildren(c []Expr) Expr     { n := *e; n.X = c[0]; return &n }
func (e *Element) WithChildren(c []Expr) Expr   { n := *e; n.X, n.I = c[0], c[1]; return &n }
func (e *Construct) WithChildren(c []Expr) Expr { n := *e; n.Args = c; return &n }
func (e *Call) WithChildren(c []Expr) Expr      { n := *e; n.Args = c; return &n }
func (e *Nav) WithChildren(c []Expr) Expr       { n := *e; n.X = c[0]; return &n }

func (e *Agg) WithChildren(c []Expr) Expr {
	n := *e
	n.Args, c = c[:len(e.Args):len(e.Args)], c[len(e.Args):]
	if e.Filter != nil {
		n.Filter, c = c[0], c[1:]
	}
	n.OrderBy = append([]SortKey(nil), e.OrderBy...)
	for i := range n.OrderBy {
		n.OrderBy[i].X = c[i]
	}
	return &n
}

func (e *Case) WithChildren(c []Expr) Expr {
	n := *e
	n.When = make([]Arm, len(e.When))
	for i := range n.When {
		n.When[i] = Arm{c[2*i], c[2*i+1]}
	}
	n.Else = c[2*len(e.When)]
	return &n
}

// Rewrite replaces nodes bottom-up: f gets each node with its operands already
// rewritten and returns what stands in its place.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	children := e.Children()
	if len(children) == 0 {
		return f(e)
	}
	changed := false
	out := make([]Expr, len(children))
	for i, c := range children {
		out[i] = Rewrite(c, f)
		changed = changed || out[i] != c
	}
	if changed {
		e = e.WithChildren(out)
	}
	return f(e)
}

// Walk visits e and its operands, top-down; visit returns false to pass over
// a node's operands.
func Walk(e Expr, visit func(Expr) bool) {
	if !visit(e) {
		return
	}
	for _, c := range e.Children() {
		Walk(c, visit)
	}
}
