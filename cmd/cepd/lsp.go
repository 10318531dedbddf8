package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/internal/lsp"
)

func newLSP(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "lsp", Short: "Serve an editor by the Language Server Protocol, over stdin and stdout", Args: cobra.NoArgs,
		Long: `lsp is started by an editor. It tells the mistakes of the files that are open as
they are written, completes keywords, tables, columns, pattern variables,
functions, options and settings, says what a word means and where it is defined,
formats files and lists what they define. It connects to nothing.

A file is a program of its own, as for cepd check. initializationOptions may name
files that come before each, and values of :name:

  {"prelude": ["tables.sql"], "params": {"most": "100"}}`,
		Example: "  cepd lsp",
		RunE: func(c *cobra.Command, _ []string) error {
			return lsp.Serve(c.Context(), g.std.in, writeCloser{g.std.out}, all.New(), version)
		},
	}
}

// writeCloser leaves closing to whoever opened.
type writeCloser struct{ io.Writer }

func (writeCloser) Close() error { return nil }
