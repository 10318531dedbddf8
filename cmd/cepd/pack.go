package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/internal/pack"
	"github.com/cepd/cepd/internal/ruletest"
)

func newPack(g *global) *cobra.Command {
	c := &cobra.Command{
		Use: "pack", Short: "Check, build, import and submit packs of rules", Args: noArgs,
		Long: `A pack is a folder of rules that other projects import: pack.yaml says its name and
version, its parameters, and of each rule its severity, owner, runbook and tests.`,
		Example: `  cepd pack check packs/payments
  cepd pack build packs/payments -o payments-1.2.0.tar.gz
  cepd pack import payments-1.2.0.tar.gz --into packs
  cepd pack submit packs/payments --param least=300`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPackCheck(g), newPackBuild(g), newPackImport(g), newPackSubmit(g))
	return c
}

func newPackCheck(g *global) *cobra.Command {
	var with []string
	params := pairs{}
	c := &cobra.Command{
		Use: "check DIR", Short: "Check a pack and run its tests, or check the packs of a folder against its lock", Args: one("DIR"),
		Long: `check reads the manifest, compiles each rule with the default parameters and runs
the tests. With --tables the rules are compiled over the tables and views of a
project in place of those of the pack, and the tests are left out. Where DIR has
a packs.lock, it checks that the packs are as they were imported.`,
		Example: "  cepd pack check packs/payments\n  cepd pack check packs/payments --tables tables.sql --param least=300\n  cepd pack check packs",
	}
	c.Flags().StringArrayVar(&with, "tables", nil, "`file` with the tables and views that the rules are for; may be repeated")
	c.Flags().Var(params, "param", "value of a parameter; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		dir := args[0]
		if _, err := os.Stat(filepath.Join(dir, pack.LockName)); err == nil {
			if err := pack.Verify(dir); err != nil {
				return err
			}
			fmt.Fprintf(g.std.out, "the packs in %s are as they were imported\n", dir)
			return nil
		}
		if len(with) > 0 || len(params) > 0 {
			rules, err := g.compilePack(dir, with, params)
			if err == nil {
				fmt.Fprintf(g.std.out, "%d rules compile with these tables and parameters\n", len(rules))
			}
			return err
		}
		m, results, err := pack.Check(c.Context(), dir, version)
		if err != nil {
			return err
		}
		return g.packResults(m, results)
	}
	return c
}

// packResults prints what became of a pack's tests.
func (g *global) packResults(m *pack.Manifest, results []ruletest.Result) error {
	failed := 0
	for i := range results {
		if !results[i].Failed() {
			continue
		}
		failed++
		fmt.Fprintf(g.std.out, "FAIL  %s\n", results[i].Test.Name)
		for _, f := range results[i].Failures {
			fmt.Fprintf(g.std.out, "  %s\n", f)
		}
	}
	fmt.Fprintf(g.std.out, "%s %s: %d rules, %d tests passed, %d failed\n", m.Name, m.Version, len(m.Rules), len(results)-failed, failed)
	if failed > 0 {
		return silentError{fmt.Errorf("tests failed")}
	}
	return nil
}

// compilePack compiles the rules of a pack over the tables of files.
func (g *global) compilePack(dir string, with []string, params pairs) ([]pack.Statements, error) {
	files, err := pack.ReadFiles(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	m, err := pack.Read(files)
	if err != nil {
		return nil, err
	}
	if err := m.Supports(version); err != nil {
		return nil, err
	}
	texts, err := readTexts(with, g.std)
	if err != nil {
		return nil, err
	}
	var tables []pack.Text
	for _, t := range texts {
		tables = append(tables, pack.Text{Name: t.name, SQL: t.sql})
	}
	return pack.Compile(files, m, params, tables)
}

func newPackBuild(g *global) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "build DIR", Short: "Check a pack and write its archive", Args: one("DIR"),
		Long: `build checks a pack as check does, runs its tests, and writes a tar.gz with the hash
of each file. The same files give the same bytes. It prints the hash of the pack.`,
		Example: "  cepd pack build packs/payments -o payments-1.2.0.tar.gz",
	}
	c.Flags().StringVarP(&output, "output", "o", "", "`file` to write; NAME-VERSION.tar.gz unless said")
	c.RunE = func(c *cobra.Command, args []string) error {
		m, results, err := pack.Check(c.Context(), args[0], version)
		if err != nil {
			return err
		}
		if err := g.packResults(m, results); err != nil {
			return err
		}
		files, err := pack.ReadFiles(os.DirFS(args[0]))
		if err != nil {
			return err
		}
		if output == "" {
			output = m.Name + "-" + m.Version + ".tar.gz"
		}
		var b bytes.Buffer
		if err := files.WriteArchive(&b); err != nil {
			return err
		}
		fmt.Fprintf(g.std.out, "%s %s\n", output, files.Hash())
		return os.WriteFile(output, b.Bytes(), 0o644)
	}
	return c
}

