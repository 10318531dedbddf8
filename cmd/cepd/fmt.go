package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/format"
)

func newFmt(g *global) *cobra.Command {
	var write, list bool
	c := &cobra.Command{
		Use: "fmt FILE...", Short: "Print statements in the standard layout", Args: files,
		Long: `fmt prints the statements of the files in the standard layout; - is stdin. Their
meaning and their comments stay. With -w the files are rewritten in place, with
-l the names of files that would change are listed and the exit code is 1 if
there is one.`,
		Example: "  cepd fmt fraud.sql\n  cepd fmt -w queries/*.sql\n  cepd fmt -l queries/*.sql",
		RunE: func(_ *cobra.Command, args []string) error {
			if write && list {
				return usagef("-w and -l exclude each other")
			}
			changed := false
			for _, name := range args {
				now, err := formatFile(g.std, name, write, list)
				if err != nil {
					return err
				}
				changed = changed || now
			}
			if list && changed {
				return silentError{fmt.Errorf("files would change")}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&write, "write", "w", false, "rewrite the files")
	c.Flags().BoolVarP(&list, "list", "l", false, "list the files that would change")
	return c
}

func formatFile(std stdio, name string, write, list bool) (changed bool, err error) {
	t, err := readText(name, std)
	if err != nil {
		return false, err
	}
	out, err := format.Script(t.sql)
	if list, ok := diag.As(err); ok {
		list.File = t.name
	}
	if err != nil {
		return false, err
	}
	switch changed = out != t.sql; {
	case list && changed:
		fmt.Fprintln(std.out, t.name)
	case list:
	case write && name != "-":
		if changed {
			return true, replaceFile(name, out)
		}
	default:
		fmt.Fprint(std.out, out)
	}
	return changed, nil
}

// replaceFile writes a file anew with the permissions it has.
func replaceFile(name, content string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", []byte(content), info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
