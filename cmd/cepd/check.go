package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/format"
)

func newCheck(g *global) *cobra.Command {
	var output string
	var expand bool
	c := &cobra.Command{
		Use: "check FILE...", Short: "Find the mistakes in statements without running them", Args: files,
		Long: `check reads the files (- is stdin) in order, resolves names and types, makes the
plans, and checks the options of the tables that queries use. Nothing is
connected to, but for the records that LIKE SAMPLE is about. With --expand it
prints the statements with the columns of these written out. Every mistake is told with its place. So are warnings, which do not
count as mistakes: conditions that never hold or always do, variables that no
match reaches, limits that limit nothing, patterns that may wait without end.`,
		Example: "  cepd check fraud.sql\n  cepd check tables.sql queries/*.sql --output json",
	}
	outputFlag(c, &output)
	c.Flags().BoolVar(&expand, "expand", false, "print the statements, with LIKE SAMPLE replaced by the columns and options of the sample")
	b := newBindings(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		if expand && output == "json" {
			return usagef("--expand prints statements, and --output json findings: take one of them")
		}
		texts, err := readTexts(args, g.std)
		if err != nil {
			return err
		}
		if output == "json" {
			programs, err := checkTexts(g, b, texts, io.Discard)
			return reportJSON(g.std.out, warnings(programs), err)
		}
		programs, err := checkTexts(g, b, texts, g.std.err)
		if err == nil && expand {
			for _, p := range programs {
				fmt.Fprint(g.std.out, format.Pin(p.text.sql, p.script, p.result.Pinned))
			}
		}
		return err
	}
	return c
}

func checkTexts(g *global, b *bindings, texts []text, warnings io.Writer) ([]program, error) {
	programs, err := b.compile(texts, warnings)
	if err != nil {
		return programs, err
	}
	return programs, validateAll(g, programs)
}

// warnings are the findings in texts without a mistake.
func warnings(programs []program) (all []*diag.List) {
	for _, p := range programs {
		all = append(all, p.result.Warnings)
	}
	return all
}

func (b *bindings) compile(texts []text, warnings io.Writer) ([]program, error) {
	cat := catalog.New()
	for k, v := range b.settings {
		if near, err := catalog.CheckSetting(k); err != nil {
			return nil, unknownFlag("--set", err, near)
		}
		cat.Settings[k] = v
	}
	programs, err := compileTexts(cat, texts, b.params, warnings)
	if err != nil {
		return nil, err
	}
	return programs, b.unused(programs)
}

// unused is an error when a parameter was given that no text uses.
func (b *bindings) unused(programs []program) error {
	var used []string
	for _, p := range programs {
		used = append(used, p.result.Params...)
	}
	for _, name := range slices.Sorted(maps.Keys(b.params)) {
		if !slices.Contains(used, name) {
			return unknownFlag("--param", fmt.Errorf("nothing uses :%s", name), diag.Nearest(name, used))
		}
	}
	return nil
}

func unknownFlag(flag string, err error, near string) error {
	if near != "" {
		return usagef("%s: %w (did you mean %s?)", flag, err, near)
	}
	return usagef("%s: %w", flag, err)
}

// validateAll asks an engine, which keeps nothing, about all queries.
func validateAll(g *global, programs []program) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	o := engineOptions(log)
	o.Stdin, o.Stdout = g.std.in, io.Discard
	e, err := engine.New(o)
	if err != nil {
		return err
	}
	defer e.Close(context.Background())
	var errs []error
	for _, p := range programs {
		errs = append(errs, validateProgram(e, p)...)
	}
	return joinText(errs)
}

func validateProgram(e *engine.Engine, p program) (errs []error) {
	told := map[string]bool{} // a table's fault is told once, however many queries use it
	for i := range p.result.Queries {
		q := &p.result.Queries[i]
		if err := e.Validate(q.Insert, api.WithSettings(p.cat, q)); err != nil && !told[err.Error()] {
			told[err.Error()] = true
			errs = append(errs, err)
		}
	}
	return append(errs, validateTables(e, p)...)
}

// validateTables is about the tables that no query uses.
func validateTables(e *engine.Engine, p program) []error {
	if err := e.ValidateTables(p.result.Tables, p.result.Roots()); err != nil {
		return []error{err}
	}
	return nil
}

// finding is a mistake for programs.
type finding struct {
	File string `json:"file"`
	api.Diagnostic
}

// reportJSON writes warnings and the findings of an error as a list; other
// errors stay.
func reportJSON(w io.Writer, warnings []*diag.List, err error) error {
	findings := []finding{}
	mistakes := lists(err)
	if err != nil && len(mistakes) == 0 {
		return err
	}
	for _, l := range append(warnings, mistakes...) {
		for _, d := range api.Diagnostics(l) {
			findings = append(findings, finding{l.File, d})
		}
	}
	if werr := writeJSON(w, findings); werr != nil {
		return werr
	}
	if err != nil {
		return silentError{fmt.Errorf("findings: %d", len(findings))}
	}
	return nil
}

// lists finds all findings in a tree of errors.
func lists(err error) []*diag.List {
	var joined interface{ Unwrap() []error }
	if l, ok := err.(*diag.List); ok {
		return []*diag.List{l}
	}
	if errors.As(err, &joined) {
		var all []*diag.List
		for _, e := range joined.Unwrap() {
			all = append(all, lists(e)...)
		}
		return all
	}
	if l, ok := diag.As(err); ok {
		return []*diag.List{l}
	}
	return nil
}
