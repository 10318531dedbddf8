package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// MaxStatements bounds the registry.
const MaxStatements = 10_000

// registryVersion is the highest that a file has. A newer one is refused. Version 2 has
// versions of queries; what version 1 has is the first of each. Version 3 has columns
// that tables got; a file without any is of version 2.
const registryVersion = 3

func versionOf(list []Statement) int {
	if slices.ContainsFunc(list, isColumns) {
		return registryVersion
	}
	return registryVersion - 1
}

// The names of what a server's data directory has.
const (
	registryName = "registry.json"
	stateDir     = "state"
)

// Statement is one accepted statement.
type Statement struct {
	Kind     string            `json:"kind"` // table, columns, view, function or query
	Name     string            `json:"name"` // of columns: that of the table
	SQL      string            `json:"sql"`
	Params   map[string]string `json:"params,omitempty"`
	Settings map[string]string `json:"settings,omitempty"` // SET in effect
	Created  time.Time         `json:"created"`
	Module   []byte            `json:"module,omitempty"`  // of a function, as it was when it was accepted
	Written  string            `json:"written,omitempty"` // of a table that was pinned: what was submitted

	// Of a query.
	Number  int       `json:"number,omitempty"` // of the version; 0 is 1
	By      string    `json:"by,omitempty"`     // who submitted it
	State   string    `json:"state,omitempty"`  // what became of the state of the version before
	Paused  bool      `json:"paused,omitempty"`
	Past    []Version `json:"past,omitempty"`    // earlier versions, the oldest first
	Pending *Version  `json:"pending,omitempty"` // what it is being changed to: the state knows whether it was
	Shadow  *Shadow   `json:"shadow,omitempty"`  // what runs beside it
}

// The kinds of statements that are kept.
const (
	kindTable    = "table"
	kindColumns  = "columns" // that a table got: what stands before does not know them
	kindView     = "view"
	kindFunction = "function"
	kindQuery    = "query"
)

// registry is the list of statements and its file.
type registry struct {
	file       string // empty: in memory only
	statements []Statement
}

