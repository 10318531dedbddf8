package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/wasm"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
)

// The options of CREATE FUNCTION.
const (
	optMemory  = "memory-bytes"
	optTimeout = "timeout-ms"
)

// scalarFunc finds a scalar function: of the catalog, or built in.
func (c *Checker) scalarFunc(name string) (*expr.Func, bool) {
	if f, ok := c.cat.Function(name); ok && f.Scalar != nil {
		return f.Scalar, true
	}
	return function.Lookup(name)
}

// aggregateFunc finds an aggregate: of the catalog, or built in.
func (c *Checker) aggregateFunc(name string) (*expr.AggFunc, bool) {
	if f, ok := c.cat.Function(name); ok && f.Aggregate != nil {
		return f.Aggregate, true
	}
	return function.Aggregate(name)
}

// CreateFunction adds a function to the catalog.
func (c *Checker) CreateFunction(e *ast.CreateFunction) {
	name, ok := c.tableName(e.Name)
	if !ok {
		return
	}
	if _, taken := c.cat.Function(name); taken && e.IfNotExists {
		return
	} else if taken {
		c.add(diag.DuplicateName, e.Name.Pos(), "there is a function %q already", name).WithHint("DROP it first, or write IF NOT EXISTS")
		return
	}
	if builtIn(name) {
		c.add(diag.DuplicateName, e.Name.Pos(), "%s is built in, and cannot be another function", strings.ToUpper(name)).WithHint("take another name")
		return
	}
	params, result, ok := c.signature(e)
	if !ok {
		return
	}
	code, file, ok := c.module(e)
	if !ok {
		return
	}
	options, ok := c.moduleOptions(e)
	if !ok {
		return
	}
	export := strings.ToLower(name)
	if e.Using != nil && e.Body != nil {
		export = *e.Body
	}
	f := &catalog.Function{Name: name, Usage: function.Usage(name, params), Module: code}
	m, err := wasm.Compile(code, options)
	switch {
	case err != nil:
	case e.Aggregate:
		f.Aggregate, err = m.Aggregate(name, export, params, result)
	default:
		f.Scalar, err = m.Scalar(name, export, params, result)
	}
	if err != nil {
		c.add(diag.BadOption, e.Name.Pos(), "function %s, '%s': %v", name, file, err)
		return
	}
	c.cat.AddFunction(f)
}

// builtIn says whether a name means something in an expression.
func builtIn(name string) bool {
	_, scalar := function.Lookup(name)
	_, aggregate := function.Aggregate(name)
	name = strings.ToUpper(name)
	switch name {
	case "COALESCE", "NULLIF", "IF", "IFNULL", "PROCTIME":
		return true
	}
	return scalar || aggregate || patternOnly[name]
}

func (c *Checker) signature(e *ast.CreateFunction) (params []event.Type, result event.Type, ok bool) {
	ok = true
	for i := range e.Args {
		t, fine := c.resolveType(&e.Args[i])
		params, ok = append(params, t), ok && fine
	}
	result, fine := c.resolveType(&e.Returns)
	return params, result, ok && fine
}

// module reads the file of a function.
func (c *Checker) module(e *ast.CreateFunction) (code []byte, file string, ok bool) {
	switch {
	case !strings.EqualFold(e.Language.Name, "WASM"):
		c.unsupported(e.Language.Pos(), "LANGUAGE "+strings.ToUpper(e.Language.Name)).WithHint("functions are WebAssembly modules: LANGUAGE WASM; programs that embed cepd register Go functions")
		return nil, "", false
	case e.Using != nil && !strings.EqualFold(e.Using.Name, "FILE"):
		c.unsupported(e.Using.Pos(), "USING "+strings.ToUpper(e.Using.Name)).WithHint("write USING FILE 'path'")
		return nil, "", false
	case e.Using != nil:
		file = e.File
	case e.Body != nil:
		file = *e.Body
	default:
		c.add(diag.MissingOption, e.Pos(), "the function has no module").WithHint("write USING FILE 'path' at the end")
		return nil, "", false
	}
	if c.opts.ReadFile == nil {
		c.add(diag.BadOption, e.Name.Pos(), "files cannot be read here")
		return nil, "", false
	}
	code, err := c.opts.ReadFile(file)
	if err != nil {
		c.add(diag.BadOption, e.Name.Pos(), "the module cannot be read: %v", err)
		return nil, "", false
	}
	return code, file, true
}

func (c *Checker) moduleOptions(e *ast.CreateFunction) (o wasm.Options, ok bool) {
	ok = true
	for i := range e.Options {
		value, fine := c.Option(&e.Options[i])
		if !fine {
			return o, false
		}
		if err := setModuleOption(&o, e.Options[i].Key, value); err != nil {
			c.add(diag.BadOption, e.Options[i].KeySpan, "option '%s': %v", e.Options[i].Key, err)
			ok = false
		}
	}
	return o, ok
}

func setModuleOption(o *wasm.Options, key, value string) error {
	n, err := strconv.ParseInt(value, 10, 32)
	switch {
	case key != optMemory && key != optTimeout:
		return fmt.Errorf("a function has the options '%s' and '%s'", optMemory, optTimeout)
	case err != nil || n <= 0:
		return fmt.Errorf("expected a number above 0, found '%s'", value)
	case key == optMemory:
		o.Memory = n
	default:
		o.Timeout = time.Duration(n) * time.Millisecond
	}
	return nil
}

// DropFunction removes a function from the catalog.
func (c *Checker) DropFunction(e *ast.Drop) {
	name, ok := c.tableName(e.Name)
	if !ok || c.cat.DropFunction(name) || e.IfExists {
		return
	}
	if builtIn(name) {
		c.add(diag.UnknownFunction, e.Name.Pos(), "%s is built in, and stays", strings.ToUpper(name))
		return
	}
	c.add(diag.UnknownFunction, e.Name.Pos(), "there is no function %q", name)
}
