package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/scenario"
)

func newGenerate(g *global) *cobra.Command {
	var dir string
	var seed uint64
	var events int
	c := &cobra.Command{
		Use: "generate SCENARIO", Short: "Make events up from a description, with what is to be found in them", Args: one("SCENARIO"),
		Long: `generate writes the events of a scenario: a file TABLE.jsonl for each table, a
record a line, in the order in which they arrive, and labels.jsonl, which tells
what was planted: the rule that should find it, the key, from when to when; the
rule of a decoy is null. The same file and seed give the same bytes.

docs/generator.md describes scenarios, examples/*/scenario.yaml are some.`,
		Example: "  cepd generate examples/takeover/scenario.yaml -o events\n  cepd generate scenario.yaml -o events --seed 7 --events 100000",
		RunE: func(c *cobra.Command, args []string) error {
			f, err := scenario.Load(args[0])
			if err != nil {
				return err
			}
			if f.Duration == 0 && events <= 0 {
				return usagef("the scenario has no duration: say with --events how many there shall be")
			}
			if !c.Flags().Changed("seed") {
				seed = f.Seed
			}
			w, err := scenario.Write(f, seed, dir, max(0, events))
			if err != nil {
				return err
			}
			for _, table := range slices.Sorted(maps.Keys(w.Events)) {
				fmt.Fprintf(g.std.err, "%s.jsonl: %d events\n", table, w.Events[table])
			}
			fmt.Fprintf(g.std.err, "%s: %d to be found, %d decoys\n", scenario.LabelsFile, w.Labels, w.Decoys)
			return nil
		},
	}
	c.Flags().StringVarP(&dir, "out", "o", ".", "directory to write into")
	c.Flags().Uint64Var(&seed, "seed", 0, "other than the scenario's: other events")
	c.Flags().IntVar(&events, "events", 0, "at most so many (default: those of the scenario's duration)")
	return c
}