// openRegistry reads the registry of a data directory; dir may be empty.
func openRegistry(dir string) (*registry, error) {
	if dir == "" {
		return &registry{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	r := &registry{file: filepath.Join(dir, registryName)}
	text, err := os.ReadFile(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return r, r.decode(text)
}

// VerifyRegistry reads the registry of a data directory and compiles it: how many
// statements it has. Without one the error is fs.ErrNotExist.
func VerifyRegistry(dir string) (n int, err error) {
	if _, err := os.Stat(filepath.Join(dir, registryName)); err != nil {
		return 0, err
	}
	r, err := openRegistry(dir)
	if err != nil {
		return 0, err
	}
	_, err = compileList(r.statements)
	return len(r.statements), err
}

type registryFile struct {
	Version    int         `json:"version"`
	Sum        string      `json:"sha256,omitempty"` // of the statements; files of before lack it
	Statements []Statement `json:"statements"`
}

func (f *registryFile) sum() string {
	text, _ := json.Marshal(f.Statements) // it came from there
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (r *registry) decode(text []byte) error {
	var f registryFile
	if err := json.Unmarshal(text, &f); err != nil || f.Version < 1 {
		return fmt.Errorf("%s is damaged (%w): put back a copy of it, or restore a backup into another directory: cepd backup restore --from URL --data-dir NEW", r.file, cmp.Or(err, errors.New("it has no version")))
	}
	if f.Version > registryVersion {
		return fmt.Errorf("%s was written by a newer cepd (registry version %d, this one reads up to version %d): run that version or a later one", r.file, f.Version, registryVersion)
	}
	if f.Sum != "" && f.Sum != f.sum() {
		return fmt.Errorf("%s is damaged: its statements are not those that were written; put back a copy of it, restore a backup into another directory (cepd backup restore --from URL --data-dir NEW), or, after a change by hand, delete its \"sha256\"", r.file)
	}
	r.statements = f.Statements
	return nil
}

// replace makes list the registry, on disk first.
func (r *registry) replace(list []Statement) error {
	if r.file != "" {
		f := registryFile{Version: versionOf(list), Statements: list}
		f.Sum = f.sum()
		text, err := json.MarshalIndent(f, "", "  ")
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		if err := writeFileAtomic(r.file, append(text, '\n')); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
	}
	r.statements = list
	return nil
}

// writeFileAtomic replaces a file so that a crash leaves the old or the new
// content. Statements may hold passwords: only the owner may read it.
func writeFileAtomic(name string, content []byte) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// find looks a statement up by kind and name; -1 when absent. Tables and views
// share their names.
func find(list []Statement, kind, name string) int {
	return slices.IndexFunc(list, func(s Statement) bool {
		return space(s.Kind) == space(kind) && strings.EqualFold(s.Name, name)
	})
}

// space is the kind for the names of a kind.
func space(kind string) string {
	if kind == kindView {
		return kindTable
	}
	return kind
}

// compiled is what a list of statements means. A query knows the columns that tables
// had when it was accepted: where it stands in the list.
type compiled struct {
	catalog *catalog.Catalog
	queries []query.Query      // in order
	known   []*catalog.Catalog // to each of them
}

// compileList compiles statements from nothing.
func compileList(list []Statement) (*compiled, error) { return extend(catalog.New(), list) }

// extend compiles statements against a catalog, which stays as it is.
func extend(base *catalog.Catalog, list []Statement) (*compiled, error) {
	c := &compiled{catalog: base.Clone()}
	for i := range list {
		s := &list[i]
		if s.Kind == kindColumns {
			c.catalog.Settings = map[string]string{}
			c.catalog = c.catalog.Clone() // what stands before keeps its own
		}
		c.catalog.Settings = s.settings()
		result, err := s.compile(c.catalog)
		if err != nil {
			return nil, &brokenError{statement: s, err: err}
		}
		for _, q := range result.Queries {
			q.Name = s.Name
			c.queries, c.known = append(c.queries, q), append(c.known, c.catalog)
		}
	}
	c.catalog.Settings = map[string]string{}
	return c, c.shadows(list)
}

// shadows compiles the shadows, which know all that there is: while there is one, no
// table gets columns.
func (c *compiled) shadows(list []Statement) error {
	for i := range list {
		s := &list[i]
		if s.Shadow == nil {
			continue
		}
		if _, err := s.Shadow.compile(s.Name, c.catalog); err != nil {
			return &brokenError{statement: s, err: fmt.Errorf("its shadow: %w", err)}
		}
	}
	return nil
}

// compile compiles a kept statement. The module of a function is the one that was
// accepted, whatever its file has by now.
func (s *Statement) compile(cat *catalog.Catalog) (*query.Result, error) {
	script, err := parse.Parse(s.Name, s.SQL)
	if err != nil {
		return nil, err
	}
	return query.Compile(cat, script, query.Options{
		File: s.Name, Text: s.SQL, Params: s.Params, Shadows: true, ReadFile: func(string) ([]byte, error) { return s.Module, nil },
	})
}

func (s *Statement) settings() map[string]string {
	m := make(map[string]string, len(s.Settings))
	for k, v := range s.Settings {
		m[k] = v
	}
	return m
}

// brokenError says that a kept statement would no longer compile.
type brokenError struct {
	statement *Statement
	err       error
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("%s %q: %v", e.statement.Kind, e.statement.Name, e.err)
}

func (e *brokenError) Unwrap() error { return e.err }

// change is what a submission does to the list.
type change struct {
	list    []Statement
	undone  bool     // something is gone: what is left may not compile
	added   []string // queries
	dropped []string // queries
	gone    []string // tables
	from    *restoration
}

// apply works a compiled submission into a list. script and result belong to
// text.
func apply(list []Statement, sub *Submission, script *ast.Script, result *query.Result, cat *catalog.Catalog, now time.Time) (*change, error) {
	c := &change{list: slices.Clone(list)}
	next := 0 // of result.Queries
	for _, s := range script.Statements {
		st := Statement{SQL: textOf(sub.SQL, s), Params: sub.Params, Created: now}
		var err error
		switch s := s.(type) {
		case *ast.CreateTable:
			st.Written = sub.written[nameOf(s.Name)]
			err = c.define(st, kindTable, nameOf(s.Name), s.IfNotExists)
		case *ast.AlterTable:
			st.By = sub.By
			err = c.columns(st, nameOf(s.Name))
		case *ast.CreateView:
			if v, ok := cat.View(nameOf(s.Name)); ok {
				st.Settings = v.Settings
			}
			err = c.define(st, kindView, nameOf(s.Name), s.IfNotExists)
		case *ast.CreateFunction:
			if f, ok := cat.Function(nameOf(s.Name)); ok {
				st.Module = f.Module
			}
			err = c.define(st, kindFunction, nameOf(s.Name), s.IfNotExists)
		case *ast.Insert, *ast.CreateQuery, *ast.StatementSet:
			st.Settings, st.By = result.Queries[next].Settings, sub.By
			err = c.query(st, sub.Name, &result.Queries[next])
			next++
		case *ast.QueryStatement:
			err = badRequest("a query alone has nowhere to send its rows: write INSERT INTO table SELECT …")
		case *ast.Drop:
			err = c.drop(s)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.list) > MaxStatements {
		return nil, badRequest("the server keeps at most %d statements", MaxStatements)
	}
	return c, nil
}

func textOf(text string, s ast.Statement) string { return text[s.Pos().Start:s.Pos().End] }

func nameOf(n ast.Name) string {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	return strings.Join(parts, ".")
}

// define adds a table or view; that the name is free was checked by the
// compiler, except that IF NOT EXISTS lets an existing one stand.
func (c *change) define(s Statement, kind, name string, ifNotExists bool) error {
	s.Kind, s.Name = kind, name
	if ifNotExists && find(c.list, kind, name) >= 0 {
		return nil
	}
	c.list = append(c.list, s)
	return nil
}

func (c *change) query(s Statement, name string, q *query.Query) error {
	s.Kind, s.Name = kindQuery, q.Name
	if name != "" {
		s.Name = name
	}
	if find(c.list, kindQuery, s.Name) >= 0 {
		return conflict("there is a query %q already; drop it first or give this one another name", s.Name)
	}
	c.list, c.added = append(c.list, s), append(c.added, s.Name)
	return nil
}

func (c *change) drop(s *ast.Drop) error {
	kind, name := kindTable, nameOf(s.Name)
	switch s.What {
	case "QUERY":
		kind = kindQuery
	case "FUNCTION":
		kind = kindFunction
	}
	i := find(c.list, kind, name)
	switch {
	case i < 0 && s.IfExists:
		return nil
	case i < 0:
		return notFound("there is no %s %q", strings.ToLower(s.What), name)
	}
	c.undone = true
	if kind == kindQuery {
		c.dropped = append(c.dropped, c.list[i].Name)
	}
	gone := c.list[i].Name
	c.list = slices.Delete(c.list, i, i+1)
	if kind == kindTable {
		c.dropColumns(gone)
		c.gone = append(c.gone, gone)
	}
	return nil
}

// parseSubmission compiles a submission against the catalog that is there; cat is
// that with its definitions.
func parseSubmission(base *catalog.Catalog, sub *Submission, readFile func(string) ([]byte, error)) (cat *catalog.Catalog, script *ast.Script, result *query.Result, err error) {
	cat = base.Clone()
	if script, err = parse.Parse(sub.File, sub.SQL); err != nil {
		return nil, nil, nil, err
	}
	result, err = query.Compile(cat, script, query.Options{File: sub.File, Text: sub.SQL, Params: sub.Params, ReadFile: readFile, Shadows: true})
	if err != nil {
		return nil, nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(sub.Params)) {
		if !slices.Contains(result.Params, name) {
			return nil, nil, nil, badRequest("a value was given for :%s, which the text does not use", name)
		}
	}
	return cat, script, result, nil
}
