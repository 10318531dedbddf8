package gallery

import (
	"fmt"
	"io/fs"
	"path"

	"github.com/cepd/cepd/internal/scenario"
)

// Example is a folder with statements and a scenario.
type Example struct {
	Name     string
	Title    string // a line
	SQL      string
	Scenario *scenario.File
}

const scenarioFile = "scenario.yaml"

// List is the examples of a folder that have a scenario, by name.
func List(fsys fs.FS) (list []Example, err error) {
	names, err := fs.Glob(fsys, "*/"+scenarioFile)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		e, err := Load(fsys, path.Dir(name))
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Load is the example in the folder of that name.
func Load(fsys fs.FS, name string) (Example, error) {
	file := path.Join(name, scenarioFile)
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Example{}, err
	}
	s, err := scenario.Parse(text)
	if err != nil {
		return Example{}, fmt.Errorf("%s: %w", file, err)
	}
	sql, err := fs.ReadFile(fsys, path.Join(name, name+".sql"))
	return Example{Name: name, Title: s.Title, SQL: string(sql), Scenario: s}, err
}
