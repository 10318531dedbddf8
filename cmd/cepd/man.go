package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(g *global) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "man", Short: "Write the manual pages of all commands", Args: noArgs,
		Long:    "man writes a page of section 1 for every command, made of what --help says.",
		Example: "  cepd man --dir /usr/local/share/man/man1 && man cepd-query-submit",
	}
	c.Flags().StringVar(&dir, "dir", "man", "folder to write them into; made if it is not there")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		b := readBuildInfo()
		header := &doc.GenManHeader{Section: "1", Source: "cepd " + b.Version, Manual: "cepd"}
		if at, err := time.Parse(time.RFC3339, b.Time); err == nil {
			header.Date = &at // the same build writes the same pages
		}
		root := c.Root()
		root.DisableAutoGenTag = true
		if err := doc.GenManTree(root, header, dir); err != nil {
			return err
		}
		_, err := fmt.Fprintln(g.std.err, "manual pages are in", dir)
		return err
	}
	return c
}
