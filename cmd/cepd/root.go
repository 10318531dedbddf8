package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cepd/cepd/internal/diag"
)

// The exit codes.
const (
	exitGood  = 0
	exitWork  = 1 // bad query, failed check, sink down
	exitUsage = 2 // wrong command line
)

// stdio is where a command reads and writes: data to out, the rest to err.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// terminal says whether w is a terminal that may be written to in colour.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func colour(w io.Writer) bool { return terminal(w) && os.Getenv("NO_COLOR") == "" }

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// silentError ends with exitWork; what there is to say has been said.
type silentError struct{ error }

// execute runs a command line and gives the exit code.
func execute(ctx context.Context, args []string, std stdio) int {
	root := newRoot(std)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	var silent silentError
	var usage usageError
	var findings textError
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &silent):
		return exitWork
	case errors.As(err, &usage):
		fmt.Fprintf(std.err, "cepd: %v\n", err)
		return exitUsage
	case errors.As(err, &findings) || isFindings(err):
		fmt.Fprintln(std.err, err)
		return exitWork
	}
	fmt.Fprintf(std.err, "cepd: %v\n", err)
	return exitWork
}

// isFindings says whether an error is findings in a text and nothing else:
// they start with their own place.
func isFindings(err error) bool {
	_, ok := err.(*diag.List) // a wrapped one has something before it
	return ok
}

// global is the flags that every command has.
type global struct {
	std       stdio
	logFormat string
	logLevel  string
}

func newRoot(std stdio) *cobra.Command {
	g := &global{std: std}
	root := &cobra.Command{
		Use:   "cepd",
		Short: "Find patterns in streams of events with SQL",
		Long: `cepd finds patterns in streams of events. Patterns are SQL: MATCH_RECOGNIZE as in
SQL:2016, over tables that are Kafka topics, files or the terminal.

See it work:          cepd demo takeover
Check a file:         cepd check fraud.sql
Run it here:          cepd run fraud.sql --data-dir state
Run a server:         cepd serve --data-dir state

Data goes to stdout, everything else to stderr. Exit codes: 0 good, 1 the work
failed (a bad query, a sink that is down), 2 wrong usage.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVar(&g.logFormat, "log-format", "text", "log as text or json")
	root.PersistentFlags().StringVar(&g.logLevel, "log-level", "warn", "least level to log: debug, info, warn, error")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w (see %s --help)", err, c.CommandPath())
	})
	root.AddCommand(
		newRun(g),
		newServe(g),
		newDemo(g),
		newGenerate(g),
		newCheck(g),
		newConvert(g),
		newExplain(g),
		newFmt(g),
		newInfer(g),
		newLSP(g),
		newTest(g),
		newBench(g),
		newWhy(g),
		newBacktest(g),
		newQuery(g),
		newSelect(g),
		newPack(g),
		newParameters(g),
		newSavepoint(g),
		newTable(g),
		newConnectors(g),
		newBackup(g),
		newState(g),
		newToken(g),
		newAudit(g),
		newTxn(g),
		newVersion(g),
		newMan(g),
	)
	return root
}

// logger is the log on stderr as the flags ask for it.
func (g *global) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(g.logLevel)); err != nil {
		return nil, usagef("--log-level %s: use debug, info, warn or error", g.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch g.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(g.std.err, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(g.std.err, opts)), nil
	}
	return nil, usagef("--log-format %s: use text or json", g.logFormat)
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		return usagef("there is no command %q (see %s --help)%s", args[0], c.CommandPath(), suggestion(c, args[0]))
	}
	return usagef("%s takes no argument %q", c.CommandPath(), args[0])
}

func suggestion(c *cobra.Command, name string) string {
	c.SuggestionsMinimumDistance = 2
	if s := c.SuggestionsFor(name); len(s) > 0 {
		return fmt.Sprintf("; did you mean %q?", s[0])
	}
	return ""
}

// files asks for at least one argument.
func files(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s needs a FILE (- is stdin); see %s --help", c.CommandPath(), c.CommandPath())
	}
	return nil
}

// one asks for exactly one argument.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s needs one %s; see %s --help", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

// outputFlag adds --output.
func outputFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "output", "text", "text, or json for programs")
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return usagef("--output %s: use text or json", output)
	}
	return nil
}
