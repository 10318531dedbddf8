// Package mutants is the bugs that the simulation has to find when they are
// planted, in bugs.txt:
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

// Load plants the bugs in the files below root.
func Load(root string) ([]Mutant, error) {
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
