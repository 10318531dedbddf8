package engine

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// ReadFile reads a file that a statement names: relative to Options.Dir, and only
// where queries may reach.
func (e *Engine) ReadFile(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(e.options.Dir, name)
	}
	return e.options.Access.ReadFile(name)
}

// Validate checks what only connectors know: options of the tables that the
// query reads and writes, their metadata columns, the settings. Faults come as
// *diag.List, each at its option.
func (e *Engine) Validate(root *plan.Insert, cat *catalog.Catalog) error {
	if _, err := parseSettings(cat.Settings, e.options.bounds()); err != nil {
		return err
	}
	v := &validator{engine: e, cat: cat, root: root, lists: map[string]*diag.List{}, seen: map[*catalog.Table]bool{}}
	for _, n := range root.All() {
		v.scans(n.Input)
		columns, _ := sinkColumns(n)
		v.sink(sinkSpec{n.Table, columns, changes(n)})
	}
	return v.findings()
}

// findings are the lists that are not empty.
func (v *validator) findings() error {
	var errs []error
	for _, source := range v.order {
		v.lists[source].Sort()
		errs = append(errs, v.lists[source].Err())
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// ValidateTables checks the options of those tables that the queries do not use;
// Validate checks the others.
func (e *Engine) ValidateTables(tables []*catalog.Table, queries []*plan.Insert) error {
	used := map[string]bool{}
	for _, q := range queries {
		for _, n := range q.All() {
			used[n.Table.Name] = true
			markTables(n.Input, used)
		}
	}
	v := &validator{engine: e, lists: map[string]*diag.List{}}
	for _, t := range tables {
		if !used[t.Name] {
			v.options(t, nil, false)
		}
	}
	return v.findings()
}

func markTables(n plan.Node, used map[string]bool) {
	if s, ok := n.(*plan.Scan); ok {
		used[s.Table.Name] = true
	}
	for _, in := range n.Inputs() {
		markTables(in, used)
	}
}

type validator struct {
	engine *Engine
	cat    *catalog.Catalog
	root   *plan.Insert
	seen   map[*catalog.Table]bool // sources that have been checked
	lists  map[string]*diag.List   // by source text
	order  []string
}

// list is the findings in the text that the table's spans refer to.
func (v *validator) list(t *catalog.Table) *diag.List {
	var src diag.List
	if t.Source != nil {
		src = diag.List{File: t.Source.File, Source: t.Source.Source}
	}
	key := src.File + "\x00" + src.Source
	if v.lists[key] == nil {
		v.lists[key] = &src
		v.order = append(v.order, key)
	}
	return v.lists[key]
}

func (v *validator) scans(n plan.Node) {
	if s, ok := n.(*plan.Scan); ok && !v.seen[s.Table] {
		v.seen[s.Table] = true
		v.source(s)
	}
	if j, ok := n.(*plan.Join); ok && j.Mode == plan.Lookup {
		v.lookup(j)
		v.scans(j.Left)
		return
	}
	for _, in := range n.Inputs() {
		v.scans(in)
	}
}

// lookup checks a table that is asked.
func (v *validator) lookup(n *plan.Join) {
	scan, ok := n.Right.(*plan.Scan)
	if !ok || v.options(scan.Table, readColumns(scan), false) == nil {
		return
	}
	b := opener{options: &v.engine.options, root: v.root}
	if _, err := b.newLooker(scan, askedColumns(n)); err != nil {
		v.fault(scan.Table, err)
	}
}

func (v *validator) source(s *plan.Scan) {
	t := s.Table
	columns := readColumns(s)
	c := v.options(t, columns, false)
	if c == nil {
		return
	}
	b := opener{options: &v.engine.options, root: v.root}
	table, err := b.table(t, columns)
	if err == nil {
		_, err = c.Source(table)
	}
	if err != nil {
		v.fault(t, err)
	}
	v.engineOptions(t)
}

func (v *validator) sink(s sinkSpec) {
	t := s.table
	c := v.options(t, s.columns, true)
	if c == nil {
		return
	}
	b := opener{options: &v.engine.options, root: v.root}
	table, err := b.table(t, s.columns)
	table.Changes = s.changes
	if err == nil {
		_, err = c.Sink(table)
	}
	if err != nil {
		v.fault(t, err)
		return
	}
	v.letters(t)
}

// options checks the WITH options; nil when there are faults.
func (v *validator) options(t *catalog.Table, columns []connectors.Column, written bool) connectors.Connector {
	texts, faults := v.resolved(t)
	if len(faults) > 0 {
		for _, f := range faults {
			v.add(t, f)
		}
		return nil
	}
	c, faults := v.engine.options.Registry.Validate(texts, engineOptions...)
	if !v.engine.options.Access.Literals() {
		faults = append(faults, v.literals(t)...)
	}
	if len(faults) == 0 {
		faults = connectors.ValidateColumns(c, columns, written)
	}
	for _, f := range faults {
		v.add(t, f)
	}
	if len(faults) > 0 {
		return nil
	}
	return c
}

// resolved is the options with their secrets.
func (v *validator) resolved(t *catalog.Table) (map[string]string, []connectors.OptionError) {
	texts := make(map[string]string, len(t.Options))
	var faults []connectors.OptionError
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		value, err := v.engine.options.Access.Resolve(t.Options[k].Value)
		if err != nil {
			faults = append(faults, connectors.OptionError{Key: k, Message: fmt.Sprintf("option '%s': %v", k, err)})
		}
		texts[k] = value
	}
	return texts, faults
}

// literals are the options with a secret that stands in the text.
func (v *validator) literals(t *catalog.Table) []connectors.OptionError {
	var faults []connectors.OptionError
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		if v.engine.options.Registry.Secret(k) && !access.HasReference(t.Options[k].Value) {
			faults = append(faults, connectors.OptionError{Key: k, Message: fmt.Sprintf("option '%s': a secret must not stand in the text, where it is stored", k),
				Hint: "write ${env:NAME} or ${file:PATH}, or have the server allow it by its setting 'secrets.literals'"})
		}
	}
	return faults
}

