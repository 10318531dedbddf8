package check

import (
	"maps"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// metadataTypes are the metadata keys and their types as connectors give them;
// a column may have any type that the value can be cast to without loss.
var metadataTypes = map[string]event.Type{
	"topic": event.TString, "path": event.TString, "partition": event.TInt32, "offset": event.TInt64, "leader-epoch": event.TInt32,
	"timestamp": {Kind: event.TimestampLTZ, Precision: 3}, "timestamp-type": event.TString,
	"key": event.TBytes, "headers": {Kind: event.Map, Key: &event.TString, Elem: &event.TBytes},
	"valid-from": {Kind: event.TimestampLTZ, Precision: 3}, "version": event.TInt64,
	"subject": event.TString,                                                                                        // of NATS
	"qos":     event.TInt32, "retained": event.TBool, "message-expiry": event.TInt64, "content-type": event.TString, // of MQTT
	"source-address": event.TString, // of syslog
	"file.path":      event.TString, "file.name": event.TString, "file.size": event.TInt64, "file.modification-time": {Kind: event.TimestampLTZ, Precision: 3},
	"op": event.TString, "lsn": event.TInt64, "op_ts": {Kind: event.TimestampLTZ, Precision: 3}, // of PostgreSQL
	"database_name": event.TString, "schema_name": event.TString, "table_name": event.TString,
}

var metadataKeys = []string{"topic", "path", "partition", "offset", "leader-epoch", "timestamp", "timestamp-type", "key", "headers", "valid-from", "version", "subject", "qos", "retained", "message-expiry", "content-type", "source-address",
	"file.path", "file.name", "file.size", "file.modification-time", "op", "lsn", "op_ts", "database_name", "schema_name", "table_name"}

// CreateTable adds a table to the catalog; nil when it does not.
func (c *Checker) CreateTable(e *ast.CreateTable) *catalog.Table {
	name, ok := c.tableName(e.Name)
	if !ok || c.exists(name, e.IfNotExists, e.Name.Pos()) {
		return nil
	}
	t := &catalog.Table{Name: name, Rowtime: -1, Options: map[string]catalog.Option{}, Span: e.Pos(), Source: c.snapshot()}
	before := c.errors()
	c.likeTable(t, e)
	c.options(t, e)
	c.partitionedBy(t, e)
	if e.Sample != nil {
		if e = c.sampled(t, e); e == nil {
			return nil
		}
	}
	inherited := len(t.Columns)
	c.columns(t, e)
	c.computed(t, e, inherited)
	c.primaryKey(t, e)
	c.keyedTable(t, e.Name.Pos())
	if e.Watermark != nil {
		c.watermark(t, e.Watermark)
	}
	if len(t.Columns) == 0 && c.errors() == before {
		c.add(diag.NoOutputColumns, e.Name.Pos(), "the table %s has no columns", name)
	}
	c.cat.AddTable(t) // with mistakes too, so that what reads it is checked as far as possible
	return t
}

// optPartition is the option that PARTITIONED BY stands for.
const optPartition = "partition-by"

func (c *Checker) partitionedBy(t *catalog.Table, e *ast.CreateTable) {
	if len(e.PartitionBy) == 0 {
		return
	}
	at := e.PartitionBy[0].Pos()
	if _, ok := t.Options[optPartition]; ok {
		c.add(diag.BadOption, at, "PARTITIONED BY and the option '%s' say the same", optPartition).Hint = "leave one of them out"
		return
	}
	names := make([]string, len(e.PartitionBy))
	for i, column := range e.PartitionBy {
		names[i] = column.Name
		at.End = column.Pos().End
	}
	t.Options[optPartition] = catalog.Option{Value: strings.Join(names, ", "), KeySpan: at, ValueSpan: at}
}

// snapshot is the text without findings, for definitions that outlive it.
func (c *Checker) snapshot() *diag.List {
	return &diag.List{File: c.list.File, Source: c.list.Source}
}

func (c *Checker) errors() int {
	n := 0
	for _, d := range c.list.Items {
		if d.Severity == diag.Error {
			n++
		}
	}
	return n
}

// exists says whether a name is taken, and complains unless that is allowed.
func (c *Checker) exists(name string, allowed bool, span diag.Span) bool {
	if !c.cat.Has(name) {
		return false
	}
	if !allowed {
		c.add(diag.DuplicateName, span, "there is a table or view %q already", name).WithHint("DROP it first, or write IF NOT EXISTS")
	}
	return true
}

// likeTable copies columns, options and time of another table.
func (c *Checker) likeTable(t *catalog.Table, e *ast.CreateTable) {
	if e.Like == nil {
		return
	}
	name, ok := c.tableName(*e.Like)
	if !ok {
		return
	}
	other, ok := c.cat.Table(name)
	if !ok {
		c.unknownTable(name, e.Like.Pos())
		return
	}
	t.Columns = append(t.Columns, other.Columns...)
	t.Rowtime, t.Watermark = other.Rowtime, other.Watermark
	t.PrimaryKey = append(t.PrimaryKey, other.PrimaryKey...)
	for k, v := range other.Options {
		t.Options[k] = v
	}
}

func (c *Checker) options(t *catalog.Table, e *ast.CreateTable) {
	seen := map[string]bool{}
	for _, o := range e.Options {
		if seen[o.Key] {
			c.add(diag.DuplicateName, o.KeySpan, "the option '%s' is given twice", o.Key)
		}
		seen[o.Key] = true
		if value, ok := c.Option(&o); ok {
			t.Options[o.Key] = catalog.Option{Value: value, KeySpan: o.KeySpan, ValueSpan: o.ValueSpan}
		}
	}
}

// columns adds the columns; the expressions of computed ones come later, for
// they may name any column.
func (c *Checker) columns(t *catalog.Table, e *ast.CreateTable) {
	for i := range e.Columns {
		def := &e.Columns[i]
		if t.Column(def.Name.Name) >= 0 {
			c.add(diag.DuplicateName, def.Name.Pos(), "two columns are named %q", def.Name.Name)
		}
		col := catalog.Column{Name: def.Name.Name, NotNull: def.NotNull || def.Primary, Virtual: def.Virtual, Span: def.Pos()}
		if def.Type != nil {
			col.Type, _ = c.resolveType(def.Type)
			c.adviseMoney(&col, def)
		}
		switch {
		case def.As != nil:
			col.Kind = catalog.Computed
		case def.Metadata:
			c.metadata(&col, def)
		}
		t.Columns = append(t.Columns, col)
	}
}

func (c *Checker) metadata(col *catalog.Column, def *ast.ColumnDef) {
	col.Kind, col.Key = catalog.Metadata, def.Name.Name
	if def.From != nil {
		col.Key = *def.From
	}
	want, ok := metadataTypes[col.Key]
	switch {
	case !ok:
		hint(c.add(diag.UnknownColumn, def.Pos(), "there is no metadata %q", col.Key), col.Key, metadataKeys).
			Hint += metadataHint(col.Key)
	case !metadataFits(want, col.Type):
		c.add(diag.TypeMismatch, def.Type.Pos(), "the metadata %q is %s and cannot be read as %s", col.Key, want, col.Type)
	}
	readOnly := col.Key != "timestamp" && col.Key != "headers"
	col.Virtual = col.Virtual || readOnly && ok
}

func metadataHint(key string) string {
	if diag.Nearest(key, metadataKeys) != "" {
		return ""
	}
	return "metadata are " + strings.Join(metadataKeys, ", ")
}

// metadataFits says whether a metadata value can be read as type t.
func metadataFits(value, t event.Type) bool {
	switch {
	case t.Kind == event.Null: // its type was refused before
		return true
	case value.Kind == event.Map:
		return t.Kind == event.Map && t.Key.Kind == event.String && (t.Elem.Kind == event.Bytes || t.Elem.Kind == event.String)
	case value.Kind == event.Bytes:
		return t.Kind == event.Bytes || t.Kind == event.String
	case value.Instant():
		return t.Instant()
	}
	return assignable(value, t)
}

// computed binds the computed columns, each over the physical and metadata ones.
func (c *Checker) computed(t *catalog.Table, e *ast.CreateTable, inherited int) {
	fields := tableFields(t)
	for i := range t.Columns {
		if t.Columns[i].Kind == catalog.Computed {
			fields[i].Name = "" // not nameable from other computed columns
		}
	}
	b := &binder{Checker: c, rel: fieldsRelation(t.Name, fields)}
	for i := range e.Columns {
		def, col := &e.Columns[i], &t.Columns[inherited+i]
		if def.As == nil {
			continue
		}
		col.Proctime = isProctime(def.As)
		if col.Expr = b.top(def.As); col.Expr == nil {
			col.Expr = null(event.TNull, def.Pos()) // the mistake is told: what reads it need not fail too
			continue
		}
		col.Expr = untypedAsString(col.Expr)
		col.Type = col.Expr.Type()
	}
}

func isProctime(e ast.Expr) bool { return isCall(e, "PROCTIME") }

// isCall says whether e is name().
func isCall(e ast.Expr, name string) bool {
	call, ok := e.(*ast.Call)
	return ok && len(call.Name.Parts) == 1 && strings.EqualFold(call.Name.Parts[0].Name, name) && len(call.Args) == 0
}

func tableFields(t *catalog.Table) []event.Field {
	fields := make([]event.Field, len(t.Columns))
	for i, col := range t.Columns {
		fields[i] = event.Field{Name: col.Name, Type: col.Type}
	}
	return fields
}

// fieldsRelation is a relation that only names columns.
func fieldsRelation(name string, fields []event.Field) *relation {
	return &relation{node: &plan.Values{Out: event.NewSchema(fields...)}, alias: name}
}

func (c *Checker) primaryKey(t *catalog.Table, e *ast.CreateTable) {
	for i := range e.Columns {
		if e.Columns[i].Primary {
			t.PrimaryKey = append(t.PrimaryKey, t.Column(e.Columns[i].Name.Name))
		}
	}
	for _, id := range e.PrimaryKey {
		i := t.Column(id.Name)
		if i < 0 {
			hint(c.add(diag.UnknownColumn, id.Pos(), "there is no column %q in %s", id.Name, t.Name), id.Name, columnNames(t))
			continue
		}
		t.Columns[i].NotNull = true
		t.PrimaryKey = append(t.PrimaryKey, i)
	}
}

// watermark binds WATERMARK FOR col AS expr.
func (c *Checker) watermark(t *catalog.Table, w *ast.Watermark) {
	i := t.Column(w.Column.Name)
	if i < 0 {
		hint(c.add(diag.UnknownColumn, w.Column.Pos(), "there is no column %q in %s", w.Column.Name, t.Name), w.Column.Name, columnNames(t))
		return
	}
	typ := t.Columns[i].Type
	if typ.Kind == event.Null {
		return // its own mistake is told already
	}
	if !typ.Instant() {
		c.add(diag.TypeMismatch, w.Column.Pos(), "the event time must be TIMESTAMP(p) or TIMESTAMP_LTZ(p), and %q is %s", t.Columns[i].Name, typ).
			WithHint("make a computed column of that type: %s_time AS TO_TIMESTAMP_LTZ(%s, 3)", t.Columns[i].Name, t.Columns[i].Name)
		return
	}
	x := (&binder{Checker: c, rel: fieldsRelation(t.Name, tableFields(t))}).top(w.Expr)
	if x == nil {
		return
	}
	if x.Type().Kind != typ.Kind {
		c.add(diag.TypeMismatch, w.Expr.Pos(), "the watermark of %q must be %s, as it is, not %s", t.Columns[i].Name, typ, x.Type()).
			WithHint("write WATERMARK FOR %s AS %s - INTERVAL '5' SECOND", t.Columns[i].Name, t.Columns[i].Name)
		return
	}
	if volatile(x) {
		c.add(diag.TypeMismatch, w.Expr.Pos(), "the watermark must follow from the row alone")
		return
	}
	t.Rowtime, t.Watermark = i, x
}

func volatile(x expr.Expr) bool {
	found := false
	expr.Walk(x, func(e expr.Expr) bool {
		call, ok := e.(*expr.Call)
		found = found || ok && call.Fn.Volatile
		return !found
	})
	return found
}

// CreateView checks a view's query and adds the view to the catalog.
func (c *Checker) CreateView(e *ast.CreateView) {
	name, ok := c.tableName(e.Name)
	if !ok || c.exists(name, e.IfNotExists, e.Name.Pos()) {
		return
	}
	v := &catalog.View{Name: name, Query: e.Query, Source: c.snapshot(), Settings: maps.Clone(c.cat.Settings)}
	for _, id := range e.Columns {
		v.Columns = append(v.Columns, id.Name)
	}
	rel := c.view(v)
	if rel == nil || !c.viewNames(e, rel) {
		return
	}
	c.cat.AddView(v)
}

// viewNames demands that the columns of a view can be told apart.
func (c *Checker) viewNames(e *ast.CreateView, rel *relation) bool {
	s := rel.schema()
	for i, f := range s.Fields {
		if s.Index(f.Name) != i {
			c.add(diag.DuplicateName, e.Name.Pos(), "two columns of the view are named %q", f.Name).WithHint("name them with AS")
			return false
		}
	}
	return true
}

// Drop removes a table or view.
func (c *Checker) Drop(e *ast.Drop) {
	name, ok := c.tableName(e.Name)
	if !ok {
		return
	}
	_, isTable := c.cat.Table(name)
	_, isView := c.cat.View(name)
	switch {
	case e.What == "TABLE" && isTable, e.What == "VIEW" && isView:
		c.cat.Drop(name)
	case isTable:
		c.add(diag.UnknownTable, e.Name.Pos(), "%q is a table", name).WithHint("write DROP TABLE %s", name)
	case isView:
		c.add(diag.UnknownTable, e.Name.Pos(), "%q is a view", name).WithHint("write DROP VIEW %s", name)
	case !e.IfExists:
		c.unknownTable(name, e.Name.Pos())
	}
}

// Schema finds a table or the columns of a view, for DESCRIBE.
func (c *Checker) Schema(n ast.Name) (*catalog.Table, *event.Schema) {
	name, ok := c.tableName(n)
	if !ok {
		return nil, nil
	}
	if t, found := c.cat.Table(name); found {
		return t, &event.Schema{Fields: tableFields(t), Rowtime: t.Rowtime}
	}
	if v, found := c.cat.View(name); found {
		if rel := c.expand(v, &ast.TableRef{Base: n.Base, Name: n}); rel != nil {
			return nil, rel.schema()
		}
		return nil, nil
	}
	c.unknownTable(name, n.Pos())
	return nil, nil
}
