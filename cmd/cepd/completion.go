package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/api/client"
)

// completionWait is how long a shell waits for a server to name its queries.
const completionWait = 2 * time.Second

// completeQueries has the first argument of the commands below c, NAME, complete
// to the server's queries, and further ones to files.
func completeQueries(c *cobra.Command, f *clientFlags) {
	completeFirst(c, f, func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Queries(ctx)
		return namesOf(list, func(q api.Info) string { return q.Name }), err
	})
}

// completeTables is the same for TABLE.
func completeTables(c *cobra.Command, f *clientFlags) {
	completeFirst(c, f, func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Tables(ctx)
		return namesOf(list, func(t api.Table) string { return t.Name }), err
	})
}

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, item := range list {
		names[i] = name(item)
	}
	return names
}

// completeFirst sets what the shell proposes. A server that does not answer is
// none that could be asked about: nothing is proposed.
func completeFirst(parent *cobra.Command, f *clientFlags, list func(context.Context, *client.Client) ([]string, error)) {
	for _, c := range parent.Commands() {
		c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 || c.Name() == "submit" {
				return []string{"sql"}, cobra.ShellCompDirectiveFilterFileExt
			}
			server, err := f.client()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			ctx, stop := context.WithTimeout(c.Context(), completionWait)
			defer stop()
			names, err := list(ctx, server)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		}
	}
}
