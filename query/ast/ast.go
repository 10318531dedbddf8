// Package ast is the syntax tree of CEP SQL: what the user wrote, with the
// span of every node, before names and types are known.
//
//	Script -> Statement -> Query -> TableExpr -> MatchRecognize -> Pattern
//	                            \-> Expr
package ast

import "github.com/cepd/cepd/internal/diag"

// Node is any node.
type Node interface{ Pos() diag.Span }

// Base carries the span; every node embeds it.
type Base struct{ Span diag.Span }

// Pos is the node's span.
func (b Base) Pos() diag.Span { return b.Span }

// Ident is a name. Unquoted names compare without regard to case; pattern
// variables fold to upper case unless Quoted.
type Ident struct {
	Base
	Name   string // as written, without quotes
	Quoted bool   // `name` or "name"
}

// Name is a dotted name.
type Name struct {
	Base
	Parts []Ident
}

// Script is a file: statements separated by semicolons, and the comments.
type Script struct {
	Base
	Statements []Statement
	Comments   []Comment // in order, for the printer
}

// Comment is a -- or /* */ comment, delimiters included.
type Comment struct {
	Base
	Text string
}

// ---- statements

// Statement is one of the statement nodes.
type Statement interface {
	Node
	statement()
}

// CreateTable is CREATE TABLE.
type CreateTable struct {
	Base
	Temporary   bool
	IfNotExists bool
	Name        Name
	Columns     []ColumnDef
	Watermark   *Watermark
	PrimaryKey  []Ident
	PartitionBy []Ident
	Comment     *string
	Options     []Option
	Like        *Name   // CREATE TABLE t LIKE other
	Sample      *Sample // CREATE TABLE t (…) LIKE SAMPLE
}

// Sample is LIKE SAMPLE ['file'] [(FIRST | LAST n ROWS)].
type Sample struct {
	Base
	File *string // nil: the table's own records
	Last bool
	Rows int // 0: not written
}

// ColumnDef is one column: physical, computed (As), or metadata.
type ColumnDef struct {
	Base
	Name     Ident
	Type     *Type // nil for computed columns
	NotNull  bool
	As       Expr    // computed
	Metadata bool    // METADATA
	From     *string // METADATA FROM 'key'
	Virtual  bool
	Comment  *string
	Primary  bool // PRIMARY KEY on the column
}

// Watermark is WATERMARK FOR col AS expr.
type Watermark struct {
	Base
	Column Ident
	Expr   Expr
}

// Option is 'key' = 'value', or 'key' = :name.
type Option struct {
	Base
	Key, Value         string
	Param              *Param // in place of Value
	KeySpan, ValueSpan diag.Span
}

// CreateView is CREATE [TEMPORARY] VIEW name [(cols)] AS query.
type CreateView struct {
	Base
	Temporary   bool
	IfNotExists bool
	Name        Name
	Columns     []Ident
	Comment     *string
	Query       Query
}

// CreateFunction is CREATE FUNCTION name(types) RETURNS type LANGUAGE lang
// [AS 'text'] [USING FILE 'path'] [WITH (…)].
type CreateFunction struct {
	Base
	Temporary   bool
	IfNotExists bool
	Aggregate   bool
	Name        Name
	Args        []Type
	Returns     Type
	Language    Ident
	Body        *string // AS
	Using       *Ident  // FILE
	File        string  // USING FILE
	Options     []Option
}

// CreateQuery is CREATE QUERY name [SHADOW] AS INSERT ….
type CreateQuery struct {
	Base
	IfNotExists bool
	Name        Ident
	Shadow      bool
	Insert      *Insert
}

// Insert is INSERT INTO t [/*+ NAME('x') */] [(cols)] query.
type Insert struct {
	Base
	Table   Name
	Hints   []Hint
	Columns []Ident
	Query   Query
}

// Hint is one hint of a /*+ … */ comment, such as NAME('x') or OPTIONS('k'='v').
type Hint struct {
	Base
	Name    Ident
	Args    []string
	Options []Option
}

// StatementSet is EXECUTE STATEMENT SET BEGIN … END.
type StatementSet struct {
	Base
	Inserts []*Insert
}

// QueryStatement is a query on its own: its rows go to the terminal.
type QueryStatement struct {
	Base
	Query Query
}

// Explain is EXPLAIN [ANALYZE] statement.
type Explain struct {
	Base
	Analyze   bool
	Statement Statement
}

