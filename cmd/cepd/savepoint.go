package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/state/savepoint"
)

// sinksFlag adds --sinks.
func sinksFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "sinks", "", "what becomes of rows that exactly-once sinks got after the copy: refuse to start (default),\ndeduplicate (leave out those that are there), redeliver (deliver them again)")
}

func newSavepoint(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "savepoint", Short: "Write, list, restore and check savepoints", Args: noArgs,
		Long: `A savepoint is a file with the state of one query as it was between two steps, and
the text of the query. A server keeps its savepoints in DATA_DIR/savepoints. To
restore one elsewhere, copy the file there, or import it.`,
		Example: `  cepd savepoint create card_testing --name before-upgrade
  cepd savepoint list
  cepd savepoint restore before-upgrade --query card_testing_2 --sinks redeliver
  cepd savepoint verify before-upgrade.savepoint
  cepd savepoint import before-upgrade.savepoint --data-dir /var/lib/cepd`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c.PersistentFlags())
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
	c.AddCommand(newSavepointCreate(g, f), newSavepointList(g, f), newSavepointDescribe(g, f), newSavepointDrop(f),
		newSavepointRestore(g, f), newSavepointVerify(g, f), newSavepointImport(g, f), newSavepointExport(g, f))
	return c
}

func savepointPath(name string) string { return "/v1/savepoints/" + url.PathEscape(name) }

func newSavepointCreate(g *global, f *queryFlags) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "create QUERY", Short: "Write the state of a query, which goes on meanwhile", Args: one("QUERY"),
		RunE: func(c *cobra.Command, args []string) error {
			var info savepoint.Entry
			err := f.callLong(c.Context(), http.MethodPost, "/v1/savepoints", api.NewSavepoint{Name: name, Query: args[0]}, &info)
			if err != nil {
				return err
			}
			return f.print(g.std.out, info, func(w io.Writer) { printSavepoint(w, &info) })
		},
	}
	c.Flags().StringVar(&name, "name", "", "name of the savepoint (default: the query's and the time)")
	return c
}

func printSavepoint(w io.Writer, i *savepoint.Entry) {
	fmt.Fprintf(w, "%s: query %s after step %d, %s, %d bytes, by cepd %s (state format %d)\n",
		i.Name, i.Query, i.Step, i.Created.Format(time.DateTime), i.Size, i.Cepd, i.Format)
	if i.Journal > 0 {
		fmt.Fprintf(w, "  %d steps are repeated when it is restored\n", i.Journal)
	}
	for _, p := range i.Positions {
		fmt.Fprintf(w, "  %s, partition %d, goes on at %d\n", p.Table, p.Partition, p.Offset)
	}
	for _, s := range i.Sinks {
		fmt.Fprintf(w, "  %s: %d rows made, %d of them delivered\n", s.Table, s.Rows, s.Delivered)
	}
}

func newSavepointList(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the savepoints of the server", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var list []savepoint.Entry
			if err := f.call(c.Context(), http.MethodGet, "/v1/savepoints", nil, &list); err != nil {
				return err
			}
			return f.print(g.std.out, list, func(w io.Writer) {
				var rows [][]string
				for _, i := range list {
					rows = append(rows, []string{i.Name, i.Query, i.Created.Format(time.DateTime), strconv.FormatInt(i.Size, 10), i.Cepd})
				}
				table(w, []string{"name", "query", "created", "bytes", "cepd"}, rows)
			})
		},
	}
}

func newSavepointDescribe(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME", Short: "Show a savepoint of the server", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			var info savepoint.Entry
			if err := f.call(c.Context(), http.MethodGet, savepointPath(args[0]), nil, &info); err != nil {
				return err
			}
			return f.print(g.std.out, info, func(w io.Writer) { printSavepoint(w, &info) })
		},
	}
}

func newSavepointDrop(f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "drop NAME", Short: "Delete a savepoint of the server", Args: one("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.call(c.Context(), http.MethodDelete, savepointPath(args[0]), nil, nil)
		},
	}
}

func newSavepointRestore(g *global, f *queryFlags) *cobra.Command {
	var r api.Restoration
	c := &cobra.Command{
		Use: "restore NAME", Short: "Start the query of a savepoint where that left it", Args: one("NAME"),
		Long: `restore starts the query of a savepoint of the server, with the tables and views
that it brings along where the server has none of their names. Sources are read on
from where the savepoint was taken. What at-least-once sinks got after it comes
again, with the same ids. Exactly-once sinks have rows that the savepoint does not
know of: --sinks says what becomes of them.

To restore it with another text, see cepd query submit --from-savepoint.`,
		RunE: func(c *cobra.Command, args []string) error {
			var out api.Outcome
			if err := f.callLong(c.Context(), http.MethodPost, savepointPath(args[0])+"/restore", r, &out); err != nil {
				return err
			}
			return f.print(g.std.out, out, func(w io.Writer) { printOutcome(w, &out) })
		},
	}
	c.Flags().StringVar(&r.Query, "query", "", "name of the query (default: the one it had)")
	sinksFlag(c, &r.Sinks)
	return c
}

