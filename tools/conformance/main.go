// Command conformance runs the pattern cases of a folder in the format of
// testdata/conformance: make conformance DIR=path. It prints each failure with
// what was expected and what came, and as its last line how many passed.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/reference"
)

func main() {
	driver := flag.String("driver", "direct", "what runs the cases: direct (the real operators) or reference (the naive matcher)")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: conformance [-driver direct|reference] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	failed, err := run(flag.Arg(0), *driver)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func run(dir, driver string) (failed int, err error) {
	drivers := map[string]conformance.Driver{
		"direct":    conformance.Direct{},
		"reference": conformance.Reference{Options: reference.Options{}},
	}
	d, ok := drivers[driver]
	if !ok {
		return 0, fmt.Errorf("there is no driver %q", driver)
	}
	cases, err := conformance.Load(dir)
	if err != nil {
		return 0, err
	}
	report := conformance.Run(cases, d)
	return len(report.Failed()), report.Print(os.Stdout)
}