// Describe is DESCRIBE name.
type Describe struct {
	Base
	Name Name
}

// Show is SHOW TABLES | VIEWS | QUERIES | FUNCTIONS | CREATE TABLE name | QUERY STATUS name.
type Show struct {
	Base
	What string // upper case: TABLES, VIEWS, QUERIES, FUNCTIONS, CREATE TABLE, QUERY STATUS
	Name *Name
}

// Drop is DROP [TEMPORARY] TABLE | VIEW | FUNCTION | QUERY [IF EXISTS] name.
type Drop struct {
	Base
	Temporary bool
	What      string // upper case
	IfExists  bool
	Name      Name
}

// AlterTable is ALTER TABLE t ADD column, or ADD (column, …).
type AlterTable struct {
	Base
	Name    Name
	Columns []ColumnDef
}

// AlterQuery is ALTER QUERY name AS INSERT … | PAUSE | RESUME.
type AlterQuery struct {
	Base
	Name   Ident
	Action string // AS, PAUSE, RESUME, PROMOTE
	Insert *Insert
}

// Set is SET 'k' = 'v', or SET alone (Key empty) to list.
type Set struct {
	Base
	Option Option
}

func (*CreateTable) statement()    {}
func (*CreateView) statement()     {}
func (*CreateFunction) statement() {}
func (*CreateQuery) statement()    {}
func (*Insert) statement()         {}
func (*StatementSet) statement()   {}
func (*QueryStatement) statement() {}
func (*Explain) statement()        {}
func (*Describe) statement()       {}
func (*Show) statement()           {}
func (*Drop) statement()           {}
func (*AlterQuery) statement()     {}
func (*AlterTable) statement()     {}
func (*Set) statement()            {}

// ---- types

// Type is a type as written: upper-case Name and its parameters.
type Type struct {
	Base
	Name   string // BOOLEAN, TINYINT, …, STRING, DECIMAL, TIMESTAMP, TIMESTAMP_LTZ, INTERVAL DAY TO SECOND, ARRAY, MAP, ROW …
	Params []int  // (p) or (p, s); INTERVAL a TO b: always two, -1 where not written
	Args   []Type // ARRAY<T>, MAP<K, V>, MULTISET<T>
	Fields []RowField
	// NotNull is NOT NULL after the element, value or field type of a nested
	// type; a column has ColumnDef.NotNull.
	NotNull bool
}

// RowField is a field of a ROW type.
type RowField struct {
	Base
	Name    Ident
	Type    Type
	Comment *string
}

// ---- queries

// Query is a Select, SetOp, With or Values.
type Query interface {
	Node
	query()
}

// With is WITH a AS (…), … query.
type With struct {
	Base
	Tables []CTE
	Query  Query
}

// CTE is one common table expression.
type CTE struct {
	Base
	Name    Ident
	Columns []Ident
	Query   Query
}

// SetOp is left OP right.
type SetOp struct {
	Base
	Op          string // UNION, INTERSECT, EXCEPT
	All, ByName bool
	Left, Right Query
}

// Values is VALUES (…), (…).
type Values struct {
	Base
	Rows [][]Expr
}

// Ordered is query ORDER BY … LIMIT … around a query.
type Ordered struct {
	Base
	Query   Query
	OrderBy []OrderItem
	Limit   Expr
	Offset  Expr
}

// Select is SELECT … FROM ….
type Select struct {
	Base
	Distinct bool
	Hints    []Hint
	Items    []SelectItem
	From     []TableExpr // comma-separated
	Where    Expr
	GroupBy  []GroupItem
	Having   Expr
	Windows  []NamedWindow
	Qualify  Expr
}

func (*With) query()    {}
func (*SetOp) query()   {}
func (*Values) query()  {}
func (*Ordered) query() {}
func (*Select) query()  {}

// SelectItem is expr [AS alias], * or t.*.
type SelectItem struct {
	Base
	Expr  Expr   // nil for a star
	Alias *Ident // nil when absent
	Star  bool
	Of    *Name // t of t.*
}

// GroupItem is an expression or GROUPING SETS / ROLLUP / CUBE.
type GroupItem struct {
	Base
	Kind string // "", GROUPING SETS, ROLLUP, CUBE
	Expr Expr
	Sets [][]Expr
}

