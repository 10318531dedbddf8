package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query/format"
)

const sampleRecords = 1000

func newInfer(g *global) *cobra.Command {
	var name string
	var records int
	c := &cobra.Command{
		Use: "infer FILE", Short: "Print the CREATE TABLE for a sample of records", Args: oneFile,
		Long: `infer reads the first records of a file and prints the table that they are of: JSON
with an object per line, CSV, each also with .gz, and Parquet. The same sample
gives the same text. Look it over before you use it: which column is the time,
what may be NULL, and what a longer sample would show is not in it.`,
		Example: "  cepd infer payments.jsonl > payments.sql\n  cepd infer days/2026-03-02.parquet --name days",
		RunE: func(_ *cobra.Command, args []string) error {
			if records < 1 {
				return usagef("--records %d: at least 1 record", records)
			}
			t, err := infer.File(args[0], records)
			if err != nil {
				return err
			}
			if name != "" {
				t.Name = name
			}
			text, err := format.Script(t.SQL())
			if err != nil {
				return err
			}
			fmt.Fprint(g.std.out, text)
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the table (default: that of the file)")
	c.Flags().IntVar(&records, "records", sampleRecords, "records that are looked at")
	return c
}

func oneFile(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s needs one FILE; see %s --help", c.CommandPath(), c.CommandPath())
	}
	return nil
}
