// Package mutants plants bugs, to see whether a test finds them. bugs.txt has
// those that the simulation has to find:
//
//	mutant NAME
//	file PATH
//	- a line that is there
//	+ a line that is there instead
//
// The lines of a mutant are in one piece, and found once in the file; a line
// that begins with neither sign is kept.
package mutants

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed bugs.txt
var bugs string

// Mutant is a file with a bug.
type Mutant struct {
	Name string
	File string // from the root of the module
	Text string // of the file, changed
}

// Load plants the bugs of bugs.txt in the files below root.
func Load(root string) ([]Mutant, error) { return Plant(root, bugs) }

// Plant plants the bugs of a text like bugs.txt.
func Plant(root, bugs string) ([]Mutant, error) {
	var list []Mutant
	for _, block := range strings.Split(bugs, "\nmutant ")[1:] {
		m, err := plant(root, block)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// Overlay writes to dir what go build -overlay takes to build with the bug, and
// gives the file's name. The tree is left alone.
func (m *Mutant) Overlay(root, dir string) (string, error) {
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(m.Text), 0o600); err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(root, m.File))
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}

func plant(root, block string) (Mutant, error) {
	lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
	m := Mutant{Name: lines[0], File: strings.TrimPrefix(lines[1], "file ")}
	var before, after []string
	for _, line := range lines[2:] {
		sign, text := byte(' '), ""
		if line != "" {
			sign, text = line[0], line[1:]
		}
		if sign != '+' {
			before = append(before, text)
		}
		if sign != '-' {
			after = append(after, text)
		}
	}
	data, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return m, err
	}
	old := strings.Join(before, "\n") + "\n"
	if n := strings.Count(string(data), old); n != 1 {
		return m, fmt.Errorf("mutant %s: %s has its lines %d times, not once", m.Name, m.File, n)
	}
	m.Text = strings.Replace(string(data), old, strings.Join(after, "\n")+"\n", 1)
	return m, nil
}
