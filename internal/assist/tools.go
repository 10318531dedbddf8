package assist

import (
	"errors"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/parse"
)

// Tools is what the services know beside the text.
type Tools struct {
	Catalog  *catalog.Catalog     // what is defined outside the text; nil: nothing
	Registry *connectors.Registry // of the options of tables
	Params   map[string]string    // values of :name
	// ReadFile reads the modules of functions; nil: none is read, and a function
	// that needs one is a finding.
	ReadFile func(path string) ([]byte, error)
}

var errNoFiles = errors.New("files are not read here")

func (t *Tools) options(file, text string) query.Options {
	read := t.ReadFile
	if read == nil {
		read = func(string) ([]byte, error) { return nil, errNoFiles }
	}
	return query.Options{File: file, Text: text, Params: t.Params, ReadFile: read, Sample: infer.FromText(read)}
}

func (t *Tools) catalog() *catalog.Catalog {
	if t.Catalog == nil {
		return catalog.New()
	}
	return t.Catalog
}

// Diagnose finds the mistakes of a text, and gives advice, in the order of the
// text. Statements that cannot be read do not keep the others from being checked.
func (t *Tools) Diagnose(file, text string) []diag.Diagnostic {
	script, errs := parse.Partial(file, text)
	draft := query.CompileDraft(t.catalog(), script, t.options(file, text))
	list := &diag.List{File: file, Source: text, Items: errs.Items}
	unread := undefined(text, draft.Catalog)
	for _, d := range draft.Warnings.Items {
		if d.Code == diag.UnknownTable && unread[strings.ToLower(strings.Trim(sliceOf(text, d.Span), "`\""))] {
			continue // it is there, with a mistake that is told
		}
		if d.Code == diag.MissingParameter || d.Code == diag.BadSample {
			d.Severity = diag.Warning // its value or its records come when the text is run
		}
		list.Items = append(list.Items, d)
	}
	for _, table := range draft.Tables {
		t.table(list, table)
	}
	list.Sort()
	return list.Items
}

// undefined are the tables and views that a text defines, and that the catalog
// lacks all the same.
func undefined(text string, cat *catalog.Catalog) map[string]bool {
	names := map[string]bool{}
	for _, d := range definitions(parse.Words(text)) {
		if !cat.Has(d.Name) {
			names[strings.ToLower(d.Name)] = true
		}
	}
	return names
}

// table checks the WITH options and metadata columns of a table.
func (t *Tools) table(list *diag.List, table *catalog.Table) {
	options := map[string]string{}
	var names []string
	for k, o := range table.Options {
		options[k] = o.Value
	}
	for _, o := range engine.TableOptions {
		names = append(names, o.Name)
	}
	c, faults := t.Registry.Validate(options, names...)
	if c != nil && len(faults) == 0 {
		faults = connectors.ValidateColumns(c, columnsOf(table), false)
	}
	for _, f := range faults {
		if !access.HasReference(options[f.Key]) { // a secret, which is not looked up
			fault(list, table, f)
		}
	}
}

func columnsOf(t *catalog.Table) []connectors.Column {
	list := make([]connectors.Column, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		list[i] = connectors.Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull}
		if c.Kind == catalog.Metadata {
			list[i].Metadata = c.Key
		}
	}
	return list
}

// fault adds a finding at the option or column that it is about.
func fault(list *diag.List, t *catalog.Table, f connectors.OptionError) {
	code, span := diag.UnknownOption, t.Span
	o, given := t.Options[f.Key]
	column := t.Column(f.Key)
	switch {
	case f.Missing:
		code = diag.MissingOption
	case given:
		span = o.KeySpan.To(o.ValueSpan)
	case column >= 0:
		code, span = diag.BadOption, t.Columns[column].Span
	}
	if span == t.Span {
		span = nameSpan(list.Source, t)
	}
	d := list.Add(code, span, "table %s: %s", t.Name, f.Message)
	if f.Hint != "" {
		d.WithHint("%s", f.Hint)
	}
}

// defined is the catalog with what the text defines, as far as it can be read.
func (t *Tools) defined(file, text string) *catalog.Catalog {
	script, _ := parse.Partial(file, text)
	script.Statements = slices.DeleteFunc(script.Statements, func(s ast.Statement) bool {
		switch s.(type) {
		case *ast.CreateTable, *ast.AlterTable, *ast.CreateView, *ast.CreateFunction:
			return false
		}
		return true
	})
	return query.CompileDraft(t.catalog(), script, t.options(file, text)).Catalog
}

// visible binds a table expression: the tables that it brings into scope.
func visible(cat *catalog.Catalog, with, from string) []check.Visible {
	text := "SELECT * FROM " + from
	if with != "" {
		text = "WITH " + with + " " + text
	}
	q, err := parse.Query("", text)
	if err != nil {
		return nil
	}
	return check.New(cat, &diag.List{Source: text}, check.Options{}).Visible(q)
}

func sliceOf(text string, s diag.Span) string {
	if s.Start < 0 || s.End > len(text) || s.Start > s.End {
		return ""
	}
	return text[s.Start:s.End]
}

// nameSpan is where the definition of a table has its name.
func nameSpan(text string, t *catalog.Table) diag.Span {
	for _, d := range Symbols(text) {
		if d.Kind == "table" && strings.EqualFold(d.Name, t.Name) {
			return d.NameSpan
		}
	}
	return t.Span
}
