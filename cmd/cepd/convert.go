package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/convert/eql"
	"github.com/cepd/cepd/internal/convert/sigma"
)

type convertCommand struct {
	*global
	from, schema string
	tables       []string
	fields       pairs
	options      convert.Options
}

func newConvert(g *global) *cobra.Command {
	k := &convertCommand{global: g, fields: pairs{}}
	c := &cobra.Command{
		Use: "convert FILE...", Short: "Turn rules of Sigma and EQL into SQL, where it means the same", Args: files,
		Long: `convert prints SQL that finds what the rules of the files (- is stdin) find: Sigma
rules and correlations (.yml, .yaml), EQL queries and sequences (.eql). What has
no exact translation is refused, with its place and the reason, and the exit code
is 1.

The rules' log sources and fields are mapped to tables and columns: --table names
the table of a log source, or of all; --field the column of a field. A field
that is not mapped is the column of its name; a dot leads into a ROW. With
--schema, a file of CREATE TABLE statements, what comes out is checked as well.`,
		Example: `  cepd convert brute_force.yml --table service=security:logons --into alerts
  cepd convert rules/*.yml --table category=process_creation:processes --table product=windows:windows_events
  cepd convert sequence.eql --table events --field event.category=kind --schema tables.sql`,
		RunE: func(_ *cobra.Command, args []string) error { return k.run(args) },
	}
	c.Flags().StringVar(&k.from, "from", "", "sigma or eql, where the file's name does not say it")
	c.Flags().StringArrayVar(&k.tables, "table", nil, "`[KEY=VALUE,...:]TABLE` of a log source, or of all; may be repeated")
	c.Flags().Var(k.fields, "field", "`FIELD=COLUMN`; may be repeated")
	c.Flags().StringVar(&k.options.Time, "time", "ts", "`column` of the event time")
	c.Flags().StringVar(&k.options.Into, "into", "", "`table` that detections are written to; they are printed unless said")
	c.Flags().StringVar(&k.options.Name, "name", "", "`name` of the view")
	c.Flags().StringVar(&k.schema, "schema", "", "`file` with the tables, to check what comes out")
	return c
}

func (k *convertCommand) run(args []string) error {
	k.options.Fields = k.fields
	for _, s := range k.tables {
		t, err := convert.ParseTable(s)
		if err != nil {
			return usagef("--table: %w", err)
		}
		k.options.Tables = append(k.options.Tables, t)
	}
	if k.options.Name != "" && len(args) > 1 {
		return usagef("--name is for one file")
	}
	texts, err := readTexts(args, k.std)
	if err != nil {
		return err
	}
	var errs []error
	for i := range texts {
		if err := k.convert(&texts[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return joinText(errs)
}

// convert prints what a file becomes.
func (k *convertCommand) convert(t *text) error {
	converter, err := k.converter(t.name)
	if err != nil {
		return err
	}
	out, err := converter(t.name, t.sql, k.options)
	if err != nil {
		return err
	}
	if k.schema != "" {
		if err := k.check(t.name, out); err != nil {
			return err
		}
	}
	fmt.Fprint(k.std.out, out)
	return nil
}

func (k *convertCommand) converter(file string) (func(file, src string, o convert.Options) (string, error), error) {
	from := k.from
	if ext := strings.ToLower(filepath.Ext(file)); from == "" && (ext == ".yml" || ext == ".yaml") {
		from = "sigma"
	} else if from == "" && ext == ".eql" {
		from = "eql"
	}
	switch from {
	case "sigma":
		return sigma.Convert, nil
	case "eql":
		return eql.Convert, nil
	}
	return nil, usagef("%s: say --from sigma or --from eql", file)
}

// check compiles what came out, with the tables.
func (k *convertCommand) check(file, sql string) error {
	tables, err := readText(k.schema, k.std)
	if err != nil {
		return err
	}
	b := &bindings{}
	_, err = checkTexts(k.global, b, []text{tables, {name: file + " as SQL", sql: sql}}, io.Discard)
	return err
}
