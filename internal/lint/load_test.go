package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/cepd/cepd"

// source is one Go file of the module.
type source struct {
	pkg  string // folder relative to the module, with slashes
	name string // file relative to the module
	test bool
	gen  bool
	file *ast.File
}

var fset = token.NewFileSet()

// load is every Go file of the module, parsed once.
func load(t *testing.T) []source {
	t.Helper()
	all, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var loaded = sync.OnceValues(parse)

func parse() (all []source, err error) {
	root := filepath.Join("..", "..")
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(p, ".go") {
			s, err := read(root, p)
			all = append(all, s)
			return err
		}
		return nil
	})
	return all, err
}

func read(root, p string) (source, error) {
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return source{}, err
	}
	name := filepath.ToSlash(rel)
	f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
	return source{pkg: path.Dir(name), name: name, test: strings.HasSuffix(name, "_test.go"), gen: f != nil && ast.IsGenerated(f), file: f}, err
}

// imports lists what a file imports.
func (s *source) imports() []string {
	list := make([]string, len(s.file.Imports))
	for i, im := range s.file.Imports {
		list[i] = strings.Trim(im.Path.Value, `"`)
	}
	return list
}

// within says whether a package is one of, or below one of, the given.
func within(pkg string, prefixes ...string) bool {
	for _, p := range prefixes {
		if pkg == p || strings.HasPrefix(pkg, p+"/") {
			return true
		}
	}
	return false
}
