package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/state/pebblestore"
	"github.com/cepd/cepd/state/savepoint"
)

func newState(g *global) *cobra.Command {
	c := &cobra.Command{
		Use: "state", Short: "Check a data directory, and say what a restored one does about its sinks", Args: noArgs,
		Example: "  cepd state verify /var/lib/cepd\n  cepd state sinks /var/lib/cepd deduplicate --query card_testing",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newStateVerify(g), newStateSinks(g))
	return c
}

func newStateVerify(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "verify DIR", Short: "Read all that a data directory holds and check its sums", Args: one("DIR"),
		Long: `verify reads the state, the registry and the savepoints of a data directory that no
process uses, and changes nothing. It tells all that is damaged.`,
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := verifyDir(args[0])
			for _, line := range found {
				fmt.Fprintln(g.std.out, line)
			}
			return err
		},
	}
}

// verifyDir says what is whole, and all that is not.
func verifyDir(dir string) (found []string, err error) {
	line, err := verifyState(dir)
	if err == nil {
		found = append(found, line)
	}
	errs := []error{err}
	switch n, err := api.VerifyRegistry(dir); {
	case err == nil:
		found = append(found, fmt.Sprintf("registry: %d statements", n))
	case !errors.Is(err, fs.ErrNotExist):
		errs = append(errs, err)
	}
	files, err := filepath.Glob(string(api.SavepointDir(dir)) + "/*" + savepoint.Ext)
	errs = append(errs, err)
	for _, file := range files {
		if info, err := savepoint.VerifyFile(file); err != nil {
			errs = append(errs, err)
		} else {
			found = append(found, fmt.Sprintf("savepoint %s: of query %s", info.Name, info.Query))
		}
	}
	return found, errors.Join(errs...)
}

func verifyState(dir string) (line string, err error) {
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	store, _, err := openState(dir, pebblestore.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys, err := store.Verify()
	if err != nil {
		return "", err
	}
	names, err := engine.VerifyState(store)
	return fmt.Sprintf("state: %d keys; queries: %s", keys, strings.Join(names, ", ")), err
}

func newStateSinks(g *global) *cobra.Command {
	var queries []string
	c := &cobra.Command{
		Use: "sinks DIR CHOICE", Short: "Say what restored queries do about exactly-once sinks that are ahead", Args: cobra.ExactArgs(2),
		Long: `sinks notes in a data directory, which no process uses, what its queries do when
they start and their exactly-once sinks have rows that the state does not know of:
refuse, deduplicate or redeliver. It is for a directory that was restored, and
holds until the query has started.`,
		RunE: func(_ *cobra.Command, args []string) error {
			choice, err := engine.ParseSinks(args[1])
			if err != nil {
				return usageError{err}
			}
			names, err := chooseSinks(args[0], queries, choice, time.Now())
			if err == nil {
				fmt.Fprintf(g.std.out, "%s: %s\n", choice, strings.Join(names, ", "))
			}
			return err
		},
	}
	c.Flags().StringArrayVar(&queries, "query", nil, "a query (default: all); may be repeated")
	return c
}

func chooseSinks(dataDir string, queries []string, choice engine.Sinks, at time.Time) (names []string, err error) {
	store, _, err := openState(dataDir, pebblestore.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return engine.ChooseSinks(store, queries, choice, at)
}
