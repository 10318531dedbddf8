// Command simmutants plants bugs, one at a time, and says whether the
// simulation finds them. The tree is left alone: the compiler is given the
// changed file in place of the real one.
//
//	simmutants [-seeds n] [-only text] [-skip n]
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/sim/mutants"
)

func main() {
	seeds := flag.Int("seeds", 4000, "seeds for each bug")
	only := flag.String("only", "", "those whose name has this text")
	skip := flag.Int("skip", 0, "leave out the first so many")
	flag.Parse()
	missed, err := all(*seeds, *only, *skip)
	if err != nil {
		fmt.Fprintln(os.Stderr, "simmutants:", err)
		os.Exit(2)
	}
	if missed > 0 {
		os.Exit(1)
	}
}

func all(seeds int, only string, skip int) (missed int, err error) {
	dir, err := os.MkdirTemp("", "simmutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	list, err := mutants.Load(".")
	if err != nil {
		return 0, err
	}
	caught := 0
	for i := min(skip, len(list)); i < len(list); i++ {
		m := &list[i]
		if !strings.Contains(m.Name, only) {
			continue
		}
		how, err := try(dir, m, seeds)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", m.Name, err)
		}
		if how == "" {
			missed++
			how = "NOT CAUGHT"
		} else {
			caught++
		}
		fmt.Printf("%-50s %s\n", m.Name, how)
	}
	fmt.Printf("%d caught, %d not\n", caught, missed)
	return missed, nil
}

// patience is for a bug that keeps the engine in a loop of its own.
const patience = 2 * time.Minute

// try runs the simulation with a bug and gives the first failure; "": none.
func try(dir string, m *mutants.Mutant, seeds int) (how string, err error) {
	bin := filepath.Join(dir, "sim")
	if err := build(dir, bin, m); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, "-seeds", fmt.Sprint(seeds), "-limit", "1").CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "it hangs", nil
	case err == nil:
		return "", nil
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line[:min(len(line), 160)]), nil
}

func build(dir, bin string, m *mutants.Mutant) error {
	overlay, err := m.Overlay(".", dir)
	if err != nil {
		return err
	}
	out, err := exec.Command("go", "build", "-overlay", overlay, "-o", bin, "./tools/sim").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}
