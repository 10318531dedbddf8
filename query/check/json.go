package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
)

// specialForm brings the arguments of SQL's special forms to the calling
// convention of package function, where clauses are positional and keywords
// are texts. returning is the type after RETURNING, or nil.
func (b *binder) specialForm(name string, e *ast.Call) (args []ast.Expr, returning *ast.Type, ok bool) {
	plain, clauses := splitClauses(e.Args)
	switch name {
	case "JSON_VALUE":
		args = append(plain, b.onClause(clauses, "ON EMPTY", e)...)
		args = append(args, b.onClause(clauses, "ON ERROR", e)...)
	case "JSON_QUERY":
		args = append(plain, word(clauses, "WRAPPER", "WITHOUT", e), word(clauses, "ON EMPTY", "NULL", e), word(clauses, "ON ERROR", "NULL", e))
	case "JSON_EXISTS":
		args = append(plain, word(clauses, "ON ERROR", "FALSE", e))
	case "JSON_OBJECT":
		args = append([]ast.Expr{word(clauses, "ON NULL", "NULL", e)}, plain...)
	case "JSON_ARRAY":
		args = append([]ast.Expr{word(clauses, "ON NULL", "ABSENT", e)}, plain...)
	case "TRIM":
		return trimArguments(plain, e), nil, true
	default:
		return e.Args, nil, true
	}
	if r, found := clauses["RETURNING"]; found {
		t, isType := r.Value.(*ast.TypeArg)
		if !isType || name != "JSON_VALUE" {
			b.unsupported(r.Pos(), "RETURNING in "+name)
			return nil, nil, false
		}
		returning = &t.Type
	}
	return args, returning, b.onlyWords(name, args[len(plain):])
}

func splitClauses(args []ast.Expr) (plain []ast.Expr, clauses map[string]*ast.NamedArg) {
	clauses = map[string]*ast.NamedArg{}
	for _, a := range args {
		if named, ok := a.(*ast.NamedArg); ok {
			clauses[named.Name.Name] = named
			continue
		}
		plain = append(plain, a)
	}
	return plain, clauses
}

func text(s string, e *ast.Call) ast.Expr {
	return &ast.Literal{Base: e.Base, Kind: "STRING", Text: s}
}

// word is a clause that is a keyword.
func word(clauses map[string]*ast.NamedArg, clause, missing string, e *ast.Call) ast.Expr {
	if c, ok := clauses[clause]; ok {
		return c.Value
	}
	return text(missing, e)
}

// onClause is the behaviour and the default of … ON EMPTY or … ON ERROR.
func (b *binder) onClause(clauses map[string]*ast.NamedArg, clause string, e *ast.Call) []ast.Expr {
	none := &ast.Literal{Base: e.Base, Kind: "NULL", Text: "NULL"}
	c, ok := clauses[clause]
	if !ok {
		return []ast.Expr{text("NULL", e), none}
	}
	if k, isWord := c.Value.(*ast.Keyword); isWord {
		return []ast.Expr{k, none}
	}
	return []ast.Expr{text("DEFAULT", e), c.Value}
}

// onlyWords refuses DEFAULT x where only keywords can stand.
func (b *binder) onlyWords(name string, args []ast.Expr) bool {
	if name == "JSON_VALUE" || name == "JSON_OBJECT" || name == "JSON_ARRAY" {
		return true
	}
	for _, a := range args {
		switch a.(type) {
		case *ast.Keyword, *ast.Literal:
		default:
			b.add(diag.FunctionArgument, a.Pos(), "%s takes no DEFAULT", name)
			return false
		}
	}
	return true
}

// trimArguments fills in the characters of TRIM(BOTH FROM x): spaces.
func trimArguments(args []ast.Expr, e *ast.Call) []ast.Expr {
	if _, side := args[0].(*ast.Keyword); side && len(args) == 2 {
		return []ast.Expr{args[0], text(" ", e), args[1]}
	}
	return args
}