func (v *validator) add(t *catalog.Table, f connectors.OptionError) {
	code, span := diag.UnknownOption, t.Span
	switch o, ok := t.Options[f.Key]; {
	case f.Missing:
		code = diag.MissingOption
	case ok:
		span = o.KeySpan.To(o.ValueSpan)
	}
	if i := t.Column(f.Key); i >= 0 && span == t.Span {
		code, span = diag.BadOption, t.Columns[i].Span
	}
	d := v.list(t).Add(code, span, "table %s: %s", t.Name, v.engine.options.Access.Redact(f.Message))
	if f.Hint != "" {
		_ = d.WithHint("%s", f.Hint)
	}
}

// fault reports what a connector or the engine does not accept of a table.
func (v *validator) fault(t *catalog.Table, err error) {
	var f connectors.OptionError
	if errors.As(err, &f) {
		v.add(t, f)
		return
	}
	span := t.Span
	if o, ok := t.Options["connector"]; ok {
		span = o.ValueSpan
	}
	v.list(t).Add(diag.BadOption, span, "table %s: %s", t.Name, v.engine.options.Access.Redact(err.Error()))
}

func (v *validator) engineOptions(t *catalog.Table) {
	bad := func(key string, err error) {
		v.add(t, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': %v", key, err)})
	}
	if text := t.Option(optIdleTimeout, ""); text != "" {
		if _, err := duration.Parse(text); err != nil {
			bad(optIdleTimeout, err)
		}
	}
	if err := v.engine.checkEvolution(t); err != nil {
		bad(connectors.OptEvolution, err)
	}
	if text := t.Option(optReload, ""); text != "" {
		if _, err := duration.Parse(text); err != nil {
			bad(optReload, err)
		}
	}
	if text := t.Option(connectors.OptEvolution, ""); text != "" {
		if err := checkEvolution(text); err != nil {
			bad(connectors.OptEvolution, err)
		}
	}
	if text := t.Option(optErrorPolicy, ""); text != "" {
		p, err := parsePolicy(text)
		if err == nil && p == policyDeadLetter && t.Option(optDeadLetters, "") == "" {
			err = errors.New("needs 'scan.dead-letter-table'")
		}
		if err != nil {
			bad(optErrorPolicy, err)
		}
	}
	if key, err := checkAlignment(t); err != nil {
		bad(key, err)
	}
	for _, key := range []string{optDeadLetters, optLateRows} {
		if name := t.Option(key, ""); name != "" {
			v.rejectTable(t, key, name)
		}
	}
}

// letters checks the table for rows that the sink of t cannot deliver.
func (v *validator) letters(t *catalog.Table) {
	key := connectors.OptRefusalTable
	name, policy := t.Option(key, ""), t.Option(connectors.OptRefusalPolicy, "")
	dead := policy == string(connectors.RefusalDeadLetter)
	to, ok := v.cat.Table(name)
	switch {
	case name == "" && dead:
		v.add(t, connectors.OptionError{Key: connectors.OptRefusalPolicy, Message: fmt.Sprintf("option '%s': needs '%s'", connectors.OptRefusalPolicy, key)})
	case name == "":
	case policy != "" && !dead:
		v.add(t, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': nothing goes there with '%s' = '%s'", key, connectors.OptRefusalPolicy, policy)})
	case !ok:
		v.add(t, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': there is no table %q", key, name)})
	case to == t:
		v.add(t, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': the table is the one that cannot be delivered to", key)})
	default:
		if err := checkLetterTable(to); err != nil {
			v.fault(to, err)
			return
		}
		v.letterSink(to)
	}
}

// letterSink checks a table for undeliverable rows as one that is written. What that
// cannot deliver fails the query, so it has no such table of its own.
func (v *validator) letterSink(t *catalog.Table) {
	if name := t.Option(connectors.OptRefusalTable, ""); name != "" {
		v.add(t, connectors.OptionError{Key: connectors.OptRefusalTable, Message: fmt.Sprintf("option '%s': a table for rows that cannot be delivered has none itself", connectors.OptRefusalTable)})
		return
	}
	v.sink(sinkSpec{table: t, columns: allColumns(t)})
}

func (v *validator) rejectTable(t *catalog.Table, key, name string) {
	dead, ok := v.cat.Table(name)
	if !ok {
		v.add(t, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': there is no table %q", key, name)})
		return
	}
	if err := checkRejectTable(dead); err != nil {
		v.fault(dead, err)
		return
	}
	v.sink(sinkSpec{table: dead, columns: allColumns(dead)})
}
