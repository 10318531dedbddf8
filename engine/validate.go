package engine

import (
	"errors"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Validate checks what only connectors know: options of the tables that the
// query reads and writes, their metadata columns, the settings. Faults come as
// *diag.List, each at its option.
func (e *Engine) Validate(root *plan.Insert, cat *catalog.Catalog) error {
	if _, err := parseSettings(cat.Settings); err != nil {
		return err
	}
	v := &validator{engine: e, cat: cat, root: root, lists: map[string]*diag.List{}, seen: map[*catalog.Table]bool{}}
	for _, n := range root.All() {
		v.scans(n.Input)
		columns, _ := sinkColumns(n)
		v.sink(n.Table, columns)
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
	for _, in := range n.Inputs() {
		v.scans(in)
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
	table := b.table(t, columns)
	if _, err := c.Source(table); err != nil {
		v.fault(t, err)
	}
	v.engineOptions(t)
}

func (v *validator) sink(t *catalog.Table, columns []connectors.Column) {
	c := v.options(t, columns, true)
	if c == nil {
		return
	}
	b := opener{options: &v.engine.options, root: v.root}
	if _, err := c.Sink(b.table(t, columns)); err != nil {
		v.fault(t, err)
	}
}

// options checks the WITH options; nil when there are faults.
func (v *validator) options(t *catalog.Table, columns []connectors.Column, written bool) connectors.Connector {
	texts := make(map[string]string, len(t.Options))
	for k, o := range t.Options {
		texts[k] = o.Value
	}
	c, faults := v.engine.options.Registry.Validate(texts, engineOptions...)
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
	d := v.list(t).Add(code, span, "table %s: %s", t.Name, f.Message)
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
	v.list(t).Add(diag.BadOption, span, "table %s: %v", t.Name, err)
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
	if text := t.Option(optReload, ""); text != "" {
		if _, err := duration.Parse(text); err != nil {
			bad(optReload, err)
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
	for _, key := range []string{optDeadLetters, optLateRows} {
		if name := t.Option(key, ""); name != "" {
			v.rejectTable(t, key, name)
		}
	}
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
	columns := make([]connectors.Column, len(dead.Columns))
	for i := range dead.Columns {
		columns[i] = tableColumn(&dead.Columns[i])
	}
	v.sink(dead, columns)
}
