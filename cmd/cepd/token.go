package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api/auth"
)

func newToken(g *global) *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Make tokens for the users of a server", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTokenCreate(g))
	return c
}

func newTokenCreate(g *global) *cobra.Command {
	var name, role, file string
	var life time.Duration
	c := &cobra.Command{
		Use: "create", Short: "Make a token", Args: noArgs,
		Long: `create prints a token once, on stdout: it is kept nowhere. The server's file of
tokens (setting auth.tokens_file) gets its hash, name and role; a server that runs
takes it within a second. To take a token away, delete its entry from the file.

Roles, each with the rights of those before it: viewer looks at queries, tables
and metrics; author submits and drops queries and looks at their events; operator
runs the server; admin may do everything.`,
		Example: "  cepd token create --name ci --role author --file /etc/cepd/tokens.json >ci.token",
	}
	c.Flags().StringVar(&name, "name", "", "whose token it is; the audit log names it")
	c.Flags().StringVar(&role, "role", "viewer", "viewer, author, operator or admin")
	c.Flags().StringVar(&file, "file", "", "`file` of tokens to add it to; else its entry is printed on stderr")
	c.Flags().DurationVar(&life, "expires", 0, "after which time it ends, such as 2160h; 0: never")
	c.RunE = func(*cobra.Command, []string) error {
		var r auth.Role
		if err := r.UnmarshalText([]byte(role)); err != nil {
			return usageError{err}
		}
		if name == "" || life < 0 {
			return usagef("--name is missing, or --expires is negative")
		}
		var expires time.Time
		if life > 0 {
			expires = time.Now().Add(life).UTC().Truncate(time.Second)
		}
		text, token := auth.NewToken(name, r, expires)
		if err := keepToken(g, file, token); err != nil {
			return err
		}
		_, err := fmt.Fprintln(g.std.out, text)
		return err
	}
	return c
}

func keepToken(g *global, file string, token auth.Token) error {
	if file != "" {
		return auth.AddToken(file, token)
	}
	entry, err := json.Marshal(token)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.std.err, "%s\n", entry)
	return err
}