func newPackImport(g *global) *cobra.Command {
	var into, hash string
	var upgrade bool
	c := &cobra.Command{
		Use: "import FILE|DIR|URL", Short: "Copy a pack into a project, with its hash in a lock", Args: one("FILE, DIR or URL"),
		Long: `import copies a pack from a folder, an archive or an https URL to a folder of the
project, and writes its version, source and hash to packs.lock there. Where an
older version is there, it says what changes, and changes it with --upgrade. A
pack that was changed after it was imported is not touched.`,
		Example: `  cepd pack import payments-1.2.0.tar.gz --into packs
  cepd pack import https://rules.example.com/payments-1.3.0.tar.gz --into packs --upgrade`,
	}
	c.Flags().StringVar(&into, "into", "packs", "`folder` of the project's packs")
	c.Flags().StringVar(&hash, "hash", "", "hash that the pack must have, as build prints it")
	c.Flags().BoolVar(&upgrade, "upgrade", false, "take it in place of an older version")
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(c.Context(), 5*time.Minute)
		defer cancel()
		files, err := pack.Fetch(ctx, http.DefaultClient, args[0])
		if err != nil {
			return err
		}
		if hash != "" && files.Hash() != hash {
			return fmt.Errorf("the pack has the hash %s, not %s", files.Hash(), hash)
		}
		p, err := pack.Prepare(into, args[0], files)
		if err != nil {
			return err
		}
		return g.importPack(p, into, upgrade)
	}
	return c
}

func (g *global) importPack(p *pack.Plan, into string, upgrade bool) error {
	if err := p.New.Supports(version); err != nil {
		return err
	}
	for _, change := range p.Changes {
		fmt.Fprintln(g.std.out, change)
	}
	if p.Upgrade && !upgrade {
		fmt.Fprintln(g.std.err, "nothing is changed; --upgrade takes it")
		return silentError{fmt.Errorf("an older version is there")}
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	if err := p.Apply(); err != nil {
		return err
	}
	fmt.Fprintf(g.std.out, "%s %s is in %s\n", p.New.Name, p.New.Version, filepath.Join(into, p.New.Name))
	return nil
}

func newPackSubmit(g *global) *cobra.Command {
	f := &queryFlags{}
	params := pairs{}
	var with []string
	c := &cobra.Command{
		Use: "submit DIR", Short: "Run the rules of a pack on a server", Args: one("DIR"),
		Long: `submit compiles the rules of a pack over the tables of --tables (of the pack, unless
said) and sends each to the server, which has these tables: as query PACK_RULE,
with what the manifest says of the rule as settings rule.…, which the server shows
with the query and its detections.`,
		Example: "  cepd pack submit packs/payments --param least=300\n  cepd pack submit packs/payments --tables tables.sql",
	}
	f.add(c.Flags())
	c.Flags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.Flags().Var(params, "param", "value of a parameter; may be repeated")
	c.Flags().StringArrayVar(&with, "tables", nil, "`file` with the tables and views that the rules are for; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkOutput(f.output); err != nil {
			return err
		}
		list, err := g.compilePack(args[0], with, params)
		if err != nil {
			return err
		}
		for _, s := range list {
			var out api.Outcome
			sub := api.Submission{Name: s.Name, File: s.Rule.File, SQL: s.SQL, Params: s.Params}
			if err := f.callLong(c.Context(), http.MethodPost, "/v1/queries", sub, &out); err != nil {
				return fmt.Errorf("rule %s: %w", s.Rule.Name, err)
			}
			if err := f.print(g.std.out, out, func(w io.Writer) { printOutcome(w, &out) }); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}