// OrderItem is expr [ASC|DESC] [NULLS FIRST|LAST].
type OrderItem struct {
	Base
	Expr       Expr
	Desc       bool
	NullsFirst *bool
}

// NamedWindow is WINDOW w AS (…).
type NamedWindow struct {
	Base
	Name Ident
	Over Over
}

// TableExpr is what FROM reads.
type TableExpr interface {
	Node
	table()
}

// TableRef is name [/*+ OPTIONS(…) */] [FOR SYSTEM_TIME AS OF expr] [AS alias (cols)].
type TableRef struct {
	Base
	Name  Name
	Hints []Hint
	AsOf  Expr
	Alias Alias
}

// Alias is [AS] name [(cols)]; the zero Alias is none.
type Alias struct {
	Base
	Name    *Ident
	Columns []Ident
}

// Derived is (query) AS alias.
type Derived struct {
	Base
	Lateral bool
	Query   Query
	Alias   Alias
}

// Join is left [kind] JOIN right ON cond.
type Join struct {
	Base
	Kind        string // INNER, LEFT, RIGHT, FULL, CROSS, SEMI, ANTI
	Left, Right TableExpr
	On          Expr
	Using       []Ident
}

// TableFunction is TABLE(f(args)) or f(args): TUMBLE, HOP, CUMULATE, SESSION; LATERAL and UNNEST too.
type TableFunction struct {
	Base
	Lateral    bool
	Call       *Call // args may contain TableArg and Descriptor
	Ordinality bool  // UNNEST(…) WITH ORDINALITY
	Alias      Alias
}

// MatchRecognize is input MATCH_RECOGNIZE (…) AS alias.
type MatchRecognize struct {
	Base
	Input         TableExpr
	PartitionBy   []Expr // columns; the checker refuses others
	OrderBy       []OrderItem
	Measures      []Measure
	Rows          RowsPerMatch
	RowsSpan      diag.Span
	Timeout       bool // SHOW TIMEOUT MATCHES
	Skip          Skip
	Select        string // AFTER MATCH SELECT ALL|FIRST|LAST|MAXIMAL; "" when absent
	SelectSpan    diag.Span
	Consume       string // CONSUME BY ANY|PARTITION|NONE
	ConsumeSpan   diag.Span
	SearchMod     string // INITIAL or SEEK before PATTERN; refused by the checker
	SearchModSpan diag.Span
	Pattern       Pattern
	Strategy      string // SKIP TILL NEXT MATCH: NEXT; SKIP TILL ANY MATCH: ANY; ""
	StrategySpan  diag.Span
	Within        Expr
	Gap           Expr // WITHIN … BETWEEN ROWS
	EmitTimeouts  bool
	EmitSpan      diag.Span
	Limit         Expr // LIMIT n per key
	Suppress      *Suppress
	Subsets       []Subset
	Define        []Define
	Alias         Alias
}

// Suppress is SUPPRESS BY cols FOR interval.
type Suppress struct {
	Base
	By  []Expr
	For Expr
}

func (*TableRef) table()       {}
func (*Derived) table()        {}
func (*Join) table()           {}
func (*TableFunction) table()  {}
func (*MatchRecognize) table() {}

// Measure is expr AS name.
type Measure struct {
	Base
	Expr Expr
	Name Ident
}

// RowsPerMatch is the output mode.
type RowsPerMatch uint8

// The output modes; OneRow is the default.
const (
	OneRow         RowsPerMatch = iota
	AllRows                     // ALL ROWS PER MATCH (SHOW EMPTY MATCHES)
	AllRowsOmit                 // … OMIT EMPTY MATCHES
	AllRowsUnmatch              // … WITH UNMATCHED ROWS
)

// SkipMode is where matching goes on after a match.
type SkipMode uint8

// The skip modes.
const (
	SkipDefault SkipMode = iota // not written
	SkipPastLast
	SkipToNext
	SkipToFirst
	SkipToLast // SKIP TO LAST x and SKIP TO x
	NoSkip     // AFTER MATCH NO SKIP
)

// Skip is AFTER MATCH ….
type Skip struct {
	Base
	Mode SkipMode
	To   Ident
}

// Subset is name = (a, b, …).
type Subset struct {
	Base
	Name Ident
	Vars []Ident
}

// Define is variable AS condition.
type Define struct {
	Base
	Name Ident
	Cond Expr
}
