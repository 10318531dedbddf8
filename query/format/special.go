package format

import (
	"github.com/cepd/cepd/query/ast"
)

// special prints the calls that have a form of their own; false for the others.
func (p *printer) special(c *ast.Call) bool {
	if len(c.Name.Parts) != 1 || c.Name.Parts[0].Quoted || len(c.Args) == 0 {
		return false
	}
	name := c.Name.Parts[0].Name
	switch name {
	case "EXTRACT":
		p.joined(name, c.Args, " FROM ")
	case "POSITION":
		p.joined(name, c.Args, " IN ")
	case "CEIL", "FLOOR":
		p.joined(name, c.Args, " TO ")
	case "TRIM":
		p.trim(c.Args)
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_ARRAY", "JSON_ARRAYAGG":
		p.json(name, c.Args, ", ")
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		p.json(name, c.Args, " VALUE ")
	default:
		return false
	}
	return true
}

// joined prints NAME(a word b), and NAME(a) for one argument.
func (p *printer) joined(name string, args []ast.Expr, word string) {
	p.write(name, "(")
	for i, a := range args {
		p.write(exists(i > 0, word))
		if name == "POSITION" && i == 0 {
			p.operandExpr(a, levelAdd)
		} else {
			p.expr(a)
		}
	}
	p.write(")")
}

func (p *printer) trim(args []ast.Expr) {
	side, ok := args[0].(*ast.Keyword)
	if !ok {
		p.joined("TRIM", args, ", ")
		return
	}
	p.write("TRIM(", side.Word, " ")
	if len(args) == 3 {
		p.expr(args[1])
		p.write(" ")
	}
	p.write("FROM ")
	p.expr(args[len(args)-1])
	p.write(")")
}

// json prints the plain arguments with pair between the halves of each pair,
// then the clauses.
func (p *printer) json(name string, args []ast.Expr, pair string) {
	p.write(name, "(")
	for i, a := range args {
		if clause, ok := a.(*ast.NamedArg); ok {
			p.write(exists(i > 0, " "))
			p.jsonClause(clause)
			continue
		}
		switch {
		case i%2 == 1:
			p.write(pair)
		case i > 0:
			p.write(", ")
		}
		p.expr(a)
	}
	p.write(")")
}

func (p *printer) jsonClause(c *ast.NamedArg) {
	word, keyword := "", false
	if k, ok := c.Value.(*ast.Keyword); ok {
		word, keyword = k.Word, true
	}
	switch {
	case c.Name.Name == "RETURNING":
		p.write("RETURNING ")
		p.expr(c.Value)
	case c.Name.Name == "WRAPPER":
		p.write(exists(word != "WITHOUT", "WITH "), word, " WRAPPER")
	case keyword:
		p.write(word, " ", c.Name.Name)
	default:
		p.write("DEFAULT ")
		p.expr(c.Value)
		p.write(" ", c.Name.Name)
	}
}
