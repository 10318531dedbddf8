package ast

import "strings"

// Expr is an expression node.
type Expr interface {
	Node
	expr()
}

// Literal is a constant. Kind: NULL, BOOLEAN, NUMBER, STRING, BYTES, DATE, TIME, TIMESTAMP.
type Literal struct {
	Base
	Kind string
	Text string // NUMBER as written; STRING etc. unquoted and unescaped; BOOLEAN TRUE or FALSE
}

// Interval is INTERVAL [sign] 'text' from [(p)] [TO to [(p)]].
type Interval struct {
	Base
	Negative bool
	Text     string
	From, To string // upper-case units; To may be empty
	Value    Expr   // INTERVAL expr UNIT, in place of Text; nil otherwise
}

// Param is :name.
type Param struct {
	Base
	Name string
}

// Ref is a column reference, possibly qualified, or field access on one: a, t.a, A.price, row.f.g.
type Ref struct {
	Base
	Parts []Ident
}

// Field is x.name where x is not a plain Ref (a call, an element).
type Field struct {
	Base
	X    Expr
	Name Ident
}

// Index is x[i].
type Index struct {
	Base
	X, I Expr
}

// Unary is -x, +x or NOT x.
type Unary struct {
	Base
	Op string
	X  Expr
}

// Binary is x op y: + - * / % || = <> < <= > >= AND OR.
type Binary struct {
	Base
	Op   string
	X, Y Expr
}

// Is is x IS [NOT] NULL | TRUE | FALSE | UNKNOWN | JSON, or IS [NOT] DISTINCT FROM y.
type Is struct {
	Base
	X    Expr
	Not  bool
	What string // NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM, JSON
	Y    Expr
}

// Between is x [NOT] BETWEEN [SYMMETRIC] lo AND hi.
type Between struct {
	Base
	X, Lo, Hi Expr
	Not       bool
	Symmetric bool
}

// In is x [NOT] IN (list) or (query).
type In struct {
	Base
	X     Expr
	Not   bool
	List  []Expr
	Query Query
}

// Like is x [NOT] LIKE pattern [ESCAPE e]; Similar for SIMILAR TO.
type Like struct {
	Base
	X, Pattern, Escape Expr
	Not, Similar       bool
}

// Exists is EXISTS (query).
type Exists struct {
	Base
	Query Query
}

// Subquery is a scalar sub-query.
type Subquery struct {
	Base
	Query Query
}

// Case is CASE [x] WHEN … THEN … ELSE … END.
type Case struct {
	Base
	X    Expr
	When []When
	Else Expr
}

// When is one arm.
type When struct {
	Base
	Cond, Then Expr
}

// Cast is CAST(x AS t), TRY_CAST or x::t.
type Cast struct {
	Base
	X    Expr
	Type Type
	Try  bool
}

// Call is a function or aggregate call. The special forms of SQL are Calls too,
// with an upper-case name and these arguments:
//
//	EXTRACT(u FROM x)                  Keyword u, x
//	TRIM([BOTH|LEADING|TRAILING] [a] FROM x)  Keyword BOTH|LEADING|TRAILING, [a,] x
//	SUBSTRING(x FROM i FOR n)          x, i, n
//	POSITION(a IN x)                   a, x
//	OVERLAY(x PLACING y FROM i FOR n)  x, y, i, n
//	CEIL(x TO u), FLOOR(x TO u)        x, Keyword u
//	TIMESTAMPADD(u, n, x)              Keyword u, n, x
//	TIMESTAMPDIFF(u, a, b)             Keyword u, a, b
//	CURRENT_TIMESTAMP and the like     no arguments, with or without ()
//	JSON_VALUE, JSON_QUERY, JSON_EXISTS(x, p …)
//	    x, p, then NamedArg per clause in the order written: RETURNING with a
//	    TypeArg; WRAPPER with a Keyword (WITHOUT, CONDITIONAL, UNCONDITIONAL);
//	    "ON EMPTY" and "ON ERROR" with a Keyword (NULL, ERROR, TRUE, FALSE,
//	    UNKNOWN, EMPTY ARRAY, EMPTY OBJECT) or, after DEFAULT, any other expression
//	JSON_OBJECT(k VALUE v, … ABSENT ON NULL)  k, v, …, NamedArg "ON NULL" with a Keyword
//	JSON_ARRAY(v, … NULL ON NULL)      v, …, NamedArg "ON NULL" with a Keyword
type Call struct {
	Base
	Name        Name
	Semantics   string // RUNNING or FINAL before the name, else ""
	Distinct    bool
	Star        bool // COUNT(*)
	Args        []Expr
	OrderBy     []OrderItem // inside the parentheses, or WITHIN GROUP
	Filter      Expr
	Over        *Over
	NullsIgnore string // IGNORE or RESPECT NULLS, else ""
}

// VarStar is A.* as an argument: COUNT(A.*).
type VarStar struct {
	Base
	Of Ident
}

// Keyword is a bare word argument such as DAY, BOTH or ERROR.
type Keyword struct {
	Base
	Word string // upper case
}

// NamedArg is name => value.
type NamedArg struct {
	Base
	Name  Ident
	Value Expr
}

// TypeArg is a type as an argument: JSON_VALUE(x, p RETURNING t).
type TypeArg struct {
	Base
	Type Type
}

// TableArg is TABLE t [PARTITION BY …] or (query) as an argument of a table function.
type TableArg struct {
	Base
	Table       TableExpr
	PartitionBy []Expr
}

// Descriptor is DESCRIPTOR(a, b).
type Descriptor struct {
	Base
	Columns []Ident
}

// Over is OVER w or OVER (PARTITION BY … ORDER BY … frame).
type Over struct {
	Base
	Name        *Ident
	PartitionBy []Expr
	OrderBy     []OrderItem
	Unit        string // RANGE, ROWS or ""
	Start, End  Bound
}

// Bound is one end of a frame. Kind: "", UNBOUNDED PRECEDING, PRECEDING, CURRENT ROW, FOLLOWING, UNBOUNDED FOLLOWING.
type Bound struct {
	Kind string
	Expr Expr
}

// Row is ROW(a, b) or (a, b).
type Row struct {
	Base
	Items []Expr
}

// ArrayLit is ARRAY[…]; MapLit is MAP[k, v, …].
type ArrayLit struct {
	Base
	Items []Expr
}

// MapLit is MAP[k, v, …].
type MapLit struct {
	Base
	Items []Expr
}

func (*Literal) expr()    {}
func (*Interval) expr()   {}
func (*Param) expr()      {}
func (*Ref) expr()        {}
func (*Field) expr()      {}
func (*Index) expr()      {}
func (*Unary) expr()      {}
func (*Binary) expr()     {}
func (*Is) expr()         {}
func (*Between) expr()    {}
func (*In) expr()         {}
func (*Like) expr()       {}
func (*Exists) expr()     {}
func (*Subquery) expr()   {}
func (*Case) expr()       {}
func (*Cast) expr()       {}
func (*Call) expr()       {}
func (*VarStar) expr()    {}
func (*Keyword) expr()    {}
func (*NamedArg) expr()   {}
func (*TypeArg) expr()    {}
func (*TableArg) expr()   {}
func (*Descriptor) expr() {}
func (*Row) expr()        {}
func (*ArrayLit) expr()   {}
func (*MapLit) expr()     {}

// Niladic says whether a name is that of a function called without parentheses.
func Niladic(parts []Ident) bool {
	if len(parts) != 1 || parts[0].Quoted {
		return false
	}
	switch strings.ToUpper(parts[0].Name) {
	case "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP":
		return true
	}
	return false
}