func newSavepointVerify(g *global, f *queryFlags) *cobra.Command {
	return &cobra.Command{
		Use: "verify FILE", Short: "Read a file and check all its sums", Args: one("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			info, err := savepoint.VerifyFile(args[0])
			if err != nil {
				return err
			}
			return f.print(g.std.out, info, func(w io.Writer) { printSavepoint(w, &info) })
		},
	}
}

// newSavepointImport and newSavepointExport copy a file, having checked it.
func newSavepointImport(g *global, f *queryFlags) *cobra.Command {
	var dataDir, name string
	c := &cobra.Command{
		Use: "import FILE", Short: "Copy a savepoint into a server's data directory", Args: one("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if dataDir == "" {
				return usagef("--data-dir is missing: the directory of the server")
			}
			if name == "" {
				name = strings.TrimSuffix(filepath.Base(args[0]), savepoint.Ext)
			}
			info, err := copySavepoint(args[0], api.SavepointDir(dataDir), name)
			if err != nil {
				return err
			}
			return f.print(g.std.out, info, func(w io.Writer) { printSavepoint(w, &info) })
		},
	}
	c.Flags().StringVar(&dataDir, "data-dir", "", "data directory of the server, running or not")
	c.Flags().StringVar(&name, "name", "", "name there (default: that of the file)")
	return c
}

func newSavepointExport(g *global, f *queryFlags) *cobra.Command {
	var dataDir, to string
	c := &cobra.Command{
		Use: "export NAME", Short: "Copy a savepoint out of a server's data directory", Args: one("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			if dataDir == "" || to == "" {
				return usagef("--data-dir and --to are needed: the directory of the server, and where to copy to")
			}
			if err := savepoint.CheckName(args[0]); err != nil {
				return usageError{err}
			}
			info, err := copySavepoint(api.SavepointDir(dataDir).Path(args[0]), savepoint.Dir(to), args[0])
			if err != nil {
				return err
			}
			return f.print(g.std.out, info, func(w io.Writer) { printSavepoint(w, &info) })
		},
	}
	c.Flags().StringVar(&dataDir, "data-dir", "", "data directory of the server, running or not")
	c.Flags().StringVar(&to, "to", "", "directory to copy to")
	return c
}

func copySavepoint(from string, to savepoint.Dir, name string) (info savepoint.Entry, err error) {
	if _, err := savepoint.VerifyFile(from); err != nil {
		return info, err
	}
	err = to.Create(name, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return info, err
	}
	return savepoint.VerifyFile(to.Path(name))
}

// checkSavepoints checks the flags of run about savepoints.
func (r *runCommand) checkSavepoints() error {
	if (r.saveTo != "" || r.restoreFrom != "") && r.dataDir == "" {
		return usagef("--savepoint and --from-savepoint need --data-dir")
	}
	if r.sinks != "" && r.restoreFrom == "" {
		return usagef("--sinks belongs to --from-savepoint")
	}
	_, err := engine.ParseSinks(r.sinks)
	if err != nil {
		return usageError{err}
	}
	return nil
}

// save writes a savepoint of each query, in place of what is there.
func (r *runCommand) save() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	dir := savepoint.Dir(r.saveTo)
	for _, q := range r.running {
		if err := savepoint.CheckName(q.Name()); err != nil {
			return err
		}
		if err := q.Stop(ctx); err != nil {
			return err
		}
		if err := dir.Drop(q.Name()); err != nil && !errors.Is(err, savepoint.ErrNone) {
			return err
		}
		h := &savepoint.Header{Name: q.Name(), Created: time.Now().UTC()}
		if err := dir.Create(q.Name(), func(w io.Writer) error { return q.Savepoint(ctx, w, h) }); err != nil {
			return fmt.Errorf("savepoint of query %s: %w", q.Name(), err)
		}
		fmt.Fprintf(r.std.err, "savepoint written: %s\n", dir.Path(q.Name()))
	}
	return nil
}

// restore fills the state of a query that has none.
func (r *runCommand) restore(q *query.Query) error {
	if r.restoreFrom == "" {
		return nil
	}
	path := r.restoreFrom
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = savepoint.Dir(path).Path(q.Name)
	}
	sinks, err := engine.ParseSinks(r.sinks)
	if err == nil {
		err = r.engine.Restore(q.Name, path, sinks)
	}
	if errors.Is(err, engine.ErrHasState) { // it goes on from that
		fmt.Fprintf(r.std.err, "query %s has state in %s and goes on from that, not from the savepoint\n", q.Name, r.dataDir)
		return nil
	}
	return err
}
