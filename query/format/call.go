package format

import (
	"strings"

	"github.com/cepd/cepd/query/ast"
)

func (p *printer) call(c *ast.Call) {
	p.write(exists(c.Semantics != "", c.Semantics+" "))
	switch {
	case ast.Niladic(c.Name.Parts) && len(c.Args) == 0 && !c.Star:
		p.name(c.Name)
	case p.special(c):
	default:
		p.name(c.Name)
		p.arguments(c)
	}
	p.callSuffix(c)
}

func (p *printer) arguments(c *ast.Call) {
	p.write("(", exists(c.Star, "*"), exists(c.Distinct, "DISTINCT "))
	commas(p, c.Args, (*printer).expr)
	if len(c.OrderBy) > 0 {
		p.write(" ORDER BY ")
		commas(p, c.OrderBy, (*printer).orderItem)
	}
	p.write(")")
}

func (p *printer) callSuffix(c *ast.Call) {
	if c.Filter != nil {
		p.write(" FILTER (WHERE ")
		p.expr(c.Filter)
		p.write(")")
	}
	p.write(exists(c.NullsIgnore != "", " "+c.NullsIgnore+" NULLS"))
	if c.Over == nil {
		return
	}
	p.write(" OVER ")
	if c.Over.Name != nil {
		p.ident(*c.Over.Name)
		return
	}
	p.windowSpec(c.Over)
}

func (p *printer) windowSpec(o *ast.Over) {
	p.write("(", strings.TrimPrefix(flatText(func(q *printer) { q.windowParts(o) }), " "), ")")
}

func (p *printer) windowParts(o *ast.Over) {
	if len(o.PartitionBy) > 0 {
		p.write(" PARTITION BY ")
		commas(p, o.PartitionBy, (*printer).expr)
	}
	if len(o.OrderBy) > 0 {
		p.write(" ORDER BY ")
		commas(p, o.OrderBy, (*printer).orderItem)
	}
	if o.Unit == "" {
		return
	}
	p.write(" ", o.Unit, " ", exists(o.End.Kind != "", "BETWEEN "))
	p.bound(o.Start)
	if o.End.Kind != "" {
		p.write(" AND ")
		p.bound(o.End)
	}
}

func (p *printer) bound(b ast.Bound) {
	if b.Expr != nil {
		p.operandExpr(b.Expr, levelAdd)
		p.write(" ")
	}
	p.write(b.Kind)
}

// argument prints what only stands among the arguments of a call.
func (p *printer) argument(e ast.Expr) {
	switch e := e.(type) {
	case *ast.VarStar:
		p.ident(e.Of)
		p.write(".*")
	case *ast.Keyword:
		p.write(e.Word)
	case *ast.TypeArg:
		p.dataType(e.Type)
	case *ast.NamedArg:
		p.ident(e.Name)
		p.write(" => ")
		p.expr(e.Value)
	case *ast.Descriptor:
		p.write("DESCRIPTOR(")
		commas(p, e.Columns, (*printer).ident)
		p.write(")")
	case *ast.TableArg:
		p.tableArg(e)
	}
}

func (p *printer) tableArg(e *ast.TableArg) {
	if d, ok := e.Table.(*ast.Derived); ok {
		p.subquery(d.Query)
	} else {
		p.write("TABLE ")
		p.table(e.Table)
	}
	if len(e.PartitionBy) > 0 {
		p.write(" PARTITION BY (")
		commas(p, e.PartitionBy, (*printer).expr)
		p.write(")")
	}
}
