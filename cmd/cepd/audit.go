package main

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api/audit"
)

// auditFlags choose entries of an audit log.
type auditFlags struct {
	who, action, output string
	since               time.Duration
	refused             bool
}

func newAudit(g *global) *cobra.Command {
	f := &auditFlags{}
	c := &cobra.Command{
		Use: "audit FILE", Short: "Read the audit log of a server: who changed what, who was refused", Args: one("FILE"),
		Long: `audit reads the audit log (audit/audit.jsonl in the data directory, unless the
configuration says otherwise) with its older files, oldest entry first.`,
		Example: "  cepd audit /var/lib/cepd/audit/audit.jsonl --since 24h\n  cepd audit audit.jsonl --refused",
	}
	c.Flags().StringVar(&f.who, "who", "", "only this user")
	c.Flags().StringVar(&f.action, "action", "", "only this action, such as submit")
	c.Flags().DurationVar(&f.since, "since", 0, "only what is younger than this")
	c.Flags().BoolVar(&f.refused, "refused", false, "only refusals")
	c.Flags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := checkOutput(f.output); err != nil {
			return err
		}
		list, err := audit.Read(args[0], f.wants(time.Now()))
		if err != nil {
			return err
		}
		if f.output == "json" {
			return writeJSON(g.std.out, list)
		}
		printAudit(g.std.out, list)
		return nil
	}
	return c
}

func (f *auditFlags) wants(now time.Time) func(*audit.Entry) bool {
	return func(e *audit.Entry) bool {
		return (f.who == "" || e.Who == f.who) && (f.action == "" || e.Action == f.action) &&
			(f.since == 0 || e.Time.After(now.Add(-f.since))) && (!f.refused || e.Phase == audit.Refused)
	}
}

func printAudit(w io.Writer, list []audit.Entry) {
	var rows [][]string
	for i := range list {
		e := &list[i]
		status := ""
		if e.Status != 0 {
			status = strconv.Itoa(e.Status)
		}
		more := strings.TrimSpace(strings.Join(e.Added, " ") + " " + e.Reason)
		for _, q := range e.Dropped {
			more += " -" + q
		}
		rows = append(rows, []string{e.Time.Format(time.DateTime), e.Phase, status, orNone(e.Who), e.Role, e.Remote, e.Action, e.Object, more})
	}
	table(w, []string{"time", "phase", "status", "who", "role", "from", "action", "object", "details"}, rows)
}
